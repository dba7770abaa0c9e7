"""The dual encoder against open_clip and transformers: real configurations, re-initialised weights, every layout."""

import pytest
import torch
from small_clip import pixels, redraw, tokens
from torch.testing import assert_close

from playground.clip.layouts import LAYOUTS, from_state, open_clip_layout

UNIT = {"rtol": 0, "atol": 1e-5}  # of unit vectors in float32


def open_clip_model(name, **changes):
    """An open_clip model of its own registry, with weights that matter."""
    import open_clip

    model = open_clip.create_model(name, **changes).eval()
    redraw(model, std=0.03)
    return model


def assert_alike(ours, images, texts, side):
    x, ids = pixels(side=side), tokens()
    assert_close(ours.encode_image(x), images(x), **UNIT)
    assert_close(ours.encode_text(ids), texts(ids), **UNIT)


@pytest.mark.parametrize(
    ("name", "side", "activation"),
    [
        ("ViT-B-32", 224, "gelu"),
        ("ViT-B-32-quickgelu", 224, "quick_gelu"),
        ("ViT-B-32-256", 256, "gelu"),
        ("ViT-B-16", 224, "gelu"),
        ("ViT-L-14", 224, "gelu"),
    ],
)
@torch.inference_mode()
def test_open_clip(name, side, activation):
    peer = open_clip_model(name)
    state = peer.state_dict()
    ours = from_state(state, open_clip_layout(state), activation=activation)
    assert ours.config.image_size == side
    assert_alike(
        ours, lambda x: peer.encode_image(x, normalize=True), lambda ids: peer.encode_text(ids, normalize=True), side
    )
    wrong = from_state(state, open_clip_layout(state), activation="quick_gelu" if activation == "gelu" else "gelu")
    gap = (wrong.encode_text(tokens()) - ours.encode_text(tokens())).abs().max()
    assert gap > 1e-4, "such a test would not see the activation"


@torch.inference_mode()
def test_open_clip_with_a_text_tower_of_its_own():
    """CustomTextCLIP: the keys of its text tower begin with `text.`."""
    peer = open_clip_model("ViT-B-32", force_custom_text=True, init_logit_bias=-10.0)
    state = peer.state_dict()
    assert "text.positional_embedding" in state
    ours = from_state(state, open_clip_layout(state), activation="gelu")
    expected = peer.encode_image(pixels(side=224), normalize=True) @ peer.encode_text(tokens(), normalize=True).T
    assert_close(ours(pixels(side=224), tokens()), expected / 0.07 - 10, rtol=0, atol=1e-4)


def transformers_model(**changes):
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig(**changes)).eval()
    redraw(model, std=0.03)
    return model


@torch.inference_mode()
def test_transformers():
    """CLIPConfig's defaults are ViT-B-32's with quick_gelu; its state dict, and the same weights in OpenAI's layout."""
    peer = transformers_model()
    ours = from_state(peer.state_dict(), LAYOUTS["transformers"], activation="quick_gelu")
    x, ids = pixels(side=224), tokens()
    answer = peer(pixel_values=x, input_ids=ids)
    assert_close(ours.encode_image(x), answer.image_embeds, **UNIT)
    assert_close(ours.encode_text(ids), answer.text_embeds, **UNIT)
    assert_close(ours(x, ids), answer.logits_per_image, rtol=0, atol=1e-4)
    state = {key.removeprefix("text."): value for key, value in ours.state_dict().items()}
    scalars = {
        "input_resolution": torch.tensor(224),
        "context_length": torch.tensor(77),
        "vocab_size": torch.tensor(49408),
    }
    half = {key: value.half() for key, value in state.items()}
    again = from_state(half | scalars, LAYOUTS["openai"], activation="quick_gelu")
    assert again.config == ours.config
    assert next(again.parameters()).dtype == torch.float32
    cosines = (again.encode_image(x) * answer.image_embeds).sum(-1)
    assert float(cosines.min()) > 0.9999
