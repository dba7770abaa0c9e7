"""A simulated accelerator for the model manager: a mover with a ledger, a clock that stands still; and threads."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from playground import memory
from playground.manager import ModelManager, ModelSpec

UNIT = 1024  # bytes; sizes below are in units
PATIENCE = 10.0  # seconds until a thread that should have ended is called stuck
WAIT = 60.0  # seconds of timeout for a lease that must come through: longer, or a lost wake-up would only look slow


class Weights(nn.Module):
    """`size` units of frozen weights. Tied: the same storage under three names, one of them a view, one a buffer."""

    def __init__(self, key: str, size: int, tied: bool = False) -> None:
        super().__init__()
        self.key, self.size = key, size * UNIT
        self.weight = nn.Parameter(torch.ones(size * UNIT // 4))
        if tied:
            self.head = self.weight
            self.view = nn.Parameter(self.weight.detach()[UNIT // 8 :])
            self.register_buffer("shadow", self.weight.detach().view(-1, 4))
        self.eval().requires_grad_(False)


def quiet(*_args: str) -> None:
    """Nothing happens."""


class Device:
    """Where the weights of every module are: checks every move and load against the rules, and can make it fail."""

    def __init__(self, budget: int, park: int = 0, device: str = "cuda") -> None:
        self.budget, self.park = budget * UNIT, park * UNIT
        self.now = 0.0
        self.places: dict[nn.Module, str] = {}
        self.leased: Counter[nn.Module] = Counter()
        self.loads: Counter[str] = Counter()
        self.moves: list[tuple[str, str]] = []
        self.on_load: Callable[[str], Any] = quiet
        self.on_move: Callable[[str, str], Any] = quiet
        self.on_clock: Callable[[], Any] = quiet
        self._one, self._count = threading.Lock(), threading.Lock()
        self.manager = ModelManager(device, self.budget, self.park, move=self.move, clock=self.clock)

    def clock(self) -> float:
        """The injected clock."""
        self.on_clock()
        return self.now

    def spec(self, key: str, size: int = 1, tied: bool = False) -> ModelSpec[Weights]:
        """A model of `size` units."""

        def load() -> Weights:
            assert self._one.acquire(blocking=False), "a load beside another load or move"
            try:
                self.loads[key] += 1
                self.on_load(key)
                return Weights(key, size, tied)
            finally:
                self._one.release()

        return ModelSpec(key, load)

    def move(self, module: Weights, device: torch.device) -> None:
        """The injected mover: weights stay where they are, except that "meta" frees them."""
        place = {"cpu": "cpu", "meta": "gone", self.manager.device.type: "device"}[device.type]
        assert self._one.acquire(blocking=False), "a move beside another load or move"
        try:
            assert not self.leased[module], f"{module.key} moved while leased"
            self.moves.append((module.key, place))
            source = self.places.get(module, "loaded")
            self.places[module] = "device" if "device" in (source, place) else place  # while it moves, it is in both
            self.check()
            self.on_move(module.key, place)
            self.places[module] = place
            if place == "gone":
                memory.move(module, memory.META)
        finally:
            self._one.release()

    @contextmanager
    def held(self, module: Weights) -> Iterator[None]:
        """Inside, the ledger refuses to move `module`."""
        with self._count:
            self.leased[module] += 1
        try:
            yield
        finally:
            with self._count:
                self.leased[module] -= 1

    def halts(self, key: str, place: str) -> tuple[threading.Event, threading.Event]:
        """From now on a move of `key` to `place` waits for the first event, and sets the second when it begins to."""
        go, moving = threading.Event(), threading.Event()

        def block(moved: str, there: str) -> None:
            if (moved, there) == (key, place):
                moving.set()
                assert go.wait(WAIT)

        self.on_move = block
        return go, moving

    def use(self, spec: ModelSpec[Weights]) -> str:
        """The key of the model, which is leased for no longer than it takes to ask."""
        with self.manager.lease(spec, timeout=WAIT) as module:
            return module.key

    def stalled(self) -> bool:
        """Whether the head of the queue waits for room: seen with the books' lock, it is in its wait."""
        with self.manager._books.changed:
            return self.manager._books.making_room

    def kinds(self, key: str) -> list[str]:
        """The kinds of the events of `key`, in order."""
        return [event.kind for event in self.manager.events if event.key == key]

    def used(self, place: str) -> int:
        """Bytes of the modules at `place`, by the sizes they were built with."""
        return sum(module.size for module, there in self.places.items() if there == place)

    def check(self) -> None:
        """The budgets hold by the ledger, and the manager counts no less than what is there."""
        assert self.used("device") <= self.manager.used("device") <= self.budget
        assert self.used("cpu") <= self.manager.used("cpu") + self._travelling() <= self.park + self._travelling()

    def _travelling(self) -> int:
        # Parked models on their way back leave the park's count before they move.
        states = {status.key: status.state for status in self.manager.snapshot()}
        return sum(
            module.size
            for module, there in self.places.items()
            if there == "cpu" and states.get(module.key) in ("waiting", "placing")
        )

    def states(self) -> dict[str, str]:
        """Key -> state, by the manager."""
        return {status.key: status.state for status in self.manager.snapshot()}


class Task(threading.Thread):
    """A function in a thread that does not outlive the tests."""

    def __init__(self, fn: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._fn, self._value, self._error = fn, None, None
        self.start()

    def run(self) -> None:
        try:
            self._value = self._fn()
        except BaseException as error:
            self._error = error

    def result(self) -> Any:
        """What the function gave or raised."""
        self.join(PATIENCE)
        assert not self.is_alive(), "stuck"
        if self._error is not None:
            raise self._error
        return self._value


def together(*fns: Callable[[], Any]) -> list[Any]:
    """What `fns` give, each in a thread that starts with the others.

    The threads change places every few microseconds, not every 5 ms: so they meet in the narrow spots too.
    """
    before, barrier = sys.getswitchinterval(), threading.Barrier(len(fns))
    sys.setswitchinterval(1e-5)
    try:
        return [task.result() for task in [Task(lambda fn=fn: (barrier.wait(PATIENCE), fn())[1]) for fn in fns]]
    finally:
        sys.setswitchinterval(before)


def until(true: Callable[[], Any]) -> None:
    """Return as soon as `true()` is."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "never came true"
        threading.Event().wait(0.001)
