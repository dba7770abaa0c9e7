"""An accelerated CLIP gives the answers of the plain one."""

import copy

import pytest
import torch
import torch.nn.functional as F
from matmul_libraries import choose
from small_clip import pixels, redraw, small_clip, small_siglip, tokens
from torch.testing import assert_close

from playground import clip
from playground.clip import fast as accelerating
from playground.clip.embed import embed_texts
from playground.clip.text import encode_by_length
from playground.nn import matmul

UNIT = {"rtol": 0, "atol": 1e-5}


@pytest.fixture(params=matmul.LIBRARIES)
def library(request, monkeypatch):
    """Each library as if it were the fastest, bfloat16 always faster."""
    choose(request.param, accelerating, monkeypatch)


def both(**changes):
    plain = small_clip(**changes)
    return plain, clip.accelerate(copy.deepcopy(plain))


@pytest.fixture(autouse=True)
def _as_in_use():
    """Where gradients may be asked for, nothing is packed."""
    with torch.no_grad():
        yield


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
@pytest.mark.parametrize("n", [1, 3, 16])
def test_float32_is_equal(n, activation):
    plain, fast = both(activation=activation)
    assert_close(fast.encode_image(pixels(n)), plain.encode_image(pixels(n)), **UNIT)
    ids = tokens([2 + 5 * i % 76 for i in range(n)])
    assert_close(fast.encode_text(ids), plain.encode_text(ids), **UNIT)
    assert_close(fast.encode_text(ids[:0]), plain.encode_text(ids[:0]))


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
def test_bfloat16_is_near_and_float32_outside(activation):
    plain = small_clip(activation=activation)
    redraw(plain, std=0.05)  # as large as a trained model's; larger ones magnify every rounding
    fast = clip.accelerate(copy.deepcopy(plain), bfloat16=True)
    images, texts = fast.encode_image(pixels(16)), fast.encode_text(tokens())
    assert images.dtype == texts.dtype == torch.float32
    assert not torch.equal(images, plain.encode_image(pixels(16)))
    assert float(F.cosine_similarity(images, plain.encode_image(pixels(16))).min()) > 0.9999
    assert float(F.cosine_similarity(texts, plain.encode_text(tokens())).min()) > 0.9999


def test_bfloat16_waits_for_a_machine_where_it_is_faster(monkeypatch):
    monkeypatch.setattr(accelerating, "probe", lambda dtype: ("torch", 2.0 if dtype == torch.bfloat16 else 1.0))
    plain = small_clip()
    fast = clip.accelerate(copy.deepcopy(plain), bfloat16=True)
    assert_close(fast.encode_image(pixels()), plain.encode_image(pixels()), **UNIT)


def test_pictures_in_parts_and_from_any_memory(monkeypatch):
    monkeypatch.setattr(accelerating, "ROWS", 40)  # two pictures of 17 positions
    plain, fast = both()
    x = pixels(5).permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    assert not x.is_contiguous()
    assert_close(fast.encode_image(x), plain.encode_image(x), **UNIT)
    assert_close(fast.encode_image(x[:, :, :, ::1][1::2]), plain.encode_image(x[1::2]), **UNIT)


def test_what_stands_behind_the_end_is_not_even_multiplied(monkeypatch):
    seen = []
    monkeypatch.setattr(
        accelerating,
        "prepare",
        lambda weight, bias, after="none", **_: lambda x: (seen.append(len(x)), _line(x, weight, bias, after))[1],
    )
    plain, fast = both()
    ids = tokens((5, 9, 20))
    assert_close(fast.encode_text(ids), plain.encode_text(ids), **UNIT)
    assert seen == [34, 34, 34, 34] * 2 + [34, 3, 3, 3]  # in the last block all but the end feeds only the keys


def _line(x, weight, bias, after):
    return matmul.ACTIVATIONS[after](F.linear(x, weight, bias))


