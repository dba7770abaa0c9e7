"""Weights in memory: bytes by distinct storages, and moves that keep them tied."""

from types import SimpleNamespace

import pytest
import torch
from simulated import UNIT, Device, Weights
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef

from playground import memory
from playground.books import size_text


def test_storages_count_once():
    module = Weights("tied", 4, tied=True)
    assert memory.storage_bytes(module) == 4 * UNIT
    assert sum(tensor.nbytes for tensor in [*module.parameters(), *module.buffers()]) > 8 * UNIT
    module.register_buffer("own", torch.zeros(UNIT, dtype=torch.uint8), persistent=False)
    assert memory.storage_bytes(module) == 5 * UNIT
    module.register_buffer("twin", torch.zeros(UNIT, dtype=torch.uint8))  # of the same size, and not the same
    assert memory.storage_bytes(module) == 6 * UNIT
    device = Device(budget=4)
    with device.manager.lease(device.spec("tied", 4, tied=True)):
        assert device.manager.used() == 4 * UNIT


def test_a_move_keeps_tied_storages_tied_and_shapes():
    module = Weights("tied", 4, tied=True)
    module.register_buffer("turned", module.shadow.T)
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


def test_sizes_read_well():
    assert [size_text(n) for n in (0, 1023, 1536, 5 * 2**20, 2**30, 2**50)] == [
        "0 B",
        "1023 B",
        "1.5 KiB",
        "5.0 MiB",
        "1.0 GiB",
        "1024.0 TiB",
    ]


def test_the_cache_of_the_device_that_was_left_is_given_back(monkeypatch):
    emptied = []
    for kind in ("cuda", "mps"):
        monkeypatch.setattr(getattr(torch, kind), "empty_cache", lambda kind=kind: emptied.append(kind))
    module = Weights("here", 1)
    memory.move(module, memory.CPU)
    assert emptied == []
    # As if its weights were on a device that this machine need not have.
    monkeypatch.setattr(
        memory, "_tensors", lambda _module: [torch.empty(0), SimpleNamespace(device=torch.device("cuda:0"))]
    )
    memory.move(module, memory.META)
    assert emptied == ["cuda"]
