"""The error of solvers at the end: against the exact solution of the probability-flow ODE, from the same noise."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from playground.diffusion.denoiser import Denoiser
from playground.diffusion.distance import gaps, median, rms
from playground.diffusion.exact import exact_ode
from playground.diffusion.grids import GRIDS, check_sigmas, ramp
from playground.diffusion.mixture import MixtureDenoiser
from playground.diffusion.names import check_name
from playground.diffusion.sampling import sample
from playground.diffusion.schedule import Schedule
from playground.diffusion.schedules import SCHEDULES, schedule
from playground.diffusion.solvers import SOLVERS, Solver
from playground.diffusion.solvers import solver as make_solver

__all__ = ["FREE_GRIDS", "FREE_SOLVERS", "Arena", "Error", "Point", "best"]

MANY = 1e12  # an error beyond it is a solver that blew up


@dataclass(frozen=True, eq=False)
class Error:
    """How far a solver ends from the exact solution, in the data's standard deviations a coordinate."""

    rms: float  # over all noises and coordinates; infinite if a sample was not finite
    median: float  # over the noises, of each one's RMS over coordinates
    nfe: int
    samples: np.ndarray  # (n, ...) float64; NaN if not finite


@dataclass(frozen=True)
class Point:
    """One dot of the chart of error against NFE."""

    solver: str
    grid: str
    nfe: int
    rms: float
    median: float
    seconds: float


