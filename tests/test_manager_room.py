"""Room in the model manager: who leaves, who stays, who is refused; on a simulated accelerator."""

import threading

import pytest
from simulated import UNIT, WAIT, Device, Task, Weights, until
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
    manager = ModelManager("cpu", 2 * UNIT - 1)  # one byte too few for two
    a, b = (ModelSpec(key, lambda: Weights("one", 1)) for key in "ab")
    with manager.lease(a), pytest.raises(TimeoutError), manager.lease(b, timeout=0):
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
    with (
        device.manager.lease(device.spec("a"), device.spec("b")),
        pytest.raises(RuntimeError, match=r"stays: b by 'unnamed' for 0 s\. Try"),
    ):
        device.manager.evict("b")  # names who holds `b`, and no other
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
    assert [event.bytes for event in device.manager.events if event.kind == "refuse"] == [5 * UNIT] * 2


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
        until(device.stalled)
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
    spec = device.spec("a")
    with device.manager.lease(spec) as old:
        pass
    go, moving = device.halts("a", "gone")
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


def test_the_end_of_a_lease_counts_as_the_last_use():
    device = Device(budget=2)
    with device.manager.lease(device.spec("a")):
        device.now = 1.0
        with device.manager.lease(device.spec("b")):
            device.now = 2.0
        device.now = 3.0
    device.now = 5.0
    assert {status.key: status.idle_seconds for status in device.manager.snapshot()} == {"a": 2.0, "b": 3.0}
    with device.manager.lease(device.spec("c")):
        assert device.states() == {"a": "device", "c": "device"}


def test_a_lease_of_several_does_not_evict_the_one_that_is_there():
    device = Device(budget=2)
    a, b, c = (device.spec(key) for key in "abc")
    for spec in (a, b):  # `a` is the least recently used
        device.now += 1
        with device.manager.lease(spec):
            pass
    with device.manager.lease(a, c):
        assert device.states() == {"a": "device", "c": "device"}
    assert device.loads == {"a": 1, "b": 1, "c": 1}


def test_a_model_that_grew_since_its_last_load_is_counted_with_what_it_takes_now():
    device = Device(budget=2)
    with device.manager.lease(device.spec("a", 1)):
        pass
    device.manager.evict("a")
    with device.manager.lease(device.spec("b")), pytest.raises(TimeoutError):
        device.manager.lease(device.spec("a", 2), timeout=0).__enter__()
    with device.manager.lease(device.spec("a", 2)):
        assert device.states() == {"a": "device"}


def test_a_key_named_twice_is_evicted_once():
    device = Device(budget=1, park=1)
    with device.manager.lease(device.spec("a")):
        pass
    assert device.manager.evict("a", "a") == UNIT
    assert device.states() == {"a": "parked"}


def test_nobody_takes_a_model_that_room_is_being_made_of():
    """A lease that came between the first victim's leaving and the second's would let a known model load too early."""
    device = Device(budget=2, device="cpu")
    x, y, big = device.spec("x"), device.spec("y"), device.spec("big", 2)
    for spec in (big, x, y):  # the size of `big` is known from now on
        with device.manager.lease(spec):
            pass
    refused, taken = [], []

    def on_move(key, place):
        if (key, place) == ("x", "gone"):
            with pytest.raises(TimeoutError) as raised, device.manager.lease(y, timeout=0):
                pass
            refused.append(str(raised.value))

    device.on_move, device.on_load = on_move, lambda key: taken.append((key, device.used("device")))
    with device.manager.lease(big):
        pass
    assert len(refused) == 1
    assert taken == [("big", 0)]
