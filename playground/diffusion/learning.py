"""A small network learns a distribution under a row: its loss a noise level, its samples, and whose error is whose."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from playground.diffusion.compare import Row
from playground.diffusion.error_split import ErrorSplit, split_errors
from playground.diffusion.mixture import MixtureDenoiser
from playground.diffusion.network import LearnedDenoiser, build_denoiser
from playground.diffusion.sampling import sample
from playground.diffusion.training import DenoiserStep, LevelErrors, fit_denoiser

__all__ = ["SPLIT_STEPS", "Learning", "learn", "measure_learned"]

Array = NDArray[np.float64]
SPLIT_STEPS = (4, 8, 16, 32, 64)  # at which the solver is told from the model
SAMPLES, NOISES = 400, 256
TRAINED = 0.85  # of the progress, once the training is over
POINTS = 120  # of the loss curve


@dataclass(frozen=True, eq=False)
class Learning:
    """One frame of a network that learns."""

    model: LearnedDenoiser  # with the averaged weights while the generator is suspended
    step: int
    curve: Array  # (k, 2) steps, and the batches' mean loss up to there, a coordinate, with the row's weights
    errors: LevelErrors  # newest measured
    density: Array  # (16,) of ln sigma in training, at the levels of `errors`
    samples: Array  # (n, d) x / s drawn by the row's solver when those were measured
    progress: float  # in [0, 1]
    splits: tuple[ErrorSplit, ...] = ()  # of the trained network, one a number of steps in `SPLIT_STEPS`


def learn(
    target: MixtureDenoiser,
    row: Row,
    *,
    steps: int = 2000,
    solver_steps: int = 18,
    width: int = 128,
    depth: int = 3,
    seed: int = 0,
) -> Iterator[Learning]:
    """Train a network under the row's preconditioning, weight and noise, a frame a step; then `measure_learned`.

    EDM's row takes sigma_data 1, the standard deviation of every target here, not its paper's 0.5. The same arguments
    give the same weights. Raises what `build_denoiser` and `fit_denoiser` raise.
    """
    model = build_denoiser(
        row.preconditioning, dim=target.dim, width=width, depth=depth, seed=seed, options=row.options
    )
    training = fit_denoiser(model, target, steps=steps, seed=seed)
    return _frames(model, target, row, training, steps, solver_steps, seed)


def _frames(
    model: LearnedDenoiser,
    target: MixtureDenoiser,
    row: Row,
    training: Iterator[DenoiserStep],
    steps: int,
    solver_steps: int,
    seed: int,
) -> Iterator[Learning]:
    points: list[tuple[float, float]] = []
    losses: list[float] = []
    frame: Learning | None = None
    every = max(1, steps // POINTS)
    for record in training:
        losses.append(record.loss)
        if record.step % every == 0 or record.step == 1:
            points.append((record.step, sum(losses) / len(losses)))
            losses = []
        if record.errors is not None:
            density = model.row.noise.density(torch.as_tensor(record.errors.sigma)).numpy()
            samples = _samples(model, row, solver_steps, seed)
            frame = Learning(model, record.step, np.array(points), record.errors, density, samples, 0.0)
        assert frame is not None  # the first step is measured
        frame = replace(frame, step=record.step, curve=np.array(points), progress=TRAINED * record.progress)
        yield frame
    assert frame is not None
    yield from measure_learned(frame, target, row, solver_steps=solver_steps, seed=seed)


def measure_learned(
    frame: Learning, target: MixtureDenoiser, row: Row, *, solver_steps: int = 18, seed: int = 0
) -> Iterator[Learning]:
    """Samples, and the errors of model and solver apart, of a trained network under the row's schedule and solver."""
    frame = replace(frame, samples=_samples(frame.model, row, solver_steps, seed), progress=TRAINED, splits=())
    yield frame
    generator = torch.Generator().manual_seed(seed + 1)
    noise = torch.randn(NOISES, target.dim, generator=generator, dtype=torch.float64)
    found = split_errors(
        frame.model,
        target,
        noise,
        schedule=row.make_schedule(),
        solver=row.solver,
        steps=SPLIT_STEPS,
        generator=generator,
    )
    for split in found:
        splits = (*frame.splits, split)
        share = len(splits) / len(SPLIT_STEPS)
        frame = replace(frame, splits=splits, progress=TRAINED + (1 - TRAINED) * share)
        yield frame


@torch.no_grad()
def _samples(model: LearnedDenoiser, row: Row, steps: int, seed: int) -> Array:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(SAMPLES, model.config["dim"], generator=generator, dtype=torch.float64)
    run = sample(model, noise, schedule=row.make_schedule(), solver=row.solver, steps=steps, generator=generator)
    samples: Array = run.unified()[-1].numpy()
    return samples
