"""Folders as open_clip and transformers themselves write them, read by `load`; sizes are small, the writers real."""

import json

import pytest
import torch
from small_clip import pixels, redraw, tokens
from torch.testing import assert_close

from playground import clip
from playground.clip.layouts import LAYOUTS, from_state

UNIT = {"rtol": 0, "atol": 1e-5}


@pytest.fixture
def transformers_folder(tmp_path):
    """A CLIPModel with its picture processor; the peer itself stands beside."""
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    tower = {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_act": "gelu"}  # heads of 32 and 16
    config = CLIPConfig(
        text_config=tower | {"hidden_size": 64, "intermediate_size": 200},
        vision_config=tower | {"hidden_size": 128, "intermediate_size": 300, "image_size": 32, "patch_size": 8},
        projection_dim=24,
    )
    peer = CLIPModel(config).eval().requires_grad_(False)
    redraw(peer, std=0.15)
    peer.save_pretrained(tmp_path)
    CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32, image_std=[0.5, 0.4, 0.3]).save_pretrained(tmp_path)
    return tmp_path, peer


@torch.inference_mode()
def test_transformers_folder(transformers_folder):
    folder, peer = transformers_folder
    ours = clip.load(folder)
    answer = peer(pixel_values=pixels(), input_ids=tokens())
    assert_close(ours.encode_image(pixels()), answer.image_embeds, **UNIT)
    assert_close(ours.encode_text(tokens()), answer.text_embeds, **UNIT)
    assert (ours.config.vision.heads, ours.config.activation) == (4, "gelu")
    assert (ours.config.std, ours.config.resize, ours.config.interpolation) == ((0.5, 0.4, 0.3), "shortest", "bicubic")
    assert ours.tokenizer("a cat").shape == (1, 77)


def rewritten(folder, change, name="config.json"):
    config = json.loads((folder / name).read_text())
    change(config)
    (folder / name).write_text(json.dumps(config))


def test_what_transformers_folders_must_say(transformers_folder):
    folder, _ = transformers_folder
    rewritten(folder, lambda c: c["text_config"].update(hidden_act="quick_gelu"))
    with pytest.raises(ValueError, match="the towers' activations differ: gelu, quick_gelu"):
        clip.load(folder)
    rewritten(folder, lambda c: (c["text_config"].pop("hidden_act"), c["vision_config"].pop("hidden_act")))
    with pytest.raises(ValueError, match="does not say its activation"):
        clip.load(folder)
    assert clip.load(folder, activation="gelu").config.activation == "gelu"
    name = next(file.name for file in folder.glob("*processor_config.json"))

    def square(config):
        config = config.get("image_processor", config)
        config.update(size={"height": 32, "width": 32}, resample=2, do_center_crop=False)

    rewritten(folder, square, name)
    config = clip.load(folder, activation="gelu").config
    assert (config.resize, config.interpolation) == ("squash", "bilinear")
    rewritten(folder, lambda c: c.get("image_processor", c).update(do_center_crop=True), name)
    with pytest.raises(ValueError, match="neither a shorter side nor a plain square"):
        clip.load(folder, activation="gelu")
    rewritten(folder, lambda c: c.get("image_processor", c).update(resample=0), name)
    with pytest.raises(ValueError, match=r"resample must be 2 \(bilinear\) or 3 \(bicubic\), not 0"):
        clip.load(folder, activation="gelu")
    rewritten(folder, lambda c: c["vision_config"].update(layer_norm_eps=1e-6))
    with pytest.raises(ValueError, match=r"vision_config\.layer_norm_eps is 1e-06; CLIP's is 1e-05"):
        clip.load(folder, activation="gelu")
    rewritten(folder, lambda c: c["vision_config"].update(layer_norm_eps=1e-5, hidden_act="relu"))
    rewritten(folder, lambda c: c["text_config"].update(hidden_act="relu"))
    with pytest.raises(ValueError, match="hidden_act must be one of quick_gelu, gelu, gelu_pytorch_tanh, not 'relu'"):
        clip.load(folder, activation="gelu")


def test_every_key_of_transformers_is_named(transformers_folder):
    _, peer = transformers_folder
    state = peer.state_dict()
    heads = {"vision_heads": 4, "text_heads": 4}
    for key in state:
        fewer = {name: value for name, value in state.items() if name != key}
        with pytest.raises(ValueError, match=rf"\b{key}\b"):
            from_state(fewer, LAYOUTS["transformers"], activation="gelu", **heads)
    with pytest.raises(ValueError, match=r"have vision_model\.extra, which the layout of transformers"):
        from_state(state | {"vision_model.extra": torch.zeros(1)}, LAYOUTS["transformers"], activation="gelu", **heads)
    old = {f"{tower}_model.embeddings.position_ids": torch.arange(3) for tower in ("text", "vision")}
    from_state(state | old, LAYOUTS["transformers"], activation="gelu", **heads)


@pytest.mark.parametrize("custom_text", [False, True])
@torch.inference_mode()
def test_open_clip_folder(tmp_path, custom_text):
    import open_clip
    from open_clip.push_to_hf_hub import save_config_for_hf
    from safetensors.torch import save_file

    config = {
        "embed_dim": 24,
        "quick_gelu": True,
        "vision_cfg": {
            "image_size": 32,
            "layers": 2,
            "width": 128,
            "head_width": 32,
            "patch_size": 8,
            "mlp_ratio": 3.0,
        },
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 4, "layers": 2},
    }
    peer = (open_clip.CustomTextCLIP if custom_text else open_clip.CLIP)(**config).eval()
    redraw(peer, std=0.15)
    open_clip.model.set_model_preprocess_cfg(peer, {"mean": (0.5,) * 3, "std": (0.3,) * 3, "resize_mode": "squash"})
    save_config_for_hf(peer, tmp_path / "open_clip_config.json", config)
    save_file(peer.state_dict(), tmp_path / "open_clip_model.safetensors")
    ours = clip.load(tmp_path)
    assert_close(ours.encode_image(pixels()), peer.encode_image(pixels(), normalize=True), **UNIT)
    assert_close(ours.encode_text(tokens()), peer.encode_text(tokens(), normalize=True), **UNIT)
    assert (ours.config.std, ours.config.resize) == ((0.3,) * 3, "squash")
    assert ours.config.vision.hidden == 384
