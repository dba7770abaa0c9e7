"""Which device the models live on, and how many bytes of it and of CPU memory they may take."""

import os
from pathlib import Path

import psutil
import torch

__all__ = ["budget", "choose", "park"]

SHARE = {"cuda": 0.85, "mps": 0.6, "cpu": 0.5}  # of the memory; the rest is for activations and everything else
PARK = 0.25  # of the CPU memory


def choose(name: str = "auto") -> torch.device:
    """The device of a name, "auto" for the best there is; raises `ValueError` for one that this machine lacks."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto" and os.getenv("SPACES_ZERO_GPU"):
        return torch.device("cpu")  # there a GPU exists only inside functions that ask for one, and no flow needs it
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"no device is called {name!r}; choose auto, cpu, cuda, cuda:1 or mps") from error
    if device.type == "cuda" and available["cuda"] and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"this machine has no {name}; it has {torch.cuda.device_count()} CUDA device(s), from cuda:0")
    if not available.get(device.type, False):
        there = ", ".join(kind for kind, is_there in available.items() if is_there)
        raise ValueError(f"this machine has no {name}; it has {there}")
    return device


def budget(device: torch.device) -> int:
    """Bytes that models may take on the device."""
    if device.type == "cuda":
        return int(SHARE["cuda"] * torch.cuda.mem_get_info(device)[1])
    return int(SHARE[device.type] * _memory())


def park(device: torch.device) -> int:
    """Bytes of CPU memory for models that have left the device; none where the device is the CPU itself."""
    return 0 if device.type == "cpu" else int(PARK * _memory())


def _memory() -> int:
    """Bytes of memory of this machine, or of its container where that has less."""
    physical = psutil.virtual_memory().total
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return physical
    return min(physical, int(limit)) if limit.isdigit() else physical
