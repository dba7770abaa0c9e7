"""Sampling: a denoiser, a schedule and a solver; step by step as a generator, or the whole trajectory."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from playground.diffusion.denoiser import Denoiser
from playground.diffusion.grids import check_sigmas
from playground.diffusion.level import wide
from playground.diffusion.schedule import Schedule
from playground.diffusion.solvers import Problem, Solver
from playground.diffusion.solvers import solver as make_solver

__all__ = ["Step", "Trajectory", "sample", "steps", "walk"]


@dataclass(frozen=True, eq=False)
class Step:
    """The state after i steps."""

    i: int
    sigma: float  # noise level of x
    x_hat: Tensor  # (n, ...) = x / scale: the coordinates that all schedules share
    denoised: Tensor | None  # D where the step began; None before the first
    scale: float
    nfe: int  # calls of the denoiser so far

    @property
    def x(self) -> Tensor:
        """(n, ...) in the schedule's coordinates."""
        return self.x_hat * self.scale


@dataclass(frozen=True, eq=False)
class Trajectory:
    """All states of a run, the first being noise, the last the samples."""

    x: Tensor  # (steps + 1, n, ...)
    sigmas: Tensor  # (steps + 1,)
    scales: Tensor  # (steps + 1,)
    nfe: int

    def unified(self) -> Tensor:
        """x / s: the coordinates in which every schedule draws the same curve."""
        return self.x / _beside(self.scales, self.x)


def steps(
    denoiser: Denoiser,
    noise: Tensor,
    *,
    schedule: Schedule,
    solver: str | Solver = "heun",
    steps: int | None = None,
    sigmas: Tensor | Sequence[float] | None = None,
    generator: torch.Generator | None = None,
) -> Iterator[Step]:
    """Sample, yielding each state: steps + 1 of them, the first before any call.

    `noise` (n, ...) of N(0, I) is the start, x_hat = sigma_max noise (Algorithm 1 of Karras et al. 2022). The levels
    are `schedule.sigmas(steps)` (18 steps), or `sigmas`, falling to 0 or a positive end. The state is float64 (float32
    on MPS). Raises `ValueError` for settings out of range, `FloatingPointError` naming the noise level at which a
    sample was not finite.
    """
    if steps is not None and sigmas is not None:
        raise ValueError("give steps or sigmas, not both")
    grid = schedule.sigmas(18 if steps is None else steps) if sigmas is None else check_sigmas(sigmas)
    if noise.ndim < 2 or not len(noise):
        raise ValueError(f"noise must have the shape (n, ...), not {tuple(noise.shape)}")
    method = make_solver(solver) if isinstance(solver, str) else solver
    return _states(denoiser, noise, schedule, method, grid, generator)


walk = steps  # where a number of steps already has the name


def _states(
    denoiser: Denoiser,
    noise: Tensor,
    schedule: Schedule,
    solver: Solver,
    grid: Tensor,
    generator: torch.Generator | None,
) -> Iterator[Step]:
    levels = grid.tolist()
    scales = schedule.scale_at(grid).tolist()
    x = noise.detach().to(wide(noise.device)) * levels[0]
    nfe, no_graph = 0, torch.no_grad()

    def denoise(x_hat: Tensor, sigma: float) -> Tensor:
        nonlocal nfe
        nfe += 1
        with no_graph:
            return denoiser(x_hat, torch.scalar_tensor(sigma, dtype=x_hat.dtype, device=x_hat.device))

    yield Step(0, levels[0], x, None, scales[0], 0)
    for i, (x_hat, denoised) in enumerate(solver.run(Problem(denoise, levels, schedule, generator), x), start=1):
        # the sum is quick, but may overflow where every number is finite
        if not math.isfinite(float(x_hat.sum())) and not bool(x_hat.isfinite().all()):
            raise FloatingPointError(
                f"the samples are not finite at sigma {levels[i]:.4g} (step {i} of {len(levels) - 1}, {solver.name}); "
                "take more steps, or a solver of lower order"
            )
        yield Step(i, levels[i], x_hat, denoised, scales[i], nfe)


def sample(
    denoiser: Denoiser,
    noise: Tensor,
    *,
    schedule: Schedule,
    solver: str | Solver = "heun",
    steps: int | None = None,
    sigmas: Tensor | Sequence[float] | None = None,
    generator: torch.Generator | None = None,
) -> Trajectory:
    """The whole trajectory of `steps`, with the same arguments and errors.

    >>> from playground import diffusion
    >>> D = diffusion.MixtureDenoiser([[-1.0, 0.0], [1.0, 0.0]], [0.1, 0.1])
    >>> noise = torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    >>> diffusion.sample(D, noise, schedule=diffusion.schedule("edm"), solver="heun", steps=18).nfe
    35
    """
    run = walk(denoiser, noise, schedule=schedule, solver=solver, steps=steps, sigmas=sigmas, generator=generator)
    kept = ((step.x_hat, step.sigma, step.scale, step.nfe) for step in run)  # each D is let go
    states, levels, factors, calls = zip(*kept, strict=True)
    x_hat, scales = torch.stack(states), torch.tensor(factors, dtype=torch.float64)
    return Trajectory(x_hat * _beside(scales, x_hat), torch.tensor(levels, dtype=torch.float64), scales, calls[-1])


def _beside(scales: Tensor, x: Tensor) -> Tensor:
    """Scales (steps + 1,) so that they multiply states (steps + 1, n, ...)."""
    return scales.to(x).reshape(-1, *[1] * (x.ndim - 1))
