"""What frozen models share that are prepared for computing on CPU (`matmul.prepare`)."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playground.nn.matmul import Linear, Rows, prepare

__all__ = ["Patches", "can_be_packed", "stamp"]


def can_be_packed(model: nn.Module) -> bool:
    """Whether the weights are float32 on the CPU. Raises `ValueError` for a model that is not frozen."""
    if any(p.requires_grad for p in model.parameters()):
        raise ValueError("only a frozen model can be accelerated: call eval() and requires_grad_(False) on it first")
    return all(p.device.type == "cpu" and p.dtype == torch.float32 for p in model.parameters())


def stamp(weights: Iterable[Tensor]) -> list[tuple[int, int]]:
    """Changes whenever a weight does."""
    return [(p.data_ptr(), 0 if p.is_inference() else p._version) for p in weights]


class Patches(nn.Module):
    """A convolution of patches side by side, as one product: (n, 3, side, side) to (n, width, grid, grid)."""

    def __init__(self, plain: "nn.Conv2d | Patches", dtype: torch.dtype, rows: Rows = "some") -> None:
        super().__init__()
        self.weight: Tensor = plain.weight
        self.bias: Tensor | None = plain.bias
        self.side, self.dtype = self.weight.shape[-1], dtype
        flat = self.weight.flatten(1)
        bias = flat.new_zeros(len(flat)) if self.bias is None else self.bias
        self.packed: Linear | None = prepare(flat, bias, dtype=dtype, rows=rows)
        self.stamp = stamp(self.parameters())

    def forward(self, x: Tensor) -> Tensor:
        if self.stamp != stamp(self.parameters()):
            self.packed = None
        if self.packed is None or torch.is_grad_enabled():
            return F.conv2d(x, self.weight, self.bias, stride=self.side)
        n, _, height, width = x.shape
        grid = height // self.side, width // self.side
        patches = x.unflatten(3, (grid[1], self.side)).unflatten(2, (grid[0], self.side)).permute(0, 2, 4, 1, 3, 5)
        made = self.packed(patches.to(self.dtype).reshape(n * grid[0] * grid[1], -1))
        return made.to(x.dtype).view(n, *grid, -1).permute(0, 3, 1, 2)
