"""DPM-Solver++ (Lu et al. 2022): the linear part exactly, the denoised D expanded in lambda = -ln sigma.

2M and 3M look back over earlier steps, 2S looks once in between, the SDE ones add noise. The step to sigma = 0, lambda
infinite, is x = D.
"""

import math
from dataclasses import replace

from torch import Tensor

from playground.diffusion.solvers.ancestral import ancestral, noise_like
from playground.diffusion.solvers.solver import Problem, Solver, Walk, calls_of

__all__ = ["dpmpp_2m", "dpmpp_2m_sde", "dpmpp_2s", "dpmpp_3m", "dpmpp_sde"]


def dpmpp_2m() -> Solver:
    """Multistep, order 2."""
    return replace(dpmpp_2m_sde(eta=0), name="dpmpp_2m")


def dpmpp_3m(*, half_curvature: bool = False) -> Solver:
    """Multistep, order 3. `half_curvature` halves the second difference as diffusers does: then the order is 2."""

    def run(problem: Problem, x: Tensor) -> Walk:
        past: list[tuple[Tensor, float]] = []  # newest first: D and the step that followed it
        for sigma, sigma_next in problem.steps():
            denoised = problem.denoise(x, sigma)
            if sigma_next == 0:
                x = denoised
            else:
                h = math.log(sigma / sigma_next)
                phi_1 = math.expm1(-h)
                x = (sigma_next / sigma) * x - phi_1 * denoised
                if len(past) == 1:
                    x = x - phi_1 * (h / (2 * past[0][1])) * (denoised - past[0][0])
                elif past:
                    r_0, r_1 = past[0][1] / h, past[1][1] / h
                    d1_0 = (denoised - past[0][0]) / r_0
                    d1_1 = (past[0][0] - past[1][0]) / r_1
                    d1 = d1_0 + (r_0 / (r_0 + r_1)) * (d1_0 - d1_1)
                    d2 = (2 - half_curvature) / (r_0 + r_1) * (d1_0 - d1_1)
                    phi_2 = phi_1 / h + 1
                    x = x + phi_2 * d1 - (phi_2 / h - 0.5) * d2
                past = [(denoised, h), *past[:1]]
            yield x, denoised

    return Solver("dpmpp_3m", 2 if half_curvature else 3, run, calls_of(1))


def dpmpp_2s() -> Solver:
    """Singlestep, order 2, with one look halfway in lambda."""
    return replace(dpmpp_sde(eta=0), name="dpmpp_2s")


def dpmpp_2m_sde(*, eta: float = 1.0) -> Solver:
    """Multistep for the SDE: D + half of its difference, and the noise that the step loses; `eta` 0 is 2M."""
    _check(eta)

    def run(problem: Problem, x: Tensor) -> Walk:
        before: tuple[Tensor, float] | None = None  # the last D and the step that followed it
        for sigma, sigma_next in problem.steps():
            denoised = problem.denoise(x, sigma)
            if sigma_next == 0:
                x = denoised
            else:
                h = math.log(sigma / sigma_next)
                target = denoised if before is None else denoised + (h / (2 * before[1])) * (denoised - before[0])
                x = (sigma_next / sigma) * math.exp(-eta * h) * x - math.expm1(-h - eta * h) * target
                if eta > 0:
                    x = x + sigma_next * math.sqrt(-math.expm1(-2 * eta * h)) * noise_like(x, problem.generator)
                before = denoised, h
            yield x, denoised

    return Solver("dpmpp_2m_sde", 2 if eta == 0 else 1, run, calls_of(1), stochastic=eta > 0)


def dpmpp_sde(*, eta: float = 1.0) -> Solver:
    """Singlestep for the SDE: an ancestral step halfway in lambda, one with what is seen there; `eta` 0 is 2S."""
    _check(eta)

    def run(problem: Problem, x: Tensor) -> Walk:
        for sigma, sigma_next in problem.steps():
            denoised = problem.denoise(x, sigma)
            if sigma_next == 0:
                x = denoised
            else:
                middle = math.sqrt(sigma * sigma_next)
                u = ancestral(x, denoised, sigma, middle, eta, problem.generator)
                x = ancestral(x, problem.denoise(u, middle), sigma, sigma_next, eta, problem.generator)
            yield x, denoised

    return Solver("dpmpp_sde", 2 if eta == 0 else 1, run, calls_of(2), stochastic=eta > 0)


def _check(eta: float) -> None:
    if not 0 <= eta <= 1:
        raise ValueError(f"eta must lie between 0 and 1, not {eta}")
