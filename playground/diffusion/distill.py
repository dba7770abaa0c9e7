"""A solver distilled for one denoiser and one number of calls: grid and multistep coefficients by least squares.

The end of the solver's own run is fitted to the end of the exact ODE from the same noises ("Bespoke Non-Stationary
Solvers", Shaul et al. 2024; "S4S", Frankel et al. 2025), here by the method of Levenberg and Marquardt from several
training-free methods: a few hundred numbers at most, so that second-order steps are cheap.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from playground.diffusion.arena import FREE_GRIDS, FREE_SOLVERS, free_sigmas
from playground.diffusion.denoiser import Denoiser
from playground.diffusion.distance import median, rms
from playground.diffusion.exact import exact_ode
from playground.diffusion.fitting import Layout, Task, descend
from playground.diffusion.linear_solver import LinearForm, LinearSolver, linear_form
from playground.diffusion.mixture import MixtureDenoiser
from playground.diffusion.schedules import schedule
from playground.diffusion.tangents import tangents

__all__ = ["Distilling", "distill"]

MOST_NFE = 64
BATCH = 128  # noises whose exact ends are found between two frames
FEW = 16  # noises on which all choices are tried
SOME = 128  # noises on which the starts are compared
FINE, LESS_FINE = 120, 64  # Runge-Kutta steps of the exact ends: right to 1e-5 and 1e-4, a tenth of what is fitted
FEW_CALLS = 6  # up to which the latter will do
TRAIN, HELD_OUT = 1 << 40, 1 << 41  # added to the seed: no noise of an arena, and none in both
# shares of the time after which the held-out ends, the fitted ends, the choices and the starts must be done
ENDS_BY, FITTED_BY, CHOICES_BY, STARTS_BY = 0.08, 0.3, 0.42, 0.65
STARTS, ROUNDS = 8, 6
MANY, CUT = 16, 6.0  # coordinates from which on noises that end in another basin are left aside, beyond so many medians
TOP = 48  # choices that are compared on more noises
# in order of promise; all are linear in their calls
LINEAR = ("theta_ab 3", "ipndm 3", "unipc 3", "ipndm 4", "deis 3", "lms 3", "theta_ab 2", "dpmpp_3m", "lms 4", "ddim")


@dataclass(frozen=True)
class Distilling:
    """One frame of a fit."""

    phase: str  # "reference", "choices", "starts", "fit", "done"
    evaluations: int  # solvers tried so far
    # RMS in the data's standard deviations of the best so far, infinite before the first; in many dimensions without
    # the noises that end in another basin, which would decide it alone
    train_error: float
    sigmas: tuple[float, ...]  # its grid
    seconds: float
    progress: float  # in [0, 1]
    solver: LinearSolver | None = None  # in the last frame


@dataclass(frozen=True)
class _Choice:
    """A training-free method on a grid."""

    solver: str
    grid: str
    form: LinearForm
    error: float


def distill(
    denoiser: Denoiser,
    *,
    nfe: int,
    sigma_max: float = 80.0,
    noises: int | None = None,
    held_out: int = 256,
    seed: int = 0,
    seconds: float = 15.0,
    history: int = 4,
    shape: Sequence[int] | None = None,
    name: str | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[Distilling]:
    """Fit a solver of `nfe` calls from `sigma_max`, yielding several frames a second; the last one carries it.

    What is fitted looks back over `history` calls; a training-free choice that no fit beats stays as it is. `noises`
    are the most that it is fitted to (512 to 4096, the more the fewer calls; 128 where a sample has 16 coordinates and
    more) and `held_out` the most that its error is measured on: slow denoisers take fewer. `shape` of one sample and
    `name` of the distribution: a mixture knows them. What a budget of time yields depends on the machine. Raises
    `ValueError` for settings out of range.
    """
    if not 1 <= nfe <= MOST_NFE:
        raise ValueError(f"nfe must lie between 1 and {MOST_NFE}, not {nfe}")
    if not 0 < sigma_max < math.inf or not 0 < seconds <= 3600:
        raise ValueError(f"0 < sigma_max and 0 < seconds <= 3600 are needed, not {sigma_max=} and {seconds=}")
    if shape is None:
        if not isinstance(denoiser, MixtureDenoiser):
            raise ValueError("the shape of one sample is needed for a denoiser that is no mixture")
        shape = (denoiser.dim,)
    if noises is None:
        noises = 4096 if nfe <= FEW_CALLS else max(512, 8192 // nfe) if math.prod(shape) < 16 else 128
    if not (1 <= noises <= 100_000 and 1 <= held_out <= 100_000 and 1 <= history <= MOST_NFE):
        raise ValueError(f"noises, held_out and history are too few or too many: {noises=}, {held_out=}, {history=}")
    name = name or getattr(denoiser, "name", type(denoiser).__name__)
    layout = Layout(nfe, min(history, nfe), sigma_max)
    run = _Run(denoiser, layout, str(name)[:80], seconds, clock)
    return run.frames(_noise(noises, shape, TRAIN + seed), _noise(held_out, shape, HELD_OUT + seed))


class _Run:
    """One fit: its clock and its best so far."""

    def __init__(
        self, denoiser: Denoiser, layout: Layout, name: str, seconds: float, clock: Callable[[], float]
    ) -> None:
        self.denoiser, self.layout, self.name, self.seconds, self.clock = denoiser, layout, name, seconds, clock
        self.tangents, self.how = tangents(denoiser)
        self.begun, self.evaluations = clock(), 0
        self.error, self.form = math.inf, LinearForm((layout.sigma_max, 0.0), (0.0,), ((1.0,),))

    def left(self, share: float = 1.0) -> float:
        """Seconds until a share of the time is over."""
        return share * self.seconds - (self.clock() - self.begun)

    def better(self, error: float, form: LinearForm) -> None:
        self.evaluations += 1
        if error < self.error:
            self.error, self.form = error, form

    def frame(self, phase: str, solver: LinearSolver | None = None) -> Distilling:
        spent = self.clock() - self.begun
        progress = min(0.99, spent / self.seconds) if solver is None else 1.0
        return Distilling(phase, self.evaluations, self.error, self.form.sigmas, spent, progress, solver)

    @torch.no_grad()
    def frames(self, train: Tensor, held_out: Tensor) -> Iterator[Distilling]:
        test_ends: list[Tensor] = []
        ends: list[Tensor] = []
        for noise, found, by in ((held_out, test_ends, ENDS_BY), (train, ends, FITTED_BY)):
            for part in noise.split(BATCH):
                if found and self.left(by) < 0:
                    break
                start = part * self.layout.sigma_max
                fine = LESS_FINE if self.layout.nfe <= FEW_CALLS else FINE
                found.append(exact_ode(self.denoiser, start, self.layout.sigma_max, steps=fine))
                yield self.frame("reference")
        end = torch.cat(ends)
        std = self.denoiser.std if isinstance(self.denoiser, MixtureDenoiser) else float(end.std())
        if not (end.isfinite().all() and std > 0):
            raise FloatingPointError("the exact solution is not finite, or one point: nothing can be fitted to it")
        every, test = self.task(train, end, std), self.task(held_out, torch.cat(test_ends), std)

        choices: list[_Choice] = []
        for choice in self.choices(every.first(FEW)):
            choices.append(choice)
            self.better(choice.error, choice.form)
            if len(choices) % 8 == 0:
                yield self.frame("choices")
        some = every.first(SOME)
        if every.x[0].numel() >= MANY:
            typical = min(median(some.gaps(c.form)) for c in sorted(choices, key=lambda c: c.error)[:TOP])
            every, some = replace(every, cut=CUT * typical), replace(some, cut=CUT * typical)
        choices = [replace(c, error=some.error(c.form)) for c in sorted(choices, key=lambda c: c.error)[:TOP]]
        choices.sort(key=lambda c: c.error)
        self.error, self.form = choices[0].error, choices[0].form
        yield self.frame("choices")

        for _ in self.starts(some, every, choices):
            yield self.frame("starts")
        for _ in self.finish(every):
            yield self.frame("fit")
        yield self.frame("done", self.result(every, test, choices[0]))

    def task(self, noise: Tensor, end: Tensor, std: float) -> Task:
        return Task(self.denoiser, self.tangents, noise[: len(end)] * self.layout.sigma_max, end, std)

    def choices(self, few: Task) -> Iterator[_Choice]:
        """Every linear method on every grid, until its share of the time is over."""
        own = schedule("edm")
        for grid in FREE_GRIDS:
            sigmas = free_sigmas(grid, self.layout.nfe, self.layout.sigma_max)
            if sigmas is None:
                continue
            for name in LINEAR:
                form = linear_form(FREE_SOLVERS[name](), sigmas.tolist(), own)
                yield _Choice(name, grid, form, few.error(form))
                if self.left(CHOICES_BY) < 0:
                    return

    def starts(self, some: Task, every: Task, choices: Sequence[_Choice]) -> Iterator[None]:
        """Step by step from the best choices of different methods; the worse half leaves at every `ROUNDS`-th step.

        In the end all of them meet on all noises: few can mislead.
        """
        first = {c.solver: c for c in reversed(choices)}  # of each method its best
        ranked = sorted(first.values(), key=lambda c: c.error)[:STARTS]
        racing = {c.solver: descend(some, self.layout, self.layout.pack(c.form)) for c in ranked}
        reached = {c.solver: (c.error, c.form) for c in ranked}
        round_, step_seconds = 0, 0.0
        while racing and self.left(STARTS_BY) > step_seconds:
            for name in list(racing):
                begun = self.clock()
                step = next(racing[name], None)
                if step is None:
                    del racing[name]
                else:
                    reached[name] = step[0], self.layout.unpack(step[1])
                    self.better(*reached[name])
                yield
                step_seconds = self.clock() - begun
                if self.left(STARTS_BY) < step_seconds:
                    break
            round_ += 1
            if round_ % ROUNDS == 0:
                kept = sorted(racing, key=lambda name: reached[name][0])[: (len(racing) + 1) // 2]
                racing = {name: racing[name] for name in kept}
        self.error = math.inf
        for _, form in reached.values():
            self.better(every.error(form), form)
            yield

    def finish(self, every: Task) -> Iterator[None]:
        """The best of the starts goes on with all noises."""
        begun = self.clock()
        for error, values in descend(every, self.layout, self.layout.pack(self.form)):
            self.better(error, self.layout.unpack(values))
            yield
            now = self.clock()
            if self.left() < 1.5 * (now - begun):
                return
            begun = now

    def result(self, every: Task, test: Task, free: _Choice) -> LinearSolver:
        gaps, free_gaps = (test.gaps(form).nan_to_num(math.inf) for form in (self.form, free.form))
        return LinearSolver(
            self.form,
            fitted_to=self.name,
            method=f"Levenberg-Marquardt, {self.how}",
            noises=len(every.end),
            train_error=self.error,
            held_out_error=rms(gaps),
            held_out_median=median(gaps),
            free=f"{free.solver}, {free.grid}",
            free_error=rms(free_gaps),
            free_median=median(free_gaps),
        )


def _noise(n: int, shape: Sequence[int], seed: int) -> Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
