"""Mixtures of equal round Gaussians: eight on a circle, a square grid of them, or any means."""

import math
from functools import cached_property

import torch
from torch import Tensor

from playground.flows.plane import check_between, check_count, check_points, lattice_entropy

__all__ = ["Mixture", "eight_gaussians", "gaussian_grid"]

CHUNK = 1 << 17  # numbers at a time, 1 MB: they stay in the cache, which is 2 to 4 times faster than 10 MB


class Mixture:
    """Gaussians N(means[i], std^2 I), i < k, in the proportions `weights` (equal if None)."""

    def __init__(self, name: str, means: Tensor, std: float, weights: Tensor | None = None) -> None:
        """`means` (k, 2), `weights` (k,) positive; both are taken in float64, the weights scaled to sum to one."""
        self.name = name
        self.means = means.double()
        self.std = std
        weights = torch.ones(len(means), dtype=torch.float64) if weights is None else weights.double()
        self.weights = weights / weights.sum()

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n points (n, 2), float32."""
        check_count(n)
        u = torch.rand(n, generator=generator, dtype=torch.float64)
        which = torch.searchsorted(self.weights.cumsum(0), u, right=True).clamp_max(len(self.means) - 1)
        noise = torch.randn(n, 2, generator=generator, dtype=torch.float64)
        return (self.means[which] + self.std * noise).float()

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density (n,) in nats of points x (n, 2), computed in float64, returned in the dtype of x."""
        check_points(x)
        # |x - m|^2 = |x|^2 - 2 x.m + |m|^2: the cross term is one matrix product, the rest a row and a column
        precision = self.std**-2
        slope = (self.means * precision).T  # (2, k)
        offset = self.weights.log() - 0.5 * precision * self.means.square().sum(1)
        points = x.to("cpu", torch.float64)  # in float32 the cancellation would cost 1e-4 nats for a narrow std
        chunks = points.split(max(1, CHUNK // len(self.means)))
        parts = [_logsumexp(torch.addmm(offset, chunk, slope)) for chunk in chunks]
        constant = math.log(2 * math.pi * self.std**2)
        return (torch.cat(parts) - 0.5 * precision * points.square().sum(1) - constant).to(x)

    @cached_property
    def entropy(self) -> float:
        """In nats, by quadrature on a lattice, good to about 1e-6."""
        return lattice_entropy(self.log_prob, self.means, self.std, 0.4 * self.std)


def _logsumexp(e: Tensor) -> Tensor:
    """log sum exp over the rows of e (n, k), which it overwrites; three times faster than torch's.

    Where most components are far, nearly all terms underflow, and `exp` is slow there: e^-100 stands for them.
    """
    top = e.detach().amax(1, keepdim=True)  # a constant of the sum: the gradient does not pass through it
    return top[:, 0] + e.sub_(top).clamp_min_(-100).exp_().sum(1).log()


def eight_gaussians(*, noise: float = 0.125) -> Mixture:
    """Eight Gaussians on a circle; `noise` is their standard deviation in radii of the circle."""
    check_between("noise", noise, 0.01, 1.0)
    angle = torch.arange(8, dtype=torch.float64) * (math.pi / 4)
    radius = 1 / math.sqrt(0.5 + noise**2)
    return Mixture("eight_gaussians", radius * torch.stack([angle.cos(), angle.sin()], dim=1), radius * noise)


def gaussian_grid(*, side: int = 5, noise: float = 0.15) -> Mixture:
    """side x side Gaussians on a square grid; `noise` is their standard deviation in steps of the grid."""
    check_between("side", side, 1, 10)
    check_between("noise", noise, 0.02, 1.0)
    line = torch.arange(side, dtype=torch.float64) - (side - 1) / 2
    step = 1 / math.sqrt((side**2 - 1) / 12 + noise**2)  # the variance of a line of `side` points is (side^2 - 1) / 12
    return Mixture("gaussian_grid", step * torch.cartesian_prod(line, line), step * noise)
