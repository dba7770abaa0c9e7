"""Points along plane curves plus Gaussian noise: two moons, two spirals, the Swiss roll. Exact by quadrature.

The density is the integral over the curve's parameter t of p(t) N(x; c(t), s^2 I). Gauss-Legendre nodes turn it into
a mixture of a few hundred Gaussians, within 1e-6 nats of it wherever log p > -50; samples use the curve itself.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from playground.flows.mixtures import Mixture
from playground.flows.plane import check_between, check_count, gauss_legendre

__all__ = ["Curve", "moons", "spirals", "swiss_roll"]

PANEL = 6.0  # standard deviations of noise per panel of 16 nodes
Arm = Callable[[Tensor], Tensor]  # t (n,) -> points (n, 2)


class Curve:
    """Arms of equal probability over start <= t <= stop, where t has density proportional to t^power, plus noise."""

    def __init__(
        self, name: str, arms: Sequence[Arm], start: float, stop: float, *, noise: float, power: int = 0
    ) -> None:
        """`noise` is the standard deviation in the units of the arms; centre and scale then make the whole unit."""
        self.name = name
        self.arms = arms
        self.span = (start, stop)
        self.power = power
        t, mass = self._nodes(noise)
        means = torch.cat([arm(t) for arm in arms])  # (k, 2)
        weights = mass.repeat(len(arms)) / len(arms)
        self.centre = weights @ means
        variance = weights @ (means - self.centre).square()  # (2,), of the curve without noise
        self.scale = 1 / math.sqrt(float(variance.mean()) + noise**2)
        self.mixture = Mixture(name, (means - self.centre) * self.scale, noise * self.scale, weights)

    def _nodes(self, noise: float) -> tuple[Tensor, Tensor]:
        """Nodes t and their probabilities, on panels of equal length along the longest arm."""
        start, stop = self.span
        fine = torch.linspace(start, stop, 4097, dtype=torch.float64)
        speed = torch.stack([torch.linalg.vector_norm(arm(fine).diff(dim=0), dim=1) for arm in self.arms]).amax(0)
        length = torch.cat([speed.new_zeros(1), speed.cumsum(0)])
        panels = math.ceil(float(length[-1]) / (PANEL * noise))
        targets = torch.linspace(0, float(length[-1]), panels + 1, dtype=torch.float64)
        t, mass = gauss_legendre(fine[torch.searchsorted(length, targets).clamp_max(len(fine) - 1)])
        q = self.power + 1
        return t, mass * q * t**self.power / (stop**q - start**q)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n points (n, 2), float32."""
        check_count(n)
        start, stop = self.span
        q = self.power + 1
        u = torch.rand(n, generator=generator, dtype=torch.float64)
        t = (start**q + u * (stop**q - start**q)) ** (1 / q)  # the quantile function of t
        which = torch.randint(len(self.arms), (n,), generator=generator)
        curve = torch.stack([arm(t) for arm in self.arms])[which, torch.arange(n)]
        noise = torch.randn(n, 2, generator=generator, dtype=torch.float64)
        return ((curve - self.centre) * self.scale + self.mixture.std * noise).float()

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density (n,) in nats of points x (n, 2), computed in float64, returned in the dtype of x."""
        return self.mixture.log_prob(x)

    @property
    def entropy(self) -> float:
        """In nats, by quadrature on a lattice, good to about 1e-6."""
        return self.mixture.entropy


def _circle(t: Tensor) -> Tensor:
    return torch.stack([t.cos(), t.sin()], dim=1)


def _spiral(t: Tensor) -> Tensor:
    return t[:, None] * _circle(t)


def _lower_moon(t: Tensor) -> Tensor:  # no lambda: a density travels to other processes by pickle
    return torch.tensor([1.0, 0.5], dtype=t.dtype) - _circle(t)


def _opposite_spiral(t: Tensor) -> Tensor:
    return -_spiral(t)


def moons(*, noise: float = 0.116) -> Curve:
    """Two half circles that interlock, as scikit-learn's `make_moons`; `noise` in radii."""
    check_between("noise", noise, 0.01, 1.0)
    return Curve("moons", (_circle, _lower_moon), 0.0, math.pi, noise=noise)


def spirals(*, noise: float = 0.3) -> Curve:
    """Two Archimedean spirals of one and a half turns, about even along their length; `noise` in radians of the arm."""
    check_between("noise", noise, 0.1, 3.0)
    return Curve("spirals", (_spiral, _opposite_spiral), 0.0, 3 * math.pi, noise=noise, power=1)


def swiss_roll(*, noise: float = 0.5) -> Curve:
    """The plane section of scikit-learn's `make_swiss_roll`, t (cos t, sin t); `noise` in the same units."""
    check_between("noise", noise, 0.2, 5.0)
    return Curve("swiss_roll", (_spiral,), 1.5 * math.pi, 4.5 * math.pi, noise=noise)
