"""Explicit Runge-Kutta methods for the probability-flow ODE in the schedule's own time t and coordinates x.

With x = s D + b epsilon, b = s sigma, the ODE is dx/dt = s' D + b' epsilon (equation 4 of Karras et al. 2022). Where s
and b are affine in t (EDM, flow matching) Euler's step is DDIM's; elsewhere, and for a higher order, the coordinates
matter. The step to sigma = 0 is x = D: the ODE's right side is not finite there.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from playground.diffusion.names import look_up
from playground.diffusion.schedule import rates
from playground.diffusion.solvers.solver import Problem, Slope, Solver, Walk, calls_of, moved

__all__ = ["TABLEAUS", "Tableau", "runge_kutta"]


@dataclass(frozen=True)
class Tableau:
    """Butcher's tableau of an explicit method."""

    order: int
    c: tuple[float, ...]  # where in the step each stage looks
    a: tuple[tuple[float, ...], ...]  # what of the earlier slopes leads there
    b: tuple[float, ...]  # what of the slopes makes the step


TABLEAUS = {
    "euler": Tableau(1, (0.0,), ((),), (1.0,)),
    "heun": Tableau(2, (0.0, 1.0), ((), (1.0,)), (0.5, 0.5)),
    "midpoint": Tableau(2, (0.0, 0.5), ((), (0.5,)), (0.0, 1.0)),
    "ralston": Tableau(2, (0.0, 2 / 3), ((), (2 / 3,)), (0.25, 0.75)),
    "rk4": Tableau(4, (0.0, 0.5, 0.5, 1.0), ((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6)),
}


def runge_kutta(name: str) -> Solver:
    """Euler, Heun, midpoint, Ralston or the classical method of order 4."""
    tableau = look_up("Runge-Kutta method", name, TABLEAUS)

    def run(problem: Problem, x_hat: Tensor) -> Walk:
        schedule = problem.schedule.integrated_as or problem.schedule
        levels = torch.tensor([sigma for sigma in problem.sigmas if sigma > 0], dtype=torch.float64)
        times, scales = schedule.time(levels), schedule.scale_at(levels).tolist()
        sizes = times.diff()
        looks = times[:-1, None] + torch.tensor(tableau.c, dtype=torch.float64) * sizes[:, None]  # (steps, stages)
        known = iter(rates(schedule, looks.flatten()))
        x = x_hat * scales[0]
        for h, scale in zip(sizes.tolist(), scales[1:], strict=True):
            slopes: list[Slope] = []
            first = x
            for row in tableau.a:
                at = moved(x, row, slopes)
                s, b, ds, db = next(known)
                seen = problem.denoise(at if s == 1 else at / s, b / s)
                first = first if slopes else seen
                rate = ds - s * db / b  # ds D + db epsilon = rate (D + db / (b rate) x)
                slopes.append((h * rate, torch.add(seen, at, alpha=db / (b * rate))))
            x = moved(x, tableau.b, slopes)
            yield x if scale == 1 else x / scale, first
        if problem.sigmas[-1] == 0:
            denoised = problem.denoise(x / scales[-1], problem.sigmas[len(levels) - 1])
            yield denoised, denoised

    return Solver(name, tableau.order, run, calls_of(len(tableau.c)))
