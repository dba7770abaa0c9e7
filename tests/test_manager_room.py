"""Room in the model manager: who leaves, who is refused, who waits; threads meet at events, never by sleeping."""

import threading
from functools import partial

import pytest
from simulated import UNIT, WAIT, Device, Task, Weights, together, until
from torch.multiprocessing.reductions import StorageWeakRef

from playground.manager import ModelManager, ModelSpec


def test_the_least_recently_used_leaves_first():
    device = Device(budget=3)
    specs = {key: device.spec(key) for key in "abcd"}
    for key in "abca":
        device.now += 1
        with device.manager.lease(specs[key]):
            pass
    with device.manager.lease(specs["d"]):
        assert set(device.states()) == {"a", "c", "d"}


def test_no_more_leaves_than_must_and_nothing_before_it_helps():
    device = Device(budget=3)
    a, b, c = (device.spec(key) for key in "abc")
    for spec in (a, b, c):
        device.now += 1
        with device.manager.lease(spec):
            pass
    with device.manager.lease(device.spec("d")):
        assert set(device.states()) == {"b", "c", "d"}
        # Of three units one is leased: `big` cannot have three, and the idle ones stay while it cannot.
        with pytest.raises(TimeoutError), device.manager.lease(device.spec("big", 3), timeout=0):
            pass
        assert device.states() == {"b": "device", "c": "device", "d": "device"}


def test_the_budget_is_filled_to_the_last_byte_and_not_beyond():
    device = Device(budget=2)
    with device.manager.lease(device.spec("a"), device.spec("b")):
        assert device.manager.used() == device.manager.budget
    with pytest.raises(MemoryError), device.manager.lease(device.spec("a"), device.spec("b"), device.spec("c")):
        pass


def test_a_leased_model_is_not_evicted():
    device = Device(budget=1, park=1)
    with device.manager.lease(device.spec("a"), owner="clip"):
        device.now = 12.0
        with pytest.raises(RuntimeError, match="a by 'clip' for 12 s"):
            device.manager.evict("a")
        assert device.manager.evict() == 0
        with pytest.raises(TimeoutError), device.manager.lease(device.spec("b"), timeout=0):
            pass
        assert device.states() == {"a": "device"}
    assert device.manager.evict("a") == UNIT


def test_of_several_keys_none_is_evicted_when_one_is_refused():
    device = Device(budget=2)
    with device.manager.lease(device.spec("a")):
        pass
    with device.manager.lease(device.spec("b")), pytest.raises(RuntimeError, match="b by 'unnamed'"):
        device.manager.evict("a", "b")
    assert device.states() == {"a": "device", "b": "device"}
    assert device.manager.evict() == 2 * UNIT
    assert device.manager.snapshot() == ()


def test_too_big_is_refused_at_once_with_the_table_and_the_remedy():
    device = Device(budget=4)
    big = device.spec("huge", 5)
    with device.manager.lease(device.spec("small", 4), owner="clip"):
        device.now = 3.0
        # Not a TimeoutError, though all is leased: waiting would not help.
        with pytest.raises(MemoryError) as caught, device.manager.lease(big, timeout=WAIT):
            pass
        words = str(caught.value)
        assert "huge takes 5.0 KiB, more than the whole budget of 4.0 KiB" in words
        assert "raise the budget" in words
        assert "small by 'clip' for 3 s" in words
        assert device.states() == {"small": "device"}
        with pytest.raises(MemoryError), device.manager.lease(big, timeout=WAIT):
            pass
    assert device.loads["huge"] == 1  # its size is known by now
    assert device.kinds("huge") == ["load", "refuse", "fail", "refuse"]


def test_too_big_is_refused_without_standing_in_the_queue():
    device = Device(budget=2)
    a, b, c = device.spec("a"), device.spec("b", 2), device.spec("c", 3)
    with pytest.raises(MemoryError), device.manager.lease(c):
        pass

    def want():
        with device.manager.lease(b, timeout=WAIT):
            pass

    with device.manager.lease(a):
        task = Task(want)
        until(lambda: device.states().get("b") == "waiting")
        with pytest.raises(MemoryError), device.manager.lease(c, timeout=0):
            pass
    task.result()


