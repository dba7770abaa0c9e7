"""CLIP's weights as OpenAI, open_clip and transformers lay them out: strict tables of keys, sizes by shapes."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from playground.clip.model import CLIP, Config, Family
from playground.clip.transformer import Activation
from playground.nn.tower import Tower

__all__ = ["LAYOUTS", "Layout", "from_state", "open_clip_layout", "read_sizes"]

HEAD_WIDTH = 64  # of every model of OpenAI's; the layouts that know others say so in their configurations
PROJECTIONS = ("visual.proj", "text.text_projection")
SCALARS = ("logit_scale", "logit_bias")  # some write them as one number, some as a vector of one

# Our names in transformers' words, the first that fits. CLIPModel spells pre_layrnorm so.
TRANSFORMERS = (
    (r"visual\.class_embedding", "vision_model.embeddings.class_embedding"),
    (r"visual\.positional_embedding", "vision_model.embeddings.position_embedding.weight"),
    (r"visual\.conv1\.weight", "vision_model.embeddings.patch_embedding.weight"),
    (r"visual\.ln_pre\.(.*)", r"vision_model.pre_layrnorm.\1"),
    (r"visual\.ln_post\.(.*)", r"vision_model.post_layernorm.\1"),
    (r"visual\.proj", "visual_projection.weight"),
    (r"text\.token_embedding\.weight", "text_model.embeddings.token_embedding.weight"),
    (r"text\.positional_embedding", "text_model.embeddings.position_embedding.weight"),
    (r"text\.ln_final\.(.*)", r"text_model.final_layer_norm.\1"),
    (r"text\.text_projection", "text_projection.weight"),
)
TRANSFORMERS_BLOCK = {
    "ln_1": "layer_norm1",
    "attn.out_proj": "self_attn.out_proj",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
# The same of SigLIP, in the words of transformers' SiglipModel and of open_clip with a picture tower of timm's.
SIGLIP_TRANSFORMERS = (
    (r"visual\.conv1\.(.*)", r"vision_model.embeddings.patch_embedding.\1"),
    (r"visual\.positional_embedding", "vision_model.embeddings.position_embedding.weight"),
    (r"visual\.ln_post\.(.*)", r"vision_model.post_layernorm.\1"),
    (r"visual\.pool\.probe", "vision_model.head.probe"),
    (r"visual\.pool\.(in_proj_weight|in_proj_bias|out_proj\..*)", r"vision_model.head.attention.\1"),
    (r"visual\.pool\.ln_2\.(.*)", r"vision_model.head.layernorm.\1"),
    (r"visual\.pool\.mlp\.c_fc\.(.*)", r"vision_model.head.mlp.fc1.\1"),
    (r"visual\.pool\.mlp\.c_proj\.(.*)", r"vision_model.head.mlp.fc2.\1"),
    (r"text\.token_embedding\.weight", "text_model.embeddings.token_embedding.weight"),
    (r"text\.positional_embedding", "text_model.embeddings.position_embedding.weight"),
    (r"text\.ln_final\.(.*)", r"text_model.final_layer_norm.\1"),
    (r"text\.text_projection\.(.*)", r"text_model.head.\1"),
)
SIGLIP_TIMM = (
    (r"visual\.conv1\.(.*)", r"visual.trunk.patch_embed.proj.\1"),
    (r"visual\.positional_embedding", "visual.trunk.pos_embed"),
    (r"visual\.ln_post\.(.*)", r"visual.trunk.norm.\1"),
    (r"visual\.pool\.probe", "visual.trunk.attn_pool.latent"),
    (r"visual\.pool\.out_proj\.(.*)", r"visual.trunk.attn_pool.proj.\1"),
    (r"visual\.pool\.ln_2\.(.*)", r"visual.trunk.attn_pool.norm.\1"),
    (r"visual\.pool\.mlp\.c_fc\.(.*)", r"visual.trunk.attn_pool.mlp.fc1.\1"),
    (r"visual\.pool\.mlp\.c_proj\.(.*)", r"visual.trunk.attn_pool.mlp.fc2.\1"),
)
TIMM_BLOCK = {
    "ln_1": "norm1",
    "attn.in_proj": "attn.qkv",
    "attn.out_proj": "attn.proj",
    "ln_2": "norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
BLOCK = re.compile(r"(visual|text)\.transformer\.resblocks\.(\d+)\.(.+?)[._](weight|bias)")


@dataclass(frozen=True)
class Layout:
    """How a kind of checkpoint names our parameters: `keys` gives those that make up one of ours."""

    name: str
    keys: Callable[[str], tuple[str, ...]]
    ignored: re.Pattern[str]
    transposed: tuple[str, ...] = ()
    batched: tuple[str, ...] = ()  # with a first dimension of one, of the batch
    family: Family = "clip"

    def tensor(self, state: Mapping[str, Tensor], name: str) -> Tensor:
        """Our parameter in float32. Raises `ValueError` naming the key that is missing or no tensor of numbers."""
        parts = []
        for key in self.keys(name):
            if key not in state:
                raise ValueError(f"the weights have no {key}; the layout of {self.name} has")
            value = state[key]
            if not isinstance(value, Tensor) or not value.is_floating_point():
                raise ValueError(f"{key} must be a tensor of floating-point numbers, not {_kind(value)}")
            parts.append(value.float())
        whole = parts[0] if len(parts) == 1 else torch.cat(parts)
        if whole.numel() == 1 and name in SCALARS:
            return whole.reshape(())
        if whole.shape[:1] == (1,) and name in self.batched:
            return whole[0]
        return whole.T.contiguous() if name in self.transposed else whole


def _openai(name: str) -> tuple[str, ...]:
    return (name.removeprefix("text."),)


def _same(name: str) -> tuple[str, ...]:
    return (name,)


def _renamed(name: str, table: tuple[tuple[str, str], ...]) -> str:
    """The name by the first line of a table that fits, or itself."""
    return next((found.expand(words) for pattern, words in table if (found := re.fullmatch(pattern, name))), name)


def _transformers(name: str, table: tuple[tuple[str, str], ...] = TRANSFORMERS) -> tuple[str, ...]:
    if block := BLOCK.fullmatch(name):
        tower, number, part, kind = block.groups()
        prefix = f"{'vision' if tower == 'visual' else 'text'}_model.encoder.layers.{number}"
        if part == "attn.in_proj":
            return tuple(f"{prefix}.self_attn.{letter}_proj.{kind}" for letter in "qkv")
        return (f"{prefix}.{TRANSFORMERS_BLOCK[part]}.{kind}",)
    return (_renamed(name, table),)


def _siglip_transformers(name: str) -> tuple[str, ...]:
    return _transformers(name, SIGLIP_TRANSFORMERS)


def _siglip_timm(name: str) -> tuple[str, ...]:
    if (block := BLOCK.fullmatch(name)) and block[1] == "visual":
        _, number, part, kind = block.groups()
        return (f"visual.trunk.blocks.{number}.{TIMM_BLOCK[part]}.{kind}",)
    if pooled := re.fullmatch(r"visual\.pool\.in_proj_(weight|bias)", name):
        return (f"visual.trunk.attn_pool.q.{pooled[1]}", f"visual.trunk.attn_pool.kv.{pooled[1]}")
    return (_renamed(name, SIGLIP_TIMM),)


NOTHING = re.compile(r"(?!)")
LAYOUTS = {
    "playground": Layout("playground", _same, NOTHING),
    "openai": Layout("OpenAI", _openai, re.compile("input_resolution|context_length|vocab_size")),
    "open_clip": Layout("open_clip", _openai, NOTHING),
    "open_clip_text": Layout("open_clip", _same, NOTHING),  # its newer models, with a text tower of its own
    "transformers": Layout("transformers", _transformers, re.compile(r".*\.position_ids"), PROJECTIONS),
    "siglip_open_clip": Layout(
        "open_clip's SigLIP", _siglip_timm, NOTHING, batched=("visual.positional_embedding",), family="siglip"
    ),
    "siglip_transformers": Layout(
        "transformers' SigLIP", _siglip_transformers, re.compile(r".*\.position_ids"), family="siglip"
    ),
}


def open_clip_layout(state: Mapping[str, Tensor]) -> Layout:
    """open_clip's layout with or without the prefix `text.`, whichever the weights have."""
    return LAYOUTS["open_clip_text" if any(key.startswith("text.") for key in state) else "open_clip"]


