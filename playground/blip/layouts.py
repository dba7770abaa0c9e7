"""BLIP's weights as Salesforce's files and transformers lay them out, by strict tables of keys; sizes by shapes."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from playground.blip.model import BLIP, Config, Task
from playground.blip.vision import resized
from playground.nn.tower import Tower

__all__ = ["fill", "from_salesforce", "from_transformers", "tasks_of"]

HEAD_WIDTH = 64  # of both towers of every BLIP of Salesforce's
# transformers' names in ours, which are Salesforce's; the texts' are the same.
TRANSFORMERS = (
    (r"vision_model\.embeddings\.class_embedding", "visual_encoder.cls_token"),
    (r"vision_model\.embeddings\.position_embedding", "visual_encoder.pos_embed"),
    (r"vision_model\.embeddings\.patch_embedding\.(.*)", r"visual_encoder.patch_embed.proj.\1"),
    (r"vision_model\.post_layernorm\.(.*)", r"visual_encoder.norm.\1"),
    (r"vision_model\.encoder\.layers\.(\d+)\.layer_norm([12])\.(.*)", r"visual_encoder.blocks.\1.norm\2.\3"),
    (r"vision_model\.encoder\.layers\.(\d+)\.self_attn\.qkv\.(.*)", r"visual_encoder.blocks.\1.attn.qkv.\2"),
    (r"vision_model\.encoder\.layers\.(\d+)\.self_attn\.projection\.(.*)", r"visual_encoder.blocks.\1.attn.proj.\2"),
    (r"vision_model\.encoder\.layers\.(\d+)\.mlp\.(.*)", r"visual_encoder.blocks.\1.mlp.\2"),
)  # fmt: skip
# What training alone needs, what is tied to another key, and numbers of places.
LEFT_OUT = re.compile(
    r"(visual_encoder|text_encoder|vision_proj|text_proj|text_decoder)_m\..*|(image|text|ptr|idx)_queue|queue_ptr"
    r"|.*\.position_ids|text_encoder\.pooler\..*"
)
# The head's matrix and bias as some write them, and what they must be equal to.
TIED = {
    "text_decoder.cls.predictions.decoder.weight": "text_decoder.bert.embeddings.word_embeddings.weight",
    "text_decoder.cls.predictions.decoder.bias": "text_decoder.cls.predictions.bias",
}
OURS = "temp"  # that transformers does not keep


def tasks_of(state: Mapping[str, Tensor]) -> tuple[Task, ...]:
    """What the weights can do, by the parts they have. Raises `ValueError` where that is nothing."""
    encoder, decoder = (any(key.startswith(f"text_{part}coder.") for key in state) for part in ("en", "de"))
    if "itm_head.weight" in state:
        return ("caption", "match") if decoder else ("match",)
    if decoder:
        return ("answer",) if encoder else ("caption",)
    raise ValueError("the weights are of no BLIP: they have neither a text_decoder nor an itm_head")


def from_salesforce(state: Mapping[str, Tensor], *, like_transformers: bool = False) -> BLIP:
    """The model of a state dict of the authors' files. Raises `ValueError`."""
    return fill(_sized(state, {}, like_transformers=like_transformers), state)


def from_transformers(state: Mapping[str, Tensor], config: Mapping[str, Any], *, like_transformers: bool) -> BLIP:
    """The model of transformers' state dict and configuration. Raises `ValueError`."""
    ours = {_ours(key): value for key, value in state.items()}
    text, vision = (config.get(f"{name}_config") or {} for name in ("text", "vision"))
    for name, given in (("text", text), ("vision", vision)):
        if given.get("hidden_act", "gelu") != "gelu":
            raise ValueError(f"the activation of the {name} must be gelu, not {given['hidden_act']!r}")
    said: dict[str, Any] = {
        "text_heads": text.get("num_attention_heads", 8),  # transformers' default, which its releases override
        "vision_heads": vision.get("num_attention_heads", 12),
        "text_eps": text.get("layer_norm_eps", 1e-12),
    }
    if like_transformers:  # the authors' 1e-6 was lost on the way to its configurations
        said["vision_eps"] = vision.get("layer_norm_eps", 1e-5)
    for field, name, usual in (("start", "bos", 30522), ("end", "sep", 102), ("pad", "pad", 0)):
        said[field] = text.get(f"{name}_token_id", usual)
    made = _sized(ours, said, like_transformers=like_transformers)
    return fill(made, {OURS: torch.tensor(0.07), **ours} if "match" in made.tasks else ours)


