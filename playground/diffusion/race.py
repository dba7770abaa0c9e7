"""Lines of error against calls for an arena's chart: solvers on one grid, a grid made by hand, a distilled solver."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from playground.diffusion.arena import FREE_GRIDS, FREE_SOLVERS, Arena, Error, free_sigmas
from playground.diffusion.grids import check_sigmas
from playground.diffusion.linear_solver import LinearSolver
from playground.diffusion.mixture import MixtureDenoiser
from playground.diffusion.names import check_name, look_up

__all__ = [
    "NFES",
    "Dot",
    "Line",
    "by_hand",
    "distilled_dot",
    "exact_ends",
    "free_levels",
    "make_arena",
    "read_levels",
    "run_race",
]

NFES = (4, 5, 6, 8, 10, 12, 16, 20, 32, 50)
MOST_LEVELS = 65
NUMBER = re.compile(r"[+]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")


@dataclass(frozen=True, eq=False)
class Dot:
    """One solver at one number of calls."""

    nfe: int
    rms: float  # in the data's standard deviations; infinite if a sample was not finite
    median: float
    samples: NDArray[np.float64]  # (n, d)
    sigmas: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Line:
    """A solver on one kind of grid."""

    solver: str
    grid: str
    dots: tuple[Dot, ...]


def make_arena(mixture: MixtureDenoiser, *, noises: int = 256, seed: int = 0) -> Arena:
    """The arena of the chart: from sigma 80, its exact ends right to 1e-5."""
    return Arena(mixture, noises=noises, seed=seed, fine=200)


def exact_ends(arena: Arena) -> NDArray[np.float64]:
    """Where the ODE takes the arena's noises (n, d)."""
    return arena.end.numpy()


def run_race(
    arena: Arena, solvers: Sequence[str], *, grid: str = "karras to 0.002", nfes: Sequence[int] = NFES
) -> Iterator[tuple[Line, ...]]:
    """Measure `FREE_SOLVERS` on one of `FREE_GRIDS`, yielding all lines after every dot.

    Raises `ValueError` for unknown names, and for more calls than 1,000.
    """
    for name in solvers:
        check_name("solver of the arena", name, FREE_SOLVERS)
    check_name("grid", grid, FREE_GRIDS)
    for nfe in nfes:
        if not 1 <= nfe <= 1000:
            raise ValueError(f"calls must lie between 1 and 1000, not {nfe}")
    lines = [Line(name, grid, ()) for name in solvers]
    for i, line in enumerate(lines):
        method = FREE_SOLVERS[line.solver]()
        for nfe in nfes:
            if method.calls(1) > nfe:
                continue
            sigmas = free_sigmas(grid, method.steps_within(nfe), arena.sigma_max)
            if sigmas is None or (lines[i].dots and len(sigmas) == len(lines[i].dots[-1].sigmas)):
                continue  # a two-call method takes as many steps with one call more
            dot = _dot(arena.error(method, sigmas=sigmas), sigmas.tolist())
            lines[i] = replace(lines[i], dots=(*lines[i].dots, dot))
            yield tuple(lines)


def read_levels(text: str) -> list[float]:
    """Noise levels written by hand, between commas or spaces. Raises `ValueError`."""
    parts = text.replace(",", " ").replace(";", " ").split()
    if len(parts) > MOST_LEVELS:
        raise ValueError(f"{len(parts)} noise levels are too many: write at most {MOST_LEVELS}")
    for part in parts:
        if not NUMBER.fullmatch(part):
            raise ValueError(f"{part[:40]!r} is no noise level: write numbers, falling to 0")
    return check_sigmas([float(part) for part in parts]).tolist()


def by_hand(arena: Arena, solver: str, sigmas: Sequence[float]) -> Dot:
    """A solver of `FREE_SOLVERS` on levels of one's own, the first being the arena's `sigma_max`, the last 0."""
    method = look_up("solver of the arena", solver, FREE_SOLVERS)()
    return _dot(arena.error(method, sigmas=sigmas), sigmas)


def free_levels(grid: str, solver: str, nfe: int, sigma_max: float) -> list[float]:
    """The levels that a solver takes of a grid with so many calls.

    Raises `ValueError` where there are none, and for unknown names.
    """
    check_name("grid", grid, FREE_GRIDS)
    method = look_up("solver of the arena", solver, FREE_SOLVERS)()
    sigmas = free_sigmas(grid, method.steps_within(nfe), sigma_max)
    if sigmas is None:
        raise ValueError(f"the grid {grid} does not fall from {sigma_max:g}")
    return sigmas.tolist()


def distilled_dot(arena: Arena, solver: LinearSolver) -> Dot:
    """A distilled solver on the arena's noises, none of which it was fitted to."""
    return _dot(arena.error(solver.solver(), sigmas=solver.sigmas), solver.sigmas)


def _dot(error: Error, sigmas: Sequence[float]) -> Dot:
    return Dot(error.nfe, error.rms, error.median, error.samples, tuple(sigmas))