def read_sizes(
    state: Mapping[str, Tensor], layout: Layout, *, vision_heads: int | None = None, text_heads: int | None = None
) -> dict[str, Any]:
    """The sizes that shapes tell, as fields of `Config`; heads are width / 64 where they are not given.

    Raises `ValueError` for keys that are missing, and for shapes that belong to no CLIP with Vision Transformers.
    """
    if any(key.startswith("visual.layer1.") for key in state):
        raise ValueError("the picture tower is a ResNet; only Vision Transformers are read here")
    patches = layout.tensor(state, "visual.conv1.weight")
    positions = layout.tensor(state, "visual.positional_embedding")
    words = layout.tensor(state, "text.token_embedding.weight")
    places = layout.tensor(state, "text.positional_embedding")
    siglip = layout.family == "siglip"
    last = "text.text_projection.weight" if siglip else "visual.proj"
    projection = layout.tensor(state, last)
    if patches.ndim != 4 or patches.shape[1] != 3 or patches.shape[2] != patches.shape[3]:
        raise ValueError(
            f"{layout.keys('visual.conv1.weight')[0]} has the shape {tuple(patches.shape)}, not (w, 3, p, p)"
        )
    for name, matrix in (
        ("visual.positional_embedding", positions),
        ("text.token_embedding.weight", words),
        ("text.positional_embedding", places),
        (last, projection),
    ):
        if matrix.ndim != 2:
            raise ValueError(f"{layout.keys(name)[0]} must be a matrix, not of the shape {tuple(matrix.shape)}")
    first = 0 if siglip else 1  # the class token's
    grid = math.isqrt(max(len(positions) - first, 0))
    if grid < 1 or grid**2 + first != len(positions):
        raise ValueError(f"{len(positions)} positions are no square of patches{'' if siglip else ' and a class token'}")
    return {
        "family": layout.family,
        "embed_dim": projection.shape[0 if siglip else 1],
        "image_size": grid * patches.shape[-1],
        "patch_size": patches.shape[-1],
        "vision": _tower(state, layout, "visual", patches.shape[0], vision_heads),
        "text": _tower(state, layout, "text", words.shape[1], text_heads),
        "vocab_size": words.shape[0],
        "context_length": places.shape[0],
        "logit_bias": siglip or "logit_bias" in state,
    }


