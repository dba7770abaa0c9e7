"""Leases of the model manager: loaded once, pinned together, freed however they end; on a simulated accelerator."""

import asyncio
import threading
from functools import partial

import pytest
import torch
from simulated import UNIT, WAIT, Device, Task, Weights, quiet, together, until
from torch import nn

from playground.manager import ModelManager, ModelSpec


def test_one_model_or_a_tuple_in_order_and_repeats_count_once():
    device = Device(budget=3)
    a, b = device.spec("a"), device.spec("b", 2)
    with device.manager.lease(a, owner="clip") as module:
        assert module.key == "a"
        assert device.places[module] == "device"
        with device.manager.lease(b, a, b, owner="blip") as modules:
            assert [module.key for module in modules] == ["b", "a", "b"]
            assert modules[0] is modules[2]
            assert modules[1] is module
            assert device.manager.used() == 3 * UNIT
            by_key = {status.key: status for status in device.manager.snapshot()}
            assert by_key["a"].owners == ("clip", "blip")
            assert by_key["b"].leases == 1
    device.now = 7.0
    assert [
        (s.key, s.state, s.bytes, s.place, s.leases, s.owners, s.idle_seconds) for s in device.manager.snapshot()
    ] == [
        ("a", "device", UNIT, "device", 0, (), 7.0),
        ("b", "device", 2 * UNIT, "device", 0, (), 7.0),
    ]
    assert device.loads == {"a": 1, "b": 1}


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="budget=0"):
        ModelManager("cpu", 0)
    with pytest.raises(ValueError, match="park=-1"):
        ModelManager("cpu", 1, -1)
    manager = Device(budget=1).manager
    with pytest.raises(ValueError, match=r"specs=\(\)"):
        manager.lease()
    with pytest.raises(ValueError, match="timeout=nan"):
        manager.lease(ModelSpec("a", nn.Module), timeout=float("nan"))
    with pytest.raises(ValueError, match="place='gpu'"):
        manager.used("gpu")
    with pytest.raises(ValueError, match=r"key='b' must be one of \[\]"):
        manager.evict("b")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda m: m.train(), "training mode"),
        (lambda m: m.append(nn.Dropout()), "training mode"),  # a part of it
        (lambda m: m.requires_grad_(True), "require gradients"),
        (lambda m: m.to("meta"), "weights on meta"),
    ],
)
def test_a_load_that_gives_no_frozen_cpu_module_is_refused(spoil, words):
    device = Device(budget=1)
    with (
        pytest.raises(ValueError, match=f"'a'.*{words}"),
        device.manager.lease(ModelSpec("a", lambda: spoil(nn.Sequential(Weights("a", 1)).eval()))),
    ):
        pass
    assert device.manager.snapshot() == ()


def test_weights_loaded_for_a_caller_in_inference_mode_serve_gradients_elsewhere():
    manager = ModelManager("cpu", 2**20)
    spec = ModelSpec("a", lambda: nn.Linear(2, 1).eval().requires_grad_(False))
    with torch.inference_mode(), manager.lease(spec):
        pass
    with manager.lease(spec) as module:
        x = torch.ones(2, requires_grad=True)
        module(x).backward()
        assert torch.equal(x.grad, module.weight[0])


def test_books_are_free_during_loads_and_moves():
    device = Device(budget=1)
    seen = []

    def look(*_):
        seen.append(Task(device.states).result())

    device.on_load = device.on_move = look
    with device.manager.lease(device.spec("a")):
        pass
    device.manager.evict("a")
    assert seen == [{"a": "loading"}, {"a": "placing"}, {"a": "leaving"}]
    with device.manager.lease(device.spec("b")):
        pass
    seen.clear()
    with device.manager.lease(device.spec("a")):  # whose size is known: room comes first
        pass
    assert seen == [{"b": "leaving"}, {"a": "loading"}, {"a": "placing"}]


@pytest.mark.parametrize("step", ["load", "device"])
def test_loads_and_moves_take_turns(step):
    device = Device(budget=2)
    with device.manager.lease(device.spec("a")):
        pass
    evicting = []

    def beside(key, place="load"):
        if (key, place) == ("b", step):
            evicting.append(Task(device.manager.evict))
            evicting[0].join(0.05)  # time enough to begin, were it not for the lock
            assert ("a", "gone") not in device.moves

    device.on_load = device.on_move = beside
    with device.manager.lease(device.spec("b")):
        assert evicting[0].result() == UNIT
    assert ("a", "gone") in device.moves


def test_32_threads_want_one_model_and_it_loads_once():
    device = Device(budget=1)
    spec = device.spec("a")

    def want():
        with device.manager.lease(spec, timeout=WAIT) as module:
            return module

    assert len(set(together(*[want] * 32))) == 1
    assert device.loads == {"a": 1}


