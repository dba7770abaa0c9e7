"""The probability-flow ODE solved finely: what every solver is measured against, and the likelihood along it."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from playground.diffusion.denoiser import Denoiser
from playground.diffusion.level import wide
from playground.diffusion.mixture import MixtureDenoiser

__all__ = ["exact_ode", "log_likelihood", "rk4"]

FINE = 1e-4  # below this level the ODE's end is the denoised itself, to about its square


@torch.no_grad()
def exact_ode(denoiser: Denoiser, x: Tensor, sigma: float, *, end: float = 0.0, steps: int = 400) -> Tensor:
    """x_hat (n, ...) at `sigma`, carried along the ODE to `end` by the classical Runge-Kutta method in ln sigma.

    In float64 (float32 on MPS). Raises `ValueError` for settings out of range.
    """
    if not 0 <= end < sigma < math.inf:
        raise ValueError(f"0 <= end < sigma is needed, not {end=} and {sigma=}")
    last = max(end, min(FINE, sigma / 2))
    x = x.to(wide(x.device))
    level = lambda u: torch.tensor(sigma * math.exp(u), dtype=x.dtype, device=x.device)  # noqa: E731
    x = rk4(lambda at, u: at - denoiser(at, level(u)), x, math.log(last / sigma), steps)  # dx/d ln sigma = x - D
    return denoiser(x, torch.tensor(last, dtype=x.dtype, device=x.device)) if end == 0 else x


def log_likelihood(
    denoiser: Denoiser, x: Tensor, *, sigma_min: float = 0.01, sigma_max: float = 80.0, steps: int = 200
) -> Tensor:
    """Log-density (n,) in nats of x (n, d) + sigma_min epsilon, by the ODE's divergence up to a Gaussian at sigma_max.

    d ln p / d ln sigma = -(d - div D) along dx / d ln sigma = x - D (Chen et al. 2018; Song et al. 2021, equation 39).
    The divergence is exact: the mixture's closed form, or d backward passes. At sigma_max the mixture's own density is
    taken, else a Gaussian around D(0; sigma_max) of variance sigma_max^2 + 1. Raises `ValueError` for settings out of
    range, and for a denoiser without gradients: `DataDenoiser`, and diffusers' networks.
    """
    if not 0 < sigma_min < sigma_max < math.inf:
        raise ValueError(f"0 < sigma_min < sigma_max is needed, not {sigma_min=} and {sigma_max=}")
    if x.ndim != 2:
        raise ValueError(f"x must have the shape (n, d), not {tuple(x.shape)}")
    x = x.to(wide(x.device))
    divergence = denoiser.divergence if isinstance(denoiser, MixtureDenoiser) else _autograd_divergence(denoiser)

    def slope(state: Tensor, u: float) -> Tensor:  # of x (n, d), and of the gain (n, 1) beside it
        at, sigma = state[:, :-1], torch.tensor(sigma_min * math.exp(u), dtype=x.dtype, device=x.device)
        with torch.no_grad():
            drift = at - denoiser(at, sigma)
        return torch.cat([drift, (x.shape[1] - divergence(at, sigma))[:, None]], 1)

    state = rk4(slope, torch.cat([x, x.new_zeros(len(x), 1)], 1), math.log(sigma_max / sigma_min), steps)
    x, gain = state[:, :-1], state[:, -1]
    if isinstance(denoiser, MixtureDenoiser):
        return denoiser.log_prob(x, sigma_max) + gain
    with torch.no_grad():
        mean = denoiser(torch.zeros_like(x[:1]), torch.tensor(sigma_max, dtype=x.dtype, device=x.device))
    total = sigma_max**2 + 1
    normal = -0.5 * ((x - mean).square().sum(1) / total + x.shape[1] * math.log(2 * math.pi * total))
    return normal + gain


def rk4(slope: Callable[[Tensor, float], Tensor], x: Tensor, end: float, steps: int) -> Tensor:
    """x carried along dx/du = slope(x, u) from u = 0 to `end`, in equal steps of the classical Runge-Kutta method."""
    if steps < 1:
        raise ValueError(f"steps must be at least 1, not {steps}")
    h = end / steps
    for i in range(steps):
        u = i * h
        k1 = slope(x, u)
        k2 = slope(x + h / 2 * k1, u + h / 2)
        k3 = slope(x + h / 2 * k2, u + h / 2)
        k4 = slope(x + h * k3, u + h)
        x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return x


def _autograd_divergence(denoiser: Denoiser) -> Callable[[Tensor, Tensor], Tensor]:
    def divergence(x: Tensor, sigma: Tensor) -> Tensor:
        with torch.enable_grad():
            at = x.detach().requires_grad_()
            out = denoiser(at, sigma)
            if not out.requires_grad:
                raise ValueError(
                    f"{type(denoiser).__name__} gives no gradients, which the divergence of the likelihood is made of"
                )
            rows = [torch.autograd.grad(out[:, i].sum(), at, retain_graph=True)[0][:, i] for i in range(x.shape[1])]
        return torch.stack(rows).sum(0)

    return divergence
