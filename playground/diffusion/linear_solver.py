"""A solver of one call a step as plain numbers: x_{n+1} = a_n x_n + sum_j c_nj D_j over the last steps, and its grid.

Every linear multistep method is one on a given grid (DDIM, LMS, iPNDM, DEIS, DPM++ 2M and 3M, UniPC, theta-AB); so is
what is distilled (Shaul et al. 2024, "Bespoke Non-Stationary Solvers"; Frankel et al. 2025, "S4S").
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from playground.diffusion.grids import check_sigmas
from playground.diffusion.schedule import Schedule
from playground.diffusion.solvers.solver import Problem, Solver, Walk

__all__ = ["LinearForm", "LinearSolver", "linear_form"]

FORMAT = "playground-linear-solver-1"
MOST_STEPS = 200
LARGEST = 1e9  # a coefficient beyond it is a broken file


@dataclass(frozen=True)
class LinearForm:
    """The numbers of a linear method of one call a step.

    Raises `ValueError` for sizes that do not fit, for numbers that are not finite, and for a grid that does not fall.
    """

    sigmas: tuple[float, ...]  # (steps + 1,)
    carry: tuple[float, ...]  # a_n, (steps,)
    weights: tuple[tuple[float, ...], ...]  # c_nj of step n, the newest D first, at most n + 1 of them

    def __post_init__(self) -> None:
        check_sigmas(self.sigmas)
        steps = len(self.sigmas) - 1
        if steps > MOST_STEPS or len(self.carry) != steps or len(self.weights) != steps:
            raise ValueError(
                f"{len(self.sigmas)} noise levels need one coefficient a and one row of weights a step (at most "
                f"{MOST_STEPS} steps), not {len(self.carry)} and {len(self.weights)}"
            )
        for n, row in enumerate(self.weights):
            if not 1 <= len(row) <= n + 1:
                raise ValueError(f"step {n} can weigh 1 to {n + 1} denoised states, not {len(row)}")
        for value in (*self.carry, *(weight for row in self.weights for weight in row)):
            if not abs(value) <= LARGEST:
                raise ValueError(f"coefficients must be finite and of a size up to {LARGEST:g}, not {value}")

    def run(self, denoise: Callable[[Tensor, float], Tensor], x: Tensor) -> Walk:
        """After each step x_hat, and D where the step began."""
        past: list[Tensor] = []  # newest first
        for sigma, a, row in zip(self.sigmas, self.carry, self.weights, strict=False):
            past.insert(0, denoise(x, sigma))
            x = a * x
            for weight, denoised in zip(row, past, strict=False):
                x = x + weight * denoised
            yield x, past[0]


@dataclass(frozen=True)
class LinearSolver:
    """A linear method and what it was fitted to. Errors are in the data's standard deviations.

    Raises `ValueError` for an error that is no number from 0 on.
    """

    form: LinearForm
    fitted_to: str
    method: str  # how it was fitted
    noises: int  # that it was fitted to
    train_error: float  # RMS on these
    held_out_error: float  # RMS on others
    held_out_median: float
    free: str  # the best training-free choice of as many calls
    free_error: float  # its RMS on the held-out noises
    free_median: float

    def __post_init__(self) -> None:
        if self.noises < 1:
            raise ValueError(f"a solver is fitted to at least one noise, not {self.noises}")
        for value in (self.train_error, self.held_out_error, self.held_out_median, self.free_error, self.free_median):
            if not value >= 0:
                raise ValueError(f"an error is a number from 0 on, not {value}")

    @property
    def sigmas(self) -> tuple[float, ...]:
        return self.form.sigmas

    @property
    def nfe(self) -> int:
        """Calls of the denoiser."""
        return len(self.form.carry)

    @property
    def diverged(self) -> bool:
        """Whether it is worse than a training-free choice on noises it was not fitted to: then do not use it."""
        return not self.held_out_error < self.free_error

    @property
    def label(self) -> str:
        """Its name in a chart, which always says what it was fitted to."""
        return f"distilled on {self.fitted_to}" + (" (diverged)" if self.diverged else "")

    def solver(self) -> Solver:
        """To sample with: `sample(..., solver=s.solver(), sigmas=s.sigmas)`. On another grid it raises `ValueError`."""

        def run(problem: Problem, x: Tensor) -> Walk:
            if len(problem.sigmas) != len(self.sigmas):
                raise ValueError(
                    f"this solver takes {self.nfe} steps, not {len(problem.sigmas) - 1}; give sigmas=s.sigmas"
                )
            for mine, given in zip(self.sigmas, problem.sigmas, strict=True):
                if not math.isclose(mine, given, rel_tol=1e-9):
                    raise ValueError(f"this solver has its own grid, with {mine:.6g} where {given:.6g} is given")
            return self.form.run(problem.denoise, x)

        return Solver(self.label, 1, run, lambda steps: steps)

    def to_json(self) -> str:
        """All numbers, each to the last bit; an infinite error is null."""
        finite = {key: None if value == math.inf else value for key, value in asdict(self).items() if key != "form"}
        return json.dumps({"format": FORMAT, **finite, **asdict(self.form)}, indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "LinearSolver":
        """Read `to_json`'s text, checked. Raises `ValueError`; nothing of it is executed."""
        try:
            data = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"this is not JSON: {error}") from error
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise ValueError(f"this is not a solver: its format must be {FORMAT!r}")
        rows = data.get("weights")
        if not isinstance(rows, list):
            raise ValueError("weights must be a list of lists of numbers")
        weights = tuple(_numbers(row, "weights") for row in rows)

        def measured(key: str) -> float:
            return math.inf if data.get(key, 0) is None else _number(data.get(key), key)

        return cls(
            LinearForm(_numbers(data.get("sigmas"), "sigmas"), _numbers(data.get("carry"), "carry"), weights),
            fitted_to=_text(data.get("fitted_to"), "fitted_to"),
            method=_text(data.get("method"), "method"),
            noises=int(_number(data.get("noises"), "noises")),
            train_error=measured("train_error"),
            held_out_error=measured("held_out_error"),
            held_out_median=measured("held_out_median"),
            free=_text(data.get("free"), "free"),
            free_error=measured("free_error"),
            free_median=measured("free_median"),
        )


