"""UniPC (Zhao et al. 2023): a multistep predictor in D, corrected with the next step's call at no cost.

Order p with the predictor's last p calls, in lambda = -ln sigma. The step to sigma = 0, lambda infinite, is x = D.
"""

import math

import numpy as np
from torch import Tensor

from playground.diffusion.solvers.solver import Problem, Solver, Walk, calls_of

__all__ = ["unipc"]


def unipc(*, order: int = 3, variant: str = "bh2") -> Solver:
    """UniPC-p; B(h) is h for "bh1" and e^h - 1 for "bh2"."""
    if order not in (1, 2, 3):
        raise ValueError(f"UniPC has the orders 1, 2 and 3 here, not {order}")
    if variant not in ("bh1", "bh2"):
        raise ValueError(f"the variants are bh1 and bh2, not {variant!r}")

    def run(problem: Problem, x: Tensor) -> Walk:
        past: list[tuple[float, Tensor]] = []  # lambda and D, newest first
        last: tuple[Tensor, int] | None = None  # where the last step began, and its order
        steps = len(problem.sigmas) - 1
        for i, (sigma, sigma_next) in enumerate(problem.steps()):
            denoised = problem.denoise(x, sigma)
            here = -math.log(sigma)
            if last is not None:
                x = _update(last[0], past[: last[1]], here, variant, corrected=denoised)
            past = [(here, denoised), *past[: order - 1]]
            if sigma_next == 0:
                x = denoised
            else:
                # the last steps down to no noise at lower orders, as its authors do
                now = min(order, len(past), steps - i if problem.sigmas[-1] == 0 else order)
                last = x, now
                x = _update(x, past[:now], -math.log(sigma_next), variant)
            yield x, denoised

    return Solver("unipc", order, run, calls_of(1))


def _update(
    x: Tensor, past: list[tuple[float, Tensor]], to: float, variant: str, *, corrected: Tensor | None = None
) -> Tensor:
    """UniP, or UniC where D at the step's end is known (Algorithms 5 and 6 of the paper), sigma = e^-lambda."""
    start, D0 = past[0]
    h, order = to - start, len(past)
    ratios = [(when - start) / h for when, _ in past[1:]]
    differences = [(D - D0) / r for (_, D), r in zip(past[1:], ratios, strict=True)]
    h_phi_1 = math.expm1(-h)
    B = -h if variant == "bh1" else h_phi_1
    x = math.exp(-h) * x - h_phi_1 * D0
    if corrected is not None:
        ratios, differences = [*ratios, 1.0], [*differences, corrected - D0]
    if not ratios:
        return x
    count = len(ratios)
    if count == 1:
        weights = [0.5]  # exact in the limit of small steps, and the authors' choice
    else:
        b, h_phi_k, factorial = [], h_phi_1 / -h - 1, 1.0
        for k in range(1, count + 1):
            b.append(h_phi_k * factorial / B)
            factorial *= k + 1
            h_phi_k = h_phi_k / -h - 1 / factorial
        R = np.asarray(ratios)[None] ** np.arange(count)[:, None]
        weights = np.linalg.solve(R, b).tolist()
    assert count == order - 1 + (corrected is not None)
    for weight, difference in zip(weights, differences, strict=True):
        x = x - (B * weight) * difference
    return x
