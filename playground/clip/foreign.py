"""What the configurations of open_clip and transformers say beyond the weights, as fields of our `Config`."""

from collections.abc import Mapping
from typing import Any

from playground.clip.transformer import ACTIVATIONS, Activation

__all__ = ["open_clip_fields", "transformers_fields"]

# Of open_clip's configuration: what the shapes tell as well, what changes nothing here, and the values that are ours.
BY_SHAPE = {"embed_dim", "layers", "width", "patch_size", "image_size", "context_length", "vocab_size", "mlp_ratio"}
WITHOUT_EFFECT = {"patch_dropout", "output_tokens", "pad_id", "eos_id", "custom_text", "init_logit_scale"}
WITHOUT_EFFECT |= {"init_logit_bias", "attn_pooler_queries", "attn_pooler_heads", "timm_model_pretrained"}
OURS = {"pool_type": ("tok", "argmax"), "pos_embed_type": ("learnable",), "proj_type": ("linear",)}
RESAMPLE = {2: "bilinear", 3: "bicubic"}  # Pillow's numbers


def open_clip_fields(config: Mapping[str, Any]) -> tuple[Activation | None, dict[str, Any]]:
    """The activation, if it is said, and the fields of an open_clip_config.json.

    Raises `ValueError` naming what this model is not: another pooling, another block, another tokenizer.
    """
    model, pictures = _object(config, "model_cfg"), config.get("preprocess_cfg") or {}
    vision, text = _object(model, "vision_cfg"), _object(model, "text_cfg")
    _check(model, "model_cfg", {"vision_cfg", "text_cfg", "quick_gelu"})
    _check(vision, "vision_cfg", {"head_width"})
    _check(text, "text_cfg", {"heads"})
    said = model.get("quick_gelu")
    activation: Activation | None = None if said is None else "quick_gelu" if said else "gelu"
    fields = {
        name: tuple(pictures[name]) if name in ("mean", "std") else pictures[name]
        for name in ("mean", "std", "interpolation")
        if pictures.get(name) is not None
    }
    if pictures.get("resize_mode") is not None:
        fields["resize"] = pictures["resize_mode"]
    if "width" in vision:
        fields["vision_heads"] = vision["width"] // vision.get("head_width", 64)
    return activation, fields | {"text_heads": text.get("heads", 8)}


def _object(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = config.get(name)
    if not isinstance(value, dict):
        raise ValueError(f"the configuration has no object {name}; open_clip's layout has")
    return value


def _check(config: Mapping[str, Any], where: str, read: set[str]) -> None:
    for name, value in config.items():
        if name in read | BY_SHAPE | WITHOUT_EFFECT or not value or value in OURS.get(name, ()):
            continue
        raise ValueError(f"{where}.{name} is {value!r}: that is no plain CLIP with Vision Transformers")


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
    activation = said.pop()
    if activation is not None and activation not in ACTIVATIONS:
        raise ValueError(f"hidden_act must be one of {', '.join(ACTIVATIONS)}, not {activation!r}")
    for name, tower in towers.items():
        if tower.get("layer_norm_eps", 1e-5) != 1e-5:
            raise ValueError(f"{name}_config.layer_norm_eps is {tower['layer_norm_eps']}; CLIP's is 1e-05")
    fields: dict[str, Any] = {f"{name}_heads": tower.get("num_attention_heads") for name, tower in towers.items()}
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
    return activation, fields