def linear_form(solver: Solver, sigmas: Sequence[float], schedule: Schedule) -> LinearForm:
    """A method's numbers on a grid, read off by running it on unit vectors.

    Raises `ValueError` where it is no linear method of one call a step there.
    """
    levels, steps = list(sigmas), len(sigmas) - 1
    states: list[Tensor] = []  # what the denoiser was called with, as combinations of x_0, D_0, D_1, ...
    units = torch.eye(steps + 1, dtype=torch.float64)

    def denoise(x: Tensor, sigma: float) -> Tensor:
        n = len(states)
        if n >= steps or sigma != levels[n]:
            raise ValueError(f"{solver.name} is not a linear method of one call a step")
        states.append(x)
        return units[n + 1 : n + 2]

    if solver.stochastic:
        raise ValueError(f"{solver.name} is stochastic")
    for x, _ in solver.run(Problem(denoise, levels, schedule), units[:1]):
        last = x
    if len(states) != steps:
        raise ValueError(f"{solver.name} called the denoiser {len(states)} times in {steps} steps")
    carry, weights = [], []
    for n, (here, there) in enumerate(pairwise([*states, last])):
        a = float(there[0, 0] / here[0, 0])
        carry.append(a)
        weights.append(tuple((there - a * here)[0, 1 : n + 2].flip(0).tolist()))
    return LinearForm(tuple(map(float, levels)), tuple(carry), tuple(weights))


def _numbers(values: Any, key: str) -> tuple[float, ...]:
    if not isinstance(values, list):
        raise ValueError(f"{key} must be a list of numbers")
    return tuple(_number(value, key) for value in values)


def _number(value: Any, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LARGEST**2:
        raise ValueError(f"{key} must be a finite number, not {str(value)[:80]!r}")
    return float(value)


def _text(value: Any, key: str) -> str:
    if not isinstance(value, str) or len(value) > 200:
        raise ValueError(f"{key} must be a text of at most 200 characters")
    return value
