"""The model manager's rules, one test a rule, on a simulated accelerator; threads meet at events, never by sleeping."""

import asyncio
import sys
import threading
import weakref

import pytest
import torch
from simulated import UNIT, Device, Task, Weights, quiet, until
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef

from playground import memory
from playground.books import size_text
from playground.manager import ModelManager, ModelSpec

WAIT = 10.0  # seconds of timeout for a lease that must come through


@pytest.fixture(autouse=True)
def _switch_often():
    """Threads change places every few microseconds, not every 5 ms: they meet in the narrow spots too."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def kinds(device: Device, key: str) -> list[str]:
    """The kinds of the events of `key`, in order."""
    return [event.kind for event in device.manager.events if event.key == key]


# Leases


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


def test_storages_count_once():
    module = Weights("tied", 4, tied=True)
    assert memory.storage_bytes(module) == 4 * UNIT
    assert sum(tensor.nbytes for tensor in [*module.parameters(), *module.buffers()]) > 8 * UNIT
    device = Device(budget=4)
    with device.manager.lease(device.spec("tied", 4, tied=True)):
        assert device.manager.used() == 4 * UNIT


def test_a_move_keeps_tied_storages_tied_and_shapes():
    module = Weights("tied", 4, tied=True)
    shapes = {
        name: (tensor.shape, tensor.stride(), tensor.storage_offset()) for name, tensor in module.state_dict().items()
    }
    memory.move(module, memory.META)
    moved = module.state_dict()
    assert {tensor.device.type for tensor in moved.values()} == {"meta"}
    assert len({tensor.untyped_storage()._cdata for tensor in moved.values()}) == 1
    assert {name: (tensor.shape, tensor.stride(), tensor.storage_offset()) for name, tensor in moved.items()} == shapes
    here = Weights("here", 1)
    pointer = here.weight.data_ptr()
    memory.move(here, memory.CPU)
    assert here.weight.data_ptr() == pointer


def test_the_traceback_of_a_failed_move_holds_no_copies():
    module = nn.Module()
    module.dense = nn.Parameter(torch.ones(4), requires_grad=False)
    module.sparse = nn.Parameter(torch.ones(4).to_sparse(), requires_grad=False)  # has no storage to copy
    with pytest.raises(NotImplementedError) as caught:
        memory.move(module, memory.META)
    copy = StorageWeakRef(module.dense.untyped_storage())
    assert module.dense.device.type == "meta"
    assert not copy.expired()
    del module.dense
    assert caught.value.__traceback__ is not None
    assert copy.expired()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda m: m.train(), "training mode"),
        (lambda m: m.requires_grad_(True), "require gradients"),
        (lambda m: m.to("meta"), "weights on meta"),
    ],
)
def test_a_load_that_gives_no_frozen_cpu_module_is_refused(spoil, words):
    device = Device(budget=1)
    with (
        pytest.raises(ValueError, match=f"'a'.*{words}"),
        device.manager.lease(ModelSpec("a", lambda: spoil(Weights("a", 1)))),
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


def test_loads_and_moves_take_turns():
    device = Device(budget=2)
    with device.manager.lease(device.spec("a")):
        pass
    evicting = []

    def beside(key):
        if key == "b":
            evicting.append(Task(device.manager.evict))
            evicting[0].join(0.05)  # time enough to begin, were it not for the lock
            assert ("a", "gone") not in device.moves

    device.on_load = beside
    with device.manager.lease(device.spec("b")):
        assert evicting[0].result() == UNIT
    assert ("a", "gone") in device.moves


# One load


def test_32_threads_want_one_model_and_it_loads_once():
    device = Device(budget=1)
    spec, barrier = device.spec("a"), threading.Barrier(32)

    def want():
        barrier.wait()
        with device.manager.lease(spec, timeout=WAIT) as module:
            return module

    assert len({task.result() for task in [Task(want) for _ in range(32)]}) == 1
    assert device.loads == {"a": 1}


@pytest.mark.parametrize("room", [3, 8])
def test_32_threads_on_8_models(room):
    device = Device(budget=room, park=2)
    specs, barrier = [device.spec(f"{i}") for i in range(8)], threading.Barrier(32)

    def want(i):
        barrier.wait()
        for step in range(3):
            with device.manager.lease(specs[(i + step) % 8], timeout=WAIT) as module:
                device.leased[module] += 1  # from here on the ledger refuses to move it
                assert module.key == f"{(i + step) % 8}"
                assert device.places[module] == "device"
                assert module.weight.device.type == "cpu"  # not freed
                device.leased[module] -= 1

    for task in [Task(lambda i=i: want(i)) for i in range(32)]:
        task.result()
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
    assert kinds(device, "a") == ["fail"]
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

    def want():
        with device.manager.lease(spec, timeout=WAIT) as module:
            return module.key

    first = Task(want)
    until(lambda: device.loads["a"] == 1)
    rest = [Task(want) for _ in range(3)]
    until(lambda: len(device.manager.waiting()) == 4)
    go.set()
    with pytest.raises(OSError, match="torn file"):
        first.result()
    assert [task.result() for task in rest] == ["a"] * 3
    assert device.loads == {"a": 2}


# Moves that fail


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
    assert kinds(device, "b") == ["load", "fail"]
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
    assert kinds(device, "a") == ["load", "place", "fail"]


# Room


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
    assert kinds(device, "huge") == ["load", "refuse", "fail", "refuse"]


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


# Waiting


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
    assert kinds(device, "c") == ["load", "timeout", "fail"]


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

    for task in [Task(lambda pair=pair: want(*pair)) for pair in [(a, b), (b, a), (c, d), (d, c)]]:
        task.result()


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


# Leases that end early


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


# Out of memory


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
    assert kinds(device, "a + b") == ["oom"]
    assert kinds(device, "c")[-1] == "drop"


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


# The park


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


# Words


def test_sizes_read_well():
    assert [size_text(n) for n in (0, 1023, 1536, 5 * 2**20, 2**30, 2**50)] == [
        "0 B",
        "1023 B",
        "1.5 KiB",
        "5.0 MiB",
        "1.0 GiB",
        "1024.0 TiB",
    ]


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
