"""Zero-shot classification, its head, search and similarity, against the formulas written out in torch."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from PIL import Image
from small_clip import small_clip

from playground import clip
from playground.clip.tokenizer import default_tokenizer

LABELS = ["cat", "red ball", "一只狗"]
TEMPLATES = ["a photo of a {}.", "{}", "art of the {}, {} indeed"]


@pytest.fixture(scope="module")
def model():
    model = small_clip(logit_bias=True)
    model.logit_bias.fill_(-3.0)
    model.tokenizer = default_tokenizer()
    return model


@pytest.fixture(scope="module")
def images():
    draw = np.random.default_rng(0)
    sizes = [(40, 30), (32, 32), (20, 50), (64, 64), (33, 90)]
    return [Image.fromarray(draw.integers(0, 256, (*size, 3), dtype=np.uint8)) for size in sizes]


def by_hand(model, label):
    """OpenAI's protocol for one label."""
    sentences = [template.replace("{}", label) for template in TEMPLATES]
    mean = model.encode_text(clip.tokenize(sentences)).mean(0)
    return (mean / mean.norm()).numpy()


def test_the_head(model):
    expected = np.stack([by_hand(model, label) for label in LABELS])
    *_, head = clip.classifier_head(model, LABELS, TEMPLATES)
    assert_allclose(head.weights, expected, rtol=0, atol=1e-6)
    steps = list(clip.classifier_head(model, LABELS, TEMPLATES, batch_size=4))
    assert [(step.done, step.total) for step in steps] == [(1, 3), (2, 3), (3, 3)]
    assert_allclose(steps[1].weights, expected[:2], rtol=0, atol=1e-6)
    sentences = [t.replace("{}", "cat") for t in TEMPLATES]
    one = clip.embed_texts(model, sentences)
    assert np.abs(one.mean(0) - steps[0].weights[0]).max() > 1e-3, "the mean is no unit vector before it is made one"


def test_every_part_of_a_classification(model, images):
    result = clip.zero_shot(model, images, LABELS, TEMPLATES)
    pixels = clip.preprocess(images, model.config)
    weights = torch.from_numpy(np.stack([by_hand(model, label) for label in LABELS]))
    logits = model.logits(model.encode_image(pixels), weights)
    assert_allclose(result.logits, logits.numpy(), rtol=1e-4, atol=1e-4)
    assert_allclose(result.probabilities, logits.softmax(-1).numpy(), rtol=0, atol=1e-5)
    assert_allclose(result.cosines, (result.logits + 3) * 0.07, rtol=0, atol=1e-5)
    assert_allclose(np.linalg.norm(result.images, axis=1), 1, rtol=1e-5)
    assert result.labels == tuple(LABELS)
    assert np.array_equal(clip.classify(model, images, LABELS, TEMPLATES), result.probabilities)
    again = clip.zero_shot(model, images, LABELS, weights=result.weights)
    assert np.array_equal(again.probabilities, result.probabilities)
    bare = clip.classify(model, images, LABELS)
    assert_allclose(bare, clip.classify(model, images, LABELS, ["{}"]), rtol=0, atol=0)
    assert np.abs(bare - result.probabilities).max() > 1e-3


def test_large_logits_do_not_overflow(images):
    model = small_clip()
    model.tokenizer = default_tokenizer()
    model.logit_scale.fill_(float(np.log(10_000)))
    probabilities = clip.classify(model, images, LABELS)
    assert_allclose(probabilities.sum(1), 1, rtol=1e-5)


def test_a_label_is_put_in_as_it_is(model):
    """Braces and field names in a label are words, not instructions to str.format."""
    for label in ("{}", "{0.__class__}", "100 %s"):
        *_, head = clip.classifier_head(model, [label], ["a {}"])
        assert_allclose(head.weights, clip.embed_texts(model, ["a " + label]), rtol=0, atol=1e-6)


def test_batches_change_nothing(model, images):
    assert_allclose(clip.embed_images(model, images, batch_size=2), clip.embed_images(model, images), rtol=0, atol=1e-6)
    texts = LABELS * 3 + ["a long sentence " * 30]
    assert_allclose(clip.embed_texts(model, texts, batch_size=1), clip.embed_texts(model, texts), rtol=0, atol=1e-6)
    assert clip.embed_images(model, []).shape == clip.embed_texts(model, []).shape == (0, 24)
    assert clip.classify(model, [], LABELS).shape == (0, 3)


def test_search(model, images):
    steps = list(clip.build_index(model, iter(images), batch_size=2))
    assert [step.done for step in steps] == [2, 4, 5]
    index = steps[-1].vectors
    assert_allclose(index, clip.embed_images(model, images), rtol=0, atol=1e-6)
    for number, image in enumerate(images):
        hit = clip.search(model, image, index, count=1)[0]
        assert (hit.number, hit.score) == (number, pytest.approx(1, abs=1e-5))
    cosines = clip.similarity(model, images, ["a red ball"])[:, 0]
    hits = clip.search(model, "a red ball", index, count=99)
    assert [hit.number for hit in hits] == list(np.argsort(-cosines))
    assert_allclose([hit.score for hit in hits], np.sort(cosines)[::-1], rtol=0, atol=1e-6)
    twins = np.concatenate([index[:2]] * 50)  # unstable sorts mix equals from some dozens on
    assert [hit.number for hit in clip.search(model, images[0], twins, count=50)] == list(range(0, 100, 2))
    assert clip.search(model, "x", index[:0]) == []


def test_bfloat16(images):
    model = small_clip()
    model.tokenizer = default_tokenizer()
    expected = clip.zero_shot(model, images, LABELS).cosines
    answer = clip.zero_shot(model.bfloat16(), images, LABELS)
    assert answer.probabilities.dtype == np.float32
    assert_allclose(answer.cosines, expected, rtol=0, atol=0.05)


def test_refusals(model, images):
    for labels, templates, words in (
        ([], None, "labels must be one or more texts, none empty"),
        (["a", " "], None, "none empty"),
        ("cat", None, "labels must be a list of strings, not the one string 'cat'"),
        (["cat"], "a {}", "templates must be a list of strings"),
        (["cat"], ["a photo"], "a template needs {} where the label goes, and 'a photo' has none"),
        (["cat"], [], "templates must be one or more"),
    ):
        with pytest.raises(ValueError, match=words):
            clip.classify(model, images, labels, templates)
    with pytest.raises(ValueError, match=r"weights must have the shape \(1, 24\), not \(2, 24\)"):
        clip.zero_shot(model, images, ["cat"], weights=np.zeros((2, 24)))
    with pytest.raises(ValueError, match="this model has no tokenizer"):
        clip.classify(small_clip(), images, LABELS)
    with pytest.raises(ValueError, match=r"the index must have the shape \(m, 24\), not \(3, 5\)"):
        clip.search(model, "x", np.zeros((3, 5)))
    with pytest.raises(ValueError, match="count must be at least 1, not 0"):
        clip.search(model, "x", np.zeros((3, 24)), count=0)
    with pytest.raises(ValueError, match="the words are empty"):
        clip.search(model, " ", np.zeros((3, 24)))
