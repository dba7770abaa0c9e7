"""What the configurations of open_clip and transformers say beyond the weights, as fields of our `Config`."""

import re
from collections.abc import Mapping
from typing import Any

from playground.clip.transformer import Activation

__all__ = [
    "is_siglip",
    "open_clip_fields",
    "siglip_open_clip_fields",
    "siglip_transformers_fields",
    "transformers_fields",
]

# Of open_clip's configuration: what the shapes tell as well, what changes nothing here, and the values that are ours.
BY_SHAPE = {"embed_dim", "layers", "width", "patch_size", "image_size", "context_length", "vocab_size", "mlp_ratio"}
WITHOUT_EFFECT = {"patch_dropout", "output_tokens", "pad_id", "eos_id", "custom_text", "init_logit_scale"}
WITHOUT_EFFECT |= {"init_logit_bias", "attn_pooler_queries", "attn_pooler_heads", "timm_model_pretrained"}
OURS = {"pool_type": ("tok", "argmax"), "pos_embed_type": ("learnable",), "proj_type": ("linear",)}
PLAIN, SIGLIP = "plain CLIP with Vision Transformers", "SigLIP of a fixed resolution"
# Of an open_clip configuration of SigLIP: all that must be said, the first value where several mean the same.
SIGLIP_SAYS: dict[str, dict[str, tuple[Any, ...]]] = {
    "vision_cfg": {"timm_pool": ("map",), "timm_proj": ("none",)},
    "text_cfg": {
        "no_causal_mask": (True,),
        "proj_bias": (True,),
        "pool_type": ("last",),
        "norm_kwargs": ({"eps": 1e-6},),
        "act_kwargs": ({"approximate": "tanh"}, {"approximate": "none"}, {}, None),
        "tokenizer_kwargs": ({"clean": "canonicalize"},),
    },
}
# What timm's names say and no shape does; those with "gap" have no attention pool.
TIMM_SIGLIP = re.compile(r"vit_[a-z0-9]+_patch\d+_siglip_\d+")
TIMM_SIXTEEN_HEADS = re.compile("vit_so400m_|vit_giantopt_")  # all others' are width / 64
TIMM_TANH = re.compile("vit_base_patch32_|vit_large_patch16_siglip_512|vit_so400m_patch16_|vit_giantopt_")
RESAMPLE = {2: "bilinear", 3: "bicubic"}  # Pillow's numbers
HIDDEN_ACT: dict[str, Activation] = {"quick_gelu": "quick_gelu", "gelu": "gelu", "gelu_pytorch_tanh": "gelu_tanh"}


def open_clip_fields(config: Mapping[str, Any]) -> tuple[Activation | None, dict[str, Any]]:
    """The activation, if it is said, and the fields of an open_clip_config.json.

    Raises `ValueError` naming what this model is not: another pooling, another block, another tokenizer.
    """
    model = _object(config, "model_cfg")
    vision, text = _object(model, "vision_cfg"), _object(model, "text_cfg")
    _check(model, "model_cfg", {"vision_cfg", "text_cfg", "quick_gelu"}, PLAIN)
    _check(vision, "vision_cfg", {"head_width"}, PLAIN)
    _check(text, "text_cfg", {"heads"}, PLAIN)
    said = model.get("quick_gelu")
    activation: Activation | None = None if said is None else "quick_gelu" if said else "gelu"
    fields = _open_clip_pictures(config)
    if "width" in vision:
        fields["vision_heads"] = vision["width"] // vision.get("head_width", 64)
    return activation, fields | {"text_heads": text.get("heads", 8)}


def _open_clip_pictures(config: Mapping[str, Any]) -> dict[str, Any]:
    pictures = config.get("preprocess_cfg") or {}
    fields = {
        name: tuple(pictures[name]) if name in ("mean", "std") else pictures[name]
        for name in ("mean", "std", "interpolation")
        if pictures.get(name) is not None
    }
    if pictures.get("resize_mode") is not None:
        fields["resize"] = pictures["resize_mode"]
    return fields


