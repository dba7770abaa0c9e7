"""The model manager on a real CUDA device: memory comes back, a true out-of-memory is survived, placing is timed."""

import gc
import weakref

import pytest
import torch
from torch import nn

from playground import memory
from playground.manager import ModelManager, ModelSpec

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device; this machine has none")

MIB = 2**20
CAP = 1024 * MIB  # what this process may take of the device, so that running out of memory is quick and harms nobody


@pytest.fixture(autouse=True)
def _capped():
    gc.collect()
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, (CAP + torch.cuda.memory_reserved()) / total))
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()


def spec(key: str, mib: int) -> ModelSpec[nn.Module]:
    """A model of `mib` MiB in 32 tensors, all of them 3."""

    def load() -> nn.Module:
        tensors = (nn.Parameter(torch.full((mib * MIB // 128,), 3.0)) for _ in range(32))
        return nn.ParameterList(tensors).eval().requires_grad_(False)

    return ModelSpec(key, load)


def tied() -> nn.Module:
    """64 MiB under three names: a parameter, the same again, a buffer that views its second half."""
    module = nn.Module()
    module.weight = nn.Parameter(torch.arange(16 * MIB, dtype=torch.float32))
    module.head = module.weight
    module.register_buffer("half", module.weight.detach()[8 * MIB :])
    return module.eval().requires_grad_(False)


def test_memory_returns_to_the_baseline_though_variables_remain():
    allocated, reserved = torch.cuda.memory_allocated(), torch.cuda.memory_reserved()
    manager = ModelManager("cuda", 512 * MIB)
    with manager.lease(spec("a", 128), spec("b", 256)) as (a, b):
        assert a[0].device.type == b[0].device.type == "cuda"
        assert torch.cuda.memory_allocated() - allocated == manager.used() == 384 * MIB
    assert manager.evict() == 384 * MIB
    assert torch.cuda.memory_allocated() == allocated
    assert torch.cuda.memory_reserved() <= reserved


def test_tied_weights_take_the_bytes_they_are_counted_with_and_stay_tied_there_and_back():
    before = torch.cuda.memory_allocated()
    manager = ModelManager("cuda", 64 * MIB, park=64 * MIB)
    model = ModelSpec("tied", tied)
    for _ in range(2):  # from the load, then from the park
        with manager.lease(model) as module:
            assert torch.cuda.memory_allocated() - before == manager.used() == 64 * MIB
            assert module.head is module.weight
            assert module.half.data_ptr() == module.weight.data_ptr() + 32 * MIB
            expected = torch.arange(16 * MIB, dtype=torch.float32, device="cuda")
            assert torch.equal(module.weight, expected)
            assert torch.equal(module.half, expected[8 * MIB :])
            del expected
        manager.evict()
        assert torch.cuda.memory_allocated() == before
        assert manager.used("cpu") == memory.storage_bytes(module) == 64 * MIB
        assert torch.equal(module.half, torch.arange(8 * MIB, 16 * MIB, dtype=torch.float32))
    assert [event.kind for event in manager.events] == ["load", "place", "park", "place", "park"]


def test_a_true_out_of_memory_is_survived():
    manager = ModelManager("cuda", CAP)
    with manager.lease(spec("idle", 512)):
        pass
    tries = []

    def work(module: nn.Module) -> float:
        tries.append(None)
        activations = torch.empty(256 * MIB, dtype=torch.uint8, device="cuda")
        assert all(ref is None or ref() is None for ref in tries[:-1])  # those of the first try are gone
        tries[-1] = weakref.ref(activations)
        more = torch.ones(400 * MIB // 4, device="cuda")  # 64 + 512 + 256 + 400 MiB are more than there is
        return (more.sum() + module[0].sum()).item()

    assert manager.run(work, spec("a", 64)) == pytest.approx(400 * MIB / 4 + 3.0 * 64 * MIB / 128, rel=1e-6)
    assert len(tries) == 2
    assert [status.key for status in manager.snapshot()] == ["a"]


def test_out_of_memory_twice_leaves_clean_books_and_memory():
    before = torch.cuda.memory_allocated()
    manager = ModelManager("cuda", CAP)
    with pytest.raises(torch.OutOfMemoryError):
        manager.run(lambda _: torch.empty(2 * CAP, dtype=torch.uint8, device="cuda"), spec("a", 64))
    assert [(status.key, status.leases) for status in manager.snapshot()] == [("a", 0)]
    manager.evict()
    assert torch.cuda.memory_allocated() == before


def test_a_model_that_the_device_cannot_hold_is_dropped_half_moved_and_its_memory_returns():
    before = torch.cuda.memory_allocated()
    manager = ModelManager("cuda", 4 * CAP)  # promises more than there is
    with pytest.raises(torch.OutOfMemoryError) as caught, manager.lease(spec("a", 2048)):
        pass
    assert caught.value.__traceback__ is not None
    assert torch.cuda.memory_allocated() == before
    assert manager.snapshot() == ()
    assert manager.used() == 0
    with manager.lease(spec("b", 64)) as module:
        assert module[0].device.type == "cuda"


def test_placing_is_timed(record_property):
    manager = ModelManager("cuda", 768 * MIB)
    for key in "abc":
        with manager.lease(spec(key, 512)):
            torch.cuda.synchronize()
        manager.evict()
    seconds = sorted(event.seconds for event in manager.events if event.kind == "place")
    record_property("seconds_per_gib_placed", 2 * seconds[1])
    assert 0 < 2 * seconds[1] < 10  # PCIe 3 at half its speed needs a tenth of a second
