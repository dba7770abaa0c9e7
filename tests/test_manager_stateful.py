"""The model manager under any sequence of leases, evictions and failures: its invariants, after every step."""

from contextlib import ExitStack

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from simulated import UNIT, Device, quiet

SIZES = {"a": 1, "b": 1, "c": 1, "e": 1, "tied": 2, "d": 3, "big": 5}  # units
BUDGET = 4
KEYS = st.sampled_from(sorted(SIZES))


class FaultError(Exception):
    """The injected failure."""


class Machine(RuleBasedStateMachine):
    @initialize(park=st.integers(0, 4), device=st.sampled_from(["cuda", "cpu"]))
    def start(self, park, device):
        self.device = Device(BUDGET, park, device)
        self.parks = park if device == "cuda" else 0
        self.specs = {key: self.device.spec(key, size, key == "tied") for key, size in SIZES.items()}
        self.open = []  # (stack that ends the lease, its modules by key)
        self.last_use = {}

    def leased(self):
        return {key for _, modules in self.open for key in modules}

    def idle(self):
        """Key -> last use, of the models on the device that nobody leases."""
        places = {status.key for status in self.device.manager.snapshot() if status.place == "device"}
        return {key: self.last_use[key] for key in places - self.leased()}

    def take(self, keys):
        """Lease `keys` and check what had to leave for them."""
        idle, before = self.idle(), len(self.device.manager.events)
        for key in keys:
            idle.pop(key, None)
        here = {key for key in keys if self.device.states().get(key) in ("device", "parked")}
        loads = self.device.loads.copy()
        free = BUDGET * UNIT - self.device.manager.used()
        missing = sum(SIZES[key] * UNIT for key in set(keys) if self.device.states().get(key) != "device")
        stack = ExitStack()
        got = stack.enter_context(self.device.manager.lease(*(self.specs[key] for key in keys), timeout=0))
        modules = dict(zip(keys, [got] if len(keys) == 1 else got, strict=True))
        self.open.append((stack, modules))
        self.device.leased.update(set(modules.values()))
        gone = []  # how each left, in order; what was parked can be dropped from the park later
        for event in list(self.device.manager.events)[before:]:
            if event.key in idle.keys() - {e.key for e in gone} and event.kind in ("park", "drop", "fail"):
                gone.append(event)
        assert all(self.device.loads[key] == loads[key] for key in here)  # its own models stayed
        # The least recently used, no more than needed, parked where they fit.
        used = [idle[event.key] for event in gone]
        assert used == sorted(used)
        assert max(used, default=0) <= min((idle[key] for key in idle.keys() - {e.key for e in gone}), default=1e9)
        if gone:
            assert free + sum(event.bytes for event in gone[:-1]) < missing
        return modules, gone

    @precondition(lambda self: len(self.open) < 2)  # else most models are leased, and there is no choice who must leave
    @rule(keys=st.lists(KEYS, min_size=1, max_size=3))
    def lease(self, keys):
        known = {event.key for event in self.device.manager.events if event.kind == "load"} >= set(keys)
        need = sum(SIZES[key] for key in set(keys))
        together = sum(SIZES[key] for key in self.leased() | set(keys))
        leases = len(self.open)
        if need > BUDGET:
            with pytest.raises(MemoryError if known else (MemoryError, TimeoutError), match=keys[0]):
                self.take(keys)
        elif together > BUDGET:
            with pytest.raises(TimeoutError) as caught:
                self.take(keys)
            assert all(f"{key} by 'unnamed' for" in str(caught.value) for key in self.leased())
        else:
            _, gone = self.take(keys)
            assert all((event.kind == "park") == (event.bytes <= self.parks * UNIT) for event in gone)
            assert len(self.open) == leases + 1

    @precondition(lambda self: len(self.open) < 3)
    @rule(
        keys=st.lists(KEYS, min_size=1, max_size=3, unique=True),
        bad=KEYS,
        step=st.sampled_from(["load", "device", "cpu"]),
    )
    def lease_with_a_fault(self, keys, bad, step):
        faults = []

        def fail(key, place="load"):
            if (key, place) == (bad, step):
                faults.append(key)
                raise FaultError

        self.device.on_load = self.device.on_move = fail
        leases = len(self.open)
        try:
            self.take(keys)
        except FaultError:
            assert faults == [bad]
            assert step != "cpu"  # a model that cannot be parked is no reason to refuse another
            assert bad not in self.device.states()
            if step == "device":  # the others were pinned when it failed
                self.last_use.update((key, self.device.now) for key in keys if key in self.device.states())
        except (MemoryError, TimeoutError):
            assert sum(SIZES[key] for key in self.leased() | set(keys)) > BUDGET
        else:
            assert len(self.open) == leases + 1
            assert not faults or step == "cpu"
            assert not faults or self.device.states().get(bad) is None or bad in keys
        finally:
            self.device.on_load = self.device.on_move = quiet

    @rule(keys=st.lists(KEYS, min_size=1, max_size=2))
    def use(self, keys):
        """Lease and release at once."""
        leases = len(self.open)
        self.lease(keys)
        if len(self.open) > leases:
            self.end(leases)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def release(self, data):
        self.end(data.draw(st.integers(0, len(self.open) - 1)))

    def end(self, number):
        stack, modules = self.open.pop(number)
        self.device.now += 1
        self.device.leased.subtract(set(modules.values()))
        stack.close()
        self.last_use.update(dict.fromkeys(modules, self.device.now))

    @rule(key=KEYS)
    def evict(self, key):
        state = self.device.states().get(key)
        if state is None:
            with pytest.raises(ValueError, match=f"key='{key}' must be one of"):
                self.device.manager.evict(key)
        elif key in self.leased():
            with pytest.raises(RuntimeError, match=f"{key} by 'unnamed'"):
                self.device.manager.evict(key)
        else:
            assert self.device.manager.evict(key) == SIZES[key] * UNIT
            parks = state == "device" and SIZES[key] <= self.parks
            assert self.device.states().get(key) == ("parked" if parks else None)

    @rule()
    def evict_all(self):
        idle = self.idle()
        assert self.device.manager.evict() == sum(SIZES[key] * UNIT for key in idle)
        assert not self.idle()

    @rule(key=KEYS, tries=st.integers(1, 2))
    def run(self, key, tries):
        if SIZES[key] > BUDGET or sum(SIZES[k] for k in self.leased() | {key}) > BUDGET:
            return
        calls, loads = [], self.device.loads[key] + (key not in self.device.states())

        def work(module):
            calls.append(module.key)
            assert self.device.places[module] == "device"
            if len(calls) <= tries:
                raise torch.OutOfMemoryError("full")
            return module.size

        if tries == 1:
            assert self.device.manager.run(work, self.specs[key]) == SIZES[key] * UNIT
        else:
            with pytest.raises(torch.OutOfMemoryError):
                self.device.manager.run(work, self.specs[key])
        assert calls == [key, key]
        assert self.device.loads[key] == loads  # it stayed
        self.last_use[key] = self.device.now
        assert self.idle().keys() <= {key}

    @rule()
    def tick(self):
        self.device.now += 1

    @invariant()
    def the_budgets_hold_and_every_byte_counts_once(self):
        self.device.check()
        assert self.device.manager.used("device") == self.device.used("device")
        assert self.device.manager.used("cpu") == self.device.used("cpu") <= self.parks * UNIT
        rows = self.device.manager.snapshot()
        assert all(row.bytes == SIZES[row.key] * UNIT for row in rows)
        assert sum(row.bytes for row in rows if row.place == "device") == self.device.manager.used()

    @invariant()
    def leased_models_are_where_they_were_put(self):
        counts = {row.key: row.leases for row in self.device.manager.snapshot() if row.leases}
        expected = {key: sum(key in modules for _, modules in self.open) for key in self.leased()}
        assert counts == expected
        for _, modules in self.open:
            for key, module in modules.items():
                assert module.key == key
                assert self.device.places[module] == "device"
                assert module.weight.device.type == "cpu"  # not freed

    @invariant()
    def events_tell_the_whole_story(self):
        states = {}
        for event in self.device.manager.events:
            if event.kind in ("place", "park"):
                states[event.key] = "device" if event.kind == "place" else "parked"
            elif event.kind in ("drop", "fail"):
                states.pop(event.key, None)
        assert states == self.device.states()
        assert self.device.manager.waiting() == ()

    def teardown(self):
        for stack, modules in getattr(self, "open", []):
            self.device.leased.subtract(set(modules.values()))
            stack.close()


TestManager = Machine.TestCase
TestManager.settings = settings(max_examples=80, stateful_step_count=40, report_multiple_bugs=False)