class Arena:
    """Noises kept apart and where the exact ODE takes them: every solver is measured on the same.

    `shape` is that of one sample; a mixture knows its own. The reference takes `fine` Runge-Kutta steps: 400 are exact
    to 1e-7 of a standard deviation, 800 to 1e-8. Raises `ValueError` for settings out of range.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        *,
        sigma_max: float = 80.0,
        noises: int = 256,
        seed: int = 0,
        fine: int = 400,
        shape: Sequence[int] | None = None,
    ) -> None:
        if not 0 < sigma_max < math.inf:
            raise ValueError(f"sigma_max must be positive and finite, not {sigma_max}")
        if not 1 <= noises <= 100_000:
            raise ValueError(f"noises must lie between 1 and 100,000, not {noises}")
        if shape is None:
            if not isinstance(denoiser, MixtureDenoiser):
                raise ValueError("the shape of one sample is needed for a denoiser that is no mixture")
            shape = (denoiser.dim,)
        self.denoiser, self.sigma_max = denoiser, sigma_max
        self.noise = torch.randn(
            noises, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
        )  # (n, ...)
        self.end = exact_ode(denoiser, self.noise * sigma_max, sigma_max, steps=fine)
        if not self.end.isfinite().all():
            raise FloatingPointError(f"the exact solution from sigma {sigma_max:g} is not finite")
        self.std = denoiser.std if isinstance(denoiser, MixtureDenoiser) else float(self.end.std())

    def error(
        self,
        solver: str | Solver,
        *,
        sigmas: Tensor | Sequence[float] | None = None,
        steps: int | None = None,
        schedule: Schedule | None = None,
        seed: int = 0,
    ) -> Error:
        """Of a solver on a grid from `sigma_max` (`sigmas`, or the schedule's own `steps`, its first level put there).

        `seed` is of a stochastic solver's noise. Samples that are not finite are an infinite error.
        """
        own = SCHEDULES["edm"]() if schedule is None else schedule
        if sigmas is None:
            sigmas = _from(own.sigmas(18 if steps is None else steps), self.sigma_max)
        elif steps is not None:
            raise ValueError("give steps or sigmas, not both")
        grid = check_sigmas(sigmas)
        if not math.isclose(float(grid[0]), self.sigma_max, rel_tol=1e-9):
            raise ValueError(f"the grid must start at sigma_max = {self.sigma_max:g}, not {float(grid[0]):g}")
        method = make_solver(solver) if isinstance(solver, str) else solver
        calls = 0

        def counted(x: Tensor, sigma: Tensor) -> Tensor:
            nonlocal calls
            calls += 1
            return self.denoiser(x, sigma)

        generator = torch.Generator().manual_seed(seed)
        try:
            run = sample(counted, self.noise, schedule=own, solver=method, sigmas=grid, generator=generator)
        except FloatingPointError:
            return Error(math.inf, math.inf, calls, np.full(tuple(self.noise.shape), np.nan))
        return self.measure(run.x[-1] / run.scales[-1], calls)

    def measure(self, samples: Tensor, nfe: int) -> Error:
        """The error of samples (n, ...) that something else drew from `noise`."""
        gap = gaps(samples.double(), self.end, self.std)
        if not bool((gap < MANY).all()):
            return Error(math.inf, math.inf, nfe, np.full(tuple(self.noise.shape), np.nan))
        return Error(rms(gap), median(gap), nfe, samples.double().numpy())

    def points(
        self,
        nfe: int,
        *,
        solvers: Sequence[str] | None = None,
        grids: Sequence[str] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> Iterator[Point]:
        """Every training-free choice of ours with at most `nfe` calls, one after another: names of `FREE_SOLVERS` and
        `FREE_GRIDS`, all if None.

        A two-call method takes (nfe + 1) // 2 steps. Raises `ValueError` for names unknown and an nfe below 1.
        """
        solvers, grids = (
            list(FREE_SOLVERS) if solvers is None else solvers,
            list(FREE_GRIDS) if grids is None else grids,
        )
        for name in solvers:
            check_name("solver of the arena", name, FREE_SOLVERS)
        for name in grids:
            check_name("grid", name, FREE_GRIDS)
        if nfe < 1:
            raise ValueError(f"nfe must be at least 1, not {nfe}")
        return self._points(nfe, solvers, grids, clock)

    def _points(
        self, nfe: int, solvers: Sequence[str], grids: Sequence[str], clock: Callable[[], float]
    ) -> Iterator[Point]:
        for name in solvers:
            method = FREE_SOLVERS[name]()
            if method.calls(1) > nfe:
                continue
            for grid in grids:
                sigmas = free_sigmas(grid, method.steps_within(nfe), self.sigma_max)
                if sigmas is None:
                    continue
                begun = clock()
                error = self.error(method, sigmas=sigmas)
                yield Point(name, grid, error.nfe, error.rms, error.median, clock() - begun)


def best(points: Sequence[Point], *, by: str = "rms") -> Point:
    """The one of the least "rms" or "median". Raises `ValueError` where there is none."""
    if by not in ("rms", "median"):
        raise ValueError(f"choose rms or median, not {by!r}")
    if not points:
        raise ValueError("there is no point to choose from")
    return min(points, key=lambda p: p.rms if by == "rms" else p.median)


def free_sigmas(grid: str, steps: int, sigma_max: float) -> Tensor | None:
    """A grid of `FREE_GRIDS`; None where it does not fall from `sigma_max`, its other end being above."""
    try:
        return check_sigmas(FREE_GRIDS[grid](steps, sigma_max))
    except ValueError:
        return None


def _from(sigmas: Tensor, sigma_max: float) -> Tensor:
    """The levels below sigma_max, after it."""
    first = torch.tensor([sigma_max], dtype=torch.float64)
    return torch.cat([first, sigmas[1:][sigmas[1:] < sigma_max * (1 - 1e-9)]])


def _own_time(name: str, low: float | None) -> Callable[[int, float], Tensor]:
    """Equal steps of a schedule's own time from sigma_max, to 0, or to level `low` and then 0."""

    def grid(n: int, sigma_max: float) -> Tensor:
        own = schedule(name)
        start = own.time(sigma_max)
        i = torch.arange(n, dtype=torch.float64)
        end = 0.0 if low is None else own.time(low)
        t = start + i / (n if low is None else max(1, n - 1)) * (end - start)
        levels = own.sigma(t)
        levels[0] = sigma_max
        return torch.cat([levels, torch.zeros(1, dtype=torch.float64)])

    return grid


def _ending(name: str, low: float) -> Callable[[int, float], Tensor]:
    return lambda n, sigma_max: GRIDS[name](n, low, sigma_max)


def _ramp(sigma_data: float) -> Callable[[int, float], Tensor]:
    return lambda n, sigma_max: ramp(n, sigma_max * 1e-6, sigma_max, sigma_data=sigma_data)


LOWS = (0.002, 0.01, 0.03, 0.1)  # last level before 0
# name -> (steps, sigma_max) -> levels
FREE_GRIDS: dict[str, Callable[[int, float], Tensor]] = {
    **{f"{n} to {low:g}": _ending(n, low) for n in GRIDS if n != "ramp" for low in LOWS},
    **{f"ramp {c:g}": _ramp(c) for c in (0.25, 0.5, 1.0, 2.0)},
    **{f"{n} time": _own_time(n, None) for n in ("ddpm", "cosine", "scaled_linear", "sigmoid", "vp", "flow")},
    **{f"{n} time to 0.01": _own_time(n, 0.01) for n in ("ddpm", "scaled_linear", "vp")},
}
_ORDERS = {"lms": (2, 3, 4), "deis": (2, 3, 4), "ipndm": (2, 3, 4), "theta_ab": (2, 3, 4), "unipc": (2, 3)}


def _made(name: str, order: int | None = None) -> Callable[[], Solver]:
    return lambda: make_solver(name) if order is None else make_solver(name, order=order)


# name -> constructor: all that solve the ODE in a number of calls that is known before
FREE_SOLVERS: dict[str, Callable[[], Solver]] = {
    **{
        f"{name} {order}" if order else name: _made(name, order)
        for name in SOLVERS
        if name != "rk45" and not make_solver(name).stochastic
        for order in _ORDERS.get(name, (None,))
    }
}
