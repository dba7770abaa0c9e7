"""The probability-flow ODE solved finely: what every solver is measured against, and the likelihood along it."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from playground.diffusion.denoiser import Denoiser
from playground.diffusion.mixture import MixtureDenoiser

__all__ = ["exact_ode", "log_likelihood"]

FINE = 1e-4  # below this level the ODE's end is the denoised itself, to about its square


@torch.no_grad()
def exact_ode(
    denoiser: Denoiser, x: Tensor, sigma: float, *, end: float = 0.0, steps: int = 400, path: bool = False
) -> Tensor:
    """x_hat (n, ...) at `sigma`, carried along the ODE to `end` by the classical Runge-Kutta method in ln sigma.

    With `path`, all states (steps + 1, n, ...), at equal steps of ln sigma down to max(end, 1e-4), and D last where
    `end` is 0.
    """
    if not 0 <= end < sigma < math.inf:
        raise ValueError(f"0 <= end < sigma is needed, not {end=} and {sigma=}")
    if steps < 1:
        raise ValueError(f"steps must be at least 1, not {steps}")
    last = max(end, min(FINE, sigma / 2))
    h = math.log(last / sigma) / steps
    level = lambda u: torch.tensor(sigma * math.exp(u), dtype=x.dtype, device=x.device)  # noqa: E731
    slope = lambda at, u: at - denoiser(at, level(u))  # noqa: E731  dx/d ln sigma = x - D
    states = [x]
    for i in range(steps):
        u = i * h
        k1 = slope(x, u)
        k2 = slope(x + h / 2 * k1, u + h / 2)
        k3 = slope(x + h / 2 * k2, u + h / 2)
        k4 = slope(x + h * k3, u + h)
        x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        if path:
            states.append(x)
    if end == 0:
        x = denoiser(x, level(steps * h))
        states = [*states[:-1], x] if path else states
    return torch.stack(states) if path else x


def log_likelihood(
    denoiser: Denoiser, x: Tensor, *, sigma_min: float = 0.01, sigma_max: float = 80.0, steps: int = 200
) -> Tensor:
    """Log-density (n,) in nats of x (n, d) + sigma_min epsilon, by the ODE's divergence up to a Gaussian at sigma_max.

    d ln p / d ln sigma = -(d - div D) along dx / d ln sigma = x - D (Chen et al. 2018; Song et al. 2021, equation 39).
    The divergence is exact: the mixture's closed form, or d backward passes. At sigma_max the mixture's own density is
    taken, else a Gaussian around D(0; sigma_max) of variance sigma_max^2 + 1.
    """
    if not 0 < sigma_min < sigma_max < math.inf:
        raise ValueError(f"0 < sigma_min < sigma_max is needed, not {sigma_min=} and {sigma_max=}")
    if x.ndim != 2:
        raise ValueError(f"x must have the shape (n, d), not {tuple(x.shape)}")
    x, h = x.double(), math.log(sigma_max / sigma_min) / steps
    divergence = denoiser.divergence if isinstance(denoiser, MixtureDenoiser) else _autograd_divergence(denoiser)

    def slopes(at: Tensor, u: float) -> tuple[Tensor, Tensor]:
        sigma = torch.tensor(sigma_min * math.exp(u), dtype=x.dtype)
        with torch.no_grad():
            drift = at - denoiser(at, sigma)
        return drift, x.shape[1] - divergence(at, sigma)

    gain = torch.zeros(len(x), dtype=x.dtype)
    for i in range(steps):
        u = i * h
        k1, g1 = slopes(x, u)
        k2, g2 = slopes(x + h / 2 * k1, u + h / 2)
        k3, g3 = slopes(x + h / 2 * k2, u + h / 2)
        k4, g4 = slopes(x + h * k3, u + h)
        x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        gain = gain + h / 6 * (g1 + 2 * g2 + 2 * g3 + g4)
    if isinstance(denoiser, MixtureDenoiser):
        return denoiser.log_prob(x, sigma_max) + gain
    with torch.no_grad():
        mean = denoiser(torch.zeros_like(x[:1]), torch.tensor(sigma_max, dtype=x.dtype))
    total = sigma_max**2 + 1
    normal = -0.5 * ((x - mean).square().sum(1) / total + x.shape[1] * math.log(2 * math.pi * total))
    return normal + gain


def _autograd_divergence(denoiser: Denoiser) -> Callable[[Tensor, Tensor], Tensor]:
    def divergence(x: Tensor, sigma: Tensor) -> Tensor:
        with torch.enable_grad():
            at = x.detach().requires_grad_()
            out = denoiser(at, sigma)
            rows = [torch.autograd.grad(out[:, i].sum(), at, retain_graph=True)[0][:, i] for i in range(x.shape[1])]
        return torch.stack(rows).sum(0)

    return divergence