def _ours(key: str) -> str:
    """A key of transformers in our words."""
    return next((found.expand(ours) for theirs, ours in TRANSFORMERS if (found := re.fullmatch(theirs, key))), key)


def _sized(state: Mapping[str, Tensor], said: dict[str, Any], *, like_transformers: bool) -> Config:
    """The configuration that shapes tell, and what is said beside them."""
    tasks = tasks_of(state)
    patches, places = (_get(state, f"visual_encoder.{name}") for name in ("patch_embed.proj.weight", "pos_embed"))
    text = "text_encoder" if tasks == ("match",) else "text_decoder.bert"
    words, positions = (_get(state, f"{text}.embeddings.{name}_embeddings.weight") for name in ("word", "position"))
    if patches.ndim != 4 or patches.shape[2] != patches.shape[3] or places.ndim != 3:
        raise ValueError(f"patches {tuple(patches.shape)} and places {tuple(places.shape)} are of no ViT")
    grid = round((places.shape[1] - 1) ** 0.5)

    def tower(prefix: str, width: int, heads: int, hidden: str) -> Tower:
        layers = 0
        while any(key.startswith(f"{prefix}.{layers}.") for key in state):
            layers += 1
        return Tower(width, layers, heads, _get(state, f"{prefix}.0.{hidden}.weight").shape[0])

    vision_width, text_width = patches.shape[0], words.shape[1]
    sizes: dict[str, Any] = {"embed_dim": _get(state, "text_proj.weight").shape[0]} if "match" in tasks else {}
    vision_heads = said.pop("vision_heads", vision_width // HEAD_WIDTH)
    text_heads = said.pop("text_heads", text_width // HEAD_WIDTH)
    return Config(
        image_size=grid * patches.shape[2],
        patch_size=patches.shape[2],
        vision=tower("visual_encoder.blocks", vision_width, vision_heads, "mlp.fc1"),
        text=tower(f"{text}.encoder.layer", text_width, text_heads, "intermediate.dense"),
        tasks=tasks,
        vocab_size=words.shape[0],
        context_length=positions.shape[0],
        like_transformers=like_transformers,
        **sizes,
        **said,
    )


def _get(state: Mapping[str, Tensor], name: str) -> Tensor:
    if not isinstance(value := state.get(name), Tensor):
        raise ValueError(f"the weights have no {name}, which a BLIP has")
    return value


def fill(config: Config, state: Mapping[str, Tensor]) -> BLIP:
    """A frozen model with these weights in float32; positions of another picture size are resized.

    Raises `ValueError` for keys that are missing or too many, for other shapes, and for weights that are shared in
    training and differ here.
    """
    with torch.device("meta"):
        model = BLIP(config)
    wanted = dict(model.named_parameters(remove_duplicate=False)) | dict(model.named_buffers())
    for name, other in TIED.items():
        if name in state and other in state and not torch.equal(state[name], state[other]):
            raise ValueError(f"{name} differs from {other}, and the two are one in a BLIP")
    state = {key: value for key, value in state.items() if not LEFT_OUT.fullmatch(key) and key not in TIED}
    if missing := sorted(wanted.keys() - state.keys()):
        raise ValueError(f"the weights have no {missing[0]}, and {len(missing) - 1} other keys of a BLIP are missing")
    if strange := sorted(state.keys() - wanted.keys()):
        raise ValueError(f"the weights have {strange[0]}, and {len(strange) - 1} other keys that no BLIP has")
    found: dict[int, tuple[str, Tensor]] = {}
    ready = {}
    for name, parameter in wanted.items():
        value = state[name].float()
        if name == "visual_encoder.pos_embed" and value.shape != parameter.shape:
            value = resized(value, config.image_size // config.patch_size)
        if value.shape != parameter.shape:
            raise ValueError(f"{name} has the shape {tuple(value.shape)}, not {tuple(parameter.shape)}")
        first, same = found.setdefault(id(parameter), (name, value))
        if same is not value and not torch.equal(same, value):
            raise ValueError(f"{name} differs from {first}, and the two are one in a model that captions and matches")
        ready[name] = same
    model.load_state_dict(ready, strict=True, assign=True)
    return model.eval().requires_grad_(False)
