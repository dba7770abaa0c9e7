"""Models in memory: the bytes of their storages, their moves, and the manager's records of who uses them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

__all__ = [
    "CPU",
    "META",
    "Entry",
    "Lease",
    "check_fresh",
    "describe",
    "holders",
    "move",
    "out_of_memory",
    "size_text",
    "storage_bytes",
    "table",
]

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

    module._apply(place)
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


@dataclass(eq=False)
class Lease:
    """One `with manager.lease(...)`: `keys` in order, without repeats; times in seconds of the manager's clock."""

    owner: str
    keys: tuple[str, ...]
    since: float  # asked since; held since, once granted
    deadline: float


@dataclass(eq=False)
class Entry:
    """One model in the books."""

    key: str
    state: str
    module: nn.Module
    bytes: int = 0
    on_device: bool = False  # counts against the budget: from before the move in until the move out has ended
    in_park: bool = False  # likewise for the park
    leases: list[Lease] = field(default_factory=list)
    idle_since: float = 0.0

    @property
    def place(self) -> str:
        """Where its weights are: device, cpu, or "" while there are none."""
        return "" if self.state == "loading" else "device" if self.on_device else "cpu"


def holders(entries: Iterable[Entry], now: float) -> str:
    """Who leases what, for how long: "clip/b32 by 'search' for 12 s"; "" when nobody does."""
    return ", ".join(
        f"{entry.key} by {lease.owner or 'unnamed'!r} for {now - lease.since:.0f} s"
        for entry in entries
        for lease in entry.leases
    )


def table(entries: Iterable[Entry], now: float) -> str:
    """The books as lines of text, one a model."""
    rows = [
        (
            entry.key,
            entry.state,
            size_text(entry.bytes),
            holders([entry], now) or f"idle {now - entry.idle_since:.0f} s",
        )
        for entry in entries
    ]
    return "\n".join(f"  {key:<32} {state:<8} {size:>10}  {use}" for key, state, size, use in rows)


def size_text(size: int) -> str:
    """Bytes for people: "512 B", "1.5 MiB"."""
    number, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if number < 1024:
            break
        number, unit = number / 1024, larger
    return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"


def describe(error: BaseException) -> str:
    """Type and first line of an error."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


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
