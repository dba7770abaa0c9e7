"""Dormand and Prince's pair of orders 5 and 4 in ln sigma, with steps chosen by the error between two grid levels."""

import math

import torch
from torch import Tensor

from playground.diffusion.solvers.solver import Problem, Solver, Walk

__all__ = ["rk45"]

C = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
A = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
E5 = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)  # order 5 minus order 4
MOST = 100_000  # steps


def rk45(*, rtol: float = 1e-6, atol: float = 1e-6) -> Solver:
    """Adaptive: as many calls as the tolerances need. Raises `ValueError` unless 1e-13 <= rtol, atol <= 1."""
    if not (1e-13 <= rtol <= 1 and 1e-13 <= atol <= 1):
        raise ValueError(f"tolerances must lie between 1e-13 and 1, not {rtol=} and {atol=}")

    def run(problem: Problem, x: Tensor) -> Walk:
        size = 0.1
        for sigma, sigma_next in problem.steps():
            denoised = problem.denoise(x, sigma)
            if sigma_next == 0:
                yield denoised, denoised
                return
            u, end, slope, tries = math.log(sigma), math.log(sigma_next), x - denoised, 0
            while u > end:
                h = -min(size, u - end)
                slopes = [slope]  # dx/du = x - D
                for c, row in zip(C[1:], A[1:], strict=True):
                    at = x + h * sum((w * k for w, k in zip(row, slopes, strict=True) if w), torch.zeros_like(x))
                    slopes.append(at - problem.denoise(at, math.exp(u + c * h)))
                gap = h * sum((w * k for w, k in zip(E5, slopes, strict=True) if w), torch.zeros_like(x))
                scale = atol + rtol * torch.maximum(x.abs(), at.abs())
                error = float((gap / scale).square().mean().sqrt())
                if not math.isfinite(error):  # no step is short enough: it would be tried again and again
                    raise FloatingPointError(f"rk45's estimate of its error is not finite at sigma {math.exp(u):.4g}")
                if error <= 1:
                    u, x, slope = (end if h <= end - u else u + h), at, slopes[-1]  # its last stage is the next first
                size = -h * min(5.0, max(0.2, 0.9 * max(error, 1e-10) ** -0.2))
                tries += 1
                if tries > MOST:
                    raise FloatingPointError(
                        f"rk45 has not reached sigma {sigma_next:.3g} in {MOST} steps; loosen rtol"
                    )
            yield x, denoised

    return Solver("rk45", 5, run, lambda steps: steps)
