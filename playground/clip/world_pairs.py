"""Pictures and words of the picture world as batches for CLIP: many ways to say a thing, and rule-made false texts."""

import random
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np
import tokenizers
import torch
from tokenizers import models
from torch import Tensor

from playground import world
from playground.clip.contrast import Batch
from playground.clip.model import Config
from playground.clip.tokenizer import Tokenizer
from playground.nn.tower import Tower
from playground.world.claims import Claim, claim, exchanged, falsified, paired
from playground.world.lessons import OPENINGS, augmented, reworded, vocabulary

__all__ = ["CONFIG", "WorldPairs", "world_config", "world_tokenizer"]

CHINESE, STRANGE = 0.12, 0.08  # how often: of the texts, of the openings
UNKNOWN, START, END = "<unk>", "<start_of_text>", "<end_of_text>"
FALSE = 5  # false texts a picture: of its own claim, and the last two of other claims
PAIRED = 0.6  # how often a claim of two objects is tried, in batches about order: which stands left, and the like

# 64 patches of 8 pixels behind a convolutional stem; what a CPU trains in an hour or two.
CONFIG = Config(
    activation="gelu",
    embed_dim=128,
    image_size=64,
    patch_size=8,
    vision=Tower(width=128, layers=4, heads=4, hidden=512),
    text=Tower(width=96, layers=2, heads=3, hidden=384),
    vocab_size=1,
    context_length=64,
    mean=(0.5, 0.5, 0.5),
    std=(0.25, 0.25, 0.25),
    stem="conv",
)


@cache
def world_tokenizer() -> Tokenizer:
    """Whole words: those of the world's captions in English and Chinese, and what people say for them."""
    known = {word: i for i, word in enumerate([*sorted([UNKNOWN, *vocabulary()]), START, END])}
    return Tokenizer(tokenizers.Tokenizer(models.WordLevel(known, unk_token=UNKNOWN)))


def world_config(config: Config = CONFIG) -> Config:
    """The configuration with the size of the world's vocabulary."""
    return replace(config, vocab_size=world_tokenizer().vocab_size)


EASY = 2  # objects


@dataclass(frozen=True, eq=False)
class WorldPairs:
    """Batches of pairs, the same for the same step; `rank` of `ranks` processes takes its share of each.

    The first batches are of few objects (`EASY`) and half the size, the others have `size` pairs of all pictures. Every
    picture has one true text and, unless `false` is 0, so many false ones, each with one attribute, relation or count
    changed, or two exchanged. Colours and shapes held out of training are in neither pictures nor texts.
    """

    pictures: np.ndarray  # (count, 3, side, side) uint8, of the seeds from `first` on
    config: Config
    tokenizer: Tokenizer
    size: int
    false: int = FALSE
    seed: int = 0
    first: int = 0
    rank: int = 0
    ranks: int = 1
    easy: int = 0  # how many batches are easy
    order: bool = False  # whether many texts are about two objects, and false ones exchange the two (`exchanged`)

    def __post_init__(self) -> None:
        if not 1 <= self.size <= len(self.pictures):
            raise ValueError(f"a batch must have 1 to {len(self.pictures)} pairs, not {self.size}")
        if self.size % (2 * self.ranks):
            raise ValueError(f"a batch of {self.size} is no multiple of {2 * self.ranks}, twice the processes")

    @cached_property
    def few(self) -> list[int]:
        """The pictures of few objects."""
        return [i for i in range(len(self.pictures)) if len(world.sample(self.first + i).objects) <= EASY]

    def __call__(self, step: int) -> Batch:
        draw = random.Random(f"{self.seed} {step}")
        easy = step < self.easy
        size = self.size // 2 if easy else self.size
        chosen = draw.sample(self.few if easy else range(len(self.pictures)), size)
        flipped = [draw.random() < 0.5 for _ in chosen]
        scenes = [world.sample(self.first + i) for i in chosen]
        scenes = [world.mirror(scene) if flip else scene for scene, flip in zip(scenes, flipped, strict=True)]
        claims = [self._claims(scene, draw) for scene in scenes]
        texts = [self._say(said, draw) for said in claims]
        own = slice(self.rank * size // self.ranks, (self.rank + 1) * size // self.ranks)
        raw = torch.from_numpy(self.pictures[chosen[own]]).float() / 255
        pixels = self._augmented(raw, flipped[own], torch.Generator().manual_seed(draw.getrandbits(60)))
        also_true = torch.tensor([[true.holds(scene) for true, _ in claims] for scene in scenes[own]])
        length = self.config.context_length
        tokens = self.tokenizer([true for true, _ in texts[own]], length)
        negatives = None
        if self.false:
            flat = self.tokenizer([wrong for _, many in texts[own] for wrong in many], length)
            negatives = flat.view(len(tokens), self.false, length)
        captions = self.tokenizer([world.describe(scene) for scene in scenes[own]], length)
        said = self.tokenizer([world.say(true, "en", None) for true, _ in claims[own]], length)
        return Batch(pixels, tokens, negatives, also_true, captions, said)

    def _claims(self, scene: world.Scene, draw: random.Random) -> tuple[Claim, list[Claim]]:
        while True:
            true = claim(scene, draw)
            others = min(2, self.false // 2)
            said = [true] * (self.false - others) + [claim(scene, draw) for _ in range(others)]
            wrong = [falsified(scene, one, draw) for one in said]
            if not all(wrong):
                continue
            false = [one for one in wrong if one is not None]
            if self.order and len(scene.objects) > 1 and draw.random() < PAIRED:
                pair = paired(scene, draw)
                wrong = [exchanged(scene, pair, draw) for _ in range(self.false - others)]
                if not all(wrong):
                    continue
                return pair, [one for one in wrong if one is not None] + false[self.false - others :]
            return true, false

    def _say(self, claims: tuple[Claim, list[Claim]], draw: random.Random) -> tuple[str, list[str]]:
        """All texts of a picture in one language and one manner, so that manner tells nothing."""
        language = "zh" if draw.random() < CHINESE else "en"
        manner, words, strange = draw.getrandbits(40), draw.getrandbits(40), draw.random() < STRANGE
        opening = draw.choice(OPENINGS).replace("{}", UNKNOWN) if strange and language == "en" else ""

        def say(said: Claim) -> str:
            text = world.say(said, language, None if opening else random.Random(manner))
            return opening + reworded(text, random.Random(words)) if language == "en" else text

        return say(claims[0]), [say(one) for one in claims[1]]

    def _augmented(self, x: Tensor, flipped: list[bool], generator: torch.Generator) -> Tensor:
        mean, std = (torch.tensor(three).view(3, 1, 1) for three in (self.config.mean, self.config.std))
        return (augmented(x, flipped, generator) - mean) / std
