"""Waiting in the model manager: first come, first served, woken in time; threads meet at events, never by sleeping."""

import re
import threading
from contextlib import ExitStack
from functools import partial

import pytest
from simulated import UNIT, WAIT, Device, Task, together, until


def test_a_waiter_gets_the_room_when_the_lease_ends():
    device = Device(budget=1)
    a, b = device.spec("a"), device.spec("b")

    with device.manager.lease(a):
        task = Task(lambda: device.use(b))
        until(device.stalled)
        # Nothing is locked while it waits: others can look, and evict.
        assert device.manager.evict() == 0
        assert device.manager.waiting() == ("",)
    assert task.result() == "b"
    assert device.states() == {"b": "device"}


def test_a_waiter_gets_the_room_that_an_evict_makes():
    device = Device(budget=2)
    a, b = device.spec("a"), device.spec("b", 2)
    for spec in (b, a):  # the size of `b` is known: it asks for room at once
        with device.manager.lease(spec):
            pass
    go, moving = device.halts("a", "gone")
    evicting = Task(device.manager.evict)
    assert moving.wait(WAIT)
    task = Task(lambda: device.use(b))
    until(device.stalled)
    go.set()
    assert evicting.result() == UNIT
    assert task.result() == "b"


def test_the_next_in_the_queue_is_served_while_the_first_holds_its_model(monkeypatch):
    device = Device(budget=2)
    books, end, looks = device.manager._books, threading.Event(), []
    settle = books.settle

    def settle_and_be_slow(*args):
        settle(*args)
        if args[0].key == "a":
            until(lambda: len(looks) == 2)  # `b` was woken, saw `a` still at the head, and waits again

    def first():
        with device.manager.lease(device.spec("a"), timeout=WAIT):
            assert end.wait(WAIT)

    def second():
        with device.manager.lease(device.spec("b"), timeout=WAIT):
            end.set()

    monkeypatch.setattr(books, "settle", settle_and_be_slow)
    monkeypatch.setattr(books, "wait", lambda lease, wait=books.wait: (looks.append(lease), wait(lease)))
    tasks = []

    def enter_second(key):
        if key == "a":
            tasks.append(Task(second))
            until(lambda: looks)

    device.on_load = enter_second
    tasks.append(Task(first))
    until(end.is_set)
    for task in tasks:
        task.result()


def test_held_since_is_not_asked_since():
    device = Device(budget=1)
    held, done = threading.Event(), threading.Event()

    def want():
        with device.manager.lease(device.spec("b"), timeout=1000.0, owner="blip"):
            held.set()
            assert done.wait(WAIT)

    with device.manager.lease(device.spec("a")):
        task = Task(want)
        until(device.stalled)
        device.now = 50.0
    assert held.wait(WAIT)
    device.now = 60.0
    with pytest.raises(RuntimeError, match="b by 'blip' for 10 s"):
        device.manager.evict("b")
    done.set()
    task.result()


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
    assert re.search(r"^  c +waiting +1.0 KiB  c by 'unnamed' for 0 s$", str(caught.value), re.MULTILINE)  # the table
    assert device.kinds("c") == ["load", "timeout", "fail"]


def test_the_clock_decides_when_a_waiter_has_waited_enough():
    device = Device(budget=1)
    with device.manager.lease(device.spec("a"), owner="clip"):

        def want():
            with device.manager.lease(device.spec("b"), timeout=300.0):
                pass

        task = Task(want)
        until(device.stalled)
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
        until(device.stalled)
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
    with device.manager.lease(ready), pytest.raises(TimeoutError):
        device.manager.lease(device.spec("big", 2), timeout=0).__enter__()  # waited for room once, and no longer does
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
        until(device.stalled)
        assert device.manager.evict("a") == UNIT  # not pinned by a lease that is not yet granted
    assert task.result() == ["a", "c"]
    assert device.loads == {"a": 2, "b": 1, "c": 1}


@pytest.mark.parametrize(("timeout", "seconds"), [(5.0, 5.0), (float("inf"), threading.TIMEOUT_MAX)])
def test_a_waiter_sleeps_until_its_deadline_when_nothing_happens(monkeypatch, timeout, seconds):
    device, slept = Device(budget=1), []
    device.now = 100.0
    with ExitStack() as stack:
        stack.enter_context(device.manager.lease(device.spec("a")))

        def sleep(seconds=None):
            slept.append(seconds)
            device.now += seconds
            if timeout > seconds:  # it would wait for ever: let it have the room
                stack.close()

        monkeypatch.setattr(device.manager._books.changed, "wait", sleep)
        if timeout > seconds:
            with device.manager.lease(device.spec("b"), timeout=timeout) as module:
                assert module.key == "b"
        else:
            with pytest.raises(TimeoutError, match="5 s"), device.manager.lease(device.spec("b"), timeout=timeout):
                pass
            assert [event.seconds for event in device.manager.events if event.kind == "timeout"] == [5.0]
    assert slept == [seconds]


