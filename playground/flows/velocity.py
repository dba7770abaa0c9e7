"""The network behind flow matching: a perceptron of points and time, with its divergence beside its value."""

import math

import torch
from torch import Tensor, nn

from playground.flows.density import EXTENT
from playground.flows.nice import MAX_HIDDEN
from playground.flows.ode import Field, directions
from playground.flows.plane import check_between

__all__ = ["VelocityNet"]

FREQUENCIES = 4  # of t: 1, 2, 3, 4 half turns between the ends
WAVES = 4  # of each coordinate: 1 to 4 to the width of the plane, so that edges can be steep
WIDTH = 2 * EXTENT
EXACT = 8  # dimensions up to which the trace is exact
PROBES = 4  # of Hutchinson's estimate beyond


class VelocityNet(nn.Module):
    """v(x, t): three SiLU layers, each shifted by what it hears of the time. `heads` answers of x's dimension.

    The first sees x and Fourier features of each coordinate (Tancik et al., Fourier Features Let Networks Learn High
    Frequency Functions, 2020), whose longest wave is as wide as the plane of the densities.
    """

    def __init__(self, dim: int, hidden: int, *, heads: int = 1) -> None:
        check_between("hidden", hidden, 1, MAX_HIDDEN)
        super().__init__()
        self.dim, self.heads = dim, heads
        self.layers = nn.ModuleList([nn.Linear(dim * (1 + 2 * WAVES) if i == 0 else hidden, hidden) for i in range(3)])
        self.time = nn.Linear(1 + 2 * FREQUENCIES, 3 * hidden, bias=False)
        self.last = nn.Linear(hidden, heads * dim)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor, t: Tensor | float) -> Tensor:
        """The answers (n, heads * d) at points x (n, d) and time t, a number or (n,)."""
        h = torch.cat([x, *self._waves(x)], 1)
        for layer, shift in zip(self.layers, self._shifts(x, t), strict=True):
            h = nn.functional.silu(layer(h) + shift)
        answer: Tensor = self.last(h)
        return answer

    def field(self) -> Field:
        """The function (x, t) -> velocity (n, d), divergence (n,): exact up to 8 dimensions, estimated beyond."""
        d, probes = self.dim, 0 if self.dim <= EXACT else PROBES
        choose = directions(d, probes, torch.Generator().manual_seed(0))

        def evaluate(x: Tensor, t: float) -> tuple[Tensor, Tensor]:
            along = choose(x)
            sin, cos = self._waves(x)
            h = torch.cat([x, sin, cos], 1)
            moved = self._spread(along) * self._turns(x).repeat(d)
            tangent = torch.cat([along, moved * cos, -moved * sin], 2)
            for layer, shift in zip(self.layers, self._shifts(x, t), strict=True):
                assert isinstance(layer, nn.Linear)
                before = nn.functional.linear(h, layer.weight, layer.bias + shift[0])  # t is one number here
                gate = torch.sigmoid(before)
                h = before * gate
                tangent = nn.functional.linear(tangent, layer.weight) * torch.addcmul(gate, h, 1 - gate)
            value = torch.addmm(self.last.bias[:d], h, self.last.weight[:d].T)
            moved = tangent @ self.last.weight[:d].T
            return value, (moved * along).sum((0, 2)) / max(1, probes)

        return evaluate

    def _turns(self, x: Tensor) -> Tensor:
        """Radians a unit of each wave, (WAVES,)."""
        return 2 * math.pi / WIDTH * torch.arange(1, WAVES + 1, dtype=x.dtype, device=x.device)

    def _spread(self, x: Tensor) -> Tensor:
        """Each coordinate as often as it has waves, (..., d * WAVES)."""
        return x.repeat_interleave(WAVES, -1)

    def _waves(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Sine and cosine of each coordinate's waves, (n, d * WAVES) each."""
        angle = self._spread(x) * self._turns(x).repeat(self.dim)
        return angle.sin(), angle.cos()

    def _shifts(self, x: Tensor, t: Tensor | float) -> tuple[Tensor, ...]:
        t = torch.as_tensor(t, dtype=x.dtype, device=x.device).reshape(-1, 1)
        angle = math.pi * t * torch.arange(1, FREQUENCIES + 1, dtype=x.dtype, device=x.device)
        return self.time(torch.cat([t, angle.cos(), angle.sin()], 1)).chunk(3, 1)
