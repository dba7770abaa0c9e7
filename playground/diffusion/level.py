"""How a denoiser reads a noise level: in float64, float32 on MPS that has no other, and shaped to stand beside x."""

from typing import Any

import torch
from torch import Tensor

__all__ = ["beside", "read_level", "wide"]


def wide(device: torch.device) -> torch.dtype:
    """The dtype of states and noise levels: float64, float32 on MPS."""
    return torch.float32 if device.type == "mps" else torch.float64


def beside(sigma: Tensor, x: Tensor) -> Tensor:
    """sigma of shape (), (n,) or broadcastable, shaped to stand beside x (n, ...)."""
    return sigma.reshape(-1, *[1] * (x.ndim - 1)) if sigma.ndim == 1 and x.ndim > 1 else sigma


def read_level(sigma: Any, x: Tensor, *, zero: bool = False) -> Tensor:
    """A denoiser's noise level beside its x (n, ...): () or (n, 1, ...) with x's axes, on x's device.

    Raises `ValueError` unless it is a number, (n,) or (n, 1, ...), and positive (0 too, if `zero`).
    """
    given = torch.as_tensor(sigma, dtype=wide(x.device), device=x.device)
    level = beside(given, x)
    if level.ndim and level.shape != (len(x), *[1] * (x.ndim - 1)):
        axes = ", ".join(["n", *["1"] * (x.ndim - 1)])
        raise ValueError(
            f"sigma must have the shape (), (n,) or ({axes}) beside x of {len(x)}, not {tuple(given.shape)}"
        )
    if not bool((level >= 0 if zero else level > 0).all()):
        raise ValueError(f"sigma must be {'at least 0' if zero else 'positive'}, not {float(level.min())}")
    return level