def test_a_model_leased_while_others_are_evicted_stays():
    device = Device(budget=2)
    a, b = device.spec("a"), device.spec("b")
    with device.manager.lease(a, b):
        pass
    tasks, end = [], threading.Event()

    def want():
        with device.manager.lease(b, timeout=WAIT) as module:
            assert end.wait(WAIT)
            return device.places[module]

    def lease_b(key, place):
        if (key, place) == ("a", "gone"):
            tasks.append(Task(want))
            until(lambda: any(status.leases for status in device.manager.snapshot()))

    device.on_move = lease_b
    assert device.manager.evict("a", "b") == UNIT
    end.set()
    assert tasks[0].result() == "device"
    assert device.states() == {"b": "device"}


def test_room_comes_before_the_load_once_the_size_is_known():
    device = Device(budget=2, device="cpu")
    a, b = device.spec("a", 2), device.spec("b", 2)
    for spec in (a, b):
        with device.manager.lease(spec):
            pass
    seen: list[int] = []
    device.on_load = lambda _key: seen.append(device.used("device"))
    with device.manager.lease(a):
        pass
    assert seen == [0]  # on a cpu device a load is already in the memory that the budget is about


def test_a_model_that_got_no_room_is_not_kept_uncounted():
    device = Device(budget=1)
    with device.manager.lease(device.spec("a")):
        with pytest.raises(TimeoutError), device.manager.lease(device.spec("b"), timeout=0):
            pass
        assert device.states() == {"a": "device"}
        assert [module.weight.device.type for module in device.places if module.key == "b"] == ["meta"]


def test_weights_are_freed_though_a_variable_still_refers_to_the_module():
    manager = ModelManager("cpu", 2**20)
    with manager.lease(ModelSpec("a", lambda: Weights("a", 1))) as module:
        storage = StorageWeakRef(module.weight.untyped_storage())
    assert manager.evict() == UNIT
    assert module.weight.device.type == "meta"
    assert storage.expired()


def test_victims_leave_the_books_before_their_weights_move():
    device = Device(budget=1)
    spec, moving, go = device.spec("a"), threading.Event(), threading.Event()
    with device.manager.lease(spec) as old:
        pass

    def block(_key, place):
        if place == "gone":
            moving.set()
            assert go.wait(WAIT)

    device.on_move = block
    evicting = Task(device.manager.evict)
    assert moving.wait(WAIT)

    def want():
        with device.manager.lease(spec, timeout=WAIT) as module:
            return module

    task = Task(want)
    until(lambda: device.manager.waiting() or not task.is_alive())
    assert device.states() == {"a": "leaving"}
    assert device.manager.used() == UNIT  # its bytes are there until the move has ended
    go.set()
    assert evicting.result() == UNIT
    assert task.result() is not old


def test_a_waiter_gets_the_room_when_the_lease_ends():
    device = Device(budget=1)
    a, b = device.spec("a"), device.spec("b")

    def want():
        with device.manager.lease(b, timeout=WAIT) as module:
            return module.key

    with device.manager.lease(a):
        task = Task(want)
        until(lambda: device.states().get("b") == "waiting")
        # Nothing is locked while it waits: others can look, and evict.
        assert device.manager.evict() == 0
        assert device.manager.waiting() == ("",)
    assert task.result() == "b"
    assert device.states() == {"b": "device"}


def test_a_waiter_gets_the_room_that_an_evict_makes():
    device = Device(budget=2)
    a, b = device.spec("a"), device.spec("b", 2)
    with device.manager.lease(a):
        pass
    go, moving = threading.Event(), threading.Event()

    def block(key, place):
        if (key, place) == ("a", "gone"):
            moving.set()
            assert go.wait(WAIT)

    device.on_move = block
    evicting = Task(device.manager.evict)
    assert moving.wait(WAIT)

    def want():
        with device.manager.lease(b, timeout=WAIT) as module:
            return module.key

    task = Task(want)
    until(device.manager.waiting)
    go.set()
    assert evicting.result() == UNIT
    assert task.result() == "b"


