"""BLIP: a Vision Transformer and a MED whose parts caption, match and answer (Li et al. 2022, figure 2)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playground.blip.generation import Limits
from playground.blip.med import Decoder, Med, Seen
from playground.blip.vision import VisionTransformer
from playground.nn.seeded import seeded
from playground.nn.tower import Tower

if TYPE_CHECKING:
    from playground.blip.tokenizer import Tokenizer

__all__ = ["BLIP", "MEAN", "STD", "TASKS", "Config", "Task", "build"]

Task = Literal["caption", "match", "answer"]
TASKS: tuple[Task, ...] = get_args(Task)
MEAN = (0.48145466, 0.4578275, 0.40821073)  # OpenAI's, of RGB in [0, 1]
STD = (0.26862954, 0.26130258, 0.27577711)
TEMPERATURE = 0.07  # of the contrast, to begin with


@dataclass(frozen=True, kw_only=True)
class Config:
    """The sizes, and what the model can do.

    `tasks`: "caption" has a decoder that looks at pictures; "match" an encoder with the heads of contrast (ITC) and
    matching (ITM); "answer" an encoder that reads questions and looks at pictures, and a decoder that looks at what
    it has read. A model of "caption" and "match", as it is pretrained, shares all but self-attention between the two.
    Token ids: `start` begins what a decoder writes ([DEC]), `ground` a text that looks at a picture ([ENC]), `alone`
    one that does not ([CLS]), `end` ends all ([SEP]).

    `like_transformers` repeats what its BLIP does otherwise than the paper's, for comparison: texts that look at a
    picture begin with `alone`, and a question's padding is looked at like its words.
    """

    image_size: int
    patch_size: int
    vision: Tower
    text: Tower
    tasks: tuple[Task, ...]
    vocab_size: int = 30524
    context_length: int = 512
    embed_dim: int = 256
    pad: int = 0
    alone: int = 101
    end: int = 102
    start: int = 30522
    ground: int = 30523
    vision_eps: float = 1e-6
    text_eps: float = 1e-12
    mean: tuple[float, float, float] = MEAN
    std: tuple[float, float, float] = STD
    stem: Literal["patch", "conv"] = "patch"
    prompt: str = "a picture of "  # what captions begin with, and are given without
    max_length: int = 20  # of a caption, in tokens, with the prompt
    min_length: int = 5
    text_length: int = 35  # tokens of a text that is matched, or of a question; of a longer one the end is not read
    like_transformers: bool = False

    def __post_init__(self) -> None:
        if not self.tasks or not set(self.tasks) <= set(TASKS) or len(set(self.tasks)) < len(self.tasks):
            raise ValueError(f"tasks must be some of {', '.join(TASKS)}, each once, not {self.tasks}")
        if "answer" in self.tasks and len(self.tasks) > 1:
            raise ValueError("a model that answers has an encoder and a decoder of its own: give its task alone")
        if self.image_size % self.patch_size:
            raise ValueError(f"patches of {self.patch_size} pixels do not tile a picture of {self.image_size}")
        ids = (self.pad, self.alone, self.end, self.start, self.ground)
        if len(set(ids)) < len(ids) or not 0 <= min(ids) <= max(ids) < self.vocab_size:
            raise ValueError(f"the ids {ids} must be five of the {self.vocab_size} tokens")

    @property
    def first(self) -> int:
        """What a text that looks at a picture begins with."""
        return self.alone if self.like_transformers else self.ground

    @property
    def limits(self) -> Limits:
        """What a caption may be, unless it is said."""
        return Limits(self.max_length, self.min_length)

    @property
    def decodes(self) -> bool:
        """Whether there is a decoder."""
        return "caption" in self.tasks or "answer" in self.tasks

    @property
    def encodes(self) -> bool:
        """Whether there is an encoder."""
        return "match" in self.tasks or "answer" in self.tasks


class BLIP(nn.Module):
    """The parts that the tasks need; parameters bear the names of the authors' code."""

    tokenizer: "Tokenizer | None"

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = None
        sizes = {"vocab_size": config.vocab_size, "context_length": config.context_length}
        self.visual_encoder = VisionTransformer(
            config.vision,
            image_size=config.image_size,
            patch_size=config.patch_size,
            eps=config.vision_eps,
            stem=config.stem,
        )
        if config.encodes:
            self.text_encoder = Med(config.text, seen_width=config.vision.width, eps=config.text_eps, **sizes)
        if config.decodes:
            seen = config.text.width if "answer" in config.tasks else config.vision.width
            self.text_decoder = Decoder(config.text, seen_width=seen, eps=config.text_eps, **sizes)
        if "match" in config.tasks:
            self.vision_proj = nn.Linear(config.vision.width, config.embed_dim)
            self.text_proj = nn.Linear(config.text.width, config.embed_dim)
            self.itm_head = nn.Linear(config.text.width, 2)
            self.temp = nn.Parameter(torch.tensor(TEMPERATURE))
        self.apply(_initialise)
        if config.encodes and config.decodes and "match" in config.tasks:
            share(self.text_encoder, self.text_decoder.bert)

    @property
    def device(self) -> torch.device:
        """Where the weights are, and what they take must be."""
        return self.visual_encoder.cls_token.device

    def see(self, pixels: Tensor) -> Tensor:
        """States (n, 1 + patches, width) of preprocessed pixels (n, 3, image_size, image_size)."""
        answer: Tensor = self.visual_encoder(pixels)
        return answer

    def embed_image(self, states: Tensor) -> Tensor:
        """Unit vectors (n, embed_dim) of what `see` gives, for the contrast."""
        return F.normalize(self.vision_proj(states[:, 0]), dim=-1)

    def embed_text(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Unit vectors (n, embed_dim) of texts that begin with `alone`."""
        return F.normalize(self.text_proj(self.text_encoder(ids, mask=mask, at=0)), dim=-1)

    def match(self, states: Tensor | Seen, ids: Tensor, mask: Tensor) -> Tensor:
        """Logits (n, 2), of no match and of a match, for texts that begin with `ground`.

        `states`, or what `text_encoder.look` has made of them, are of m pictures; each is compared with n / m texts in
        a row.
        """
        seen = states if isinstance(states, Seen) else self.text_encoder.look(states)
        answer: Tensor = self.itm_head(self.text_encoder(ids, seen, mask=mask, at=0))
        return answer

    def read(self, states: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """States (n, length, width) of questions that begin with `ground`, looking at the pictures."""
        answer: Tensor = self.text_encoder(ids, self.text_encoder.look(states), mask=mask)
        return answer


def share(one: Med, other: Med) -> None:
    """Let `other` use the weights of `one` for all but self-attention (Li et al. 2022, section 3.2 and table 3)."""
    other.embeddings = one.embeddings
    for its, mine in zip(other.layers, one.layers, strict=True):
        its.crossattention, its.intermediate, its.output = mine.crossattention, mine.intermediate, mine.output


def _initialise(module: nn.Module) -> None:
    """BERT's and timm's: deviations of .02, no biases."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)


def build(config: Config, *, seed: int = 0) -> BLIP:
    """A new model, its weights drawn from `seed`."""
    with seeded(seed):
        return BLIP(config)