def test_three_in_the_queue_are_served_as_they_came():
    device, order = Device(budget=1), []

    def want(key):
        with device.manager.lease(device.spec(key), timeout=WAIT, owner=key):
            order.append(key)

    tasks = []
    with device.manager.lease(device.spec("held")):
        for key in "cab":
            tasks.append(Task(partial(want, key)))
            until(lambda: len(device.manager.waiting()) == len(tasks))
        assert device.manager.waiting() == ("c", "a", "b")
    for task in tasks:
        task.result()
    assert order == ["c", "a", "b"]


def test_who_waits_in_the_queue_passes_as_soon_as_its_models_are_there():
    device, done, tasks = Device(budget=2), threading.Event(), []

    def second():
        with device.manager.lease(device.spec("a"), timeout=WAIT):
            done.set()

    def enter_second(key):
        if key == "a":
            tasks.append(Task(second))
            until(lambda: len(device.manager.waiting()) == 2)

    def pass_first(key, place):
        if (key, place) == ("b", "device"):
            until(done.is_set)  # `a` is placed, `b` is being placed

    device.on_load, device.on_move = enter_second, pass_first
    with device.manager.lease(device.spec("a"), device.spec("b"), timeout=WAIT):
        tasks[0].result()


def test_the_end_of_a_lease_wakes_the_head_though_others_wait_longer(monkeypatch):
    device, looks = Device(budget=1), []
    books = device.manager._books
    monkeypatch.setattr(books, "wait", lambda lease, wait=books.wait: (looks.append(lease.owner), wait(lease)))
    tasks = []

    def want(key):
        with device.manager.lease(device.spec(key), timeout=WAIT, owner=key) as module:
            return module.key

    def enter_second(key):
        if key == "first":  # unlike the second, it does not yet wait: it loads
            tasks.append(Task(partial(want, "second")))
            until(lambda: "second" in looks)

    device.on_load = enter_second
    with device.manager.lease(device.spec("held")):
        tasks.append(Task(partial(want, "first")))
        until(device.stalled)
        assert looks == ["second", "first"]
    assert {task.result() for task in tasks} == {"second", "first"}


def test_the_next_in_the_queue_wakes_though_others_wait_longer(monkeypatch):
    device, looks, tasks, end = Device(budget=3), [], [], threading.Event()
    books = device.manager._books
    settle, wait = books.settle, books.wait

    def settle_and_be_slow(*args):
        settle(*args)
        if args[0].key == "a":
            until(lambda: looks.count("c") == looks.count("b") == 2)  # both saw `a` still at the head

    def wait_after_c(lease):
        while lease.owner == "b" and "b" in looks and looks.count("c") < 2:
            books.changed.wait(0.001)  # until `c` has woken too, and waits again
        looks.append(lease.owner)
        wait(lease)

    def want(key, ended):
        with device.manager.lease(device.spec(key), timeout=WAIT, owner=key) as module:
            ended()
            return module.key

    def enter_others(key):
        for other in "bc" if key == "a" else "":
            tasks.append(Task(partial(want, other, end.set)))
            until(lambda other=other: other in looks)

    monkeypatch.setattr(books, "settle", settle_and_be_slow)
    monkeypatch.setattr(books, "wait", wait_after_c)
    device.on_load = enter_others
    tasks.append(Task(partial(want, "a", lambda: end.wait(WAIT))))
    until(end.is_set)
    assert {task.result() for task in tasks} == {"a", "b", "c"}


def test_a_ready_model_passes_again_once_room_is_made(monkeypatch):
    device, looks, done = Device(budget=3), [], threading.Event()
    ready, old, new = device.spec("ready"), device.spec("old", 2), device.spec("new", 2)
    books = device.manager._books
    settle, wait = books.settle, books.wait

    def settle_and_be_slow(*args):
        with books.changed:  # nobody looks in here
            seen = len(looks)
            settle(*args)
        if args[1] == "drop":
            until(lambda: len(looks) > seen)  # woken, the second saw that room is being made, and waits again

    def first():
        with device.manager.lease(new, timeout=WAIT, owner="first"):
            pass

    def second():
        with device.manager.lease(ready, timeout=WAIT, owner="second"):
            done.set()

    def pass_first(key, place):
        if (key, place) == ("new", "device"):
            until(done.is_set)

    with device.manager.lease(ready):
        with device.manager.lease(old):
            head = Task(first)
            until(device.stalled)
            monkeypatch.setattr(books, "wait", lambda lease: (looks.append(lease.owner), wait(lease)))
            monkeypatch.setattr(books, "settle", settle_and_be_slow)
            device.on_move = pass_first
            behind = Task(second)
            until(lambda: looks)
        behind.result()
        head.result()


def test_who_timed_out_for_want_of_room_holds_up_no_ready_model():
    device = Device(budget=3, park=1)
    ready, parked = device.spec("ready"), device.spec("parked")
    with device.manager.lease(parked):
        pass
    device.manager.evict("parked")
    with device.manager.lease(ready), pytest.raises(TimeoutError):
        device.manager.lease(device.spec("big", 3), timeout=0).__enter__()
    go, moving = device.halts("parked", "device")
    task = Task(lambda: device.use(parked))
    assert moving.wait(WAIT)
    with device.manager.lease(ready, timeout=0) as module:
        assert module.key == "ready"
    go.set()
    assert task.result() == "parked"
