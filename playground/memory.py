"""Weights in memory: their bytes by distinct storages, and their moves storage by storage."""

import traceback
from collections.abc import Iterator

import torch
from torch import Tensor, nn

__all__ = ["CPU", "META", "check_fresh", "move", "out_of_memory", "storage_bytes"]

CPU = torch.device("cpu")
META = torch.device("meta")  # shapes without weights: a move there frees the memory, whoever still refers to the module


def storage_bytes(module: nn.Module) -> int:
    """Bytes of the parameters and buffers of `module`, each storage once: tied weights and views do not count twice."""
    return sum(size for _, size in {_identity(tensor) for tensor in _tensors(module)})


def move(module: nn.Module, device: torch.device) -> None:
    """Move the weights of `module` to `device` in place; to "meta" frees them.

    Each storage is copied once, so that what was tied stays tied and takes the `storage_bytes` it was counted with;
    `Module.to` would copy tied buffers and views apart. For modules of ordinary dense tensors.
    """
    sources = {tensor.device.type for tensor in _tensors(module)}
    target = torch.empty(0, device=device).device  # "cuda" -> "cuda:0"
    copies: dict[tuple[int, int], torch.UntypedStorage] = {}

    def place(tensor: Tensor) -> Tensor:
        if tensor.device == target:
            return tensor
        key = _identity(tensor)
        if key not in copies:
            flat = torch.empty(0, dtype=torch.uint8, device=tensor.device).set_(tensor.untyped_storage())
            copies[key] = flat.to(target).untyped_storage()
        empty = torch.empty(0, dtype=tensor.dtype, device=target)
        return empty.set_(copies[key], tensor.storage_offset(), tensor.size(), tensor.stride())

    try:
        module._apply(place)
    except BaseException as error:
        # The frames of the traceback refer to copies; who handles this must find their memory free.
        copies.clear()
        traceback.clear_frames(error.__traceback__)
        raise
    # torch keeps what the weights left behind, and other programs on the device would miss it.
    for kind in sources & {"cuda", "mps"} - {target.type}:
        getattr(torch, kind).empty_cache()


def check_fresh(key: str, module: nn.Module) -> None:
    """Raise ValueError unless `module` is what `ModelSpec.load` must give: weights on the CPU, in eval mode, frozen."""
    faults = []
    if places := {tensor.device.type for tensor in _tensors(module)} - {"cpu"}:
        faults.append(f"weights on {', '.join(sorted(places))} (the same module as last time?)")
    if any(part.training for part in module.modules()):
        faults.append("parts in training mode")
    if any(parameter.requires_grad for parameter in module.parameters()):
        faults.append("parameters that require gradients")
    if faults:
        raise ValueError(
            f"load() of {key!r} gave a module with {' and '.join(faults)}; each call must build a new one on the CPU "
            "and end in: return model.eval().requires_grad_(False)"
        )


def out_of_memory(error: RuntimeError) -> bool:
    """Whether `error` says that memory ran out: only CUDA has a type for it, MPS and the CPU say it in words."""
    words = str(error)
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in words or "DefaultCPUAllocator" in words


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    yield from module.parameters()
    yield from module.buffers()


def _identity(tensor: Tensor) -> tuple[int, int]:
    storage = tensor.untyped_storage()
    return storage.data_ptr(), storage.nbytes()
