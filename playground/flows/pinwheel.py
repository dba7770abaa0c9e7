"""The pinwheel: Gaussian arms, each point turned by an angle that grows with its distance from the origin.

Johnson et al., Composing graphical models with neural networks, 2016, turn by a function of the point's radial
coordinate before the turn; here the angle depends on |x|, which a turn leaves alone, so the map keeps areas and the
density is in closed form.
"""

import math
from functools import cached_property

import torch
from torch import Tensor

from playground.flows.plane import check_between, check_count, check_points, lattice_entropy

__all__ = ["Pinwheel", "pinwheel"]


class Pinwheel:
    """Arms N((1, 0), diag(radial^2, tangential^2)), turned by 2 pi k / arms + rate exp(|x|), scaled to unit size."""

    def __init__(self, name: str, arms: int, radial: float, tangential: float, rate: float) -> None:
        self.name = name
        self.arms = arms
        self.stds = torch.tensor([radial, tangential], dtype=torch.float64)
        self.rate = rate
        self.scale = 1 / math.sqrt((1 + radial**2 + tangential**2) / 2)  # E |x|^2 / 2, which no turn changes

    def _turn(self, x: Tensor, angle: Tensor) -> Tensor:
        cos, sin = angle.cos(), angle.sin()
        return torch.stack([cos * x[..., 0] - sin * x[..., 1], sin * x[..., 0] + cos * x[..., 1]], dim=-1)

    def _angles(self) -> Tensor:
        return torch.arange(self.arms, dtype=torch.float64) * (2 * math.pi / self.arms)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n points (n, 2), float32."""
        check_count(n)
        x = torch.randn(n, 2, generator=generator, dtype=torch.float64) * self.stds
        x[:, 0] += 1
        arm = self._angles()[torch.randint(self.arms, (n,), generator=generator)]
        twist = self.rate * torch.linalg.vector_norm(x, dim=1).exp()
        return (self.scale * self._turn(x, arm + twist)).float()

    def _arms_log_prob(self, x: Tensor) -> Tensor:
        """Log-density (n,) of the arms before twist and scale, at x (n, 2), float64."""
        local = self._turn(x[:, None], -self._angles())  # (n, arms, 2): each arm along the first axis
        z = (local - torch.tensor([1.0, 0.0], dtype=torch.float64)) / self.stds
        constant = math.log(2 * math.pi * self.arms) + float(self.stds.log().sum())
        return (-0.5 * z.square().sum(-1)).logsumexp(1) - constant

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density (n,) in nats of points x (n, 2), computed in float64, returned in the dtype of x."""
        check_points(x)
        y = x.to("cpu", torch.float64) / self.scale
        # Beyond |x| = 20 no mass is left in float64, and the exponential of a far point would overflow.
        twist = self.rate * torch.linalg.vector_norm(y, dim=1).clamp_max(20).exp()
        return (self._arms_log_prob(self._turn(y, -twist)) - 2 * math.log(self.scale)).to(x)

    @cached_property
    def entropy(self) -> float:
        """In nats, by quadrature on a lattice, good to about 1e-6: that of the arms, as the twist keeps areas."""
        centres = torch.stack([self._angles().cos(), self._angles().sin()], dim=1)
        narrow, wide = float(self.stds.min()), float(self.stds.max())
        return lattice_entropy(self._arms_log_prob, centres, wide, 0.4 * narrow) + 2 * math.log(self.scale)


def pinwheel(*, arms: int = 5, radial: float = 0.3, tangential: float = 0.1, rate: float = 0.25) -> Pinwheel:
    """Twisted arms, their standard deviations in units of the distance of their centres; `rate` in radians."""
    check_between("arms", arms, 1, 20)
    check_between("radial", radial, 0.05, 0.5)
    check_between("tangential", tangential, 0.02, 0.5)
    check_between("rate", rate, -1.0, 1.0)
    return Pinwheel("pinwheel", arms, radial, tangential, rate)
