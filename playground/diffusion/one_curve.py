"""The same noise pushed through several rows: in x / s and sigma they draw one curve (Karras et al. 2022, Appendix B).

DDIM (Song, Meng and Ermon 2021), Euler in sigma and flow matching's Euler in t are one and the same step there; Heun's
method is not, unless s and s sigma are affine in t; the ODE itself is again.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from playground.diffusion.compare import DRAWN, Row
from playground.diffusion.exact import exact_ode
from playground.diffusion.grids import karras
from playground.diffusion.mixture import MixtureDenoiser
from playground.diffusion.sampling import walk
from playground.diffusion.schedule import Schedule
from playground.diffusion.schedules import NUMBERED, STEPS

__all__ = ["MODES", "Bundle", "Path", "push"]

Array = NDArray[np.float64]
MODES = ("first", "heun", "fine", "own")
AFFINE = ("edm", "iddpm", "flow", "sd3")  # s and s sigma are affine in their time: Euler's step is DDIM's
HIGH, LOW = 80.0, 0.002  # no level of a shared grid lies beyond
FINE_LOW = 0.02
FINE, FINE_VE = 700, 1400  # steps of the classical Runge-Kutta method; in VE's t = sigma^2 they are longer
CHECKPOINTS = 81
EXACT = 0.05  # steps of ln sigma
SPARSE = 5e-3
KNOT = 1e-10  # how near a fine grid goes to the knots of a table, from both sides
MOST_POINTS = 2000


@dataclass(frozen=True, eq=False)
class Path:
    """The states of one row."""

    row: Row
    method: str  # the solver it took
    sigmas: Array  # (k,)
    scales: Array  # (k,)
    x_hat: Array  # (k, n, d) in unified coordinates x / s
    nfe: int
    gap: Array  # (k,) largest |x_hat - the first row's| / (1 + sigma); of mode "own", from the ODE's exact solution

    @property
    def deviation(self) -> float:
        """The largest gap."""
        return float(self.gap.max())

    def at(self, share: float) -> Array:
        """x_hat s^(1 - share): the row's own x (share 0) morphed into the unified coordinates (share 1)."""
        return self.x_hat * self.scales[:, None, None] ** (1 - share)


@dataclass(frozen=True, eq=False)
class Bundle:
    """What has been pushed so far."""

    mode: str
    paths: tuple[Path, ...]  # of the rows that are done
    progress: float  # 1 when all are