@pytest.mark.parametrize("room", [3, 8])
def test_32_threads_on_8_models(room):
    device = Device(budget=room, park=2)
    specs = [device.spec(f"{i}") for i in range(8)]

    def want(i):
        for step in range(3):
            with device.manager.lease(specs[(i + step) % 8], timeout=WAIT) as module, device.held(module):
                assert module.key == f"{(i + step) % 8}"
                assert device.places[module] == "device"
                assert module.weight.device.type == "cpu"  # not freed

    together(*[partial(want, i) for i in range(32)])
    device.check()
    assert device.manager.waiting() == ()
    assert all(status.leases == 0 for status in device.manager.snapshot())
    if room == 8:
        assert device.loads == {f"{i}": 1 for i in range(8)}
        assert not [event for event in device.manager.events if event.kind in ("park", "drop")]


def test_a_failed_load_is_raised_and_the_next_try_loads_again():
    device = Device(budget=1)
    spec = device.spec("a")

    def fail(_key):
        raise OSError("no such file")

    device.on_load = fail
    with pytest.raises(OSError, match="no such file"), device.manager.lease(spec):
        pass
    assert device.manager.snapshot() == ()
    assert device.kinds("a") == ["fail"]
    assert device.manager.events[-1].text == "load: OSError: no such file"
    device.on_load = quiet
    with device.manager.lease(spec, timeout=0) as module:
        assert module.key == "a"
    assert device.loads == {"a": 2}


def test_waiters_of_a_failed_load_try_themselves():
    device = Device(budget=1)
    spec, go = device.spec("a"), threading.Event()

    def fail_once(key):
        assert go.wait(WAIT)
        if device.loads[key] == 1:
            raise OSError("torn file")

    device.on_load = fail_once
    first = Task(lambda: device.use(spec))
    until(lambda: device.loads["a"] == 1)
    rest = [Task(lambda: device.use(spec)) for _ in range(3)]
    until(lambda: len(device.manager.waiting()) == 4)
    go.set()
    with pytest.raises(OSError, match="torn file"):
        first.result()
    assert [task.result() for task in rest] == ["a"] * 3
    assert device.loads == {"a": 2}


def test_a_half_moved_model_is_dropped_with_its_weights_and_its_lease():
    device = Device(budget=2)
    a, b = device.spec("a"), device.spec("b")

    def fail(key, place):
        if (key, place) == ("b", "device"):
            raise RuntimeError("bus error")

    device.on_move = fail
    with pytest.raises(RuntimeError, match="bus error") as caught, device.manager.lease(a, b):
        pass
    assert caught.value.__traceback__ is not None  # refers to the module still, whose weights are gone all the same
    assert device.states() == {"a": "device"}
    assert device.used("device") == device.manager.used() == UNIT
    assert all(status.leases == 0 for status in device.manager.snapshot())
    assert device.kinds("b") == ["load", "fail"]
    assert device.manager.events[-1].text == "RuntimeError: bus error"
    device.on_move = quiet
    with device.manager.lease(a, b, timeout=0) as (_, module):
        assert device.places[module] == "device"
    assert device.loads == {"a": 1, "b": 2}


def test_a_model_half_moved_into_the_park_is_dropped_and_its_room_used():
    device = Device(budget=1, park=1)

    def fail(_key, place):
        if place == "cpu":
            raise RuntimeError("no memory")

    with device.manager.lease(device.spec("a")):
        pass
    device.on_move = fail
    with device.manager.lease(device.spec("b"), timeout=0):
        assert device.states() == {"b": "device"}
        assert (device.manager.used("cpu"), device.used("cpu"), device.used("device")) == (0, 0, UNIT)
    assert device.kinds("a") == ["load", "place", "fail"]
    assert "park: RuntimeError: no memory" in [event.text for event in device.manager.events]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, asyncio.CancelledError])
def test_whatever_is_raised_inside_frees_the_lease(error):
    device = Device(budget=1)
    with pytest.raises(error), device.manager.lease(device.spec("a")):
        raise error
    assert device.manager.evict("a") == UNIT


def test_a_streaming_handler_closed_midway_frees_its_lease():
    device = Device(budget=1)
    spec = device.spec("a")

    def handler():
        with device.manager.lease(spec, owner="stream"):
            yield from range(10)

    stream = handler()
    assert next(stream) == 0
    assert device.manager.snapshot()[0].owners == ("stream",)
    stream.close()
    assert device.manager.snapshot()[0].leases == 0


def test_a_cancelled_task_frees_its_lease():
    device = Device(budget=1)

    async def handler(started):
        with device.manager.lease(device.spec("a")):
            started.set()
            await asyncio.Event().wait()

    async def main():
        started = asyncio.Event()
        task = asyncio.create_task(handler(started))
        await started.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return task.cancelled()

    assert asyncio.run(main())
    assert device.manager.snapshot()[0].leases == 0


def test_a_generator_collected_inside_a_critical_section_frees_its_lease():
    device = Device(budget=1)
    spec = device.spec("a")

    def handler():
        with device.manager.lease(spec):
            yield 0

    streams = [handler()]
    next(streams[0])
    device.on_clock = streams.clear  # the books ask for the time inside their critical section
    assert Task(lambda: [s.leases for s in device.manager.snapshot()]).result() == [0]


