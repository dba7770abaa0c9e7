"""Digits learned without labels by several methods, and what few labels are then worth: one experiment, as frames."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from playground.representations.digits import Augmentation, augment, digits
from playground.representations.efficiency import COUNTS, Labelled, Score, label_efficiency
from playground.representations.encoder import Encoder, build_encoder, features, settle
from playground.representations.plane import plane_of
from playground.representations.pretraining import Recipe, View, pretrain

__all__ = ["BESIDE", "Experiment", "compare_methods", "labelled_digits", "views_of"]

BESIDE = ("pixels", "random")  # what always stands beside: hiding them would mislead
MAPPED = 400  # held-out pictures on the map
EACH = 0.06, 0.3, 0.03  # about the seconds of a probe; of a fine-tuning, and of each label a class more


@dataclass(frozen=True, eq=False)
class Experiment:
    """A frame: what is done now, and all that was found so far."""

    stage: str  # "pretrain", "grade" or "done"
    name: str  # the method
    progress: float  # 0 to 1, of the whole
    scores: tuple[Score, ...]
    losses: Mapping[str, NDArray[np.float32]]  # of every step, by method
    maps: Mapping[str, NDArray[np.float32]]  # (MAPPED, 2) held-out embeddings, by method, "random" the first
    labels: NDArray[np.int64]  # of the map's pictures
    pictures: NDArray[np.float32]  # (MAPPED, 8, 8) in [0, 1]


def labelled_digits() -> Labelled:
    """Scikit-learn's digits, the split of `digits`."""
    return Labelled(*digits())


def views_of(count: int, each: int, how: Augmentation | None = None, seed: int = 0) -> NDArray[np.float32]:
    """`count` digits, each as it is and `each` times augmented, (count, 1 + each, 8, 8) in [0, 1.4]."""
    x = digits()[0][:count]
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([x[:, 0], *(augment(x, generator, how)[:, 0] for _ in range(each))], 1).numpy()


def compare_methods(
    methods: Sequence[str | Recipe],
    *,
    seconds: float = 10.0,
    ways: Sequence[str] = ("probe",),
    counts: Sequence[int] = COUNTS,
    draws: int = 5,
    how: Augmentation | None = None,
    seed: int = 0,
) -> Generator[Experiment]:
    """Pixels, a random encoder, and one trained by each method for `seconds`, graded on the same draws of labels.

    Fine-tuning of the random encoder is learning from scratch. Raises `ValueError` for an unknown method or way, and
    numbers out of range.
    """
    recipes = [method if isinstance(method, Recipe) else Recipe(method) for method in methods]
    data, view = labelled_digits(), partial(augment, how=how)
    label_efficiency({}, data, view=view, ways=ways, counts=counts, draws=draws)  # refuses before anything is trained
    if not 0.1 <= seconds <= 3600:
        raise ValueError(f"seconds must lie between 0.1 and 3600, not {seconds}")
    return _compare(recipes, data, view, seconds, ways, counts, draws, seed)


def _compare(
    recipes: Sequence[Recipe], data: Labelled, view: View, seconds: float, ways: Sequence[str], counts: Sequence[int],
    draws: int, seed: int,
) -> Generator[Experiment]:  # fmt: skip
    cost = {"probe": EACH[0] * len(counts) * draws, "fine_tune": sum(EACH[1] + EACH[2] * k for k in counts) * draws}
    grading = sum(cost[way] for way in ways)
    total = 1 + grading + len(recipes) * (seconds + grading)
    frame = Experiment(
        "grade", "pixels", 0.0, (), {}, {}, data.held_y[:MAPPED].numpy(), data.held_x[:MAPPED, 0].numpy()
    )
    yield frame
    spent, random = 0.0, build_encoder(seed=seed)
    settle(random, data.x)
    todo: list[tuple[str, Encoder | None, Recipe | None]] = [("pixels", None, None), ("random", random, None)]
    todo += [(recipe.method, build_encoder(seed=seed), recipe) for recipe in recipes]
    for name, encoder, recipe in todo:
        if recipe is not None and encoder is not None:
            losses: list[float] = []
            for step in pretrain(encoder, data.x, recipe, view=view, seconds=seconds, seed=seed):
                losses.append(step.loss)
                share = (spent + seconds * step.progress) / total
                found = {**frame.losses, name: np.array(losses, dtype=np.float32)}
                frame = replace(frame, stage="pretrain", name=name, progress=share, losses=found)
                yield frame
            spent += seconds
        if encoder is not None:
            places = features(encoder, data.held_x[:MAPPED]).numpy()
            frame = replace(frame, maps={**frame.maps, name: plane_of(places, frame.maps.get("random"))})
        mine = 1.0 if encoder is None else grading
        before = frame.scores
        for score in label_efficiency(
            {name: encoder}, data, view=view, ways=ways, counts=counts, draws=draws, seed=seed, growing=True
        ):
            share = (spent + mine * score.progress) / total
            frame = replace(frame, stage="grade", name=name, progress=share, scores=(*before, score))
            if len(score.accuracies) == draws:
                before = frame.scores
            yield frame
        spent += mine
    yield replace(frame, stage="done", progress=1.0)
