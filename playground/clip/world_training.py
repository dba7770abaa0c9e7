"""Train a small CLIP on the picture world, as checkpoints/clip-world was: draw the pictures once, then learn."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torch import distributed as dist

from playground.clip.captioner import Captioner
from playground.clip.model import CLIP, build
from playground.clip.tokenizer import Tokenizer
from playground.clip.training import TrainingStep, fit
from playground.clip.world_pairs import FALSE, WorldPairs, draw_pictures, world_config, world_tokenizer
from playground.nn.seeded import seeded

__all__ = ["BATCH", "EASY", "LR", "PICTURES", "STEPS", "Drawn", "train_on_world", "world_model"]

STEPS, EASY, BATCH, LR = 7000, 2000, 64, 1.5e-3  # the first EASY steps are of half the size and of one or two objects
LONGER = 4.5  # times the easy steps: the horizon of their learning rate, which is cut off while it is high
PICTURES = 60_000


@dataclass(frozen=True)
class Drawn:
    """How many of the pictures are drawn."""

    done: int
    total: int


def world_model(seed: int = 0) -> CLIP:
    """A new model of 64 x 64 pictures with the world's words."""
    model = build(world_config(), seed=seed)
    model.tokenizer = world_tokenizer()
    return model


def train_on_world(
    model: CLIP,
    scratch: Path,
    *,
    steps: int = STEPS,
    easy: int | None = None,
    batch: int = BATCH,
    pictures: int = PICTURES,
    lr: float = LR,
    seed: int = 0,
    false: int = FALSE,
    part: int | None = None,
    bfloat16: bool = False,
) -> Iterator[Drawn | TrainingStep]:
    """Train `model` in place in two stages, easy pictures and all, with a captioner beside it.

    `scratch` keeps the pictures and each stage's run, and both go on from there.
    `false` texts a picture, 0 for plain InfoNCE; `easy` steps of few objects, by default in proportion. On several
    processes the first draws. Raises `ValueError` as `fit` and `WorldPairs` do.
    """
    easy = steps * EASY // STEPS if easy is None else easy
    many = dist.is_initialized()
    rank, ranks = (dist.get_rank(), dist.get_world_size()) if many else (0, 1)
    if rank == 0:
        for done in draw_pictures(scratch, pictures, model.config.image_size):
            yield Drawn(done, pictures)
    if many:
        dist.barrier()
    drawn = np.load(scratch / "pictures.npy", mmap_mode="r")
    assert isinstance(model.tokenizer, Tokenizer)
    data = WorldPairs(drawn, model.config, model.tokenizer, batch, false, seed, 0, rank, ranks, easy)
    with seeded(seed):
        captioner = Captioner(
            model.config.vision.width,
            vocab_size=model.config.vocab_size,
            context_length=model.config.context_length,
        )
    settings = {"seed": seed, "batch": batch, "pictures": pictures, "false": false, "ranks": ranks}
    stages = (("easy", 0, easy, round(LONGER * easy)), ("all", easy, steps - easy, None))
    for name, first, count, horizon in stages:
        if count:
            for step in fit(
                model,
                lambda i, first=first: data(first + i),  # type: ignore[misc]
                steps=count,
                lr=lr,
                horizon=horizon,
                part=part,
                bfloat16=bfloat16,
                captioner=captioner,
                scratch=scratch / f"{name}-{false}-{seed}",
                settings=settings,
            ):
                yield replace(step, step=first + step.step, progress=(first + step.step) / steps)
