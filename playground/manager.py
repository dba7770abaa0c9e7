"""Who is in memory, where, leased by whom: many models share one device within a budget of bytes.

Two locks, `_io` before `_books`: every load and every move holds `_io`, one at a time, since loading is not thread-safe
(transformers #41782, diffusers #4296); `_books` guards the records and is never held during either.
Leases queue, first come, first served, and only the head of the queue loads, makes room and places. So a model is loaded
once however many ask for it, room once made stays made, and no lease holds one model while it waits for another.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, overload

import torch
from torch import nn

from playground import memory
from playground.memory import CPU, META, Entry, Lease, describe, holders, size_text

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


@dataclass(frozen=True)
class Status:
    """One model now. `state`: loading, waiting (loaded, no room yet), placing, device, leaving, parked.

    `bytes` 0 while unknown; `place` device, cpu, or "" while loading; `leases` counted, with their `owners` in order;
    `idle_seconds` since the last lease ended, 0 while leased.
    """

    key: str
    state: str
    bytes: int
    place: str
    leases: int
    owners: tuple[str, ...]
    idle_seconds: float


@dataclass(frozen=True)
class Event:
    """What happened at `time` of the manager's clock, and how many seconds it took.

    `kind`: load, place, park, drop (out of memory), fail (dropped because of the error in `text`); and what concerns a
    request, whose keys are joined by " + ": refuse (over the budget), timeout, oom (evicted, tried again).
    """

    time: float
    kind: str
    key: str
    bytes: int
    seconds: float
    text: str


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
        self.events: deque[Event] = deque(maxlen=500)
        self._move = move
        self._io = threading.Lock()
        # Re-entrant: the collector may close a forgotten generator, and so end its lease, inside a critical section.
        self._books = threading.Condition(threading.RLock())
        self._entries: dict[str, Entry] = {}
        self._leaving: list[Entry] = []
        self._sizes: dict[str, int] = {}  # of every model ever loaded: what is too big is refused before it is loaded
        self._queue: deque[Lease] = deque()
        self._making_room = False

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
        """`fn` of the leased models; where memory runs out, all idle models leave the device and it is tried once more.

        `fn` must be done when it returns: no generator. Raises what `lease` and `fn` raise.
        """
        for last in (False, True):
            try:
                with self.lease(*specs, timeout=timeout, owner=owner) as models:
                    return fn(*models) if len(specs) > 1 else fn(models)
            except RuntimeError as error:
                if last or not memory.out_of_memory(error):
                    raise
                self._note("oom", " + ".join(spec.key for spec in specs), text=describe(error))
            # Not inside the `except`: there the exception's traceback keeps the activations alive (pytorch #18853).
            with self._transfer():
                for entry in self._idle("device", spare=[spec.key for spec in specs]):
                    self._leave(entry)
        raise AssertionError("the second attempt returns or raises")

    def evict(self, *keys: str) -> int:
        """Take models off the device (into the park, if they fit), or out of the park; gives the bytes freed.

        No keys: all idle ones on the device. Raises ValueError for an unknown key, RuntimeError for one in use.
        """
        with self._transfer():
            with self._books:
                chosen = [self._evictable(key) for key in dict.fromkeys(keys)] or self._idle("device")
            return sum(self._leave(entry) for entry in chosen)

    def snapshot(self) -> tuple[Status, ...]:
        """Every model the manager knows of now, by key."""
        with self._books:
            now = self.clock()
            return tuple(
                Status(
                    key=entry.key,
                    state=entry.state,
                    bytes=entry.bytes,
                    place=entry.place,
                    leases=len(entry.leases),
                    owners=tuple(lease.owner for lease in entry.leases),
                    idle_seconds=0.0 if entry.leases else now - entry.idle_since,
                )
                for entry in self._all()
            )

    def used(self, place: str = "device") -> int:
        """Bytes that count against the budget ("device") or the park ("cpu")."""
        if place not in ("device", "cpu"):
            raise ValueError(f"place={place!r} must be 'device' or 'cpu'")
        with self._books:
            return sum(
                entry.bytes for entry in self._all() if (entry.on_device if place == "device" else entry.in_park)
            )

    def waiting(self) -> tuple[str, ...]:
        """Owners of the leases in the queue, the one being served first."""
        with self._books:
            return tuple(lease.owner for lease in self._queue)

    # A lease: queue, load, make room, pin, place, release.

    @contextmanager
    def _hold(self, specs: tuple[ModelSpec, ...], timeout: float, owner: str) -> Iterator[Any]:
        now = self.clock()
        lease = Lease(owner, tuple(dict.fromkeys(spec.key for spec in specs)), now, now + timeout)
        # All inside the `try`: closed, cancelled or interrupted wherever it stands, a lease is released.
        try:
            self._acquire(lease, specs)
            yield (
                tuple(self._entries[spec.key].module for spec in specs)
                if len(specs) > 1
                else (self._entries[specs[0].key].module)
            )
        finally:
            self._release(lease)

    def _acquire(self, lease: Lease, specs: tuple[ModelSpec, ...]) -> None:
        with self._books:
            self._refuse_too_big(lease)
            self._queue.append(lease)
        try:
            with self._books:
                pinned = self._pin_resident(lease)
                while not pinned and self._queue[0] is not lease:
                    self._wait(lease)
                    pinned = self._pin_resident(lease)
            if not pinned:
                self._bring(lease, specs)
        finally:
            with self._books:
                self._queue.remove(lease)
                self._books.notify_all()

    def _pin_resident(self, lease: Lease) -> bool:
        # Ready models may pass a queue that loads, but not one that waits for room: a stream of small leases would keep
        # the models that must leave pinned for ever.
        if self._making_room or any(entry is None or entry.state != "device" for entry in self._wanted(lease)):
            return False
        self._pin(lease)
        return True

    def _bring(self, lease: Lease, specs: tuple[ModelSpec, ...]) -> None:
        """At the head of the queue: load, make room, pin and place, all of it or nothing."""
        try:
            # Again where an `evict` took a model away in between.
            while not self._reserve(lease):
                self._make_room(lease)
                for spec in specs:
                    self._load(lease, spec)
            for entry in self._arriving(lease):
                self._place(entry)
        except BaseException as error:
            # Half-moved modules are unusable (InvokeAI #6193, #5794), and loaded ones without room stay uncounted.
            with self._transfer():
                for entry in self._arriving(lease):
                    self._drop(entry, describe(error))
            raise

    def _make_room(self, lease: Lease) -> None:
        """Wait until free bytes and idle models suffice for `lease`, then evict the least recently used."""
        try:
            with self._books:
                self._refuse_too_big(lease)
                while self._excess(lease) > sum(entry.bytes for entry in self._idle("device", spare=lease.keys)):
                    self._making_room = True
                    self._wait(lease)
            with self._transfer():
                with self._books:
                    for entry in self._wanted(lease):
                        if entry and entry.state == "parked":  # leaves the park first: a victim may need its place
                            entry.state, entry.in_park, entry.leases = "waiting", False, [lease]
                while self._excess(lease) > 0 and (idle := self._idle("device", spare=lease.keys)):
                    self._leave(idle[0])
        finally:
            with self._books:
                self._making_room = False
                self._books.notify_all()

    def _load(self, lease: Lease, spec: ModelSpec) -> None:
        with self._transfer():
            with self._books:
                if spec.key in self._entries:
                    return
                entry = self._entries[spec.key] = Entry(spec.key, "loading", nn.Module(), leases=[lease])
            start = self.clock()
            try:
                module = spec.load()
                memory.check_fresh(spec.key, module)
                size = memory.storage_bytes(module)
            except BaseException as error:
                with self._books:
                    del self._entries[spec.key]  # left behind, it would pass for a model at the next try
                    self._note("fail", spec.key, 0, start, f"load: {describe(error)}")
                raise
            with self._books:
                entry.module, entry.state, entry.bytes = module, "waiting", size
                self._sizes[spec.key] = size
                self._note("load", spec.key, size, start)

    def _reserve(self, lease: Lease) -> bool:
        # One critical section: between a look-up and a pin apart from it an entry can vanish (InvokeAI #7513).
        with self._books:
            entries = self._wanted(lease)
            if None in entries or self._excess(lease) > 0:
                return False
            self._pin(lease)
            for entry in entries:
                if entry and entry.state != "device":
                    entry.state, entry.on_device, entry.in_park = "placing", True, False
            return True

    def _pin(self, lease: Lease) -> None:
        lease.since = self.clock()
        for entry in self._wanted(lease):
            if entry and lease not in entry.leases:
                entry.leases.append(lease)

    def _place(self, entry: Entry) -> None:
        with self._transfer():
            start = self.clock()
            self._move(entry.module, self.device)
            with self._books:
                entry.state = "device"
                self._note("place", entry.key, entry.bytes, start)
                self._books.notify_all()

    def _release(self, lease: Lease) -> None:
        with self._books:
            for entry in self._wanted(lease):
                if entry and lease in entry.leases:
                    entry.leases.remove(lease)
                    entry.idle_since = self.clock()
            self._books.notify_all()

    # Leaving, with `_io` held.

    def _leave(self, entry: Entry) -> int:
        """Out of the books, then into the park or dropped; gives the bytes freed."""
        parks = entry.state == "device" and self.device.type != "cpu" and entry.bytes <= self.park
        # Unloading that only moves to CPU memory freezes machines (ComfyUI #6830): the park has its own budget.
        while parks and self.used("cpu") + entry.bytes > self.park and (parked := self._idle("parked")):
            self._leave(parked[0])
        with self._books:
            if entry.leases or self._entries.get(entry.key) is not entry:
                return 0  # a lease came first
            # Before the weights move, or a lease would be given a model that is moving away.
            del self._entries[entry.key]
            self._leaving.append(entry)
            entry.state, entry.in_park = "leaving", parks or entry.in_park
        if not parks:
            self._drop(entry)
            return entry.bytes
        start = self.clock()
        try:
            self._move(entry.module, CPU)
        except BaseException as error:
            self._drop(entry, f"park: {describe(error)}")
            if not isinstance(error, Exception):
                raise
            return entry.bytes  # half-moved, hence dropped: its room is free all the same
        with self._books:
            self._leaving.remove(entry)
            self._entries[entry.key] = entry
            entry.state, entry.on_device = "parked", False
            self._note("park", entry.key, entry.bytes, start)
            self._books.notify_all()
        return entry.bytes

    def _drop(self, entry: Entry, why: str = "") -> None:
        """Free the weights by a move: a caller's variable or a traceback may refer to the module still."""
        start = self.clock()
        try:
            self._move(entry.module, META)
        finally:
            with self._books:
                if entry in self._leaving:
                    self._leaving.remove(entry)
                else:
                    del self._entries[entry.key]
                self._note("fail" if why else "drop", entry.key, entry.bytes, start, why)
                self._books.notify_all()

    # Looking at the books.

    @contextmanager
    def _transfer(self) -> Iterator[None]:
        # A caller may be in inference mode; weights made there could never again take part in a gradient.
        with self._io, torch.inference_mode(False):
            yield

    def _all(self) -> list[Entry]:
        return sorted([*self._entries.values(), *self._leaving], key=lambda entry: entry.key)

    def _wanted(self, lease: Lease) -> list[Entry | None]:
        return [self._entries.get(key) for key in lease.keys]

    def _arriving(self, lease: Lease) -> list[Entry]:
        return [entry for entry in self._wanted(lease) if entry and entry.state in ("waiting", "placing")]

    def _idle(self, state: str, spare: Collection[str] = ()) -> list[Entry]:
        """Models in `state` that nobody leases, the least recently used first."""
        with self._books:
            found = [e for e in self._entries.values() if e.state == state and not e.leases and e.key not in spare]
            return sorted(found, key=lambda entry: entry.idle_since)

    def _excess(self, lease: Lease) -> int:
        """Bytes over the budget if all of `lease` were on the device; of unknown sizes, nothing."""
        with self._books:
            absent = [key for key in lease.keys if not ((entry := self._entries.get(key)) and entry.on_device)]
            return self.used() + sum(self._sizes.get(key, 0) for key in absent) - self.budget

    def _evictable(self, key: str) -> Entry:
        entry = self._entries.get(key)
        if entry is None:
            raise ValueError(f"key={key!r} must be one of {sorted(self._entries)}")
        if entry.leases:
            raise RuntimeError(f"{holders([entry], self.clock())}: a model in use stays; wait for that, or stop it")
        return entry

    def _refuse_too_big(self, lease: Lease) -> None:
        need = sum(self._sizes.get(key, 0) for key in lease.keys)
        if need > self.budget:
            keys = " + ".join(lease.keys)
            self._note("refuse", keys, need)
            raise MemoryError(
                f"{keys} takes {size_text(need)}, more than the whole budget of {size_text(self.budget)} on {self.device}: "
                f"choose a smaller model, or fewer at once, or raise the budget\n{memory.table(self._all(), self.clock())}"
            )

    def _wait(self, lease: Lease) -> None:
        """With `_books` held: wait for a change, or raise TimeoutError."""
        now = self.clock()
        if now >= lease.deadline:
            keys = " + ".join(lease.keys)
            self._note("timeout", keys, start=lease.since)
            raise TimeoutError(
                f"{keys}: no room within {now - lease.since:.0f} s; in use: {holders(self._all(), now) or 'nothing'}. "
                f"Try again when these are done, or stop them\n{memory.table(self._all(), now)}"
            )
        self._books.wait(min(lease.deadline - now, threading.TIMEOUT_MAX))

    def _note(self, kind: str, key: str, size: int = 0, start: float | None = None, text: str = "") -> None:
        now = self.clock()
        self.events.append(Event(now, kind, key, size, 0.0 if start is None else now - start, text))
