"""Deep InfoMax on digits as it learns: neighbours, a map, and which patch agrees with which picture."""

import math
import time
from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from playground.representations.digits import augment, digits, few_labels
from playground.representations.efficiency import linear_probe
from playground.representations.encoder import Encoder, build_encoder, features, settle
from playground.representations.nt_xent import alignment, uniformity
from playground.representations.plane import plane_of
from playground.representations.pretraining import InfoMax, Pretraining, Recipe, build_objective, train_objective

__all__ = ["Merit", "Watch", "merit", "watch_infomax"]

MAPPED, SHOWN, NEAREST = 300, 10, 7  # pictures on the map; the first of them, one of each digit; neighbours of these
DRAWS = 10  # of one label a class
SHARE = 0.2  # part of the time that may go into looking
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Merit:
    """What an encoder of digits is worth."""

    one_label: float  # accuracy of a linear probe with one label a class, a mean over draws
    neighbours: float  # accuracy of the 5 nearest neighbours with all labels
    alignment: float  # squared distance of two views of one digit on the sphere
    uniformity: float  # log mean exp(-2 d^2) over pairs of digits on it

    @property
    def apart(self) -> float:
        """Root mean square distance of two views of one digit on the sphere, at most 2."""
        return math.sqrt(self.alignment)


@dataclass(frozen=True, eq=False)
class Watch:
    """A look at an encoder in training."""

    step: int
    seconds: float
    progress: float  # 0 to 1
    losses: NDArray[np.float32]  # of all steps so far
    accuracy: tuple[tuple[int, float], ...]  # (step, 5 nearest neighbours' accuracy) at every look
    places: NDArray[np.float32]  # (MAPPED, 2), of held-out digits
    labels: NDArray[np.int64]  # theirs
    pictures: NDArray[np.float32]  # (MAPPED, 8, 8) in [0, 1]
    neighbours: NDArray[np.int64]  # (SHOWN, 1 + NEAREST): rows among them, itself first
    beliefs: NDArray[np.float32]  # (SHOWN, SHOWN, 4, 4): how sure a patch of picture i is of j, among the SHOWN
    agreement: float  # share of patches whose own picture scores highest among the MAPPED
    merit: Merit | None  # of the first look and the last


def watch_infomax(
    recipe: Recipe, *, seconds: float | None = None, steps: int | None = None, batch: int = 128, seed: int = 0
) -> Generator[Watch]:
    """Train by Deep InfoMax, "dim" or "dim_one_view", and look at it before, meanwhile and after.

    Raises `ValueError` for another method and for settings out of range.
    """
    if recipe.method not in ("dim", "dim_one_view"):
        raise ValueError(f"the method must be dim or dim_one_view, not {recipe.method!r}")
    return _watch(recipe, seconds, steps, batch, seed)


def _watch(recipe: Recipe, seconds: float | None, steps: int | None, batch: int, seed: int) -> Generator[Watch]:
    x = digits()[0]
    encoder = build_encoder(seed=seed)
    objective = build_objective(encoder, recipe, seed)
    assert isinstance(objective, InfoMax)
    settle(encoder, x)
    losses: list[float] = []
    cost, on_looking, now = 0.0, 0.0, time.perf_counter()
    look = _look(objective, None, Pretraining(0, math.nan, 0.0, 0.0), losses)
    yield replace(look, merit=merit(encoder, seed))
    step = None
    for step in train_objective(objective, x, view=augment, seconds=seconds, steps=steps, batch=batch, seed=seed):
        losses.append(step.loss)
        if step.progress < 1 and on_looking + cost <= SHARE * step.seconds:
            now = time.perf_counter()
            look = _look(objective, look, step, losses)
            cost = time.perf_counter() - now
            on_looking += cost
            yield look
    assert step is not None
    yield replace(_look(objective, look, step, losses), merit=merit(encoder, seed))  # averaged, and settled


def merit(encoder: Encoder, seed: int = 0) -> Merit:
    """What an encoder of digits is worth, by scikit-learn's probes and neighbours on the 500 held-out digits."""
    x, y, held, labels = digits()
    seen, other = features(encoder, x).numpy(), features(encoder, held).numpy()
    draws = [few_labels(y, 1, seed + i).numpy() for i in range(DRAWS)]
    probes = [linear_probe(seen, y.numpy(), other, labels.numpy(), rows) for rows in draws]
    generator = torch.Generator().manual_seed(seed)
    one, two = (features(encoder, augment(held, generator)) for _ in range(2))
    return Merit(
        float(np.mean(probes)),
        _nearest(seen, y.numpy(), other, labels.numpy()),
        float(alignment(one, two)),
        float(uniformity(torch.from_numpy(other))),
    )


@torch.no_grad()
def _look(objective: InfoMax, before: Watch | None, step: Pretraining, losses: list[float]) -> Watch:
    x, y, held, labels = digits()
    first = [int((labels == digit).nonzero()[0, 0]) for digit in range(SHOWN)]
    order = torch.tensor(first + [i for i in range(len(held)) if i not in first])
    held, labels = held[order], labels[order]
    encoder = objective.encoder
    objective.eval()
    places = features(encoder, held).numpy()
    accuracy = _nearest(features(encoder, x).numpy(), y.numpy(), places, labels.numpy())
    x = held[:MAPPED]
    unit = places[:MAPPED] / np.linalg.norm(places[:MAPPED], axis=1, keepdims=True).clip(1e-12)
    near = np.argsort(-(unit[:SHOWN] @ unit.T), axis=1, kind="stable")[:, : 1 + NEAREST]
    scores = objective.critics.scores(encoder.map(x), torch.from_numpy(places[:MAPPED]))  # (i, j, 4, 4)
    own = scores.argmax(1) == torch.arange(len(x))[:, None, None]
    return Watch(
        step.step,
        step.seconds,
        step.progress,
        np.array(losses, dtype=np.float32),
        (*(before.accuracy if before else ()), (step.step, accuracy)),
        plane_of(places[:MAPPED], None if before is None else before.places),
        labels[:MAPPED].numpy(),
        x[:, 0].numpy(),
        near,
        scores[:SHOWN, :SHOWN].softmax(1).numpy(),
        float(own.float().mean()),
        None,
    )


def _nearest(seen: Array, y: NDArray[np.int64], held: Array, labels: NDArray[np.int64]) -> float:
    from sklearn.neighbors import KNeighborsClassifier  # type: ignore[import-untyped]

    return float(KNeighborsClassifier(5).fit(seen, y).score(held, labels))
