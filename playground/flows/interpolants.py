"""Paths between a sample of the source and one of the data, and the velocity along them that a network learns.

Every path is one line, x_t = alpha(t) x0 + beta(t) x1 + gamma(t) eps, from the source at t = 0 to the data at t = 1,
with eps ~ N(0, I) (Albergo, Boffi and Vanden-Eijnden, Stochastic Interpolants, 2023, equation 2.1). The regression
target is its derivative in t, and so is the whole of what flow matching papers differ in (Tong et al., Improving and
Generalizing Flow-Based Generative Models with Minibatch Optimal Transport, 2024, table 1).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from playground.flows.plane import check_between

__all__ = ["INTERPOLANTS", "Interpolant", "interpolant"]

Curve = Callable[[Tensor], Tensor]  # t in [0, 1] to a coefficient of its shape


@dataclass(frozen=True)
class Interpolant:
    """The coefficients of a path and their derivatives in t."""

    name: str
    alpha: Curve
    beta: Curve
    gamma: Curve
    d_alpha: Curve
    d_beta: Curve
    d_gamma: Curve
    random: bool  # whether gamma is not zero everywhere
    margin: float = 0.0  # what t keeps from 0 and 1 in training, where d_gamma is not finite
    gaussian: bool = False  # whether only a standard normal source fits
    spread: float = 0.5  # sigma of the Brownian motion whose static bridge the entropic plan is

    def point(self, x0: Tensor, x1: Tensor, t: Tensor, eps: Tensor | None = None) -> Tensor:
        """x_t (n, d) between x0 and x1 (n, d) at t (n,); eps (n, d) where the path is random."""
        return _sum(self.alpha, self.beta, self.gamma, x0, x1, t, eps)

    def velocity(self, x0: Tensor, x1: Tensor, t: Tensor, eps: Tensor | None = None) -> Tensor:
        """d x_t / dt (n, d), the target of the regression."""
        return _sum(self.d_alpha, self.d_beta, self.d_gamma, x0, x1, t, eps)


def _sum(a: Curve, b: Curve, c: Curve, x0: Tensor, x1: Tensor, t: Tensor, eps: Tensor | None) -> Tensor:
    t = t[:, None]
    x = a(t) * x0 + b(t) * x1
    return x if eps is None else x + c(t) * eps


def rectified(*, sigma: float = 0.0) -> Interpolant:
    """A straight line, (1 - t) x0 + t x1 (Liu, Gong and Liu, Rectified Flow, 2023), blurred by sigma (I-CFM of Tong).

    Raises `ValueError` for sigma outside 0..1.
    """
    check_between("sigma", sigma, 0, 1)
    return Interpolant(
        "rectified",
        alpha=lambda t: 1 - t,
        beta=lambda t: t,
        gamma=lambda t: torch.full_like(t, sigma),
        d_alpha=lambda t: -torch.ones_like(t),
        d_beta=torch.ones_like,
        d_gamma=torch.zeros_like,
        random=sigma > 0,
    )


def target(*, sigma: float = 0.0) -> Interpolant:
    """(1 - (1 - sigma) t) x0 + t x1 for x0 ~ N(0, I): a Gaussian that shrinks to sigma (Lipman et al., 2023, (20)).

    Raises `ValueError` for sigma outside 0..1.
    """
    check_between("sigma", sigma, 0, 1)
    return Interpolant(
        "target",
        alpha=lambda t: 1 - (1 - sigma) * t,
        beta=lambda t: t,
        gamma=torch.zeros_like,
        d_alpha=lambda t: torch.full_like(t, sigma - 1),
        d_beta=torch.ones_like,
        d_gamma=torch.zeros_like,
        random=False,
        gaussian=True,
    )


def trig() -> Interpolant:
    """cos(pi t / 2) x0 + sin(pi t / 2) x1, which keeps the variance (Albergo and Vanden-Eijnden, 2023; VP-CFM)."""
    half = math.pi / 2
    return Interpolant(
        "trig",
        alpha=lambda t: torch.cos(half * t),
        beta=lambda t: torch.sin(half * t),
        gamma=torch.zeros_like,
        d_alpha=lambda t: -half * torch.sin(half * t),
        d_beta=lambda t: half * torch.cos(half * t),
        d_gamma=torch.zeros_like,
        random=False,
    )


def bridge(*, sigma: float = 0.5) -> Interpolant:
    """A Brownian bridge, gamma = sigma sqrt(t (1 - t)): a Schrodinger bridge where x0, x1 come from the entropic plan.

    Tong et al. 2024, section 3.2.4; their conditional velocity, written with eps, is d_gamma eps + x1 - x0. Raises
    `ValueError` for sigma outside .01..10.
    """
    check_between("sigma", sigma, 0.01, 10)
    return _noisy("bridge", sigma**2)


def stochastic(*, a: float = 1.0) -> Interpolant:
    """The one-sided noise of stochastic interpolants, gamma = sqrt(a t (1 - t)), whose denoiser gives the score too.

    Albergo, Boffi and Vanden-Eijnden 2023, section 3.4. Raises `ValueError` for a outside .01..10.
    """
    check_between("a", a, 0.01, 10)
    return _noisy("stochastic", a)


def _noisy(name: str, a: float) -> Interpolant:
    return Interpolant(
        name,
        alpha=lambda t: 1 - t,
        beta=lambda t: t,
        gamma=lambda t: (a * t * (1 - t)).clamp(min=0).sqrt(),
        d_alpha=lambda t: -torch.ones_like(t),
        d_beta=torch.ones_like,
        d_gamma=lambda t: math.sqrt(a) * (1 - 2 * t) / (2 * (t * (1 - t)).clamp(min=1e-12).sqrt()),
        random=True,
        margin=1e-3,
        spread=math.sqrt(a),
    )


INTERPOLANTS: dict[str, Callable[..., Interpolant]] = {
    "rectified": rectified,
    "target": target,
    "trig": trig,
    "bridge": bridge,
    "stochastic": stochastic,
}


def interpolant(name: str, **options: float) -> Interpolant:
    """A path of `INTERPOLANTS`, with the options of its constructor.

    Raises `ValueError` for an unknown name and for an option out of range.

    >>> path = interpolant("trig")
    >>> round(float(path.alpha(torch.tensor(0.5)) ** 2 + path.beta(torch.tensor(0.5)) ** 2), 6)
    1.0
    """
    if name not in INTERPOLANTS:
        raise ValueError(f"no interpolant is called {name!r}; choose one of {', '.join(INTERPOLANTS)}")
    return INTERPOLANTS[name](**options)
