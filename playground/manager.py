"""Who is in memory, where, leased by whom: many models share one device within a budget of bytes.

Two locks, the one for I/O before the one of the books: every load and every move holds `_io`, one at a time, since
loading is not thread-safe (transformers #41782, diffusers #4296); the books' is never held during either.
Leases queue, first come, first served, and only the head of the queue loads, makes room and places. So a model is
loaded once however many ask for it, room once made stays made, and no lease holds one model while it waits for another.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, overload

import torch
from torch import nn

from playground import memory
from playground.books import Books, Entry, Event, Lease, Status, describe

__all__ = ["Event", "ModelManager", "ModelSpec", "Status"]

M = TypeVar("M", bound=nn.Module, covariant=True)
T = TypeVar("T")


@dataclass(frozen=True)
class ModelSpec(Generic[M]):
    """A model by name: `key` names everything that changes the weights ("clip/ViT-B-32/bf16").

    `load` builds a new module at each call: on the CPU, in eval mode, without gradients. It must not lease.
    """

    key: str
    load: Callable[[], M] = field(compare=False, repr=False)


class ModelManager:
    """Models on one `device` within `budget` bytes, and up to `park` bytes of evicted ones kept in CPU memory.

    A model counts from before its move in to after its move out. The size of one never loaded before is unknown, so it
    is loaded into CPU memory first and counted once it has its room; only the head of the queue holds such a model. At
    the next load of that key the room is made first. On a cpu device nothing is copied and nothing parked.
    `move(module, device)` works in place, to "meta" it frees the weights; `clock()` gives seconds.
    """

    def __init__(
        self,
        device: torch.device | str,
        budget: int,
        park: int = 0,
        *,
        move: Callable[[nn.Module, torch.device], None] = memory.move,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if budget <= 0:
            raise ValueError(f"budget={budget} bytes must be positive")
        if park < 0:
            raise ValueError(f"park={park} bytes must not be negative")
        self.device = torch.device(device)
        self.budget = int(budget)
        self.park = int(park)
        self.clock = clock
        self._move = move
        self._io = threading.Lock()
        self._books = Books(self.budget, clock)
        self.events: deque[Event] = self._books.events

    @overload
    def lease(self, spec: ModelSpec[M], /, *, timeout: float = ..., owner: str = ...) -> AbstractContextManager[M]: ...

    @overload
    def lease(
        self, spec: ModelSpec, second: ModelSpec, /, *more: ModelSpec, timeout: float = ..., owner: str = ...
    ) -> AbstractContextManager[tuple[Any, ...]]: ...

    def lease(self, *specs: ModelSpec, timeout: float = 300.0, owner: str = "") -> AbstractContextManager[Any]:
        """The model of the spec (of several: a tuple in order), on the device and kept there until the `with` ends.

        Take all you need in one lease: one inside another may wait for itself until `timeout` seconds have passed.
        Raises MemoryError at once for more than the budget, TimeoutError naming the holders, and what `load` raises.
        """
        if not specs:
            raise ValueError("specs=() must hold at least one ModelSpec")
        if not timeout >= 0:
            raise ValueError(f"timeout={timeout} seconds must be 0 or more")
        return self._hold(specs, timeout, owner)

    def run(self, fn: Callable[..., T], *specs: ModelSpec, timeout: float = 300.0, owner: str = "") -> T:
        """`fn` of the leased models; where memory runs out, the idle models leave the device and it is tried once more.

        `fn` must be done when it returns: no generator. Raises what `lease` and `fn` raise.
        """
        for last in (False, True):
            try:
                with self._hold(specs, timeout, owner) as models:
                    return fn(*models) if len(specs) > 1 else fn(models)
            except RuntimeError as error:
                if last or not memory.out_of_memory(error):
                    raise
                self._books.note("oom", " + ".join(spec.key for spec in specs), text=describe(error))
            # Not inside the `except`: there the exception's traceback keeps the activations alive (pytorch #18853).
            with self._transfer():
                for entry in self._books.idle("device", spare=[spec.key for spec in specs]):
                    self._leave(entry)
        raise AssertionError("the last attempt returns or raises")

    def evict(self, *keys: str) -> int:
        """Take models off the device (into the park, if they fit), or out of the park; gives the bytes freed.

        No keys: all idle ones on the device. Raises ValueError for an unknown key, RuntimeError for one in use.
        """
        with self._transfer():
            with self._books.changed:
                chosen = [self._books.evictable(key) for key in dict.fromkeys(keys)] or self._books.idle("device")
            chosen.sort(key=lambda entry: entry.on_device)  # parked ones first: others may take their place
            return sum(self._leave(entry) for entry in chosen)

    def snapshot(self) -> tuple[Status, ...]:
        """Every model the manager knows of now, by key."""
        return self._books.snapshot()

    def used(self, place: str = "device") -> int:
        """Bytes that count against the budget ("device") or the park ("cpu")."""
        return self._books.used(place)

    def waiting(self) -> tuple[str, ...]:
        """Owners of the leases in the queue, the one being served first."""
        with self._books.changed:
            return tuple(lease.owner for lease in self._books.queue)

    @contextmanager
    def _hold(self, specs: tuple[ModelSpec, ...], timeout: float, owner: str) -> Iterator[Any]:
        now = self.clock()
        lease = Lease(owner, tuple(dict.fromkeys(spec.key for spec in specs)), now, now + timeout)
        # All inside the `try`: closed, cancelled or interrupted wherever it stands, a lease is released.
        try:
            self._acquire(lease, specs)
            modules = [self._books.entries[spec.key].module for spec in specs]
            yield modules[0] if len(specs) == 1 else tuple(modules)
        finally:
            self._books.release(lease)

    def _acquire(self, lease: Lease, specs: tuple[ModelSpec, ...]) -> None:
        books = self._books
        try:
            with books.changed:
                if books.pin_resident(lease):
                    return
                books.refuse_too_big(lease)
                books.queue.append(lease)
                while not (pinned := books.pin_resident(lease)) and books.queue[0] is not lease:
                    books.wait(lease)
            if not pinned:
                self._bring(lease, specs)
        finally:
            with books.changed:
                if lease in books.queue:
                    books.queue.remove(lease)
                books.changed.notify_all()

    def _bring(self, lease: Lease, specs: tuple[ModelSpec, ...]) -> None:
        """At the head of the queue: load, make room, pin and place, all of it or nothing."""
        try:
            # Again where an `evict` took a model away in between.
            while not self._books.reserve(lease):
                self._make_room(lease)
                for spec in specs:
                    self._load(lease, spec)
            for entry in self._books.found(lease, "placing"):
                with self._transfer():
                    start = self.clock()
                    self._move(entry.module, self.device)
                    self._books.settle(entry, "place", start)
        except BaseException as error:
            # Half-moved modules are unusable (InvokeAI #6193, #5794); loaded ones without room would stay uncounted.
            with self._transfer():
                for entry in self._books.found(lease, "waiting", "placing"):
                    self._drop(entry, describe(error))
            raise

    def _make_room(self, lease: Lease) -> None:
        """Wait until free bytes and idle models suffice for `lease`, then evict the least recently used."""
        books = self._books
        try:
            with books.changed:
                books.refuse_too_big(lease)
                books.making_room = books.excess(lease) > 0
                while books.excess(lease) > sum(entry.bytes for entry in books.idle("device", spare=lease.keys)):
                    books.wait(lease)
            with self._transfer():
                with books.changed:
                    for entry in books.found(lease, "parked"):  # leave the park first: a victim may need their place
                        entry.state, entry.in_park, entry.leases = "waiting", False, [lease]
                while books.excess(lease) > 0 and (idle := books.idle("device", spare=lease.keys)):
                    self._leave(idle[0])
        finally:
            with books.changed:
                books.making_room = False
                books.changed.notify_all()

    def _load(self, lease: Lease, spec: ModelSpec) -> None:
        books = self._books
        with self._transfer():
            if spec.key in books.entries:
                return
            start, entry = self.clock(), Entry(spec.key, leases=[lease])
            try:
                with books.changed:
                    books.entries[spec.key] = entry
                module = spec.load()
                memory.check_fresh(spec.key, module)
                size = memory.storage_bytes(module)
                with books.changed:
                    entry.module, entry.bytes, books.sizes[spec.key] = module, size, size
                    books.note("load", spec.key, size, start)
                    entry.state = "waiting"
            except BaseException as error:
                # Left in the books, it would pass for a model at the next try.
                books.settle(entry, "fail", start, f"load: {describe(error)}")
                raise

    def _leave(self, entry: Entry) -> int:
        """With `_io` held: out of the books, then out of its place, for the park or for good; gives the bytes freed."""
        parks = entry.state == "device" and self.device.type != "cpu" and entry.bytes <= self.park
        # Unloading that only moves to CPU memory freezes machines (ComfyUI #6830): the park has its own budget.
        while parks and self.used("cpu") + entry.bytes > self.park and (parked := self._books.idle("parked")):
            self._leave(parked[0])
        if not self._books.leave(entry, parks=parks):
            return 0
        if not parks:
            self._drop(entry)
            return entry.bytes
        start = self.clock()
        try:
            self._move(entry.module, memory.CPU)
        except BaseException as error:
            self._drop(entry, f"park: {describe(error)}")  # half-moved; its room is free all the same
            if not isinstance(error, Exception):
                raise
        else:
            self._books.settle(entry, "park", start)
        return entry.bytes

    def _drop(self, entry: Entry, why: str = "") -> None:
        """With `_io` held: free the weights by a move, for a variable or a traceback may refer to the module still."""
        start = self.clock()
        try:
            self._move(entry.module, memory.META)
        finally:
            self._books.settle(entry, "fail" if why else "drop", start, why)

    @contextmanager
    def _transfer(self) -> Iterator[None]:
        # A caller may be in inference mode; weights made there could never again take part in a gradient.
        with self._io, torch.inference_mode(False):
            yield
