"""Which noise levels a network is trained on: distributions of ln sigma, to draw from and to look at."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["NoiseDistribution", "log_normal", "log_uniform", "uniform_time"]


@dataclass(frozen=True)
class NoiseDistribution:
    """A distribution of noise levels."""

    name: str
    quantile: Callable[[Tensor], Tensor]  # u in (0, 1) -> sigma
    density: Callable[[Tensor], Tensor]  # sigma -> probability per unit of ln sigma

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n noise levels (n,), float64."""
        if n < 1:
            raise ValueError(f"n must be at least 1, not {n}")
        u = torch.rand(n, generator=generator, dtype=torch.float64)
        return self.quantile(u.clamp(1e-12, 1 - 1e-12))


def log_normal(mean: float, std: float) -> NoiseDistribution:
    """ln sigma ~ N(mean, std^2): P_mean and P_std of EDM; with time t = sigma / (1 + sigma), SD3's logit-normal."""
    if not std > 0:
        raise ValueError(f"std must be positive, not {std}")

    def density(sigma: Tensor) -> Tensor:
        z = (sigma.log() - mean) / std
        return (-0.5 * z.square()).exp() / (std * math.sqrt(2 * math.pi))

    return NoiseDistribution(
        f"ln σ ~ N({mean:g}, {std:g}²)", lambda u: (mean + std * torch.special.ndtri(u)).exp(), density
    )


def log_uniform(sigma_min: float, sigma_max: float) -> NoiseDistribution:
    """ln sigma ~ U(ln sigma_min, ln sigma_max), as NCSN++ (VE) is trained."""
    low, high = math.log(sigma_min), math.log(sigma_max)

    def density(sigma: Tensor) -> Tensor:
        inside = (sigma >= sigma_min) & (sigma <= sigma_max)
        return inside.to(sigma.dtype) / (high - low)

    return NoiseDistribution(f"ln σ ~ U({low:.3g}, {high:.3g})", lambda u: (low + (high - low) * u).exp(), density)


def uniform_time(
    sigma: Callable[[Tensor], Tensor], time: Callable[[Tensor], Tensor], t_min: float, t_max: float
) -> NoiseDistribution:
    """t ~ U(t_min, t_max) through a schedule's sigma(t) and its inverse time(sigma)."""

    def density(level: Tensor) -> Tensor:
        with torch.enable_grad():
            log_sigma = level.detach().log().requires_grad_()
            t = time(log_sigma.exp())
            slope = torch.autograd.grad(t.sum(), log_sigma)[0]
        inside = (t.detach() >= t_min) & (t.detach() <= t_max)
        return torch.where(inside, slope / (t_max - t_min), 0.0)

    return NoiseDistribution(f"t ~ U({t_min:g}, {t_max:g})", lambda u: sigma(t_min + (t_max - t_min) * u), density)
