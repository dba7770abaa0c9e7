"""How far few labels go: a linear probe, fine-tuning, and learning from scratch, on the same draws of labels.

The classifier of the probe is scikit-learn's logistic regression on standardised embeddings (Chen et al. 2020, B.8).
"""

import copy
import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from playground.nn.adam import Weights, learning_rate
from playground.nn.seeded import seeded
from playground.representations.digits import few_labels
from playground.representations.encoder import Encoder, features, settle
from playground.representations.pretraining import View

__all__ = ["COUNTS", "WAYS", "Labelled", "Score", "fine_tune", "label_efficiency", "linear_probe"]

COUNTS = (1, 2, 5, 10, 50)  # labels a class
WAYS = ("probe", "fine_tune")
EPOCHS, MOST_STEPS, BATCH, RATE = 60, 240, 64, 2e-3  # of fine-tuning
INTERVAL = 0.95


@dataclass(frozen=True)
class Labelled:
    """Pictures (n, k, s, s) and labels (n,) to choose a few from, and as much to be graded on."""

    x: Tensor
    y: Tensor
    held_x: Tensor
    held_y: Tensor


@dataclass(frozen=True)
class Score:
    """Accuracies of one encoder in one way, with so many labels a class, one a draw of the labels."""

    name: str
    way: str
    per_class: int
    accuracies: tuple[float, ...]
    progress: float  # 0 to 1, of the whole

    @property
    def mean(self) -> float:
        """The mean over the draws."""
        return float(np.mean(self.accuracies))

    @property
    def half(self) -> float:
        """Half the width of the mean's 95 % interval by Student's t; 0 of a single draw, which has none."""
        return interval(self.accuracies)


def interval(values: Sequence[float]) -> float:
    """Half the width of the 95 % interval of a mean, by Student's t."""
    from scipy.stats import t  # type: ignore[import-untyped]

    n = len(values)
    return float(t.ppf((1 + INTERVAL) / 2, n - 1) * np.std(values, ddof=1) / math.sqrt(n)) if n > 1 else 0.0


def linear_probe(seen: NDArray[np.float32], y: NDArray[np.int64], held: NDArray[np.float32], labels: NDArray[np.int64],
                 chosen: NDArray[np.int64]) -> float:  # fmt: skip
    """Accuracy on `held` (m, d) of a logistic regression that saw the `chosen` rows of `seen` (n, d) with their labels.

    All rows of `seen`, which need no label for it, say how the embeddings are to be standardised.
    """
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
    from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]

    scaler = StandardScaler().fit(seen)
    model = LogisticRegression(max_iter=2000).fit(scaler.transform(seen[chosen]), y[chosen])
    return float(model.score(scaler.transform(held), labels))


def fine_tune(encoder: Encoder, x: Tensor, y: Tensor, *, view: View, classes: int, seed: int = 0) -> nn.Sequential:
    """A copy of the encoder with a linear layer, all of it trained on views of labelled pictures (n, ...), (n,)."""
    generator = torch.Generator().manual_seed(seed)
    with seeded(seed):
        model = nn.Sequential(copy.deepcopy(encoder), nn.Linear(encoder.dim, classes)).train()
    weights, batch = Weights(model), min(BATCH, len(x))
    steps = min(MOST_STEPS, EPOCHS * math.ceil(len(x) / batch))
    order = torch.randperm(len(x), generator=generator)
    for step in range(steps):
        if len(order) < batch:
            order = torch.randperm(len(x), generator=generator)
        chosen, order = order[:batch], order[batch:]
        with torch.enable_grad():
            loss = cross_entropy(model(view(x[chosen], generator)), y[chosen])
            weights.update(loss, learning_rate(RATE, (step + 0.5) / steps))
    weights.release()
    settle(model, torch.cat([view(x, generator) for _ in range(4)]))
    return model


def label_efficiency(
    encoders: Mapping[str, Encoder | None],
    data: Labelled,
    *,
    view: View,
    ways: Sequence[str] = ("probe",),
    counts: Sequence[int] = COUNTS,
    draws: int = 5,
    seed: int = 0,
    growing: bool = False,
) -> Generator[Score]:
    """Grade encoders with few labels, every one on the same draws; None stands for the pixels themselves.

    Pixels are only probed. Where `growing`, each score comes after every draw, with those so far.

    Raises `ValueError` for an unknown way, no count, and counts that a class does not have.
    """
    for way in ways:
        if way not in WAYS:
            raise ValueError(f"no way is called {way!r}; choose one of {', '.join(WAYS)}")
    if not 1 <= draws <= 50:
        raise ValueError(f"draws must lie between 1 and 50, not {draws}")
    chosen = {count: [few_labels(data.y, count, seed + draw) for draw in range(draws)] for count in counts}
    if not chosen:
        raise ValueError("give one count of labels or more")
    return _grade(encoders, data, view, ways, chosen, seed, growing)


def _grade(
    encoders: Mapping[str, Encoder | None], data: Labelled, view: View, ways: Sequence[str],
    chosen: Mapping[int, Sequence[Tensor]], seed: int, growing: bool,
) -> Generator[Score]:  # fmt: skip
    jobs = [(name, way) for name, encoder in encoders.items() for way in ways if encoder is not None or way == "probe"]
    y, labels, done = data.y.numpy(), data.held_y.numpy(), 0
    for name, way in jobs:
        encoder = encoders[name]
        if way == "probe":
            seen, held = (
                (x.flatten(1) if encoder is None else features(encoder, x)).numpy() for x in (data.x, data.held_x)
            )
        for count, draws in chosen.items():
            found: list[float] = []
            for i, rows in enumerate(draws, 1):
                if way == "probe":
                    found.append(linear_probe(seen, y, held, labels, rows.numpy()))
                elif encoder is not None:
                    found.append(_tuned(encoder, data, rows, view, seed + i - 1))
                if growing or i == len(draws):
                    share = (done + i / len(draws)) / (len(jobs) * len(chosen))
                    yield Score(name, way, count, tuple(found), share)
            done += 1


def _tuned(encoder: Encoder, data: Labelled, rows: Tensor, view: View, seed: int) -> float:
    classes = int(data.y.max()) + 1
    model = fine_tune(encoder, data.x[rows], data.y[rows], view=view, classes=classes, seed=seed)
    return float((features(model, data.held_x).argmax(1) == data.held_y).float().mean())