def _object(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = config.get(name)
    if not isinstance(value, dict):
        raise ValueError(f"the configuration has no object {name}; open_clip's layout has")
    return value


def _check(config: Mapping[str, Any], where: str, read: set[str], kind: str) -> None:
    for name, value in config.items():
        if name in read | BY_SHAPE | WITHOUT_EFFECT or not value or value in OURS.get(name, ()):
            continue
        raise ValueError(f"{where}.{name} is {value!r}: that is no {kind}")


def transformers_fields(
    config: Mapping[str, Any], pictures: Mapping[str, Any]
) -> tuple[Activation | None, dict[str, Any]]:
    """The activation, if it is said, and the fields of transformers' configurations of a CLIPModel and its pictures.

    Raises `ValueError` for an activation that is none of ours, two towers that disagree, another epsilon, and pictures
    that are made square in another way.
    """
    towers = {name: config.get(f"{name}_config") or {} for name in ("vision", "text")}
    said = {tower.get("hidden_act") for tower in towers.values()}
    if len(said) > 1:
        raise ValueError(f"the towers' activations differ: {', '.join(sorted(map(str, said)))}")
    hidden_act = said.pop()
    activation = None if hidden_act is None else _activation(hidden_act)
    for name, tower in towers.items():
        _check_epsilon(name, tower, 1e-5, "CLIP")
    fields: dict[str, Any] = {f"{name}_heads": tower.get("num_attention_heads") for name, tower in towers.items()}
    return activation, fields | _transformers_pictures(pictures)


def _activation(hidden_act: object) -> Activation:
    if not isinstance(hidden_act, str) or hidden_act not in HIDDEN_ACT:
        raise ValueError(f"hidden_act must be one of {', '.join(HIDDEN_ACT)}, not {hidden_act!r}")
    return HIDDEN_ACT[hidden_act]


def _check_epsilon(name: str, tower: Mapping[str, Any], epsilon: float, family: str) -> None:
    if tower.get("layer_norm_eps", epsilon) != epsilon:
        raise ValueError(f"{name}_config.layer_norm_eps is {tower['layer_norm_eps']}; {family}'s is {epsilon}")


def _transformers_pictures(pictures: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for ours, theirs in (("mean", "image_mean"), ("std", "image_std")):
        if theirs in pictures:
            fields[ours] = tuple(pictures[theirs])
    if "resample" in pictures:
        if pictures["resample"] not in RESAMPLE:
            raise ValueError(f"resample must be 2 (bilinear) or 3 (bicubic), not {pictures['resample']!r}")
        fields["interpolation"] = RESAMPLE[pictures["resample"]]
    size = pictures.get("size")
    if isinstance(size, dict) and "shortest_edge" not in size:
        if pictures.get("do_center_crop"):
            raise ValueError(f"size {size} with do_center_crop is neither a shorter side nor a plain square")
        fields["resize"] = "squash"
    return fields


def siglip_open_clip_fields(config: Mapping[str, Any]) -> tuple[Activation, dict[str, Any]]:
    """The picture tower's activation and the fields of an open_clip_config.json of a SigLIP with timm's picture tower.

    Raises `ValueError` naming what this model is not.
    """
    model = _object(config, "model_cfg")
    vision, text = _object(model, "vision_cfg"), _object(model, "text_cfg")
    _check(model, "model_cfg", {"vision_cfg", "text_cfg"}, SIGLIP)
    for where, said in (("vision_cfg", vision), ("text_cfg", text)):
        for name, ours in SIGLIP_SAYS[where].items():
            if said.get(name) not in ours:
                raise ValueError(f"{where}.{name} is {said.get(name)!r}; a SigLIP's is {ours[0]!r}")
        _check(said, where, {"timm_model_name", "heads", "hf_tokenizer_name", *SIGLIP_SAYS[where]}, SIGLIP)
    name = vision["timm_model_name"]
    fields = _open_clip_pictures(config) | {
        "vision_heads": 16 if TIMM_SIXTEEN_HEADS.match(name) else None,
        "text_heads": text.get("heads", 8),
        "text_activation": "gelu_tanh" if (text.get("act_kwargs") or {}).get("approximate") == "tanh" else "gelu",
    }
    return "gelu_tanh" if TIMM_TANH.match(name) else "gelu", fields


def is_siglip(config: Mapping[str, Any]) -> bool:
    """Whether an open_clip_config.json names one of timm's picture towers for SigLIP."""
    model = config.get("model_cfg")
    vision = model.get("vision_cfg") if isinstance(model, dict) else None
    return isinstance(vision, dict) and TIMM_SIGLIP.fullmatch(str(vision.get("timm_model_name"))) is not None


def siglip_transformers_fields(
    config: Mapping[str, Any], pictures: Mapping[str, Any]
) -> tuple[Activation, dict[str, Any]]:
    """The picture tower's activation and the fields of transformers' configurations of a SiglipModel.

    What they do not say is SiglipConfig's default, for released ones leave most out. Raises `ValueError` for an
    activation that is none of ours, another epsilon, a tower without its head, and pictures that are made square in
    another way.
    """
    towers = {name: config.get(f"{name}_config") or {} for name in ("vision", "text")}
    if not towers["vision"].get("vision_use_head", True):
        raise ValueError("vision_config.vision_use_head is False: such a tower has no embedding")
    activations = {}
    for name, tower in towers.items():
        activations[name] = _activation(tower.get("hidden_act", "gelu_pytorch_tanh"))
        _check_epsilon(name, tower, 1e-6, "SigLIP")
    fields: dict[str, Any] = {f"{name}_heads": tower.get("num_attention_heads", 12) for name, tower in towers.items()}
    fields |= {"mean": (0.5,) * 3, "std": (0.5,) * 3, "resize": "squash"} | _transformers_pictures(pictures)
    return activations["vision"], fields | {"text_activation": activations["text"]}
