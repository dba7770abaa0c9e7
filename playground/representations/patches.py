"""Contrastive predictive coding of digits, row by row: the rows above tell those below (van den Oord et al. 2018)."""

import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from playground.nn.adam import Weights, learning_rate
from playground.nn.budget import check_budget
from playground.nn.seeded import seeded
from playground.representations.cpc import Predictor, info_nce_loss, row_shares
from playground.representations.digits import digits

__all__ = ["ROWS", "PatchesMatch", "PatchesReading", "PatchesStep", "RowCoder", "fit_patches"]

ROWS = 8  # of a picture, and pixels of each
HALF = 4  # rows of the upper half, and how far below its last row is told
SHOWN = 8  # pictures of the last step's matrix
GLANCE, TESTED = 1, 20  # batches of a reading meanwhile and of the last
SHARE = 0.15  # part of the time that may go into readings
CLIP = 5.0  # longest gradient


class RowCoder(nn.Module):
    """A latent z_t of each row, a context c_t of the rows up to it by a GRU, and scores of the two (figure 1)."""

    def __init__(self, latent: int, context: int) -> None:
        super().__init__()
        self.row = nn.Sequential(nn.Linear(ROWS, 64), nn.ReLU(), nn.Linear(64, latent))
        self.above = nn.GRU(latent, context, batch_first=True)
        self.predictor = Predictor(context, latent, HALF)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Latents (m, 8, latent) and contexts (m, 8, context) of pictures (m, 1, 8, 8)."""
        z = self.row(pictures[:, 0])
        return z, self.above(z)[0]

    def losses(self, pictures: Tensor) -> Tensor:
        """InfoNCE's loss (HALF,) of each distance k = 1.., the mean over the rows from which it can be told.

        What a row is told from is the same row of the other pictures, so that its place gives nothing away.
        """
        z, c = self(pictures)
        return torch.stack([
            torch.stack([info_nce_loss(self.predictor(c[:, t], z[:, t + k], k)) for t in range(1, ROWS - k)]).mean()
            for k in range(1, HALF + 1)
        ])  # fmt: skip

    def halves(self, pictures: Tensor) -> Tensor:
        """Scores (m, m) of each upper half with each lower: the sum of those of its four rows."""
        z, c = self(pictures)
        scores = [self.predictor(c[:, HALF - 1], z[:, HALF - 1 + k], k) for k in range(1, HALF + 1)]
        return torch.stack(scores).sum(0)


@dataclass(frozen=True, eq=False)
class PatchesReading:
    """A network on held-out pictures, told apart `batch` at a time."""

    bounds: tuple[float, ...]  # log N - loss of each distance k = 1.., nats, each at most log N
    halves: float  # the same of whole halves
    right: float  # share of upper halves whose own lower half scores highest among N


@dataclass(frozen=True, eq=False)
class PatchesMatch:
    """Which lower half continues which upper half."""

    pictures: NDArray[np.float32]  # (m, 8, 8) in [0, 1], held out
    scores: NDArray[np.float32]  # (m, m), a row an upper half

    @property
    def shares(self) -> NDArray[np.float32]:
        """What InfoNCE makes of the scores."""
        return row_shares(self.scores)


@dataclass(frozen=True, eq=False)
class PatchesStep:
    """One training step."""

    step: int
    loss: float  # of the batch, nats: the mean over the distances
    ceiling: float  # log N
    reading: PatchesReading | None  # where it was taken: at the first step, the last, and now and then
    match: PatchesMatch | None  # with the last step
    seconds: float
    progress: float  # 0 to 1


def fit_patches(
    *,
    seconds: float | None = None,
    steps: int | None = None,
    latent: int = 32,
    context: int = 64,
    batch: int = 128,
    lr: float = 3e-3,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> Generator[PatchesStep]:
    """Train on scikit-learn's digits for a time or a number of steps; yields each.

    Raises `ValueError` for numbers out of range.
    """
    check_budget(seconds, steps)
    for name, value, low, high in (("latent", latent, 2, 256), ("context", context, 2, 512), ("batch", batch, 8, 500)):
        if not low <= value <= high:
            raise ValueError(f"{name} must lie between {low} and {high:,}, not {value}")
    with seeded(seed):
        network = RowCoder(latent, context)
    return _run(network, seconds, steps, batch, lr, seed, clock)


def _run(
    network: RowCoder,
    seconds: float | None,
    steps: int | None,
    batch: int,
    lr: float,
    seed: int,
    clock: Callable[[], float],
) -> Generator[PatchesStep]:
    train, _, held, labels = digits()
    generator = torch.Generator().manual_seed(seed)
    weights = Weights(network)
    spent = on_reading = cost = 0.0
    now, progress, step = clock(), 0.0, 0
    try:
        while progress < 1:
            step += 1
            pictures = train[torch.randint(len(train), (batch,), generator=generator)]
            with torch.enable_grad():
                begun = (step - 0.5) / steps if steps is not None else progress
                loss = weights.update(network.losses(pictures).mean(), learning_rate(lr, min(1.0, begun)), clip=CLIP)
            elapsed = spent + clock() - now
            progress = min(1.0, elapsed / seconds if seconds is not None else step / (steps or 1))
            reading = match = None
            if step == 1 or progress == 1 or on_reading + cost <= SHARE * elapsed:
                if progress == 1:
                    weights.show()
                    match = _match(network, held, labels)
                batches = TESTED if progress == 1 else GLANCE
                reading = _read(network, held, batch, batches, seed ^ 0x5EED ^ step)
                cost = spent + clock() - now - elapsed
                on_reading += cost
            spent += clock() - now
            yield PatchesStep(step, loss, math.log(batch), reading, match, spent, progress)
            now = clock()
    finally:
        weights.release()


def _read(network: RowCoder, held: Tensor, batch: int, batches: int, seed: int) -> PatchesReading:
    """The mean over batches of different pictures each."""
    generator = torch.Generator().manual_seed(seed)
    losses, halves, right = [], [], []
    with torch.no_grad():
        for _ in range(batches):
            pictures = held[torch.randperm(len(held), generator=generator)[:batch]]
            losses.append(network.losses(pictures))
            scores = network.halves(pictures)
            halves.append(info_nce_loss(scores))
            right.append((scores.argmax(1) == torch.arange(len(scores))).double().mean())
    ceiling = math.log(batch)
    bounds = tuple((ceiling - torch.stack(losses).mean(0)).tolist())
    return PatchesReading(bounds, ceiling - float(torch.stack(halves).mean()), float(torch.stack(right).mean()))


def _match(network: RowCoder, held: Tensor, labels: Tensor) -> PatchesMatch:
    """The first held-out picture of each of the first classes."""
    pictures = held[[int((labels == label).nonzero()[0]) for label in range(SHOWN)]]
    with torch.no_grad():
        return PatchesMatch(pictures[:, 0].numpy().copy(), network.halves(pictures).numpy())
