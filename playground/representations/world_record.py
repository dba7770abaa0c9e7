"""What ships with the app of pre-training on still lifes: scores with few labels, and a map before and after."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playground import checkpoints, world
from playground.representations.efficiency import Labelled, Score
from playground.representations.encoder import Encoder, build_encoder, features
from playground.representations.plane import plane_of

__all__ = ["FOLDER", "MAPPED", "WorldRecord", "best_of", "load_encoder", "map_of", "save_encoder", "world_record",
           "write_record"]  # fmt: skip

FOLDER = checkpoints.ROOT / "representations-world"
MAPPED = 400  # pictures on the map


@dataclass(frozen=True, eq=False)
class WorldRecord:
    """What was measured; the maps are of the same held-out pictures, turned alike."""

    scores: tuple[Score, ...]
    seconds: Mapping[str, float]  # of the CPU, by method: pre-training
    best: str  # the method whose encoder ships
    classes: tuple[str, ...]  # what a label says
    labels: NDArray[np.int64]  # (m,), of the pictures on the map
    before: NDArray[np.float32]  # (m, 2), of an untrained encoder
    after: NDArray[np.float32]  # (m, 2), of the best
    steps: int
    pictures: int  # to learn from
    held_out: int  # to be graded on
    command: str


@cache
def world_record(folder: Path = FOLDER) -> WorldRecord:
    """The shipped record, or another folder's. Raises `FileNotFoundError`, and `ValueError` for what is no record."""
    kept = checkpoints.read_json(folder / "record.json")
    try:
        kept["scores"] = tuple(Score(**{**row, "accuracies": tuple(row["accuracies"])}) for row in kept["scores"])
        kept["classes"] = tuple(kept["classes"])
        kept["labels"] = np.array(kept["labels"], dtype=np.int64)
        kept |= {name: np.array(kept[name], dtype=np.float32) for name in ("before", "after")}
        return WorldRecord(**kept)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{folder / 'record.json'} is no record of pre-training: {error}") from error


def write_record(record: WorldRecord, folder: Path) -> None:
    """Write a record that `world_record` reads; whole or not at all."""
    kept: dict[str, Any] = {**vars(record), "scores": [asdict(score) for score in record.scores]}
    kept["seconds"] = {name: round(seconds, 1) for name, seconds in record.seconds.items()}
    kept["labels"] = record.labels.tolist()
    kept |= {name: [[round(float(v), 3) for v in row] for row in kept[name]] for name in ("before", "after")}
    checkpoints.write_text(folder / "record.json", json.dumps(kept) + "\n")


def map_of(random: Encoder, best: Encoder, data: Labelled) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Places (m, 2) of held-out pictures before and after: principal components, the second turned onto the first."""
    before = plane_of(features(random, data.held_x[:MAPPED]).numpy())
    return before, plane_of(features(best, data.held_x[:MAPPED]).numpy(), before)


def best_of(scores: Sequence[Score]) -> str:
    """The method that has learned and whose probe is right most often, a mean over all numbers of labels."""
    means: dict[str, list[float]] = {}
    for score in scores:
        if score.way == "probe" and score.name not in ("pixels", "random"):
            means.setdefault(score.name, []).append(score.mean)
    if not means:
        raise ValueError("no method has a probe's score")
    return max(means, key=lambda name: float(np.mean(means[name])))


def save_encoder(encoder: Encoder, folder: Path, **said: Any) -> None:
    """Write an encoder as model.safetensors and config.json, which says besides what is `said`."""
    sizes = {"dim": encoder.dim, "channels": encoder.channels, "side": encoder.side, "colours": encoder.colours}
    checkpoints.write(folder, {**sizes, **said, "classes": list(world.SHAPES)}, encoder.state_dict())


def load_encoder(folder: Path = FOLDER) -> Encoder:
    """The encoder of a folder. Raises as `checkpoints.read` does, and `ValueError` for weights that do not fit."""
    config, tensors = checkpoints.read(folder)
    encoder = build_encoder(**{name: config[name] for name in ("dim", "channels", "side", "colours")})
    try:
        encoder.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(f"{folder} holds no encoder of {config}: {str(error).splitlines()[0]}") from error
    return encoder.eval()
