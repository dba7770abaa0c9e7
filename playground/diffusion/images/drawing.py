"""Pictures drawn under a row of the table, with what the denoiser thought on the way, and their error: arrays only.

The error is the distance to the end of the model's own ODE from the same noise, solved by DEIS (Zhang and
Chen 2022) in many steps: the solver's share, without the model's.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from playground.diffusion.compare import Row
from playground.diffusion.grids import karras
from playground.diffusion.images.model import PictureModel
from playground.diffusion.level import wide
from playground.diffusion.sampling import Step, walk

__all__ = ["FEW", "MANY", "Drawn", "RowError", "draw_pictures", "measure_rows"]

Array = NDArray[np.float32]
PICTURES = 10  # drawn at once: every chosen digit as often as they allow
LOOKS = 7  # denoised pictures in the strip
MANY = 64  # steps of the fine solution below HIGH: right to 3e-4 a pixel; from flow matching's start to 6e-4
HIGH = 80.0  # from there up the denoiser hardly moves
ABOVE = 16  # steps down to it, even in ln sigma
FEW = (5, 10, 20)  # steps measured


@dataclass(frozen=True, eq=False)
class Drawn:
    """A run so far."""

    progress: float  # in [0, 1]
    labels: tuple[int, ...]  # (n,)
    sigmas: tuple[float, ...]  # (k,) noise levels of the strip, falling
    strip: Array  # (k, n, side, side) D at those levels, in about [-1, 1]
    x: Array  # (n, side, side) the pictures; before the end what the denoiser takes them for
    nfe: int


@dataclass(frozen=True)
class RowError:
    """A row in so many steps."""

    row: Row
    steps: int
    nfe: int
    rms: float  # a pixel, in greys of [-1, 1]


def draw_pictures(
    model: PictureModel, row: Row, *, digits: Sequence[int], guidance: float = 1.0, steps: int = 18, seed: int = 0
) -> Iterator[Drawn]:
    """Draw ten pictures of the digits (fewer where they do not share ten evenly), yielding after every step.

    The row's preconditioning stays out: the model was trained under EDM's, and any schedule and solver may use it.
    Raises `ValueError` for settings out of range and no digit.
    """
    labels = every(digits)
    denoiser = model.denoiser(labels, guidance=guidance)
    noise, generator = start(model, len(labels), seed)
    path = row.make_schedule()
    levels = path.sigmas(steps).tolist()
    looks = {round(i) for i in np.linspace(1, len(levels) - 1, min(LOOKS, len(levels) - 1)).tolist()}
    sigmas: list[float] = []
    strip: list[Array] = []
    side = model.side
    for step in walk(denoiser, noise, schedule=path, solver=row.solver, steps=steps, generator=generator):
        if step.denoised is None:
            continue
        if step.i in looks:
            sigmas.append(levels[step.i - 1])
            strip.append(grey(step.denoised))
        last = step.i == len(levels) - 1
        x = grey(step.x_hat) if last else grey(step.denoised)
        shown = np.stack(strip) if strip else np.zeros((0, len(labels), side, side), dtype=np.float32)
        yield Drawn(step.i / (len(levels) - 1), tuple(labels), tuple(sigmas), shown, x, step.nfe)


def measure_rows(
    model: PictureModel,
    rows: Sequence[Row],
    *,
    digits: Sequence[int],
    guidance: float = 1.0,
    steps: Sequence[int] = FEW,
    seed: int = 0,
) -> Iterator[tuple[float, tuple[RowError, ...]]]:
    """The share that is done and every error so far, after each call of the many: a place to stop.

    A row with noise in its steps follows no ODE: its distance is that of other pictures of the same digits.
    """
    labels = every(digits)
    denoiser = model.denoiser(labels, guidance=guidance)
    total = sum(len(fine_levels(row.make_schedule().sigma_max)) - 1 + sum(steps) for row in rows)
    errors: list[RowError] = []
    done = 0
    for row in rows:
        path = row.make_schedule()
        noise, _ = start(model, len(labels), seed)
        fine = fine_levels(path.sigma_max)
        state: Step | None = None
        for state in walk(denoiser, noise, schedule=path, solver="deis", sigmas=fine):
            yield (done + state.i) / total, tuple(errors)
        assert state is not None
        done, end = done + len(fine) - 1, state.x_hat
        for n in steps:
            noise, generator = start(model, len(labels), seed)
            for state in walk(denoiser, noise, schedule=path, solver=row.solver, steps=n, generator=generator):
                yield (done + state.i) / total, tuple(errors)
            rms = float((state.x_hat - end).square().mean().sqrt())
            errors.append(RowError(row, n, state.nfe, rms))
            done += n
            yield done / total, tuple(errors)


def fine_levels(sigma_max: float) -> Tensor:
    """EDM's levels, many of them, under a few that come down from higher starts: flow matching's is 1e8."""
    levels = karras(MANY, sigma_max=min(HIGH, sigma_max))
    if sigma_max <= HIGH * 1.001:
        return torch.cat([torch.tensor([sigma_max], dtype=torch.float64), levels[1:]])
    above = torch.logspace(math.log10(sigma_max), math.log10(HIGH), ABOVE + 1, dtype=torch.float64)[:-1]
    return torch.cat([torch.tensor([sigma_max], dtype=torch.float64), above[1:], levels])


def every(digits: Sequence[int]) -> list[int]:
    """Each digit equally often, in order."""
    if not digits:
        raise ValueError("choose at least one digit to draw")
    return [digit for digit in digits for _ in range(max(1, PICTURES // len(digits)))]


def start(model: PictureModel, n: int, seed: int) -> tuple[Tensor, torch.Generator]:
    """Noise (n, 1, side, side) on the model's device, drawn on the CPU: a seed means the same everywhere."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(n, 1, model.side, model.side, generator=generator, dtype=torch.float64)
    device = next(model.parameters()).device
    return noise.to(wide(device)).to(device), generator


def grey(x: Tensor) -> Array:
    """(n, 1, side, side) as (n, side, side)."""
    return x[:, 0].float().cpu().numpy()
