"""Explicit Runge-Kutta methods for the probability-flow ODE in the schedule's own time t and coordinates x.

With x = s D + b epsilon, b = s sigma, the ODE is dx/dt = s' D + b' epsilon (equation 4 of Karras et al. 2022). Where s
and b are affine in t (EDM, flow matching) Euler's step is DDIM's; elsewhere, and for a higher order, the coordinates
matter. The step to sigma = 0 is x = D: the ODE's right side is not finite there.
"""

from dataclasses import dataclass

from torch import Tensor

from playground.diffusion.schedule import rates
from playground.diffusion.solvers.solver import Problem, Solver, Walk, calls_of

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
    if name not in TABLEAUS:
        raise ValueError(f"no Runge-Kutta method is called {name!r}; choose one of {', '.join(TABLEAUS)}")
    tableau = TABLEAUS[name]

    def run(problem: Problem, x_hat: Tensor) -> Walk:
        schedule = problem.schedule.integrated_as or problem.schedule
        x = x_hat * float(schedule.scale_at(problem.sigmas[0]))
        for sigma, sigma_next in problem.steps():
            if sigma_next == 0:
                denoised = problem.denoise(x / float(schedule.scale_at(sigma)), sigma)
                yield denoised, denoised
                return
            t, t_next = float(schedule.time(sigma)), float(schedule.time(sigma_next))
            h = t_next - t
            slopes: list[Tensor] = []
            for c, row in zip(tableau.c, tableau.a, strict=True):
                at = x
                for weight, slope in zip(row, slopes, strict=True):
                    if weight:
                        at = at + (h * weight) * slope
                s, b, ds, db = rates(schedule, t + c * h)
                seen = problem.denoise(at / s, b / s)
                denoised = denoised if slopes else seen
                slopes.append(ds * seen + (db / b) * (at - s * seen))
            for weight, slope in zip(tableau.b, slopes, strict=True):
                if weight:
                    x = x + (h * weight) * slope
            yield x / float(schedule.scale_at(sigma_next)), denoised

    return Solver(name, tableau.order, run, calls_of(len(tableau.c)))
