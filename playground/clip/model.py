"""CLIP's dual encoder: a picture tower and a text tower that meet on one sphere (Radford et al. 2021, figure 3)."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playground.clip.siglip import SiglipText, SiglipVision
from playground.clip.text import TextTransformer
from playground.clip.transformer import ACTIVATIONS, Activation
from playground.clip.vision import VisionTransformer
from playground.nn.seeded import seeded
from playground.nn.tower import Tower

if TYPE_CHECKING:
    from playground.clip.siglip_tokenizer import SiglipTokenizer
    from playground.clip.tokenizer import Tokenizer

__all__ = ["CLIP", "MEAN", "STD", "Config", "Family", "Interpolation", "Resize", "Stem", "build"]

Family = Literal["clip", "siglip"]
Stem = Literal["patch", "conv"]
Resize = Literal["shortest", "squash"]
Interpolation = Literal["bicubic", "bilinear"]

MEAN = (0.48145466, 0.4578275, 0.40821073)  # OpenAI's, of RGB in [0, 1]
STD = (0.26862954, 0.26130258, 0.27577711)
LOG_TEMPERATURE = math.log(1 / 0.07)  # section 2.5 of Radford et al. 2021
SIGLIP_START = (math.log(10), -10.0)  # scale and bias: nearly all pairs of a batch are none (Zhai et al. 2023, 3.2)


@dataclass(frozen=True, kw_only=True)
class Config:
    """All that the weights do not hold, and their sizes.

    `activation` has no default: no shape tells it, and the wrong one costs accuracy in silence. `resize` says how a
    picture becomes a square: "shortest" scales its shorter side and crops the centre, "squash" scales both sides.
    `stem` "patch" cuts the picture as the paper does; "conv" looks with a few small convolutions, which a small model
    learns from much faster (Xiao et al. 2021, Early Convolutions Help Transformers See Better).

    `family` "siglip" has SigLIP's towers, which embed pictures in the tower's own width and need `logit_bias`.
    `text_activation` is the text tower's where it is another.
    """

    activation: Activation
    embed_dim: int
    image_size: int
    patch_size: int
    vision: Tower
    text: Tower
    vocab_size: int = 49408
    context_length: int = 77
    mean: tuple[float, float, float] = MEAN
    std: tuple[float, float, float] = STD
    resize: Resize = "shortest"
    interpolation: Interpolation = "bicubic"
    logit_bias: bool = False
    stem: Stem = "patch"
    family: Family = "clip"
    text_activation: Activation | None = None

    def __post_init__(self) -> None:
        for name, allowed in (
            ("activation", tuple(ACTIVATIONS)),
            ("resize", get_args(Resize)),
            ("interpolation", get_args(Interpolation)),
            ("stem", get_args(Stem)),
            ("family", get_args(Family)),
            ("text_activation", (None, *ACTIVATIONS)),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(map(str, allowed))}, not {getattr(self, name)!r}")
        for name in ("embed_dim", "image_size", "patch_size", "vocab_size", "context_length"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} must be a positive whole number, not {value!r}")
        if self.image_size % self.patch_size:
            raise ValueError(f"patches of {self.patch_size} pixels do not tile a picture of {self.image_size}")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ValueError(f"mean and std must be three numbers each, std positive, not {self.mean} and {self.std}")
        if self.family == "siglip":
            self._check_siglip()

    def _check_siglip(self) -> None:
        if not self.logit_bias:
            raise ValueError("a siglip has a logit_bias: its logits say yes or no to each pair alone")
        if self.stem != "patch":
            raise ValueError(f"the stem of a siglip must be patch, not {self.stem!r}")
        if self.embed_dim != self.vision.width:
            raise ValueError(
                f"the embed_dim of a siglip must be its picture tower's width {self.vision.width}, not {self.embed_dim}"
            )


class CLIP(nn.Module):
    """Pictures and texts to unit vectors; exp(logit_scale) times their cosine is the logit of a pair.

    Parameters bear OpenAI's names, those of the text tower behind `text.`. `tokenizer` is the one the text tower was
    trained with; `load` sets it.
    """

    tokenizer: "Tokenizer | SiglipTokenizer | None"

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = None
        self.visual = _vision(config)
        self.text = (SiglipText if config.family == "siglip" else TextTransformer)(
            config.text,
            vocab_size=config.vocab_size,
            context_length=config.context_length,
            embed_dim=config.embed_dim,
            activation=config.text_activation or config.activation,
        )
        scale, bias = SIGLIP_START if config.family == "siglip" else (LOG_TEMPERATURE, 0.0)
        self.logit_scale = nn.Parameter(torch.tensor(scale))
        self.logit_bias = nn.Parameter(torch.tensor(bias)) if config.logit_bias else None

    def encode_image(self, pixels: Tensor) -> Tensor:
        """Unit vectors (n, embed_dim) of preprocessed pixels (n, 3, image_size, image_size)."""
        return F.normalize(self.visual(pixels), dim=-1)

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Unit vectors (n, embed_dim) of token ids (n, up to context_length); the end token is the largest id.

        A siglip's ids are exactly context_length, and its end token is any.
        """
        return F.normalize(self.text(tokens), dim=-1)

    def logits(self, images: Tensor, texts: Tensor) -> Tensor:
        """The logits (n, k) of every pair of the unit vectors images (n, embed_dim) and texts (k, embed_dim)."""
        answer = self.logit_scale.exp() * images @ texts.T
        return answer if self.logit_bias is None else answer + self.logit_bias

    def forward(self, pixels: Tensor, tokens: Tensor) -> Tensor:
        """The logits (n, k) of n pictures and k texts."""
        return self.logits(self.encode_image(pixels), self.encode_text(tokens))


def _vision(config: Config) -> VisionTransformer | SiglipVision:
    if config.family == "siglip":
        return SiglipVision(
            config.vision,
            image_size=config.image_size,
            patch_size=config.patch_size,
            activation=config.activation,
        )
    return VisionTransformer(
        config.vision,
        image_size=config.image_size,
        patch_size=config.patch_size,
        embed_dim=config.embed_dim,
        activation=config.activation,
        stem=config.stem,
    )


def build(config: Config, *, seed: int = 0) -> CLIP:
    """A new model, its weights drawn from `seed`."""
    with seeded(seed):
        return CLIP(config)