def test_waiters_time_out_naming_the_holders():
    device = Device(budget=2)
    a, b = device.spec("a"), device.spec("b")
    with device.manager.lease(a, owner="clip"):
        device.now = 10.0
        with device.manager.lease(a, b, owner="blip"):
            device.now = 42.0
            with pytest.raises(TimeoutError) as caught, device.manager.lease(device.spec("c"), timeout=0):
                pass
    assert "a by 'clip' for 42 s, a by 'blip' for 32 s, b by 'blip' for 32 s" in str(caught.value)
    assert device.kinds("c") == ["load", "timeout", "fail"]


def test_the_clock_decides_when_a_waiter_has_waited_enough():
    device = Device(budget=1)
    with device.manager.lease(device.spec("a"), owner="clip"):

        def want():
            with device.manager.lease(device.spec("b"), timeout=300.0):
                pass

        task = Task(want)
        until(lambda: device.states().get("b") == "waiting")
        device.now = 300.0
        with pytest.raises(TimeoutError), device.manager.lease(device.spec("c"), timeout=0):
            pass  # leaves the queue, and so wakes the other
        with pytest.raises(TimeoutError, match="within 300 s; in use: a by 'clip' for 300 s"):
            task.result()


def test_first_come_first_served_and_a_stream_of_small_leases_starves_nobody():
    device = Device(budget=2)
    small, big = device.spec("small"), device.spec("big", 2)
    order = []

    def want(spec, owner):
        with device.manager.lease(spec, timeout=WAIT, owner=owner):
            order.append(owner)

    with device.manager.lease(small, owner="stream"):
        first = Task(lambda: want(big, "first"))
        until(lambda: device.states().get("big") == "waiting")
        second = Task(lambda: want(small, "second"))
        until(lambda: device.manager.waiting() == ("first", "second"))
        # The next of the stream may not pass, though `small` is there; else `first` would wait for ever.
        with pytest.raises(TimeoutError), device.manager.lease(small, timeout=0):
            pass
    first.result()
    second.result()
    assert order == ["first", "second"]


def test_a_ready_model_does_not_wait_for_the_load_of_another():
    device = Device(budget=2)
    ready, slow = device.spec("ready"), device.spec("slow")
    with device.manager.lease(ready):
        pass
    loading, go = threading.Event(), threading.Event()

    def block(_key):
        loading.set()
        assert go.wait(WAIT)

    device.on_load = block

    def want():
        with device.manager.lease(slow, timeout=WAIT):
            pass

    task = Task(want)
    assert loading.wait(WAIT)
    with device.manager.lease(ready, timeout=0) as module:
        assert module.key == "ready"
    with pytest.raises(TimeoutError, match="slow by 'unnamed'"), device.manager.lease(slow, timeout=0):
        pass
    go.set()
    task.result()


def test_several_models_in_one_lease_cannot_deadlock():
    device = Device(budget=2)
    a, b, c, d = (device.spec(key) for key in "abcd")
    barrier = threading.Barrier(4)

    def want(*pair):
        for _ in range(20):
            barrier.wait(WAIT)
            with device.manager.lease(*pair, timeout=WAIT) as modules:
                assert [device.places[module] for module in modules] == ["device", "device"]

    together(*[partial(want, *pair) for pair in [(a, b), (b, a), (c, d), (d, c)]])


def test_a_lease_that_waits_holds_nothing():
    device = Device(budget=2)
    a, b, c = (device.spec(key) for key in "abc")
    with device.manager.lease(a):
        pass
    with device.manager.lease(b):

        def want():
            with device.manager.lease(a, c, timeout=WAIT) as modules:
                return [module.key for module in modules]

        task = Task(want)
        until(lambda: device.states().get("c") == "waiting")
        assert device.manager.evict("a") == UNIT  # not pinned by a lease that is not yet granted
    assert task.result() == ["a", "c"]
    assert device.loads == {"a": 2, "b": 1, "c": 1}
