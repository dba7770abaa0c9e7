"""The dual encoder by itself: what it must keep whatever the weights are."""

import dataclasses

import pytest
import torch
from small_clip import pixels, small_clip, small_config, tokens
from torch.testing import assert_close

from playground.clip.model import Config, build
from playground.clip.transformer import quick_gelu
from playground.nn.tower import Tower


def test_unit_vectors_and_logits():
    model = small_clip(logit_bias=True)
    model.logit_bias.fill_(-10.0)
    images, texts = model.encode_image(pixels()), model.encode_text(tokens())
    assert_close(images.norm(dim=-1), torch.ones(2))
    assert_close(texts.norm(dim=-1), torch.ones(3))
    expected = images @ texts.T / 0.07 - 10
    assert_close(model(pixels(), tokens()), expected, rtol=1e-5, atol=1e-5)


def test_cutting_behind_the_last_end_is_exact():
    """Against the tower over all positions, and whatever stands behind the end."""
    model, ids = small_clip(), tokens((4, 11, 7))
    x = model.text.token_embedding(ids) + model.text.positional_embedding
    whole = model.text.ln_final(model.text.transformer(x))[torch.arange(3), torch.tensor([3, 10, 6])]
    expected = torch.nn.functional.normalize(whole @ model.text.text_projection, dim=-1)
    seen = []
    hook = model.text.transformer.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].shape[1]))
    assert_close(model.encode_text(ids), expected, rtol=0, atol=1e-6)
    ids[0, 4:] = 123
    assert_close(model.encode_text(ids), expected, rtol=0, atol=1e-6)
    assert_close(model.encode_text(ids[:, :11]), expected, rtol=0, atol=1e-6)
    hook.remove()
    assert seen == [11, 11, 11]
    one_by_one = torch.cat([model.encode_text(row[None]) for row in ids])
    assert_close(one_by_one, expected, rtol=0, atol=1e-6)


def test_the_text_tower_is_causal_and_the_picture_tower_is_not():
    model = small_clip()
    x = torch.randn(1, 6, 64, generator=torch.Generator().manual_seed(0))
    changed = x.clone()
    changed[:, 4, 0] += 3  # one channel: LayerNorm takes a common shift away
    moved = (model.text.transformer(changed) - model.text.transformer(x)).abs().amax((0, 2))
    assert bool((moved[:4] == 0).all())
    assert float(moved[4:].min()) > 1e-3
    x = torch.randn(1, 6, 128, generator=torch.Generator().manual_seed(0))
    changed = x.clone()
    changed[:, 4, 0] += 3
    assert float((model.visual.transformer(changed) - model.visual.transformer(x)).abs().amax((0, 2)).min()) > 1e-4


def test_the_activation_matters():
    x = torch.linspace(-4, 4, 9)
    assert_close(quick_gelu(x), x / (1 + torch.exp(-1.702 * x)))
    quick, exact = small_clip(), small_clip(activation="gelu")
    assert float((quick.encode_image(pixels()) - exact.encode_image(pixels())).abs().max()) > 1e-5
    fields = dataclasses.asdict(small_config())
    fields.pop("activation")
    with pytest.raises(TypeError, match="activation"):
        Config(**fields)


def test_every_parameter_learns_and_seeds_repeat():
    model = build(small_config(), seed=3)
    before = torch.random.get_rng_state()
    twin = build(small_config(), seed=3)
    assert torch.equal(torch.random.get_rng_state(), before)
    for (name, one), other in zip(model.named_parameters(), twin.parameters(), strict=True):
        assert torch.equal(one, other), name
    model(pixels(), tokens((5, 9))).logsumexp(-1).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_bfloat16_takes_float32_pixels():
    model = small_clip()
    expected = model.encode_image(pixels())
    answer = model.bfloat16().encode_image(pixels())
    assert answer.dtype == torch.bfloat16
    assert float((answer.float() * expected).sum(-1).min()) > 0.99


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"activation": "relu"}, "activation must be one of quick_gelu, gelu, gelu_tanh, not 'relu'"),
        ({"resize": "longest"}, "resize must be one of shortest, squash, not 'longest'"),
        ({"interpolation": "nearest"}, "interpolation must be one of bicubic, bilinear, not 'nearest'"),
        ({"patch_size": 7}, "patches of 7 pixels do not tile a picture of 32"),
        ({"embed_dim": 0}, "embed_dim must be a positive whole number, not 0"),
        ({"std": (1.0, 0.0, 1.0)}, "std positive"),
    ],
)
def test_a_wrong_config_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        small_config(**changes)


def test_wrong_towers_and_inputs_are_refused():
    with pytest.raises(ValueError, match="3 heads do not divide the width 64"):
        Tower(width=64, layers=1, heads=3, hidden=1)
    with pytest.raises(ValueError, match="must be positive"):
        Tower(width=64, layers=0, heads=1, hidden=1)
    model = small_clip()
    with pytest.raises(ValueError, match=r"pixels must have the shape \(n, 3, 32, 32\), not \(2, 3, 33, 33\)"):
        model.encode_image(pixels(side=33))
    with pytest.raises(ValueError, match=r"tokens must be ids \(n, 1..77\)"):
        model.encode_text(torch.zeros(1, 78, dtype=torch.long))
    with pytest.raises(ValueError, match=r"ids must lie in 0..49407, not 49408"):
        model.encode_text(torch.tensor([[49406, 49408]]))
    assert model.encode_text(tokens(())).shape == (0, 24)
