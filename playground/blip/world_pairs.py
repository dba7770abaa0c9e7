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
from playground.blip.losses import IGNORED
from playground.blip.model import Config, Task
from playground.blip.tokenizer import Tokenizer
from playground.nn.tower import Tower
from playground.world.claims import Claim, claim, exchanged, falsified, paired
from playground.world.lessons import augmented, reworded, vocabulary

__all__ = ["PROMPTS", "Asked", "Pairs", "Questions", "WorldPairs", "world_config", "world_tokenizer"]

SPECIAL = ("[PAD]", "[CLS]", "[SEP]", "[DEC]", "[ENC]", "[MASK]", "[UNK]")
PROMPTS = {"en": "a picture of ", "zh": "图片："}  # that say in which language a caption is wanted
TRIES = 20  # until another claim is taken, for two objects that are alike have nothing to exchange
CHINESE = 0.15  # how often
NOISE = 0.35  # how often a colour that the decoder has said is replaced before it says the rest
PAIRED, PAIRED_LATE = 0.35, 0.5  # of the claims: which of two stands left, and whose is what
RECOLORED = 0.25  # pictures of other colours, for each of the others of a late batch
ASKED = 4  # questions about a picture
JUNK = 0.1  # how often a late picture's last false text is alt-text that says nothing
FEW = 2  # objects in the easy batches
LENGTH = 80
# Where the red, green and blue of a recolored picture come from; None makes it gray, which is what they all are alike.
TURNS = (None, None, (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))


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
    """n pictures, a true text of each and k false ones, and c captions of them and of m more pictures."""

    pixels: Tensor  # (n + m, 3, side, side)
    captions: Tensor  # (c, length): [DEC], a prompt, the description, [SEP]
    caption_mask: Tensor  # (c, length) bool: what is no padding
    pictures: Tensor  # (c,): which picture each is of
    heard: Tensor  # (c, length): the captions as the decoder is given them, some colours replaced
    targets: Tensor  # (c, length) bool: what the decoder has to say
    texts: Tensor  # (n * (1 + k), length): the true texts first, then each picture's false ones in a row
    text_mask: Tensor
    also_true: Tensor  # (n, n) bool: text j is true of picture i
    word_truth: Tensor | None = None  # (n * (1 + k), length): 1 for a word that is true, 0 for a false one, else -100


