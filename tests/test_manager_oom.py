"""The model manager when memory runs out, and its park in CPU memory."""

import threading
import weakref

import pytest
import torch
from simulated import UNIT, WAIT, Device, Task


class Activations:
    """Something big in a frame."""


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 5.00 GB)"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory"),
    ],
    ids=["cuda", "mps", "cpu"],
)
def test_out_of_memory_once_is_tried_again_with_the_idle_models_and_the_activations_gone(error):
    device = Device(budget=3)
    a, b, idle = (device.spec(key) for key in "abc")
    device.on_move = lambda _key, place: place == "gone" and seen.append(first[0]())
    seen = []
    with device.manager.lease(idle):
        pass
    first = []
    text = str(error)
    kind = type(error)

    def work(one, two):
        if not first:
            activations = Activations()
            first.append(weakref.ref(activations))
            raise kind(text)
        assert first[0]() is None  # else the second try would find the memory of the first taken
        assert device.states() == {"a": "device", "b": "device"}
        return one.key + two.key

    assert device.manager.run(work, a, b) == "ab"
    assert device.loads == {"a": 1, "b": 1, "c": 1}  # its own models stayed
    assert seen == [None]  # gone before the idle model left
    assert device.kinds("a + b") == ["oom"]
    assert device.kinds("c")[-1] == "drop"


def test_out_of_memory_twice_is_raised():
    device = Device(budget=1)
    tries = []

    def work(module):
        tries.append(module.key)
        raise torch.OutOfMemoryError(f"out of memory {len(tries)}")

    with pytest.raises(torch.OutOfMemoryError, match="memory 2") as caught:
        device.manager.run(work, device.spec("a"))
    assert tries == ["a", "a"]
    assert caught.value.__context__ is None  # the first is not kept alive
    assert device.manager.snapshot()[0].leases == 0


def test_out_of_memory_while_placing_is_tried_again_without_the_idle_models():
    device = Device(budget=2)
    with device.manager.lease(device.spec("idle")):
        pass

    def fail(_key, place):
        if place == "device" and "idle" in device.states():
            raise torch.OutOfMemoryError("the budget promised more than there is")

    device.on_move = fail
    assert device.manager.run(lambda module: module.key, device.spec("a")) == "a"
    assert device.states() == {"a": "device"}


def test_other_errors_are_not_tried_again():
    device = Device(budget=1)
    tries = []

    def work(module):
        tries.append(module)
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        device.manager.run(work, device.spec("a"))
    assert len(tries) == 1


def test_evicted_models_park_within_the_parks_budget_and_come_back_without_a_load():
    device = Device(budget=2, park=2)
    a, b, big = device.spec("a"), device.spec("b"), device.spec("big", 2)
    for spec in (a, b):
        device.now += 1
        with device.manager.lease(spec):
            pass
    with device.manager.lease(big):
        assert device.states() == {"a": "parked", "b": "parked", "big": "device"}
        assert device.manager.used("cpu") == device.used("cpu") == 2 * UNIT
        assert {status.place for status in device.manager.snapshot() if status.key != "big"} == {"cpu"}
    with device.manager.lease(a):  # parked `b` goes, for `big` parks
        assert device.states() == {"a": "device", "big": "parked"}
    assert device.loads == {"a": 1, "b": 1, "big": 1}


def test_the_least_recently_used_is_dropped_from_the_park():
    device = Device(budget=1, park=2)
    for key in "abcd":
        device.now += 1
        with device.manager.lease(device.spec(key)):
            pass
    assert device.states() == {"b": "parked", "c": "parked", "d": "device"}


def test_two_models_change_places_where_each_place_holds_one():
    device = Device(budget=1, park=1)
    a, b = device.spec("a"), device.spec("b")
    for spec in (a, b, a, b):
        with device.manager.lease(spec):
            pass
    assert device.loads == {"a": 1, "b": 1}
    assert device.states() == {"a": "parked", "b": "device"}


def test_evicting_a_parked_model_drops_it():
    device = Device(budget=1, park=1)
    with device.manager.lease(device.spec("a")):
        pass
    assert device.manager.evict("a") == UNIT
    assert device.states() == {"a": "parked"}
    assert device.manager.evict() == 0  # nothing on the device
    assert device.manager.evict("a") == UNIT
    assert device.manager.snapshot() == ()


def test_a_parked_and_a_placed_model_evicted_together():
    device = Device(budget=1, park=1)
    for key in "ab":
        with device.manager.lease(device.spec(key)):
            pass
    assert device.manager.evict("b", "a") == 2 * UNIT
    assert device.states() == {"b": "parked"}


def test_nothing_parks_on_a_cpu_device():
    device = Device(budget=1, park=5, device="cpu")
    with device.manager.lease(device.spec("a")):
        pass
    assert device.manager.evict() == UNIT
    assert device.manager.snapshot() == ()


def test_idle_models_leave_after_an_out_of_memory_when_the_load_of_another_has_ended():
    device = Device(budget=3)
    for key in ("a", "idle"):
        with device.manager.lease(device.spec(key)):
            pass
    go, loading, tries = threading.Event(), threading.Event(), []

    def block(_key):
        loading.set()
        assert go.wait(WAIT)

    def work(module):
        tries.append(module.key)
        if len(tries) == 1:
            raise torch.OutOfMemoryError("out of memory")
        return len(tries)

    device.on_load = block
    slow = Task(lambda: device.use(device.spec("slow")))
    assert loading.wait(WAIT)
    task = Task(lambda: device.manager.run(work, device.spec("a"), timeout=WAIT))
    task.join(0.05)  # time enough to evict, were it not for the lock
    assert ("idle", "gone") not in device.moves
    go.set()
    assert (slow.result(), task.result()) == ("slow", 2)
    assert ("idle", "gone") in device.moves


def test_run_passes_its_owner_and_its_timeout():
    device = Device(budget=1)
    assert device.manager.run(lambda _: device.manager.snapshot()[0].owners, device.spec("a"), owner="cli") == ("cli",)
    with device.manager.lease(device.spec("a")), pytest.raises(TimeoutError):
        device.manager.run(lambda _: None, device.spec("b"), timeout=0)


def test_what_is_on_its_way_into_or_out_of_the_park_counts_there():
    device = Device(budget=1, park=1)
    seen = []
    device.on_move = lambda key, place: seen.append((key, place, device.manager.used("cpu"), device.manager.used()))
    with device.manager.lease(device.spec("a")):
        pass
    device.manager.evict("a")
    with device.manager.lease(device.spec("a")):
        pass
    device.manager.evict("a")
    device.manager.evict("a")
    assert seen == [
        ("a", "device", 0, UNIT),
        ("a", "cpu", UNIT, UNIT),
        ("a", "device", 0, UNIT),  # on its way back it leaves the park's count first: a victim may need the place
        ("a", "cpu", UNIT, UNIT),
        ("a", "gone", UNIT, 0),
    ]