def _tower(state: Mapping[str, Tensor], layout: Layout, tower: str, width: int, heads: int | None) -> Tower:
    blocks = f"{tower}.transformer.resblocks"
    layers = 0
    while _has_block(state, layout, f"{blocks}.{layers}"):
        layers += 1
    hidden = layout.tensor(state, f"{blocks}.0.mlp.c_fc.bias").shape[0]
    if heads is None:
        heads = width // HEAD_WIDTH
        if heads * HEAD_WIDTH != width:
            raise ValueError(f"the width {width} is no multiple of {HEAD_WIDTH}, and the layout does not say the heads")
    return Tower(width=width, layers=layers, heads=heads, hidden=hidden)


def _has_block(state: Mapping[str, Tensor], layout: Layout, block: str) -> bool:
    """Whether any key belongs to this block, so that a block with a key too few is one with a key missing."""
    prefix = layout.keys(f"{block}.ln_1.weight")[0].rsplit(".", 2)[0] + "."
    return any(key.startswith(prefix) for key in state)


def from_state(state: Mapping[str, Tensor], layout: Layout, *, activation: Activation, **known: Any) -> CLIP:
    """The frozen model in float32 of a state dict; `known` are fields of `Config` that no shape tells.

    Also `vision_heads` and `text_heads`, width / 64 by default. Raises `ValueError` naming any key that is unknown,
    missing or of the wrong shape.
    """
    heads = {name: known.pop(name, None) for name in ("vision_heads", "text_heads")}
    return fill(Config(activation=activation, **read_sizes(state, layout, **heads), **known), state, layout)


def fill(config: Config, state: Mapping[str, Tensor], layout: Layout) -> CLIP:
    """The frozen model of a configuration with the weights of a state dict, strictly."""
    with torch.device("meta"):  # no random numbers are drawn, no memory is filled twice
        model = CLIP(config)
    expected = model.state_dict()
    used = {key for name in expected for key in layout.keys(name)}
    if unknown := sorted(key for key in state if key not in used and not layout.ignored.fullmatch(key)):
        raise ValueError(f"the weights have {_some(unknown)}, which the layout of {layout.name} has not at this size")
    ours = {}
    for name, parameter in expected.items():
        ours[name] = layout.tensor(state, name)
        if ours[name].shape != parameter.shape:
            wanted, found = tuple(parameter.shape), tuple(ours[name].shape)
            raise ValueError(f"{', '.join(layout.keys(name))} gives the shape {found}, and {wanted} is wanted")
    model.load_state_dict(ours, assign=True)
    return model.eval().requires_grad_(False)


def _some(keys: list[str]) -> str:
    rest = len(keys) - 3
    return ", ".join(keys[:3]) + (f" and {rest} more" if rest > 0 else "")


def _kind(value: object) -> str:
    return str(value.dtype) if isinstance(value, Tensor) else type(value).__name__
