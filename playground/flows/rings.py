"""Circles blurred by a Gaussian, in closed form with the Bessel function I0: one ring, or two within each other."""

import math
from functools import cached_property

import torch
from torch import Tensor

from playground.flows.plane import check_between, check_count, check_points, gauss_legendre

__all__ = ["Rings", "circles", "ring"]


class Rings:
    """Uniform points on circles around the origin, all equally probable, plus noise N(0, std^2 I)."""

    def __init__(self, name: str, radii: Tensor, std: float) -> None:
        """`radii` (k,)."""
        self.name = name
        self.radii = radii.double()
        self.std = std

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n points (n, 2), float32."""
        check_count(n)
        radius = self.radii[torch.randint(len(self.radii), (n,), generator=generator)]
        angle = 2 * math.pi * torch.rand(n, generator=generator, dtype=torch.float64)
        circle = radius[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)
        return (circle + self.std * torch.randn(n, 2, generator=generator, dtype=torch.float64)).float()

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density (n,) in nats of points x (n, 2), computed in float64, returned in the dtype of x."""
        check_points(x)
        r = torch.linalg.vector_norm(x.to("cpu", torch.float64), dim=1)[:, None]  # (n, 1)
        # The mean over the circle of exp(r R cos(a) / s^2) is I0; i0e(z) = e^-z I0(z) completes the square.
        z = r * self.radii / self.std**2
        log_p = torch.special.i0e(z).log() - (r - self.radii).square() / (2 * self.std**2)
        return (log_p.logsumexp(1) - math.log(2 * math.pi * self.std**2 * len(self.radii))).to(x)

    @cached_property
    def entropy(self) -> float:
        """In nats, by quadrature along the radius, good to about 1e-9."""
        end = float(self.radii.max()) + 10 * self.std
        panels = math.ceil(end / (2 * self.std))
        r, weights = gauss_legendre(torch.linspace(0, end, panels + 1, dtype=torch.float64))
        log_p = self.log_prob(torch.stack([r, torch.zeros_like(r)], dim=1))
        return -float((2 * math.pi * r * weights * log_p.exp() * log_p).sum())


def ring(*, noise: float = 0.1) -> Rings:
    """One circle; `noise` is the standard deviation across it, in radii."""
    check_between("noise", noise, 0.005, 1.0)
    radius = 1 / math.sqrt(0.5 + noise**2)
    return Rings("ring", torch.tensor([radius], dtype=torch.float64), radius * noise)


def circles(*, noise: float = 0.08, factor: float = 0.5) -> Rings:
    """Two circles, the inner one `factor` times the outer; `noise` is the standard deviation, in outer radii."""
    check_between("noise", noise, 0.005, 1.0)
    check_between("factor", factor, 0.0, 1.0)
    radius = 1 / math.sqrt((1 + factor**2) / 4 + noise**2)
    return Rings("circles", radius * torch.tensor([factor, 1.0], dtype=torch.float64), radius * noise)