@dataclass(frozen=True, eq=False)
class WorldPairs:
    """Batches of pairs, the same for the same step.

    The first `easy` batches are of few objects. From step `order` on claims are of pairs, whose false texts exchange
    what belongs to whom, each word is marked as true or false, and all is said in the plainest English: in many words
    at once it is not learned. From step `late` on half of the claims are of pairs, and a batch is of one language. The
    decoder learns to say the claims too, which have no prompt, and describes pictures of other colours, for it is to
    see what does not depend on them. From step `describing` on it says no more claims.
    """

    pictures: np.ndarray  # (count, 3, side, side) uint8, of the seeds from 0 on
    config: Config
    size: int
    false: int = 2
    seed: int = 0
    easy: int = 0
    order: int | None = None
    late: int | None = None
    describing: int | None = None

    @cached_property
    def few(self) -> list[int]:
        """The pictures of few objects."""
        return [i for i in range(len(self.pictures)) if len(world.sample(i).objects) <= FEW]

    @cached_property
    def several(self) -> list[int]:
        """The pictures of two objects or more."""
        return [i for i in range(len(self.pictures)) if len(world.sample(i).objects) > 1]

    def __call__(self, step: int) -> Pairs:
        late = self.late is not None and step >= self.late
        order = self.order is not None and step >= self.order and not late
        claiming = late and not (self.describing is not None and step >= self.describing)
        draw = random.Random(f"{self.seed} {step} pairs")
        among = self.few if step < self.easy else self.several if order else range(len(self.pictures))
        pixels, scenes = _looked_at(self.pictures, draw.sample(among, self.size), draw, self.config)
        tongue = "en" if order else _language(draw) if late else None  # of all, or drawn for each
        languages = [tongue or _language(draw) for _ in scenes]
        prompts = [PROMPTS[language] for language in languages]
        said = [PROMPTS[name] + world.describe(scene, name) for name, scene in zip(languages, scenes, strict=True)]
        share = 1.0 if order else PAIRED_LATE if late else PAIRED
        claims = [self._claims(scene, draw, share) for scene in scenes]
        texts = [_plain(some) if order else self._say(some, draw, tongue) for some in claims]
        if late:
            for some in texts:
                if draw.random() < JUNK:
                    some[-1] = (world.junk(draw.getrandbits(40)),) * 2
            more = draw.sample(range(len(self.pictures)), round(RECOLORED * self.size))
            recolored, told = _looked_at(self.pictures, more, draw, self.config, recolored=True)
            pixels = torch.cat([pixels, recolored])
            said += [PROMPTS["en"] + world.describe(scene) for scene in told]
            prompts += [PROMPTS["en"]] * len(more)
        if claiming:
            said += [some[0][0] for some in texts]
            prompts += [""] * self.size
        words, config = world_tokenizer(), self.config
        captions, caption_mask = words(said, config.start, config.context_length)
        given = [words([prompt], config.start, ended=False)[0].shape[1] for prompt in prompts]
        targets = caption_mask & (torch.arange(captions.shape[1]) >= torch.tensor(given)[:, None])
        heard, pictures = _misheard(captions[: self.size], draw), torch.arange(len(pixels))
        ordered = [some[0] for some in texts] + [one for some in texts for one in some[1:]]
        ids, mask = words([text for text, _ in ordered], config.alone, config.context_length)
        if late:
            others = slice(self.size, len(pixels))
            heard = torch.cat([heard, _unseen(captions[others], targets[others], draw), captions[len(pixels) :]])
        if claiming:
            pictures = torch.cat([pictures, pictures[: self.size]])
        truth = None
        if order or late:
            plain = words([text for _, text in ordered], config.alone, config.context_length)
            truth = _word_truth(*plain, self.size, config.end)
        also_true = torch.tensor([[true.holds(scene) for true, _ in claims] for scene in scenes])
        return Pairs(pixels, captions, caption_mask, pictures, heard, targets, ids, mask, also_true, truth)

    def _claims(self, scene: world.Scene, draw: random.Random, share: float) -> tuple[Claim, list[Claim]]:
        tried = 0
        while True:
            pair = len(scene.objects) > 1 and tried < TRIES and draw.random() < share
            tried += 1
            true = paired(scene, draw) if pair else claim(scene, draw)
            change = exchanged if pair else falsified
            wrong = [one for _ in range(self.false) if (one := change(scene, true, draw)) is not None]
            if len(wrong) == self.false:
                return true, wrong

    def _say(self, claims: tuple[Claim, list[Claim]], draw: random.Random, tongue: str | None) -> list[tuple[str, str]]:
        """All texts of a picture in one language and one manner, so that manner tells nothing; and each as it was
        before some of its words were replaced by others that mean the same."""
        language = tongue or _language(draw)
        manner, words = draw.getrandbits(40), draw.getrandbits(40)

        def say(said: Claim) -> tuple[str, str]:
            text = world.say(said, language, random.Random(manner))
            return (reworded(text, random.Random(words)) if language == "en" else text), text

        return [say(claims[0]), *(say(one) for one in claims[1])]


def _plain(claims: tuple[Claim, list[Claim]]) -> list[tuple[str, str]]:
    return [(world.say(claim),) * 2 for claim in (claims[0], *claims[1])]


def _language(draw: random.Random) -> str:
    return "zh" if draw.random() < CHINESE else "en"


