"""PNDM (Liu et al. 2022) without its Runge-Kutta start: the first step is Heun's, then linear multistep of order 4.

The weights are those of equal steps, whatever the steps; one call more than steps.
"""

import torch
from torch import Tensor

from playground.diffusion.solvers.multistep import EQUAL
from playground.diffusion.solvers.solver import Problem, Solver, Walk

__all__ = ["pndm"]


def pndm() -> Solver:
    """PLMS: pseudo linear multistep; of order 2 where neighbouring steps are about equal."""

    def run(problem: Problem, x: Tensor) -> Walk:
        slopes: list[Tensor] = []
        for i, (sigma, sigma_next) in enumerate(problem.steps()):
            denoised = problem.denoise(x, sigma)
            slopes = [(x - denoised) / sigma, *slopes[:3]]
            if i == 0 and sigma_next > 0:
                ahead = x + (sigma_next - sigma) * slopes[0]
                slope = 0.5 * (slopes[0] + (ahead - problem.denoise(ahead, sigma_next)) / sigma_next)
            else:
                slope = slopes[0] * EQUAL[len(slopes) - 1][0]
                for weight, earlier in zip(EQUAL[len(slopes) - 1][1:], slopes[1:], strict=True):
                    slope = torch.add(slope, earlier, alpha=weight)
            x = torch.add(x, slope, alpha=sigma_next - sigma)
            yield x, denoised

    return Solver("pndm", 2, run, lambda steps: steps + 1 if steps > 1 else 1)
