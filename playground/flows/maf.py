"""Masked autoregressive flow (Papamakarios, Pavlakou and Murray, 2017), its masks from MADE (Germain et al., 2015)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from playground.flows.flow import Flow
from playground.flows.nice import MAX_HIDDEN
from playground.flows.plane import check_between

__all__ = ["Autoregressive", "MaskedLinear", "maf"]

LIMIT = math.log(1000)  # no layer stretches or shrinks a coordinate more than a thousand times


def maf(dim: int = 2, layers: int = 6, *, hidden: int = 64) -> Flow:
    """Autoregressive layers, the order of the coordinates reversed from one to the next.

    A density takes one pass of each network, a sample `dim` of them. `hidden` is the width of the networks. Raises
    `ValueError` for hidden outside dim - 1..1024: a unit for every coordinate that another may depend on.
    """
    check_between("hidden", hidden, max(1, dim - 1), MAX_HIDDEN)
    return Flow([Autoregressive(dim, hidden, reverse=layer % 2 == 1) for layer in range(layers)], dim=dim)


class Autoregressive(nn.Module):
    """z_i = x_i exp(s_i) + t_i, with s_i and t_i functions of the coordinates before i (after i, if `reverse`).

    These are equations (3) and (4) of Papamakarios et al. for alpha = -s and mu = -t exp(-s).
    """

    def __init__(self, dim: int, hidden: int, *, reverse: bool) -> None:
        super().__init__()
        self.dim, self.reverse = dim, reverse
        place = torch.arange(dim).flip(0) if reverse else torch.arange(dim)  # of each coordinate in the order
        degree = 1 + torch.arange(hidden) % (dim - 1)  # a hidden unit sees the first `degree` coordinates of the order
        self.network = nn.Sequential(
            MaskedLinear(degree[:, None] > place),
            nn.SiLU(),
            MaskedLinear(degree[:, None] >= degree),
            nn.SiLU(),
            MaskedLinear((place[:, None] >= degree).repeat_interleave(2, dim=0)),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (n, d) towards the latent, in one pass; also the log-determinant (n,)."""
        t, s = self._numbers(x)
        return x * s.exp() + t, s.sum(1)

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The exact inverse, in d passes: each makes one more coordinate right."""
        x = torch.zeros_like(z)
        for _ in range(self.dim):
            t, s = self._numbers(x)
            x = (z - t) * (-s).exp()
        return x, -s.sum(1)  # s was right in the last pass: it does not see the coordinate set there

    def _numbers(self, x: Tensor) -> tuple[Tensor, Tensor]:
        t, raw = self.network(x).view(-1, self.dim, 2).unbind(2)
        return t, raw / (1 + raw.abs() / LIMIT)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, reverse={self.reverse}"


class MaskedLinear(nn.Linear):
    """A linear layer whose output i sees input j only where mask (out, in) says so; equation (8) of MADE."""

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask.float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight * self.mask, self.bias)
