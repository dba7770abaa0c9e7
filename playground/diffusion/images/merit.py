"""Figures of merit of made pictures: a judge's accuracy on their labels, and a Frechet distance in its features.

The judge is a small convolutional classifier of ours, trained here on the training part. The distance is that of Heusel
et al. 2017 (FID) with the judge's features in the place of Inception's: between Gaussians fitted to both sets.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from playground.diffusion.images.digits import CLASSES, SIDE, Pictures
from playground.diffusion.images.model import PictureModel
from playground.diffusion.images.training import augment
from playground.diffusion.sampling import sample
from playground.diffusion.schedules import schedule
from playground.nn.adam import Weights, learning_rate
from playground.nn.seeded import seeded

__all__ = [
    "RUNS",
    "Judge",
    "Line",
    "Merit",
    "Run",
    "denoising_error",
    "fit_judge",
    "frechet_distance",
    "merit",
    "nearest",
    "table",
]

FEATURES = 32
PART = 250  # pictures sampled at once


@dataclass(frozen=True)
class Merit:
    """How made pictures compare with held-out ones."""

    accuracy: float  # part of them that the judge takes for their label
    frechet: float  # distance of their features to those of held-out pictures
    nearest: float  # mean over them of the RMS distance a pixel to the nearest training picture


@dataclass(frozen=True)
class Run:
    """A way to sample."""

    guidance: float
    schedule: str
    solver: str
    steps: int


@dataclass(frozen=True)
class Line:
    """A line of the table of figures."""

    name: str
    nfe: int | None  # calls of the denoiser; None for pictures of the data
    merit: Merit


RUNS = (
    Run(1, "edm", "heun", 18),
    Run(2, "edm", "heun", 18),
    Run(1, "edm", "dpmpp_2m", 10),
    Run(2, "edm", "dpmpp_2m", 10),
    Run(1, "edm", "dpmpp_2m", 6),
    Run(1, "flow", "euler", 20),
    Run(1, "edm", "ddpm", 50),
)


class Judge(nn.Module):
    """A classifier of pictures (n, 1, 8, 8) whose last hidden layer gives the features."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 32, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(512, FEATURES),
            nn.ReLU(),
        )
        self.last = nn.Linear(FEATURES, CLASSES)

    def features(self, x: Tensor) -> Tensor:
        """(n, 32) for pictures x (n, 1, 8, 8)."""
        answer: Tensor = self.layers(x.to(self.last.weight))
        return answer

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 10)."""
        answer: Tensor = self.last(self.features(x))
        return answer

    @torch.no_grad()
    def accuracy(self, x: Tensor, labels: Tensor) -> float:
        """Part of the pictures taken for their label."""
        return float((self(x).argmax(1) == labels).double().mean())


def fit_judge(pictures: Pictures, *, steps: int = 600, batch: int = 256, seed: int = 0) -> Judge:
    """Train a judge on pictures, augmented as for the denoiser; the same seed gives the same judge."""
    with seeded(seed):
        judge = Judge()
    weights = Weights(judge)
    generator = torch.Generator().manual_seed(seed)
    for step in range(steps):
        chosen = torch.randint(len(pictures), (batch,), generator=generator)
        x, _ = augment(pictures.x[chosen], generator)
        loss = functional.cross_entropy(judge(x), pictures.labels[chosen], label_smoothing=0.05)
        weights.update(loss, learning_rate(4e-3, (step + 0.5) / steps))
    weights.release()
    return judge.eval().requires_grad_(False)


def merit(judge: Judge, made: Tensor, labels: Sequence[int] | Tensor, train: Pictures, held_out: Pictures) -> Merit:
    """Judge pictures (n, 1, 8, 8) made for `labels` (n,) against the held-out part."""
    wanted = torch.as_tensor(labels)
    if made.shape[1:] != held_out.x.shape[1:] or wanted.shape != (len(made),):
        raise ValueError(f"{tuple(made.shape)} pictures and {tuple(wanted.shape)} labels do not fit")
    with torch.no_grad():
        distance = frechet_distance(judge.features(made), judge.features(held_out.x))
    return Merit(judge.accuracy(made, wanted), distance, nearest(made, train.x))


def table(
    model: PictureModel, train: Pictures, held_out: Pictures, *, runs: Sequence[Run] = RUNS, seed: int = 0
) -> Iterator[Line]:
    """The figures of both parts of the data, then of each run: as many pictures as in training, of the same labels."""
    judge = fit_judge(train, seed=seed)
    yield Line("held-out pictures", None, merit(judge, held_out.x, held_out.labels, train, held_out))
    yield Line("training pictures", None, merit(judge, train.x, train.labels, train, held_out))
    for run in runs:
        generator = torch.Generator().manual_seed(seed)
        made, nfe = [], 0
        for labels in train.labels.split(PART):
            noise = torch.randn(len(labels), 1, SIDE, SIDE, generator=generator, dtype=torch.float64)
            trajectory = sample(
                model.denoiser(labels, guidance=run.guidance),
                noise,
                schedule=schedule(run.schedule),
                solver=run.solver,
                steps=run.steps,
                generator=generator,
            )
            made.append(trajectory.x[-1])
            nfe = trajectory.nfe
        name = f"guidance {run.guidance:g}, {run.schedule}, {run.solver}, {run.steps} steps"
        yield Line(name, nfe, merit(judge, torch.cat(made), train.labels, train, held_out))


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """|mu_a - mu_b|^2 + tr(A + B - 2 (A B)^(1/2)) of the means and covariances of features (n, d) and (m, d)."""
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(f"two sets (n, d) of at least two are needed, not {tuple(a.shape)} and {tuple(b.shape)}")
    a, b = a.double(), b.double()
    A, B = torch.cov(a.T).reshape(a.shape[1], -1), torch.cov(b.T).reshape(b.shape[1], -1)
    values, vectors = torch.linalg.eigh(A)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T  # A^(1/2); A B has the eigenvalues of root B root
    cross = torch.linalg.eigvalsh(root @ B @ root).clamp_min(0).sqrt().sum()
    distance = (a.mean(0) - b.mean(0)).square().sum() + A.trace() + B.trace() - 2 * cross
    return max(0.0, float(distance))  # of equal sets it may come out as -1e-13


@torch.no_grad()
def denoising_error(model: PictureModel, pictures: Pictures, sigma: float, *, seed: int = 0) -> float:
    """Mean of |D - x_0|^2 a pixel at noise level sigma, over 500 of the pictures, with their labels."""
    x0 = pictures.x[:500].double()
    noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    answer = model.denoiser(pictures.labels[:500])(x0 + sigma * noise, torch.tensor(sigma, dtype=torch.float64))
    return float((answer - x0).square().mean())


def nearest(x: Tensor, data: Tensor) -> float:
    """Mean over pictures x (n, ...) of the RMS distance a pixel to the nearest of data (m, ...)."""
    gap = torch.cdist(x.double().flatten(1), data.double().flatten(1)).amin(1)
    return float(gap.mean() / data[0].numel() ** 0.5)