def push(
    mixture: MixtureDenoiser,
    rows: Sequence[Row],
    *,
    mode: str = "first",
    steps: int = 18,
    points: int = 14,
    seed: int = 0,
) -> Iterator[Bundle]:
    """Push `points` noises through every row, yielding as it goes; the last bundle holds all paths.

    `mode` "first": the row's own step of first order; "heun": Heun's method in its own time; both on one shared grid.
    "fine": the classical Runge-Kutta method in its own time, finely, seen at shared levels. "own": the row's own solver
    and grid. Raises `ValueError` for settings out of range.

    >>> from playground import diffusion
    >>> rows = [diffusion.ROWS[name] for name in ("ddpm", "flow", "edm")]
    >>> *_, bundle = push(diffusion.target("moons"), rows)
    >>> max(path.deviation for path in bundle.paths) < 1e-13
    True
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}, not {mode!r}")
    if not rows:
        raise ValueError("at least one row is needed")
    if not 2 <= steps <= 1000:
        raise ValueError(f"steps must lie between 2 and 1000, not {steps}")
    if not 1 <= points <= MOST_POINTS:
        raise ValueError(f"points must lie between 1 and {MOST_POINTS}, not {points}")
    schedules = [row.make_schedule() for row in rows]
    noise = torch.randn(points, mixture.dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    high = min([HIGH, *(path.sigma_max for path in schedules)])
    low = max([LOW, *(path.sigma_min for path in schedules)])
    shared = None  # mode "own": the rows need share no levels
    if mode != "own":
        shared = _log_levels(high, max(low, FINE_LOW), CHECKPOINTS) if mode == "fine" else karras(steps, low, high)
    grids = [_grid(row, path, mode, shared, steps) for row, path in zip(rows, schedules, strict=True)]
    total, before = sum(map(len, grids)), 0
    done: list[Path] = []
    for row, path, grid in zip(rows, schedules, grids, strict=True):
        method = {"first": "euler" if row.schedule in AFFINE else "ddim", "heun": "heun", "fine": "rk4"}.get(
            mode, row.solver
        )
        seen = grid if mode != "fine" else shared
        assert seen is not None
        wanted, states, scales, nfe = set(seen.tolist()), [], [], 0
        generator = torch.Generator().manual_seed(seed + 1)  # of the stochastic ones: the same noise for each
        for step in walk(mixture, noise, schedule=path, solver=method, sigmas=grid, generator=generator):
            if step.sigma in wanted:
                states.append(step.x_hat)
                scales.append(step.scale)
            nfe = step.nfe
            if step.i % 20 == 0:
                yield Bundle(mode, tuple(done), (before + step.i) / total)
        x_hat, levels = torch.stack(states), seen
        first = (
            exact_along(mixture, x_hat[0], levels)
            if mode == "own"
            else torch.from_numpy(done[0].x_hat)
            if done
            else x_hat
        )
        gap = (x_hat - first).abs().amax((1, 2)) / (1 + levels)
        done.append(Path(row, method, levels.numpy(), np.asarray(scales), x_hat.numpy(), nfe, gap.numpy()))
        before += len(grid)
    yield Bundle(mode, tuple(done), 1.0)


def exact_along(mixture: MixtureDenoiser, x: Tensor, levels: Tensor) -> Tensor:
    """The ODE's solution from x_hat at the first level, at all of them, to about 1e-6."""
    states = [x]
    for sigma, end in pairwise(levels.tolist()):
        least = max(end, min(1e-4, sigma / 2))
        states.append(
            exact_ode(mixture, states[-1], sigma, end=end, steps=max(2, math.ceil(math.log(sigma / least) / EXACT)))
        )
    return torch.stack(states)


def _grid(row: Row, path: Schedule, mode: str, shared: Tensor | None, steps: int) -> Tensor:
    """The levels a row walks down: the shared ones, or more between them, or its own."""
    if shared is None:
        return path.sigmas(steps)
    if mode != "fine":
        return shared
    high, low = float(shared[0]), float(shared[-1])
    fine = torch.logspace(
        math.log10(high), math.log10(low), FINE_VE if path.name == "ve" else FINE, dtype=torch.float64
    )
    levels = [shared, fine[1:-1]]
    knots = _knots(row, path)
    if len(knots):  # d sigma / dt jumps there: no step goes across
        below = torch.searchsorted(knots, fine).clamp(1, len(knots) - 1)
        sparse = fine[knots[below] / knots[below - 1] > 1 + 2 * SPARSE]  # elsewhere the knots are as near
        knots = knots[(knots > low * (1 + 2 * KNOT)) & (knots < high * (1 - 2 * KNOT))]
        levels = [shared, sparse[1:-1], knots * (1 + KNOT), knots * (1 - KNOT)]
    grid = torch.cat(levels).sort(descending=True).values
    near = torch.isin(grid, shared) | (torch.cat([grid[:1] * 2, grid[:-1]]) / grid > 1 + KNOT / 10)
    return grid[near]


def _knots(row: Row, path: Schedule) -> Tensor:
    """The noise levels (k,) at which ln sigma(t) bends: of a table its steps, of a drawn schedule its levels."""
    if row.schedule == DRAWN:
        return torch.tensor(row.levels, dtype=torch.float64)
    if row.schedule in NUMBERED and row.schedule != "cosine":
        return path.sigma(torch.arange(1, STEPS + 1, dtype=torch.float64) / STEPS)
    return torch.zeros(0, dtype=torch.float64)


def _log_levels(high: float, low: float, n: int) -> Tensor:
    """Just inside the range: at its very ends rounding may leave a schedule's table."""
    inside = 1 + 1e-6
    return torch.logspace(math.log10(high / inside), math.log10(low * inside), n, dtype=torch.float64)
