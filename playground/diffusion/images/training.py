"""Train the U-Net on pictures with EDM's loss, label dropout and augmentation: a generator, resumable to the bit."""

import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from playground import checkpoints
from playground.diffusion.images.digits import Pictures
from playground.diffusion.images.unet import AUGMENTATIONS, UNet
from playground.nn.adam import Weights, learning_rate

__all__ = ["PictureStep", "augment", "fit_pictures"]

LABEL_DROPOUT = 0.1  # of the pictures are learned without their label (Ho and Salimans 2022)
AUGMENTED = 0.5  # of the pictures
TURN, ZOOM, SHIFT = 12.0, 0.1, 0.6  # standard deviations: degrees, ln, pixels
CLIP = 1.0


@dataclass(frozen=True)
class PictureStep:
    """One training step."""

    step: int
    loss: float  # EDM's weighted loss of the batch, a pixel
    seconds: float  # spent in training by this process
    progress: float  # 0 to 1


def fit_pictures(
    model: UNet,
    pictures: Pictures,
    *,
    steps: int,
    batch: int = 128,
    lr: float = 2e-3,
    seed: int = 0,
    scratch: str | Path | None = None,
    every: int = 200,
    clock: Callable[[], float] = time.perf_counter,
) -> Generator[PictureStep, None, None]:
    """Train `model` in place, yielding after each step; at its end, closed or failed, it holds the averaged weights.

    With a folder `scratch` the run is kept there each `every` steps, and goes on where it was interrupted: each step's
    randomness comes from (seed, step), so the weights are those of a run in one go. Raises `ValueError` for settings
    out of range and for a scratch folder of another run, `FloatingPointError` when loss or gradient is not finite.
    """
    if not 1 <= steps <= 10**7:
        raise ValueError(f"steps must lie between 1 and 10**7, not {steps}")
    if not 1 <= batch <= len(pictures):
        raise ValueError(f"batch must lie between 1 and {len(pictures)}, the number of pictures, not {batch}")
    if not 0 < lr < math.inf:
        raise ValueError(f"lr must be positive, not {lr}")
    settings = {**model.config, "steps": steps, "batch": batch, "lr": lr, "seed": seed, "pictures": len(pictures)}
    folder = Path(scratch) if scratch is not None else None
    return _run(model, pictures, settings, folder, checkpoints.read_run(folder, settings), every, clock)


def _run(
    model: UNet,
    pictures: Pictures,
    settings: dict[str, float],
    scratch: Path | None,
    state: dict[str, Tensor] | None,
    every: int,
    clock: Callable[[], float],
) -> Generator[PictureStep, None, None]:
    steps, batch, seed = int(settings["steps"]), int(settings["batch"]), int(settings["seed"])
    weights = Weights(model)
    if state is not None:
        weights.restore(state)
    began = clock()
    try:
        while weights.step < steps:
            generator = torch.Generator().manual_seed(seed * 10**7 + weights.step)
            with torch.enable_grad():
                loss = _loss(model, pictures, batch, generator)
                value = weights.update(loss, learning_rate(settings["lr"], (weights.step + 0.5) / steps), clip=CLIP)
            if scratch is not None and (weights.step % every == 0 or weights.step == steps):
                checkpoints.write(scratch, settings, weights.state())
            yield PictureStep(weights.step, value, clock() - began, weights.step / steps)
    finally:
        weights.release()


def _loss(model: UNet, pictures: Pictures, batch: int, generator: torch.Generator) -> Tensor:
    """Equation 8 of Karras et al. 2022 on F: its weight lambda c_out^2 is 1."""
    chosen = torch.randperm(len(pictures), generator=generator)[:batch]
    x0, how = augment(pictures.x[chosen], generator)
    labels = pictures.labels[chosen]
    dropped = torch.rand(batch, generator=generator) < LABEL_DROPOUT
    labels = torch.where(dropped, model.classes, labels)
    row = model.row
    sigma = row.sample_sigma(batch, generator)[:, None, None, None]
    x0 = x0.double()
    x = x0 + sigma * torch.randn(x0.shape, generator=generator, dtype=torch.float64)
    F = (x0 - row.c_skip(sigma) * x) / row.c_out(sigma)
    predicted = model.predict(row.c_in(sigma) * x, row.c_noise(sigma), labels, how)
    return functional.mse_loss(predicted, F.to(predicted))


def augment(x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Half of the pictures (n, 1, h, w) turned, zoomed and shifted; and how (n, 4), of unit variance, 0 where not.

    What enters from outside is paper, -1.
    """
    n, side = len(x), x.shape[-1]
    how = torch.randn(n, AUGMENTATIONS, generator=generator)
    how = how * (torch.rand(n, 1, generator=generator) < AUGMENTED)
    turn, zoom = how[:, 0] * math.radians(TURN), (how[:, 1] * ZOOM).exp()
    c, s = turn.cos() / zoom, turn.sin() / zoom
    shift = how[:, 2:] * (SHIFT * 2 / side)  # the grid's side is 2
    theta = torch.stack([torch.stack([c, -s, shift[:, 0]], 1), torch.stack([s, c, shift[:, 1]], 1)], 1)
    grid = functional.affine_grid(theta, list(x.shape), align_corners=False)
    moved = functional.grid_sample(x + 1, grid, mode="bicubic", align_corners=False).clamp(0, 2) - 1
    return moved, how
