"""Pictures, captions, claims and questions of the picture world as batches for BLIP."""

import random
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np
import tokenizers
import torch
from tokenizers import models, normalizers, pre_tokenizers
from torch import Tensor

from playground import world
from playground.blip.model import Config, Task
from playground.blip.tokenizer import Tokenizer
from playground.nn.tower import Tower
from playground.world.claims import Claim, claim, exchanged, falsified, paired
from playground.world.lessons import augmented, reworded, vocabulary

__all__ = ["PROMPTS", "Pairs", "Questions", "WorldPairs", "world_config", "world_tokenizer"]

SPECIAL = ("[PAD]", "[CLS]", "[SEP]", "[DEC]", "[ENC]", "[MASK]", "[UNK]")
PROMPTS = {"en": "a picture of ", "zh": "图片："}  # that say in which language a caption is wanted
CHINESE = 0.15  # how often
NOISE = 0.35  # how often a colour that the decoder has said is replaced before it says the rest
PAIRED = 0.35  # of the claims: which of two stands left, and whose is what
FEW = 2  # objects in the easy batches
LENGTH = 80


@cache
def world_tokenizer() -> Tokenizer:
    """Whole words of the world's captions and questions in English, and characters of those in Chinese."""
    words = set(vocabulary()) | set("".join(PROMPTS.values())) | {"a", "picture", "of"}
    for seed in range(1000):
        scene = world.sample(seed)
        for language in world.LANGUAGES:
            for asked in world.questions(scene, language):
                for text in (asked.text, *asked.options):
                    words.update(_cut(text))
    for seed in range(400):
        words.update(_cut(world.junk(seed)))
    known = {word: i for i, word in enumerate([*SPECIAL, *sorted(words - set(SPECIAL) - {" "})])}
    backend = tokenizers.Tokenizer(models.WordLevel(known, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.add_special_tokens(list(SPECIAL))
    return Tokenizer(backend, pad=0, end=2)


def _cut(text: str) -> list[str]:
    """The words of a text as BERT cuts them."""
    clean = normalizers.BertNormalizer(lowercase=True).normalize_str(text)
    return [word for word, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(clean)]


def world_config(*tasks: Task) -> Config:
    """A small BLIP of 64 x 64 pictures, 8 x 8 patches behind a convolutional stem."""
    return Config(
        image_size=64,
        patch_size=8,
        vision=Tower(width=128, layers=4, heads=4, hidden=512),
        text=Tower(width=128, layers=2, heads=4, hidden=512),
        tasks=tasks,
        vocab_size=world_tokenizer().vocab_size,
        context_length=LENGTH,
        embed_dim=128,
        pad=0,
        alone=1,
        end=2,
        start=3,
        ground=4,
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
        stem="conv",
        prompt=PROMPTS["en"],
        max_length=LENGTH - 1,
        min_length=1,
        text_length=LENGTH,
    )


@dataclass(frozen=True, eq=False)
class Pairs:
    """n pictures with what is to be said of each, a true text, and k false ones."""

    pixels: Tensor  # (n, 3, side, side)
    captions: Tensor  # (n, length): [DEC], a prompt, the description, [SEP]
    caption_mask: Tensor  # (n, length) bool: what is no padding
    heard: Tensor  # (n, length): the captions as the decoder is given them, some colours replaced
    prompt: Tensor  # (n,): tokens that are no targets
    texts: Tensor  # (n * (1 + k), length): the true texts first, then each picture's false ones in a row
    text_mask: Tensor
    also_true: Tensor  # (n, n) bool: text j is true of picture i


@dataclass(frozen=True, eq=False)
class WorldPairs:
    """Batches of pairs, the same for the same step; the first `easy` batches are of few objects."""

    pictures: np.ndarray  # (count, 3, side, side) uint8, of the seeds from 0 on
    config: Config
    size: int
    false: int = 2
    seed: int = 0
    easy: int = 0

    @cached_property
    def few(self) -> list[int]:
        """The pictures of few objects."""
        return [i for i in range(len(self.pictures)) if len(world.sample(i).objects) <= FEW]

    def __call__(self, step: int) -> Pairs:
        draw = random.Random(f"{self.seed} {step} pairs")
        chosen = draw.sample(self.few if step < self.easy else range(len(self.pictures)), self.size)
        pixels, scenes = _looked_at(self.pictures, chosen, draw, self.config)
        words, config = world_tokenizer(), self.config
        languages = ["zh" if draw.random() < CHINESE else "en" for _ in scenes]
        said = [
            PROMPTS[tongue] + world.describe(scene, tongue) for tongue, scene in zip(languages, scenes, strict=True)
        ]
        captions, caption_mask = words(said, config.start, config.context_length)
        prompts = [words([PROMPTS[tongue]], config.start, ended=False)[0].shape[1] for tongue in languages]
        claims = [self._claims(scene, draw) for scene in scenes]
        texts = [self._say(some, draw) for some in claims]
        every = [true for true, _ in texts] + [one for _, false in texts for one in false]
        ids, mask = words(every, config.alone, config.context_length)
        also_true = torch.tensor([[true.holds(scene) for true, _ in claims] for scene in scenes])
        return Pairs(
            pixels, captions, caption_mask, _misheard(captions, draw), torch.tensor(prompts), ids, mask, also_true
        )

    def _claims(self, scene: world.Scene, draw: random.Random) -> tuple[Claim, list[Claim]]:
        while True:
            pair = len(scene.objects) > 1 and draw.random() < PAIRED
            true = paired(scene, draw) if pair else claim(scene, draw)
            change = exchanged if pair else falsified
            wrong = [one for _ in range(self.false) if (one := change(scene, true, draw)) is not None]
            if len(wrong) == self.false:
                return true, wrong

    def _say(self, claims: tuple[Claim, list[Claim]], draw: random.Random) -> tuple[str, list[str]]:
        """All texts of a picture in one language and one manner, so that manner tells nothing."""
        language = "zh" if draw.random() < CHINESE else "en"
        manner, words = draw.getrandbits(40), draw.getrandbits(40)

        def say(said: Claim) -> str:
            text = world.say(said, language, random.Random(manner))
            return reworded(text, random.Random(words)) if language == "en" else text

        return say(claims[0]), [say(one) for one in claims[1]]


@dataclass(frozen=True, eq=False)
class Questions:
    """Batches of pictures with a question and its answer, the same for the same step."""

    pictures: np.ndarray
    config: Config
    size: int
    seed: int = 0

    def __call__(self, step: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Pixels, questions with their mask, answers with theirs; an answer begins with [DEC]."""
        draw = random.Random(f"{self.seed} {step} questions")
        chosen = draw.sample(range(len(self.pictures)), self.size)
        pixels, scenes = _looked_at(self.pictures, chosen, draw, self.config)
        words, config = world_tokenizer(), self.config
        asked = []
        for scene in scenes:
            other = replace(scene, seed=draw.getrandbits(40))  # the questions are drawn by the scene's seed
            asked.append(draw.choice(world.questions(other, "zh" if draw.random() < CHINESE else "en")))
        questions, mask = words([one.text for one in asked], config.ground, config.context_length)
        answers, answer_mask = words([one.options[one.answer] for one in asked], config.start, config.context_length)
        return pixels, questions, mask, answers, answer_mask


def _looked_at(
    pictures: np.ndarray, chosen: list[int], draw: random.Random, config: Config
) -> tuple[Tensor, list[world.Scene]]:
    """The pictures, each a little other than it was drawn, and their scenes."""
    flipped = [draw.random() < 0.5 for _ in chosen]
    scenes = [world.sample(i) for i in chosen]
    scenes = [world.mirror(scene) if flip else scene for scene, flip in zip(scenes, flipped, strict=True)]
    raw = torch.from_numpy(pictures[chosen]).float() / 255
    mean, std = (torch.tensor(three).view(3, 1, 1) for three in (config.mean, config.std))
    generator = torch.Generator().manual_seed(draw.getrandbits(60))
    return (augmented(raw, flipped, generator) - mean) / std, scenes


@cache
def _ids() -> tuple[tuple[int, ...], frozenset[int], int]:
    """The ids of the colours in English, of the shapes, and of [MASK]."""
    known = world_tokenizer().backend.get_vocab()
    return tuple(known[c] for c in world.COLORS), frozenset(known[s] for s in world.SHAPES), known["[MASK]"]


def _misheard(captions: Tensor, draw: random.Random) -> Tensor:
    """Captions some of whose colours are replaced by another or hidden, and then the shape behind is hidden too.

    A decoder that has only ever heard pairs of training learns that no others exist, and denies what it sees; one
    that cannot trust the colour it heard must look for the shape. No pair stands in what it hears that is held out.
    """
    colors, shapes, hidden = _ids()
    heard = captions.tolist()
    for row in heard:
        replaced = False
        for i, word in enumerate(row):
            if word in colors:
                replaced = draw.random() < NOISE
                if replaced:
                    row[i] = draw.choice([hidden, *(c for c in colors if c != word)])
            elif word in shapes and replaced:
                row[i], replaced = hidden, False
    return torch.tensor(heard)
