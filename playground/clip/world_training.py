"""Train a small CLIP on the picture world, as checkpoints/clip-world was: draw the pictures once, then learn."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import distributed as dist

from playground.clip.captioner import Captioner, Reader
from playground.clip.model import CLIP, build
from playground.clip.tokenizer import Tokenizer
from playground.clip.training import TrainingStep, fit
from playground.clip.world_pairs import FALSE, WorldPairs, world_config, world_tokenizer
from playground.nn.seeded import seeded
from playground.world.lessons import Drawn, draw_pictures

__all__ = [
    "BATCH", "EASY", "LR", "ORDER", "PICTURES", "PLAIN", "STEPS", "stages", "train_on_world",
    "world_model",
]  # fmt: skip

STEPS, PLAIN, BATCH, LR = 11_000, 7000, 64, 1.5e-3  # PLAIN steps without false texts
EASY, ORDER = 2000, 4000  # the first are of half the size and of one or two objects; the last are about order
LONGER = 4.5  # times the easy steps: the horizon of their learning rate, which is cut off while it is high
PICTURES = 60_000


def world_model(seed: int = 0) -> CLIP:
    """A new model of 64 x 64 pictures with the world's words."""
    model = build(world_config(), seed=seed)
    model.tokenizer = world_tokenizer()
    return model


def stages(steps: int, false: int, easy: int | None = None, order: int | None = None) -> tuple[int, int]:
    """How many of the steps are easy, and how many about order. Raises `ValueError` for more than all."""
    whole = STEPS if false else PLAIN
    easy = steps * EASY // whole if easy is None else easy
    order = (steps * ORDER // whole if false else 0) if order is None else order
    if steps < 1 or min(easy, order) < 0 or easy + order > steps:
        raise ValueError(f"of {steps} steps {easy} cannot be easy and {order} about order")
    return easy, order


def train_on_world(
    model: CLIP,
    scratch: Path,
    *,
    steps: int | None = None,
    easy: int | None = None,
    order: int | None = None,
    batch: int = BATCH,
    pictures: int = PICTURES,
    lr: float = LR,
    seed: int = 0,
    false: int = FALSE,
    part: int | None = None,
    bfloat16: bool = False,
) -> Iterator[Drawn | TrainingStep]:
    """Train `model` in place in three stages: easy pictures, all, and order, with a captioner beside it.

    `scratch` keeps the pictures and each stage's run, and both go on from there. `false` texts a picture, 0 for plain
    InfoNCE, which has no third stage; `easy` steps of few objects and `order` steps whose captioner reads embeddings
    alone (`Reader`), by default in proportion; `steps` by default those of the shipped weights. On several processes
    the first draws. Raises `ValueError` as `stages`, `fit` and `WorldPairs` do.
    """
    if steps is None:
        steps = STEPS if false else PLAIN
    easy, order = stages(steps, false, easy, order)
    many = dist.is_initialized()
    rank, ranks = (dist.get_rank(), dist.get_world_size()) if many else (0, 1)
    if rank == 0:
        for done in draw_pictures(scratch, pictures, model.config.image_size):
            yield Drawn(done, pictures)
    if many:
        dist.barrier()
    drawn = np.load(scratch / "pictures.npy", mmap_mode="r")
    assert isinstance(model.tokenizer, Tokenizer)
    shared: dict[str, Any] = {"rank": rank, "ranks": ranks}
    data = WorldPairs(drawn, model.config, model.tokenizer, batch, false, seed, easy=easy, **shared)
    ordered = WorldPairs(drawn, model.config, model.tokenizer, batch, false, seed + 1, order=True, **shared)
    with seeded(seed):
        captioner = Captioner(
            model.config.vision.width,
            vocab_size=model.config.vocab_size,
            context_length=model.config.context_length,
        )
        reader = Reader(captioner, model.config.embed_dim)
    settings = {"seed": seed, "batch": batch, "pictures": pictures, "false": false, "ranks": ranks}
    some = steps - easy - order
    planned: tuple[tuple[str, int, int, int | None, WorldPairs, Captioner | Reader], ...] = (
        ("easy", 0, easy, round(LONGER * easy), data, captioner),
        ("all", easy, some, None, data, captioner),
        ("order", easy + some, order, None, ordered, reader),
    )
    for name, first, count, horizon, pairs, teacher in planned:
        if count:
            for step in fit(
                model,
                lambda i, first=first, pairs=pairs: pairs(first + i),  # type: ignore[misc]
                steps=count,
                lr=lr,
                horizon=horizon,
                part=part,
                bfloat16=bfloat16,
                captioner=teacher,
                scratch=scratch / f"{name}-{false}-{seed}",
                settings=settings,
            ):
                yield replace(step, step=first + step.step, progress=(first + step.step) / steps)
