"""DDIM and DDPM: to less noise than wanted along the ODE, then fresh noise (Song, Meng and Ermon 2021).

Order 1. With x_hat = x / sqrt(alpha_bar) DDIM's step is x' = D + sigma' epsilon, as is Euler's for EDM and flow
matching.
"""

import math

import torch
from torch import Tensor

from playground.diffusion.solvers.solver import Problem, Solver, Walk, calls_of

__all__ = ["ancestral", "ddim", "ddpm", "noise_like"]


def ddim(*, eta: float = 0.0) -> Solver:
    """DDIM; `eta` 0 is the ODE, 1 is DDPM with its smaller variance. Raises `ValueError` unless 0 <= eta <= 1."""
    if not 0 <= eta <= 1:
        raise ValueError(f"eta must lie between 0 and 1, not {eta}")

    def run(problem: Problem, x: Tensor) -> Walk:
        for sigma, sigma_next in problem.steps():
            denoised = problem.denoise(x, sigma)
            x = ancestral(x, denoised, sigma, sigma_next, eta, problem.generator)
            yield x, denoised

    return Solver("ddim" if eta < 1 else "ddpm", 1, run, calls_of(1), stochastic=eta > 0)


def ddpm() -> Solver:
    """DDPM's ancestral sampling with the posterior variance beta-tilde (Ho et al. 2020, equation 7)."""
    return ddim(eta=1.0)


def ancestral(
    x: Tensor, denoised: Tensor, sigma: float, sigma_next: float, eta: float, generator: torch.Generator | None
) -> Tensor:
    """One step: along the line to `denoised` down to less noise than `sigma_next`, then fresh noise up to it."""
    ratio = sigma_next / sigma
    sigma_up = eta * sigma_next * math.sqrt(1 - ratio**2)  # equation 16
    # not sqrt(sigma_next^2 - sigma_up^2): from sigma 1e8 that is the root of a rounding error, below 0
    sigma_down = sigma_next * math.sqrt((1 - eta**2) + (eta * ratio) ** 2)
    x = torch.lerp(denoised, x, sigma_down / sigma)
    return x + sigma_up * noise_like(x, generator) if sigma_up > 0 else x


def noise_like(x: Tensor, generator: torch.Generator | None) -> Tensor:
    """Standard normal noise of x's shape; drawn on the generator's device, so a seed means the same everywhere."""
    device = x.device if generator is None else generator.device
    return torch.randn(x.shape, generator=generator, dtype=x.dtype, device=device).to(x.device)
