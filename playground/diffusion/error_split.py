"""The error of samples taken apart: what the network got wrong, and what the solver lost on the way."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from playground.diffusion.denoiser import Denoiser
from playground.diffusion.distance import gaps, median, rms
from playground.diffusion.exact import exact_ode
from playground.diffusion.sampling import sample
from playground.diffusion.schedule import Schedule
from playground.diffusion.solvers import Solver

__all__ = ["ErrorSplit", "split_errors"]


@dataclass(frozen=True)
class ErrorSplit:
    """Distances between the ends of trajectories from the same noise, in the data's units, a coordinate.

    The root mean square counts the few points that end in another mode; the median does not.
    """

    model_rms: float  # the learned ODE against the exact one, both solved finely
    solver_rms: float  # the learned ODE in few steps against itself solved finely
    total_rms: float  # the learned ODE in few steps against the exact one
    model_median: float
    solver_median: float
    total_median: float
    nfe: int  # calls of the network in the few steps


@torch.no_grad()
def split_errors(
    model: Denoiser,
    exact: Denoiser,
    noise: Tensor,
    *,
    schedule: Schedule,
    solver: str | Solver = "heun",
    steps: Sequence[int] = (18,),
    fine: int = 200,
    generator: torch.Generator | None = None,
) -> Iterator[ErrorSplit]:
    """Model error and solver error of so many `steps` from `noise` (n, ...) of N(0, I), against the `exact` denoiser.

    `fine` steps of the classical Runge-Kutta method in ln sigma, four calls each, stand for infinitely many. A
    stochastic solver's error holds its noise too.
    """
    ends: dict[tuple[float, float], tuple[Tensor, Tensor]] = {}
    for n in steps:
        few = sample(model, noise, schedule=schedule, solver=solver, steps=n, generator=generator)
        levels = float(few.sigmas[0]), float(few.sigmas[-1])
        if levels not in ends:  # of most schedules the same for every number of steps
            x = noise.to(few.x.dtype) * levels[0]
            learned, true = (exact_ode(D, x, levels[0], end=levels[1], steps=fine) for D in (model, exact))
            ends[levels] = learned, true
        learned, true = ends[levels]
        last = few.unified()[-1]
        of_model, of_solver, total = gaps(learned, true), gaps(last, learned), gaps(last, true)
        yield ErrorSplit(
            rms(of_model), rms(of_solver), rms(total), median(of_model), median(of_solver), median(total), few.nfe
        )
