"""DPM-Solver 1, 2 and 3 (Lu et al. 2022): the linear part exactly, the noise expanded in lambda = -ln sigma.

Singlestep: each step looks at times of its own in between. DPM-Solver-2 is k-diffusion's dpm_2. The step to sigma = 0,
lambda infinite, is x = D.
"""

import math

from torch import Tensor

from playground.diffusion.solvers.solver import Problem, Solver, Walk, calls_of

__all__ = ["dpm"]

R1, R2 = 1 / 3, 2 / 3  # of DPM-Solver-3


def dpm(order: int) -> Solver:
    """DPM-Solver of order 1 (DDIM), 2 or 3."""
    if order not in (1, 2, 3):
        raise ValueError(f"DPM-Solver has the orders 1, 2 and 3, not {order}")

    def run(problem: Problem, x: Tensor) -> Walk:
        for sigma, sigma_next in problem.steps():
            denoised = problem.denoise(x, sigma)
            x = denoised if sigma_next == 0 else _step(problem, x, denoised, sigma, sigma_next, order)
            yield x, denoised

    return Solver(f"dpm_{order}", order, run, calls_of(order))


def _step(problem: Problem, x: Tensor, denoised: Tensor, sigma: float, sigma_next: float, order: int) -> Tensor:
    h = math.log(sigma / sigma_next)
    eps = (x - denoised) / sigma
    first = x - sigma_next * math.expm1(h) * eps
    if order == 1:
        return first
    if order == 2:
        middle = sigma * math.exp(-h / 2)
        u = x - middle * math.expm1(h / 2) * eps
        eps_1 = (u - problem.denoise(u, middle)) / middle
        return first - sigma_next * math.expm1(h) * (eps_1 - eps)
    s_1, s_2 = sigma * math.exp(-R1 * h), sigma * math.exp(-R2 * h)
    u = x - s_1 * math.expm1(R1 * h) * eps
    d_1 = (u - problem.denoise(u, s_1)) / s_1 - eps
    u = x - s_2 * math.expm1(R2 * h) * eps - s_2 * (R2 / R1) * (math.expm1(R2 * h) / (R2 * h) - 1) * d_1
    d_2 = (u - problem.denoise(u, s_2)) / s_2 - eps
    return first - sigma_next / R2 * (math.expm1(h) / h - 1) * d_2