def _word_truth(ids: Tensor, mask: Tensor, n: int, end: int) -> Tensor:
    """For texts (n * (1 + k), length), the true ones first, where each word is true: of a false text those are its
    true one's words; -100 where a false text has another length, at the first token, the last and the padding."""
    own = torch.arange(n).repeat_interleave(len(ids) // n - 1)
    known = mask & (ids != end)
    known[:, 0] = False
    known[n:] &= (mask[n:].sum(1) == mask[own].sum(1))[:, None]
    truth = torch.ones_like(ids)
    truth[n:] = (ids[n:] == ids[own]).long()
    return truth.masked_fill(~known, IGNORED)


@dataclass(frozen=True, eq=False)
class Asked:
    """n pictures and q questions about them with their answers."""

    pixels: Tensor  # (n, 3, side, side)
    pictures: Tensor  # (q,): which picture each is about
    questions: Tensor  # (q, length): [ENC], the question, [SEP]
    question_mask: Tensor
    answers: Tensor  # (q, length): [DEC], the answer, [SEP]
    answer_mask: Tensor


@dataclass(frozen=True, eq=False)
class Questions:
    """Batches of pictures with a few questions each, the same for the same step; seeing costs more than reading.

    From step `balanced` on each ability is asked as often as any other: of some there are few questions a picture.
    """

    pictures: np.ndarray
    config: Config
    size: int
    seed: int = 0
    balanced: int | None = None

    def __call__(self, step: int) -> Asked:
        draw = random.Random(f"{self.seed} {step} questions")
        chosen = draw.sample(range(len(self.pictures)), self.size)
        pixels, scenes = _looked_at(self.pictures, chosen, draw, self.config)
        words, config = world_tokenizer(), self.config
        asked, pictures = [], []
        for i, scene in enumerate(scenes):
            other = replace(scene, seed=draw.getrandbits(40))  # the questions are drawn by the scene's seed
            every = world.questions(other, _language(draw))
            if self.balanced is not None and step >= self.balanced:
                abilities = sorted({one.ability for one in every})
                wanted = [draw.choice(abilities) for _ in range(ASKED)]
                some = [draw.choice([one for one in every if one.ability == ability]) for ability in wanted]
            else:
                some = draw.sample(every, min(ASKED, len(every)))
            asked += some
            pictures += [i] * len(some)
        questions, mask = words([one.text for one in asked], config.ground, config.context_length)
        answers, answer_mask = words([one.options[one.answer] for one in asked], config.start, config.context_length)
        return Asked(pixels, torch.tensor(pictures), questions, mask, answers, answer_mask)


def _looked_at(
    pictures: np.ndarray, chosen: list[int], draw: random.Random, config: Config, *, recolored: bool = False
) -> tuple[Tensor, list[world.Scene]]:
    """The pictures, each a little other than it was drawn, and their scenes; `recolored` ones are gray, or their red,
    green and blue change places."""
    flipped = [draw.random() < 0.5 for _ in chosen]
    scenes = [world.sample(i) for i in chosen]
    scenes = [world.mirror(scene) if flip else scene for scene, flip in zip(scenes, flipped, strict=True)]
    raw = torch.from_numpy(pictures[chosen]).float() / 255
    if recolored:
        turns = [draw.choice(TURNS) for _ in chosen]
        raw = torch.stack(
            [one[list(turn)] if turn else one.mean(0).expand_as(one) for one, turn in zip(raw, turns, strict=True)]
        )
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


def _unseen(captions: Tensor, targets: Tensor, draw: random.Random) -> Tensor:
    """What is heard of captions of recolored pictures: any colours; and none is a `targets` (changed in place)."""
    colors, _, hidden = _ids()
    named = torch.isin(captions, torch.tensor(colors))
    targets &= ~named
    heard = captions.clone()
    heard[named] = torch.tensor([draw.choice([hidden, *colors]) for _ in range(int(named.sum()))], dtype=heard.dtype)
    return heard
