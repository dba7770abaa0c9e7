"""Train a small BLIP on the picture world, as checkpoints/blip-world and blip-world-answers were."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch

from playground.blip.model import BLIP, build
from playground.blip.objective import Losses, answering, pretraining
from playground.blip.training import TrainingStep, fit
from playground.blip.world_pairs import Questions, WorldPairs, world_config, world_tokenizer
from playground.world.lessons import Drawn, draw_pictures

__all__ = ["ANSWERS", "BATCH", "LR", "PICTURES", "STEPS", "answering_model", "train_answers", "train_pairs"]

PICTURES, BATCH, LR = 60_000, 32, 1.5e-3
# Captions of one or two objects; captions of all, with the contrast; matching too; matching alone, of what belongs to
# whom, which is not learned beside the others; all of it, word by word; and again, the decoder describing only.
STEPS = {"words": 2000, "captions": 12_000, "matching": 6000, "order": 1000, "details": 4000, "polish": 5000}
# Of the model that answers: questions as they come, and as many of each ability.
ANSWERS = {"answers": 5000, "balanced": 3500}
LONGER = 4.5  # times a stage that is cut off while the learning rate is high: the horizon of the rate


def pairs_model(seed: int = 0) -> BLIP:
    """A new model that captions and matches, with the world's words."""
    model = build(world_config("caption", "match"), seed=seed)
    model.tokenizer = world_tokenizer()
    return model


def answering_model(of: BLIP, seed: int = 0) -> BLIP:
    """A new model that answers; its picture tower, words and what they share are begun as the other's."""
    model = build(world_config("answer"), seed=seed)
    model.tokenizer = world_tokenizer()
    model.visual_encoder.load_state_dict(of.visual_encoder.state_dict())
    model.text_encoder.load_state_dict(of.text_encoder.state_dict())
    model.text_decoder.load_state_dict(of.text_decoder.state_dict())
    return model


def train_pairs(
    model: BLIP,
    scratch: Path,
    *,
    steps: dict[str, int] = STEPS,
    batch: int = BATCH,
    pictures: int = PICTURES,
    lr: float = LR,
    seed: int = 0,
) -> Iterator[Drawn | TrainingStep]:
    """Train a model that captions and matches in place, in the stages of `STEPS`; `scratch` keeps pictures and runs."""
    yield from _draw(scratch, pictures, model.config.image_size)
    drawn = np.load(scratch / "pictures.npy", mmap_mode="r")
    ends = dict(zip(steps, accumulate(steps.values()), strict=True))
    data = WorldPairs(
        drawn, model.config, batch, seed=seed, easy=ends["words"], order=ends["matching"], late=ends["order"],
        describing=ends["details"],
    )  # fmt: skip
    settings = {"seed": seed, "batch": batch, "pictures": pictures}
    total, first = sum(steps.values()), 0
    for name, count in steps.items():
        options: dict[str, Any] = {
            "language": name != "order",
            "contrast": name not in ("words", "order"),
            "matching": name not in ("words", "captions"),
        }

        def losses(step: int, first: int = first, options: dict[str, Any] = options) -> Losses:
            generator = torch.Generator().manual_seed(step)
            return pretraining(model, data(first + step), generator=generator, **options)

        def pixels(step: int, first: int = first) -> torch.Tensor:
            return data(first + step).pixels

        horizon = round(LONGER * count) if name in ("words", "order") else None
        run = _fit(model, losses, pixels, count, lr, horizon, scratch / f"blip-{name}-{seed}", settings)
        for step in run:
            yield replace(step, step=first + step.step, progress=(first + step.step) / total)
        first += count


def train_answers(
    model: BLIP,
    scratch: Path,
    *,
    steps: dict[str, int] = ANSWERS,
    batch: int = BATCH,
    pictures: int = PICTURES,
    lr: float = LR / 2,
    seed: int = 0,
) -> Iterator[Drawn | TrainingStep]:
    """Train a model that answers in place, in the stages of `ANSWERS`."""
    yield from _draw(scratch, pictures, model.config.image_size)
    drawn = np.load(scratch / "pictures.npy", mmap_mode="r")
    data = Questions(drawn, model.config, batch, seed, balanced=steps["answers"])
    settings = {"seed": seed, "batch": batch, "pictures": pictures}
    total, first = sum(steps.values()), 0
    for name, count in steps.items():

        def losses(step: int, first: int = first) -> Losses:
            return answering(model, data(first + step))

        def pixels(step: int, first: int = first) -> torch.Tensor:
            return data(first + step).pixels

        for step in _fit(model, losses, pixels, count, lr, None, scratch / f"blip-{name}-{seed}", settings):
            yield replace(step, step=first + step.step, progress=(first + step.step) / total)
        first += count


def _fit(
    model: BLIP,
    losses: Callable[[int], Losses],
    pixels: Callable[[int], torch.Tensor],
    steps: int,
    lr: float,
    horizon: int | None,
    scratch: Path,
    settings: dict[str, Any],
) -> Iterator[TrainingStep]:
    if steps:
        yield from fit(model, losses, pixels, steps=steps, lr=lr, horizon=horizon, scratch=scratch, settings=settings)


def _draw(scratch: Path, pictures: int, side: int) -> Iterator[Drawn]:
    for done in draw_pictures(scratch, pictures, side):
        yield Drawn(done, pictures)