def test_an_interrupted_load_leaves_clean_books():
    device = Device(budget=1)

    def interrupt(_key):
        raise KeyboardInterrupt

    device.on_load = interrupt
    with pytest.raises(KeyboardInterrupt), device.manager.lease(device.spec("a")):
        pass
    assert device.manager.snapshot() == ()
    assert device.manager.waiting() == ()


@pytest.mark.parametrize("step", ["device", "cpu", "gone"])
def test_an_interrupted_move_leaves_clean_books(step):
    device = Device(budget=1, park=1 if step == "cpu" else 0)

    def interrupt(_key, place):
        if place == step:
            device.on_move = quiet
            raise KeyboardInterrupt

    def lease_and_evict():
        with device.manager.lease(device.spec("a")):
            pass
        device.manager.evict("a")

    device.on_move = interrupt
    with pytest.raises(KeyboardInterrupt):
        lease_and_evict()
    assert device.manager.snapshot() == ()
    assert device.manager.used() == device.manager.used("cpu") == 0
    assert device.manager.waiting() == ()


def test_events_are_bounded_and_tell_what_a_load_took():
    device = Device(budget=1)
    specs = [device.spec("a"), device.spec("b")]

    def slow(_key):
        device.now += 2.0

    device.on_load = slow
    for i in range(200):
        with device.manager.lease(specs[i % 2]):
            pass
    assert len(device.manager.events) == device.manager.events.maxlen == 500
    last = [event for event in device.manager.events if event.kind == "load"][-1]
    assert (last.key, last.bytes, last.seconds, last.time) == ("b", UNIT, 2.0, 400.0)


def test_a_snapshot_is_in_order_of_the_keys_and_tells_who_loads_and_who_is_used():
    device = Device(budget=2)
    seen = []
    device.on_load = lambda _key: seen.append([(s.key, s.place, s.idle_seconds) for s in device.manager.snapshot()])
    with device.manager.lease(device.spec("b")):
        device.now = 5.0
        with device.manager.lease(device.spec("a")):
            device.now = 9.0
            seen.append([(s.key, s.place, s.idle_seconds) for s in device.manager.snapshot()])
    assert seen == [
        [("b", "", 0.0)],
        [("a", "", 0.0), ("b", "device", 0.0)],
        [("a", "device", 0.0), ("b", "device", 0.0)],
    ]


def test_a_model_is_owned_while_room_is_made_for_it():
    device = Device(budget=1, park=1)
    for key in "ab":
        with device.manager.lease(device.spec(key)):
            pass
    seen = []
    device.on_move = lambda *_: seen.append({s.key: (s.state, s.owners) for s in device.manager.snapshot()})
    with device.manager.lease(device.spec("a"), owner="clip"):
        pass
    assert seen == [
        {"a": ("waiting", ("clip",)), "b": ("leaving", ())},
        {"a": ("placing", ("clip",)), "b": ("parked", ())},
    ]


def test_evictions_for_room_wait_for_the_move_of_another():
    device = Device(budget=2)
    specs = {key: device.spec(key) for key in "axy"}
    for key in "axy":  # the sizes of all are known; `x` and `y` stay
        with device.manager.lease(specs[key]):
            pass
    go, moving = device.halts("y", "gone")
    evicting = Task(lambda: device.manager.evict("y"))
    assert moving.wait(WAIT)
    task = Task(lambda: device.use(specs["a"]))  # `x` is idle: room for it
    task.join(0.05)  # time enough to begin, were it not for the lock
    assert ("x", "gone") not in device.moves
    go.set()
    assert evicting.result() == UNIT
    assert task.result() == "a"


def test_a_model_that_timed_out_is_dropped_after_the_move_of_another():
    device = Device(budget=3)
    late = threading.Event()

    def want():
        try:
            with device.manager.lease(device.spec("b", 3), timeout=300.0):
                pass
        finally:
            late.set()

    with device.manager.lease(device.spec("a")):
        with device.manager.lease(device.spec("y")):
            pass
        task = Task(want)
        until(device.stalled)
        go, moving = device.halts("y", "gone")
        evicting = Task(device.manager.evict)
        assert moving.wait(WAIT)
        device.now = 300.0
        with pytest.raises(TimeoutError), device.manager.lease(device.spec("c"), timeout=0):
            pass  # leaves the queue, and so wakes the other
        until(lambda: "timeout" in device.kinds("b"))
        late.wait(0.05)  # time enough to drop `b`, were it not for the lock
        assert ("b", "gone") not in device.moves
        go.set()
        assert evicting.result() == UNIT
        with pytest.raises(TimeoutError):
            task.result()
        assert ("b", "gone") in device.moves


def test_what_cannot_be_freed_is_out_of_the_books_all_the_same():
    device = Device(budget=1)
    with device.manager.lease(device.spec("a")):
        pass

    def fail(_key, _place):
        raise RuntimeError("bus error")

    device.on_move = fail
    with pytest.raises(RuntimeError, match="bus error"):
        device.manager.evict("a")
    assert device.manager.snapshot() == ()
    assert device.manager.used() == 0
