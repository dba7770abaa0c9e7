"""PNDM (Liu et al. 2022) without its Runge-Kutta start: the first step is Heun's, then linear multistep of order 4.

The weights are those of equal steps, whatever the steps; one call more than steps.
"""

from torch import Tensor

from playground.diffusion.solvers.multistep import EQUAL
from playground.diffusion.solvers.solver import Problem, Slope, Solver, Walk, moved

__all__ = ["pndm"]


def pndm() -> Solver:
    """PLMS: pseudo linear multistep; of order 2 where neighbouring steps are about equal."""

    def run(problem: Problem, x: Tensor) -> Walk:
        slopes: list[Slope] = []  # epsilon
        for i, (sigma, sigma_next) in enumerate(problem.steps()):
            denoised = problem.denoise(x, sigma)
            slopes = [(1 / sigma, x - denoised), *slopes[:3]]
            h = sigma_next - sigma
            if i == 0 and sigma_next > 0:
                ahead = moved(x, [h], slopes)
                x = moved(x, [h / 2, h / 2], [*slopes, (1 / sigma_next, ahead - problem.denoise(ahead, sigma_next))])
            else:
                x = moved(x, [h * weight for weight in EQUAL[len(slopes) - 1]], slopes)
            yield x, denoised

    return Solver("pndm", 2, run, lambda steps: steps + 1 if steps > 1 else 1)
