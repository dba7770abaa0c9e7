"""Likelihoods of given texts: what our language-model loss says of them, and what `answer` ranks by."""

import numpy as np
import pytest
import torch
from PIL import Image
from small_blip import small_blip

from playground import blip
from playground.blip.likelihood import likelihood
from playground.blip.losses import lm

TEXTS = [["a red cube", "the ball", "blue"], ["on the ball", "a ball, a cube"]]


@pytest.fixture(scope="module")
def images():
    noise = np.random.default_rng(0).integers(0, 256, (2, 40, 40, 3), dtype=np.uint8)
    return [Image.fromarray(one) for one in noise]


def test_a_caption_costs_what_the_loss_of_language_says(images, tmp_path):
    model = small_blip(tmp_path, "caption", std=0.3)
    words, config = model.tokenizer, model.config
    prompt = words([config.prompt], config.start, ended=False)[0].shape[1]
    for image, texts, found in zip(images, TEXTS, likelihood(model, images, TEXTS), strict=True):
        assert len(found.nats) == len(found.tokens) == len(texts)
        seen = model.text_decoder.look(model.see(blip.preprocess([image], config)))
        for text, mean, tokens in zip(texts, found.mean, found.tokens, strict=True):
            ids, mask = words([config.prompt + text], config.start)
            loss = lm(model.text_decoder(ids, seen), ids, mask, ignored=prompt, smoothing=0.0)
            torch.testing.assert_close(-float(mean), float(loss), atol=1e-5, rtol=1e-5)
            assert tokens == ids.shape[1] - prompt


def test_the_likeliest_answer_is_the_one_that_answer_ranks_first(images, tmp_path):
    model = small_blip(tmp_path, "answer", std=0.3)
    asked = ["the ball is on the cube?", "red?"]
    found = likelihood(model, images, TEXTS, questions=asked)
    for i, texts in enumerate(TEXTS):
        best = blip.answer(model, images[i : i + 1], asked[i : i + 1], answers=texts)
        assert best == [texts[int(found[i].nats.argmax())]]
    alone = likelihood(model, images[1:], TEXTS[1:], questions=asked[1:])[0]
    np.testing.assert_allclose(found[1].nats, alone.nats, atol=1e-5)  # what is beside it does not matter


@pytest.mark.parametrize(
    ("texts", "questions", "words"),
    [
        ([["a"]], None, "each picture has texts of its own: there are 2 pictures"),
        ([["a"], []], None, "one or more for each picture"),
        (["a", "b"], None, "one or more for each picture"),
        ([["a"], ["b"]], ["red?", "red?"], "can caption, and not answer"),
    ],
)
def test_what_cannot_be_is_refused(texts, questions, words, images, tmp_path):
    with pytest.raises(ValueError, match=words):
        likelihood(small_blip(tmp_path, "caption"), images, texts, questions=questions)
