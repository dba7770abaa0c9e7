"""Ratings of pictures: templates, temperature, the neutral text and its margin, a model with a bias."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from PIL import Image
from small_clip import small_clip

from playground import clip

LABELS, TEMPLATES = ["a cat", "a dog", "an owl"], ["{}", "a photo of {}"]


@pytest.fixture(scope="module")
def model():
    made = small_clip()
    made.tokenizer = clip.tokenizer.default_tokenizer()
    return made


@pytest.fixture(scope="module")
def pictures():
    noise = np.random.default_rng(0).integers(0, 255, (2, 40, 48, 3), dtype=np.uint8)
    return [Image.fromarray(one) for one in noise]


def test_without_a_margin_it_is_zero_shot(model, pictures):
    rating = clip.rate(model, pictures, clip.prompts(model, LABELS, TEMPLATES))
    plain = clip.zero_shot(model, pictures, LABELS, TEMPLATES)
    assert_allclose(rating.cosines, plain.cosines, atol=1e-6)
    assert_allclose(rating.probabilities, plain.probabilities, atol=1e-5)
    assert rating.none is None
    assert rating.independent is None
    assert rating.by_template.shape == (2, 3, 2)
    one = clip.similarity(model, pictures, ["a photo of an owl"])
    assert_allclose(rating.by_template[:, 2, 1], one[:, 0], atol=1e-6)


def test_prompts_grow(model, monkeypatch):
    monkeypatch.setattr(clip.rating, "PROMPTS", 4)
    growing = list(clip.embed_prompts(model, LABELS, TEMPLATES, neutral="a photo"))
    assert [len(one.labels) for one in growing] == [2, 3]
    assert {one.total for one in growing} == {3}
    whole = clip.prompts(model, LABELS, TEMPLATES)
    assert_allclose(growing[-1].vectors, whole.vectors, atol=1e-6)
    assert_allclose(growing[0].weights, whole.weights[:2], atol=1e-6)
    assert np.shares_memory(growing[0].vectors, growing[1].vectors)  # each step would be as large as all before it
    asked: list[int] = []
    real = clip.rating.embed_texts
    monkeypatch.setattr(clip.rating, "embed_texts", lambda m, texts: asked.append(len(texts)) or real(m, texts))
    first = next(clip.embed_prompts(model, LABELS, TEMPLATES, neutral="a photo"))
    (rest,) = clip.embed_prompts(model, LABELS, TEMPLATES, neutral="a photo", begun=first)
    assert asked == [1, 4, 2]
    assert_allclose(rest.vectors, whole.vectors, atol=1e-6)
    with pytest.raises(ValueError, match="labels must be one or more"):
        clip.embed_prompts(model, [])


def test_none_of_these(model, pictures):
    plain = clip.rate(model, pictures, clip.prompts(model, LABELS, TEMPLATES), margin=0.3)
    assert_allclose(plain.none, 0.3, atol=1e-6)
    asked = clip.prompts(model, LABELS, TEMPLATES, neutral="a photo")
    rating = clip.rate(model, pictures, asked, margin=0.1)
    assert_allclose(rating.none, np.maximum(0.1, clip.similarity(model, pictures, ["a photo"])[:, 0]), atol=1e-6)
    assert rating.probabilities.shape == (2, 4)
    assert_allclose(rating.probabilities.sum(1), 1, atol=1e-6)
    pair = rating.probabilities[:, :3] / (rating.probabilities[:, :3] + rating.probabilities[:, 3:])
    assert_allclose(rating.independent, pair, atol=1e-5)
    assert (clip.rate(model, pictures, asked, margin=0.9).independent < rating.independent).all()


def test_temperature(model, pictures):
    asked = clip.prompts(model, LABELS)
    hot, usual = (clip.rate(model, pictures, asked, temperature=t).probabilities for t in (1e6, 1.0))
    assert_allclose(hot, 1 / 3, atol=1e-4)
    assert (usual.max(1) > hot.max(1)).all()
    half = clip.rate(model, pictures, asked, temperature=2.0).probabilities
    assert_allclose(half, np.sqrt(usual) / np.sqrt(usual).sum(1, keepdims=True), atol=1e-5)
    for wrong in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="temperature must be positive"):
            clip.rate(model, pictures, asked, temperature=wrong)


def test_a_model_with_a_bias_has_probabilities_of_its_own(pictures):
    model = small_clip(logit_bias=True)
    model.logit_bias.data.fill_(-2.0)
    model.tokenizer = clip.tokenizer.default_tokenizer()
    rating = clip.rate(model, pictures, clip.prompts(model, LABELS))
    expected = 1 / (1 + np.exp(2.0 - float(model.logit_scale.exp()) * rating.cosines))
    assert_allclose(rating.independent, expected, atol=1e-5)


def test_refusals(model):
    with pytest.raises(ValueError, match="labels must be one or more"):
        clip.prompts(model, [])
    with pytest.raises(ValueError, match=r"a template needs \{\}"):
        clip.prompts(model, LABELS, ["a photo"])


def test_every_template_has_a_place_for_the_label():
    assert all("{}" in template for group in clip.TEMPLATES.values() for template in group)