@pytest.mark.usefixtures("library")
def test_states_gradients_and_a_convolutional_stem_are_as_before():
    plain, fast = both()
    assert_close(fast.visual.states(pixels()), plain.visual.states(pixels()), rtol=1e-4, atol=1e-4)
    grads = []
    for model in (plain, fast):
        x = pixels().requires_grad_()
        with torch.enable_grad():
            model.encode_image(x)[:, 0].sum().backward()
        grads.append(x.grad)
    assert grads[0].abs().max() > 0
    assert_close(grads[1], grads[0], rtol=1e-4, atol=1e-7)
    plain, fast = both(stem="conv")
    assert_close(fast.encode_image(pixels()), plain.encode_image(pixels()), **UNIT)


def test_weights_stay_under_their_names_and_are_saved(tmp_path):
    plain = small_clip()
    fast = clip.accelerate(copy.deepcopy(plain), bfloat16=True)
    assert fast.state_dict().keys() == plain.state_dict().keys()
    assert all(torch.equal(a, b) for a, b in zip(fast.state_dict().values(), plain.state_dict().values(), strict=True))
    clip.save(fast, tmp_path)
    again = clip.load(tmp_path)
    assert torch.equal(again.encode_image(pixels()), plain.encode_image(pixels()))


def test_other_weights_undo_it():
    other = small_clip()
    with torch.no_grad():
        for p in other.parameters():
            p.mul_(1.1)
    _, fast = both()
    fast.load_state_dict(other.state_dict())
    assert torch.equal(fast.encode_image(pixels()), other.encode_image(pixels()))
    assert torch.equal(fast.encode_text(tokens()), other.encode_text(tokens()))
    _, fast = both()
    assert fast.bfloat16().encode_image(pixels()).dtype == torch.bfloat16
    assert copy.deepcopy(fast).encode_text(tokens()).isfinite().all()


@pytest.mark.usefixtures("library")
def test_the_last_acceleration_counts():
    plain = small_clip()
    fast = clip.accelerate(clip.accelerate(copy.deepcopy(plain), bfloat16=True))
    assert_close(fast.encode_image(pixels()), plain.encode_image(pixels()), **UNIT)


def test_who_is_refused_and_who_left_alone():
    model = small_clip()
    model.visual.proj.requires_grad_(True)
    with pytest.raises(ValueError, match="only a frozen model can be accelerated"):
        clip.accelerate(model)
    for model in (small_clip().bfloat16(), small_clip().to("meta")):
        before = model.visual.transformer
        assert clip.accelerate(model) is model
        assert model.visual.transformer is before


def test_texts_by_length_come_back_in_their_order():
    model = small_clip()
    ids = tokens([2 + 7 * i % 40 for i in range(20)])
    seen = []
    hook = model.text.transformer.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].shape[1]))
    made = encode_by_length(model.encode_text, ids, 5)
    hook.remove()
    assert seen == sorted(seen)
    assert seen[0] < seen[-1]
    assert_close(made, model.encode_text(ids), **UNIT)
    assert embed_texts(_worded(model), ["a", "b c"] * 3, batch_size=2).shape == (6, 24)


def _worded(model):
    model.tokenizer = lambda texts, length: tokens([3 + len(text) for text in texts], length)
    return model


def test_siglip_and_other_activations_are_left_alone():
    model = small_siglip()
    before = model.encode_image(pixels())
    assert clip.accelerate(model) is model
    assert_close(model.encode_image(pixels()), before, rtol=0, atol=0)
    tanh = small_clip(activation="gelu_tanh")
    assert type(clip.accelerate(tanh).visual.transformer).__name__ == "Transformer"


@pytest.mark.usefixtures("library")
def test_an_accelerated_model_can_be_explained():
    from PIL import Image

    plain, fast = both()
    for model in (plain, fast):
        model.tokenizer = clip.tokenizer.default_tokenizer()
    image = Image.new("RGB", (40, 32), "red")
    one, other = (clip.explain(model, image, "a cat") for model in (plain, fast))
    assert_close(torch.tensor(one.picture), torch.tensor(other.picture), rtol=1e-3, atol=1e-4)
