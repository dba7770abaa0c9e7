"""A web in small, where truth is known: still lifes, half of them with a wrong text, and a few pairs as people write.

What is wrong is another picture's text, one with an attribute changed, or junk. Batches are made of pictures and texts
alone, as of a web that nobody has checked.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

import numpy as np
import torch

from playground import world
from playground.blip.model import Config
from playground.blip.tokenizer import cleaned
from playground.blip.world_pairs import Pairs, world_tokenizer
from playground.world.claims import Claim, falsified, mention
from playground.world.lessons import augmented

__all__ = [
    "KINDS",
    "OF_WRONG",
    "WRONG",
    "Kind",
    "TextPairs",
    "WebPair",
    "few",
    "noisy",
    "one_wrong",
    "told",
    "true_pairs",
]

Kind = Literal["true", "another's", "attribute", "junk"]
KINDS: tuple[Kind, ...] = get_args(Kind)
WRONG = 0.5  # of the web's texts
OF_WRONG: dict[Kind, float] = {"another's": 0.3, "attribute": 0.4, "junk": 0.3}
SAID = ("size", "color")  # of each object, from left to right; shapes and materials are learned late, and left out
FEW = 2  # objects at most


@dataclass(frozen=True)
class WebPair:
    """A picture, by its scene's seed, with a text, and what is wrong with that: training is told the first two."""

    picture: int
    text: str
    kind: Kind


@cache
def few(count: int) -> tuple[int, ...]:
    """Of the seeds below `count` those of one or two objects."""
    return tuple(i for i in range(count) if len(world.sample(i).objects) <= FEW)


def told(scene: world.Scene) -> str:
    """What is true of a scene: every object from left to right, "a large red object left of a small green object"."""
    return world.say(_claim(scene))


def one_wrong(scene: world.Scene, draw: random.Random) -> str:
    """The same with one attribute of one object changed."""
    true = _claim(scene)
    while True:  # what falsifies may also exchange two, or turn the order
        wrong = falsified(scene, true, draw)
        if wrong is not None and sum(a != b for a, b in zip(true.mentions, wrong.mentions, strict=True)) == 1:
            return world.say(wrong)


def _claim(scene: world.Scene) -> Claim:
    return Claim("chain", tuple(mention(o, *SAID) for o in scene.objects))


def true_pairs(pictures: Sequence[int]) -> list[WebPair]:
    """The pictures with what is true of each."""
    return [WebPair(i, told(world.sample(i)), "true") for i in pictures]


def noisy(pictures: Sequence[int], seed: int) -> list[WebPair]:
    """The pictures with the web's texts, of which `WRONG` are wrong, in the parts `OF_WRONG`.

    Raises `ValueError` where all pictures have one text, so that none is another's.
    """
    draw = random.Random(f"{seed} web")
    texts = [told(world.sample(i)) for i in pictures]
    if len(set(texts)) < 2:
        raise ValueError(f"{len(pictures)} pictures have not two texts: draw more")
    kinds: list[Kind] = []
    for kind in KINDS[1:]:
        kinds += [kind] * round(WRONG * OF_WRONG[kind] * len(pictures))
    kinds += ["true"] * (len(pictures) - len(kinds))
    draw.shuffle(kinds)
    return [
        WebPair(i, _text(kind, i, own, texts, draw), kind) for i, own, kind in zip(pictures, texts, kinds, strict=True)
    ]


def _text(kind: Kind, picture: int, own: str, texts: Sequence[str], draw: random.Random) -> str:
    if kind == "another's":
        while (other := draw.choice(texts)) == own:
            pass
        return other
    if kind == "attribute":
        return one_wrong(world.sample(picture), draw)
    return world.junk(draw.getrandbits(40)) if kind == "junk" else own


@dataclass(frozen=True, eq=False)
class TextPairs:
    """Batches of these pairs, the same for the same step; of the world they know the pictures alone.

    Each picture is shifted and tinted, but not mirrored: that would make its text wrong. Its false text is any other
    of the set, since matching is learned late where all negatives are hard from the beginning. Raises `ValueError` for
    fewer pairs than a batch has, and for pairs of one text.
    """

    pictures: np.ndarray  # (count, 3, side, side) uint8, of the seeds from 0 on
    pairs: Sequence[tuple[int, str]]  # a picture's seed, and a text
    config: Config
    size: int
    seed: int

    def __post_init__(self) -> None:
        if len(self.pairs) < self.size:
            raise ValueError(f"a batch of {self.size} needs as many pairs, not {len(self.pairs)}")
        if len({cleaned(text) for _, text in self.pairs}) < 2:
            raise ValueError("the pairs have one text, and none that is false: give more pairs")

    def __call__(self, step: int) -> Pairs:
        draw = random.Random(f"{self.seed} {step} texts")
        chosen = draw.sample(self.pairs, self.size)
        places, texts = [place for place, _ in chosen], [cleaned(text) for _, text in chosen]
        words, config = world_tokenizer(), self.config
        others = [self._other(text, draw) for text in texts]
        captions, caption_mask = words(texts, config.start, config.context_length)
        ids, mask = words([*texts, *others], config.alone, config.context_length)
        raw = torch.from_numpy(self.pictures[places]).float() / 255
        generator = torch.Generator().manual_seed(draw.getrandbits(60))
        mean, std = (torch.tensor(three).view(3, 1, 1) for three in (config.mean, config.std))
        pixels = (augmented(raw, [False] * self.size, generator) - mean) / std
        # No text is known to be true of another's picture but an equal one, and what the picture has besides.
        alike = torch.tensor([[a == b or i == j for b, j in zip(texts, places, strict=True)]
                              for a, i in zip(texts, places, strict=True)])  # fmt: skip
        targets = caption_mask.clone()
        targets[:, 0] = False
        return Pairs(pixels, captions, caption_mask, torch.arange(self.size), captions, targets, ids, mask, alike)

    def _other(self, text: str, draw: random.Random) -> str:
        while (other := cleaned(draw.choice(self.pairs)[1])) == text:
            pass
        return other
