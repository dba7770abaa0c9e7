"""EDM's stochastic sampler (Algorithm 2 of Karras et al. 2022): noise is added ("churn"), then Heun's step in sigma.

Order 2 without churn, 1 with it. The time is sigma and the scale 1 whatever the schedule, as in the paper.
"""

import math

from torch import Tensor

from playground.diffusion.solvers.ancestral import noise_like
from playground.diffusion.solvers.solver import Problem, Solver, Walk, calls_of

__all__ = ["edm"]


def edm(*, S_churn: float = 0.0, S_min: float = 0.0, S_max: float = math.inf, S_noise: float = 1.0) -> Solver:
    """Algorithm 2; `S_churn` 0 is Heun's method. Raises `ValueError` for settings out of range."""
    if not (0 <= S_churn <= 10_000 and 0 <= S_min <= S_max and 0 < S_noise <= 2):
        raise ValueError(
            f"0 <= S_churn <= 10000, 0 <= S_min <= S_max and 0 < S_noise <= 2 are needed, not {S_churn=}, {S_min=}, "
            f"{S_max=}, {S_noise=}"
        )

    def run(problem: Problem, x: Tensor) -> Walk:
        steps = len(problem.sigmas) - 1
        for t, t_next in problem.steps():
            gamma = min(S_churn / steps, math.sqrt(2) - 1) if S_min <= t <= S_max else 0.0
            t_hat, x_hat = t * (1 + gamma), x
            if gamma > 0:
                x_hat = x + math.sqrt(t_hat**2 - t**2) * S_noise * noise_like(x, problem.generator)
            denoised = problem.denoise(x_hat, t_hat)
            if t_next == 0:
                x = denoised
            else:
                d = (x_hat - denoised) / t_hat
                x = x_hat + (t_next - t_hat) * d
                d_prime = (x - problem.denoise(x, t_next)) / t_next
                x = x_hat + (t_next - t_hat) * 0.5 * (d + d_prime)
            yield x, denoised

    return Solver("edm", 2 if S_churn == 0 else 1, run, calls_of(2), stochastic=S_churn > 0)
