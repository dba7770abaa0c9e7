"""Pre-train every method on still lifes and grade it with few labels, as checkpoints/representations-world was made.

All is kept in a folder as it is made, so that a run that was killed goes on to the same result.
"""

import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from playground import checkpoints
from playground.representations.efficiency import COUNTS, Labelled, Score, label_efficiency
from playground.representations.encoder import Encoder, build_encoder, settle
from playground.representations.pretraining import Recipe, View, build_objective, train_objective
from playground.representations.world_pictures import SIDE, world_view

__all__ = ["DRAWS", "KEPT_COLOURS", "LEARNERS", "STEPS", "Learned", "Learning", "grade", "learn", "untrained"]

KEPT_COLOURS = "nt_xent_same_colours"  # NT-Xent whose views keep their colours: what the change of colours is good for
LEARNERS = ("nt_xent", KEPT_COLOURS, "margin", "moco", "vicreg", "denoising", "dim")
STEPS = 800  # of each method
DRAWS = {"probe": 10, "fine_tune": 5}  # of labels; the first five are the same


@dataclass(frozen=True)
class Learning:
    """A step of one method's pre-training, `seconds` of the CPU's since it began."""

    name: str
    step: int
    loss: float
    seconds: float


@dataclass(frozen=True, eq=False)
class Learned:
    """A method's encoder, and the seconds of the CPU that it took, those before an interruption too."""

    name: str
    encoder: Encoder
    seconds: float


def untrained(seed: int = 0, x: Tensor | None = None) -> Encoder:
    """The encoder of still lifes before it has learned; settled on pictures x where there are some."""
    encoder = build_encoder(side=SIDE, colours=3, seed=seed)
    if x is not None:
        settle(encoder, x)
    return encoder


def learn(
    x: Tensor, scratch: Path, *, names: Sequence[str] = LEARNERS, steps: int = STEPS, batch: int = 256, seed: int = 0,
    every: int = 50, clock: Callable[[], float] = time.process_time,
) -> Generator[Learning | Learned]:  # fmt: skip
    """Pre-train an encoder by each name on pictures x (n, 3, 32, 32); a run is kept in a folder of `scratch`.

    All begin with the same weights and see as many views. Raises `ValueError` for an unknown name and settings out of
    range, and for a folder that holds another run.
    """
    for name in names:
        if name not in LEARNERS:
            raise ValueError(f"no method is called {name!r}; choose one of {', '.join(LEARNERS)}")
    return _learn(x, scratch, names, steps, batch, seed, every, clock)


def _learn(
    x: Tensor, scratch: Path, names: Sequence[str], steps: int, batch: int, seed: int, every: int,
    clock: Callable[[], float],
) -> Generator[Learning | Learned]:  # fmt: skip
    for name in names:
        encoder = untrained(seed)
        method = "nt_xent" if name == KEPT_COLOURS else name
        view: View = partial(world_view, colour=False) if name == KEPT_COLOURS else world_view
        run = train_objective(
            build_objective(encoder, Recipe(method), seed), x, view=view, steps=steps, batch=batch, seed=seed,
            scratch=scratch / name, every=every, clock=clock,
        )  # fmt: skip
        for step in run:
            yield Learning(name, step.step, step.loss, step.seconds)
        yield Learned(name, encoder, float(checkpoints.read(scratch / name)[1]["run.spent"]))


def grade(
    encoders: Mapping[str, Encoder], data: Labelled, scratch: Path, *, settings: Mapping[str, Any],
    counts: Sequence[int] = COUNTS, draws: Mapping[str, int] | None = None, seed: int = 0,
) -> Generator[Score]:  # fmt: skip
    """Scores of the encoders, of an untrained one ("random") and of the pixels ("pixels"), kept in `scratch` each.

    An untrained encoder that is fine-tuned is learning from scratch. `settings` are the run's: raises `ValueError`
    where the folder holds the scores of another.
    """
    draws = draws or DRAWS
    kept_at = scratch / "scores.json"
    said = {**settings, "counts": list(counts), "draws": dict(draws), "seed": seed}
    kept: dict[str, Any] = checkpoints.read_json(kept_at) if kept_at.is_file() else {"settings": said, "scores": []}
    if kept["settings"] != said:
        raise ValueError(f"{scratch} holds another run, {kept['settings']}; give another folder, or delete it")
    entrants: dict[str, Encoder | None] = {"pixels": None, "random": untrained(seed, data.x), **encoders}
    for name, encoder in entrants.items():
        for way, times in draws.items():
            if encoder is None and way != "probe":
                continue
            found = [Score(**{**row, "accuracies": tuple(row["accuracies"])}) for row in kept["scores"]
                     if (row["name"], row["way"]) == (name, way)]  # fmt: skip
            if len(found) < len(counts):
                found = list(label_efficiency(
                    {name: encoder}, data, view=world_view, ways=(way,), counts=counts, draws=times, seed=seed,
                ))  # fmt: skip
                kept["scores"] += [asdict(score) for score in found]
                checkpoints.write_text(kept_at, json.dumps(kept) + "\n")
            yield from found
