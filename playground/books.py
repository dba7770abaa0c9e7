"""The model manager's books: which models there are, in which state, leased by whom. Nothing loads or moves here."""

import threading
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from torch import nn

__all__ = ["Books", "Entry", "Event", "Lease", "Status", "describe", "size_text"]


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


@dataclass(eq=False)
class Lease:
    """One `with manager.lease(...)`: `keys` in order, without repeats; times in seconds of the clock."""

    owner: str
    keys: tuple[str, ...]
    since: float  # asked since; held since, once granted
    deadline: float


@dataclass(eq=False)
class Entry:
    """One model in the books."""

    key: str
    state: str = "loading"
    module: nn.Module = field(default_factory=nn.Module)  # empty while loading
    bytes: int = 0
    on_device: bool = False  # counts against the budget: from before the move in until the move out has ended
    in_park: bool = False  # likewise for the park
    leases: list[Lease] = field(default_factory=list)
    idle_since: float = 0.0


class Books:
    """The records of `budget` bytes. Each method is one critical section of `changed`, a re-entrant condition.

    Re-entrant, for the collector may close a forgotten generator, and so end its lease, inside a critical section.
    """

    def __init__(self, budget: int, clock: Callable[[], float]) -> None:
        self.budget = budget
        self.clock = clock
        self.changed = threading.Condition(threading.RLock())
        self.entries: dict[str, Entry] = {}
        self.leaving: list[Entry] = []
        self.sizes: dict[str, int] = {}  # of every model ever loaded: what is too big is refused before it is loaded
        self.queue: deque[Lease] = deque()
        self.making_room = False
        self.events: deque[Event] = deque(maxlen=500)

    def pin_resident(self, lease: Lease) -> bool:
        """Pin the models of `lease` if all are on the device."""
        with self.changed:
            # Ready models may pass a queue that loads, but not one that waits for room: a stream of small leases would
            # keep the models that must leave pinned for ever.
            if self.making_room:
                return False
            for key in lease.keys:
                entry = self.entries.get(key)
                if entry is None or entry.state != "device":
                    return False
            self._pin(lease)
            return True

    def reserve(self, lease: Lease) -> bool:
        """Pin the models of `lease` and count those not on the device as there, if all are loaded and have room."""
        # One critical section: between a look-up and a pin apart from it an entry can vanish (InvokeAI #7513).
        with self.changed:
            if any(key not in self.entries for key in lease.keys) or self.excess(lease) > 0:
                return False
            self._pin(lease)
            for entry in self.found(lease, "parked", "waiting"):
                entry.state, entry.on_device, entry.in_park = "placing", True, False
            return True

    def release(self, lease: Lease) -> None:
        """Unpin whatever `lease` holds."""
        with self.changed:
            now = self.clock()
            for key in lease.keys:
                entry = self.entries.get(key)
                if entry and lease in entry.leases:
                    entry.leases.remove(lease)
                    entry.idle_since = now
            self.changed.notify_all()

    def leave(self, entry: Entry, *, parks: bool) -> bool:
        """Take an idle `entry` out of the look-up; False where a lease came first."""
        with self.changed:
            if entry.leases:
                return False
            # Before its weights move, or a lease would be given a model that is moving away.
            del self.entries[entry.key]
            self.leaving.append(entry)
            entry.state, entry.in_park = "leaving", parks or entry.in_park
            return True

    def settle(self, entry: Entry, kind: str, start: float, text: str = "") -> None:
        """Record where a move of `entry` ended: place, park, drop or fail (which drops)."""
        with self.changed:
            if entry in self.leaving:
                self.leaving.remove(entry)
            self.entries.pop(entry.key, None)
            if kind in ("place", "park"):
                self.entries[entry.key] = entry
                entry.state = "device" if kind == "place" else "parked"
                entry.on_device, entry.in_park = kind == "place", kind == "park"
            self.note(kind, entry.key, entry.bytes, start, text)
            self.changed.notify_all()

    def wait(self, lease: Lease) -> None:
        """Wait for a change, or raise TimeoutError naming who holds what."""
        with self.changed:
            now = self.clock()
            if now >= lease.deadline:
                keys = " + ".join(lease.keys)
                self.note("timeout", keys, start=lease.since)
                raise TimeoutError(
                    f"{keys}: not to be had within {now - lease.since:.0f} s; in use: {self.holders() or 'nothing'}. "
                    f"Try again when that is done, or stop it\n{self.table()}"
                )
            self.changed.wait(min(lease.deadline - now, threading.TIMEOUT_MAX))

    def refuse_too_big(self, lease: Lease) -> None:
        """Raise MemoryError if the models of `lease` are known to take more than the whole budget."""
        with self.changed:
            need = sum(self.sizes.get(key, 0) for key in lease.keys)
            if need > self.budget:
                keys = " + ".join(lease.keys)
                self.note("refuse", keys, need)
                raise MemoryError(
                    f"{keys} takes {size_text(need)}, more than the whole budget of {size_text(self.budget)}: choose a "
                    f"smaller model, or fewer at once, or raise the budget\n{self.table()}"
                )

    def evictable(self, key: str) -> Entry:
        """The idle entry of `key`; ValueError where there is none, RuntimeError where it is in use."""
        with self.changed:
            entry = self.entries.get(key)
            if entry is None:
                raise ValueError(f"key={key!r} must be one of {sorted(self.entries)}")
            if entry.leases:
                raise RuntimeError(
                    f"a model in use stays: {self.holders(key)}. Try again when that is done, or stop it"
                )
            return entry

    def excess(self, lease: Lease) -> int:
        """Bytes over the budget if all models of `lease` were on the device; unknown sizes count nothing."""
        with self.changed:
            here = {entry.key for entry in self.entries.values() if entry.on_device}
            return self.used() + sum(self.sizes.get(key, 0) for key in lease.keys if key not in here) - self.budget

    def idle(self, state: str, spare: Collection[str] = ()) -> list[Entry]:
        """Models in `state` that nobody leases, without `spare`, the least recently used first."""
        with self.changed:
            found = [e for e in self.entries.values() if e.state == state and not e.leases and e.key not in spare]
            return sorted(found, key=lambda entry: entry.idle_since)

    def found(self, lease: Lease, *states: str) -> list[Entry]:
        """Models of `lease` in one of `states`, in its order."""
        with self.changed:
            return [entry for key in lease.keys if (entry := self.entries.get(key)) and entry.state in states]

    def used(self, place: str = "device") -> int:
        """Bytes that count against the budget ("device") or the park ("cpu")."""
        if place not in ("device", "cpu"):
            raise ValueError(f"place={place!r} must be 'device' or 'cpu'")
        with self.changed:
            return sum(
                entry.bytes for entry in self._all() if (entry.on_device if place == "device" else entry.in_park)
            )

    def snapshot(self) -> tuple[Status, ...]:
        """Every model there is, by key."""
        with self.changed:
            now = self.clock()
            return tuple(
                Status(
                    key=entry.key,
                    state=entry.state,
                    bytes=entry.bytes,
                    place="" if entry.state == "loading" else "device" if entry.on_device else "cpu",
                    leases=len(entry.leases),
                    owners=tuple(lease.owner for lease in entry.leases),
                    idle_seconds=0.0 if entry.leases else now - entry.idle_since,
                )
                for entry in self._all()
            )

    def holders(self, *keys: str) -> str:
        """Who leases which model (of `keys`, or of all) for how long: "clip/b32 by 'search' for 12 s"; or ""."""
        with self.changed:
            now = self.clock()
            return ", ".join(
                f"{entry.key} by {lease.owner or 'unnamed'!r} for {now - lease.since:.0f} s"
                for entry in self._all()
                for lease in entry.leases
                if not keys or entry.key in keys
            )

    def table(self) -> str:
        """All models as lines of text: key, state, size, use."""
        return "\n".join(
            f"  {row.key:<32} {row.state:<8} {size_text(row.bytes):>10}  "
            + (self.holders(row.key) if row.leases else f"idle for {row.idle_seconds:.0f} s")
            for row in self.snapshot()
        )

    def note(self, kind: str, key: str, size: int = 0, start: float | None = None, text: str = "") -> None:
        """Record an event that began at `start`."""
        with self.changed:
            now = self.clock()
            self.events.append(Event(now, kind, key, size, 0.0 if start is None else now - start, text))

    def _pin(self, lease: Lease) -> None:
        lease.since = self.clock()
        for key in lease.keys:
            if lease not in self.entries[key].leases:
                self.entries[key].leases.append(lease)

    def _all(self) -> list[Entry]:
        return sorted([*self.entries.values(), *self.leaving], key=lambda entry: entry.key)


def describe(error: BaseException) -> str:
    """Type and first line of an error."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def size_text(size: int) -> str:
    """Bytes for people: "512 B", "1.5 MiB"."""
    number, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if number < 1024:
            break
        number, unit = number / 1024, larger
    return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
