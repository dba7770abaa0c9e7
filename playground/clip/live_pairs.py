"""Single objects and what can be said of them, small enough that a CLIP learns from them while one looks on."""

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np
import tokenizers
import torch
from numpy.typing import NDArray
from tokenizers import models
from torch import Tensor

from playground import world
from playground.clip.contrast import Batch, Objective
from playground.clip.model import Config
from playground.clip.tokenizer import Tokenizer
from playground.clip.world_pairs import END, START, UNKNOWN
from playground.world.claims import Claim, falsified

__all__ = ["ATTRIBUTES", "LivePairs", "close_up", "draw_objects", "full", "live_tokenizer", "normalised", "say"]

ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "size": tuple(world.SIZES), "color": tuple(world.COLORS), "shape": world.SHAPES,
}  # fmt: skip
FULL, SAID = 0.6, 0.6  # part of the texts that say all three; chance of each in the others
ALIKE = 2  # colours in every other batch: where colour does not tell the pictures apart, shape and size must
ZOOM, CENTRED = 1.75, 0.25  # of the lens; of the way from the middle of the table
PART = 120  # pictures drawn between two steps


def say(meant: world.Mention, language: str) -> str:
    """ "a large red sphere" """
    return world.say(Claim("list", (meant,)), language)


def full(scene: world.Scene) -> world.Mention:
    """All that is said of the one object."""
    return world.Mention(**{name: getattr(scene.objects[0], name) for name in ATTRIBUTES})


def live_tokenizer(language: str = "en") -> Tokenizer:
    """Whole words: all that is said of one object. Made at once, where the world's takes seconds."""
    mentions = [
        world.Mention(**dict(zip(ATTRIBUTES, three, strict=True)))
        for three in product(*((None, *values) for values in ATTRIBUTES.values()))
    ]
    texts = [say(meant, language) for meant in mentions]
    words = sorted({UNKNOWN, *(word for text in texts for word in (text.split() if language == "en" else text))})
    vocabulary = {word: i for i, word in enumerate([*words, START, END])}
    return Tokenizer(tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN)))


def close_up(seed: int) -> world.Scene:
    """One object from near, a large one half the picture wide: at 32 pixels its shape could not be told otherwise."""
    scene = world.sample(seed, objects=1)
    x, z = scene.objects[0].position
    nearer = replace(scene.objects[0], position=(CENTRED * x, CENTRED * z))
    return replace(scene, objects=(nearer,), camera=replace(scene.camera, focus=ZOOM * scene.camera.focus))


def draw_objects(scenes: list[world.Scene], size: int) -> Iterator[NDArray[np.uint8]]:
    """The pictures (some, 3, size, size), a part at a time."""
    for i in range(0, len(scenes), PART):
        yield (world.render_all(scenes[i : i + PART], size) * 255).round().byte().numpy()


def normalised(pictures: NDArray[np.uint8], config: Config) -> Tensor:
    """Pictures (n, 3, side, side) as the tower takes them."""
    mean, std = (torch.tensor(three).view(3, 1, 1) for three in (config.mean, config.std))
    return (torch.from_numpy(pictures).float() / 255 - mean) / std


@dataclass(frozen=True, eq=False)
class LivePairs:
    """Batches of `size` pairs, the same for the same step: each picture with a text that says all of it or a part.

    Half of the pictures are mirrored. A text that is true of another picture too is marked so.
    """

    scenes: list[world.Scene]  # of one object each
    pictures: NDArray[np.uint8]  # (count, 3, side, side)
    config: Config
    tokenizer: Tokenizer
    size: int
    false: int = 0  # false texts a picture, each with one attribute changed
    seed: int = 0
    language: str = "en"

    @cached_property
    def by_color(self) -> dict[str, list[int]]:
        """The pictures of each colour."""
        return {
            color: [i for i, one in enumerate(self.scenes) if one.objects[0].color == color] for color in world.COLORS
        }

    def __call__(self, step: int) -> Batch:
        draw = random.Random(f"{self.seed} {step}")
        chosen, claims = self._chosen(step, draw)
        wrong = [self._wrong(i, draw) for i in chosen for _ in range(self.false)]
        flipped = torch.tensor([draw.random() < 0.5 for _ in chosen])[:, None, None, None]
        pixels = normalised(self.pictures[chosen], self.config)
        tokens = self._tokens([one.mentions[0] for one in claims])
        negatives = self._tokens(wrong).view(self.size, self.false, -1) if wrong else None
        return Batch(torch.where(flipped, pixels.flip(3), pixels), tokens, negatives, self._also_true(chosen, claims))

    def guess(self, objective: Objective, batches: int = 32) -> float:
        """The loss, in nats, of one who cannot tell the pictures apart: the mean over the first batches."""
        return sum(self._guess(objective, step) for step in range(batches)) / batches

    def _guess(self, objective: Objective, step: int) -> float:
        also_true = self._also_true(*self._chosen(step, random.Random(f"{self.seed} {step}")))
        others = ~also_true | torch.eye(self.size, dtype=torch.bool)
        if objective == "info_nce":
            of_images, of_texts = others.sum(1) + self.false, others.sum(0)
            return float((of_images.log().mean() + of_texts.log().mean()) / 2)
        odds = float(others.sum()) / self.size - 1 + self.false  # false pairs for each true one
        return math.log(1 + odds) + odds * math.log((1 + odds) / odds)

    def _chosen(self, step: int, draw: random.Random) -> tuple[list[int], list[Claim]]:
        colors = draw.sample(list(world.COLORS), ALIKE)
        alike = [i for color in colors for i in self.by_color[color]]
        chosen = draw.sample(alike if step % 2 and len(alike) >= self.size else range(len(self.scenes)), self.size)
        return chosen, [Claim("list", (_some(self.scenes[i].objects[0], draw),)) for i in chosen]

    def _wrong(self, i: int, draw: random.Random) -> world.Mention:
        while True:
            true = Claim("list", (_some(self.scenes[i].objects[0], draw),))
            wrong = falsified(self.scenes[i], true, draw)
            if wrong is not None:
                return wrong.mentions[0]

    def _also_true(self, chosen: list[int], claims: list[Claim]) -> Tensor:
        objects = [self.scenes[i].objects[0] for i in chosen]
        return torch.tensor([[one.mentions[0].fits(o) for one in claims] for o in objects])

    def _tokens(self, mentions: list[world.Mention]) -> Tensor:
        return self.tokenizer([say(one, self.language) for one in mentions], self.config.context_length)


def _some(o: world.Object, draw: random.Random) -> world.Mention:
    everything = draw.random() < FULL
    said = [name for name in ATTRIBUTES if everything or draw.random() < SAID] or ["shape"]
    return world.Mention(**{name: getattr(o, name) for name in said})
