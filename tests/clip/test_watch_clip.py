"""A CLIP that learns while one looks on: it learns, the same each time, and looking does not change it."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from playground import clip, world
from playground.clip.live_pairs import LivePairs, close_up, draw_objects, live_tokenizer
from playground.clip.losses import info_nce, sigmoid_loss

SMALL = {"steps": 3, "batch": 4, "pictures": 16}


def ticks():
    """A clock on which each look is a second later."""
    return itertools.count().__next__


def state(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.fixture(scope="module")
def frames():
    return list(clip.watch_clip(steps=120, batch=16, pictures=240, every=40, clock=ticks()))


def test_it_learns_from_the_untrained_on(frames):
    first, last = frames[0], frames[-1]
    assert (first.stage, first.step, first.progress, len(first.loss)) == ("drawing", 0, 0.0, 0)
    assert (last.stage, last.step, last.progress, len(last.loss)) == ("done", 120, 1.0, 120)
    off = ~np.eye(len(first.captions), dtype=bool)
    assert abs(first.similarity.diagonal().mean() - first.similarity[off].mean()) < 0.05
    assert last.similarity.diagonal().mean() - last.similarity[off].mean() > 0.3
    assert last.loss[:3].mean() > last.guess - 0.3
    assert last.smooth[-1] < 0.75 * last.guess
    color, size, _ = last.skills  # shape takes longer
    assert [one.chance for one in last.skills] == [1 / 8, 1 / 2, 1 / 5]
    assert color.accuracy[-1] > 0.4
    assert size.accuracy[-1] > 0.65
    assert color.accuracy[0] < 0.25
    assert abs(size.accuracy[0] - 0.5) < 0.15


def test_frames_follow_the_clock(frames):
    stages = [frame.stage for frame in frames]
    assert stages == sorted(stages, key=["drawing", "learning", "done"].index)
    assert len(frames) > 4
    times = [frame.seconds for frame in frames]
    assert all(b - a >= 40 for a, b in itertools.pairwise(times[1:-1]))
    assert [frame.progress for frame in frames] == sorted(frame.progress for frame in frames)
    last = frames[-1]
    assert last.measured.tolist() == [0, *(frame.step for frame in frames if frame.stage == "learning"), 120]
    assert all(len(one.accuracy) == len(last.measured) for one in last.skills)


def test_pictures_and_captions_of_the_matrix(frames):
    first = frames[0]
    assert first.pictures.shape == (12, 32, 32, 3)
    assert first.pictures.dtype == np.uint8
    assert len(set(first.captions)) == 12
    assert all(text.split()[1] in world.SIZES for text in first.captions)
    model = frames[-1].model
    with torch.no_grad():
        pixels = (torch.from_numpy(first.pictures).permute(0, 3, 1, 2) / 255 - 0.5) / 0.25
        cosines = model(pixels, model.tokenizer(first.captions, model.config.context_length)) / model.logit_scale.exp()
    assert_close(torch.from_numpy(frames[-1].similarity), cosines, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("objective", clip.OBJECTIVES)
def test_the_same_weights_however_often_one_looks(objective):
    often, seldom = (
        list(clip.watch_clip(**SMALL, objective=objective, false=2, every=every, clock=ticks()))[-1]
        for every in (0, 10**9)
    )
    for name, tensor in state(often.model).items():
        assert torch.equal(tensor, state(seldom.model)[name]), name
    assert np.array_equal(often.loss, seldom.loss)
    assert np.array_equal(often.similarity, seldom.similarity)
    other = list(clip.watch_clip(**SMALL, objective=objective, false=2, seed=1))[-1]
    assert not np.array_equal(other.loss, seldom.loss)


def test_it_stops_at_once_and_can_be_used():
    watching = clip.watch_clip(**SMALL | {"steps": 10_000}, every=0, clock=ticks())
    frame = next(one for one in watching if one.step == 2)
    watching.close()
    assert not frame.model.training
    assert not any(p.requires_grad for p in frame.model.parameters())
    assert frame.model.tokenizer.unknown(["a large red cube", "an orange object"]) == []
    assert next(watching, None) is None


def test_in_chinese():
    first = next(clip.watch_clip(**SMALL, language="zh"))
    assert all("一个" in text for text in first.captions)
    assert first.model.tokenizer.unknown(first.captions) == []
    assert len(set(first.captions)) == 12


@pytest.mark.parametrize("false", [0, 3])
def test_a_guess_loses_what_equal_embeddings_do(false):
    scenes = [close_up(i) for i in range(200)]
    config = next(clip.watch_clip(**SMALL)).model.config
    data = LivePairs(scenes, np.zeros((200, 3, 32, 32), np.uint8), config, live_tokenizer(), 16, false)
    same = torch.ones(16, 4) / 2
    wrong = torch.ones(16, false, 4) / 2 if false else None
    losses = [info_nce(same, same, torch.tensor(5.0), negatives=wrong, also_true=data(i).also_true) for i in range(4)]
    assert data.guess("info_nce", 4) == pytest.approx(float(sum(losses) / 4), rel=1e-5)
    if not false:
        assert math.log(16) - 0.2 < data.guess("info_nce") < math.log(16)
    best = min(
        float(sigmoid_loss(same, same, torch.tensor(0.0), bias, negatives=wrong, also_true=data(0).also_true))
        for bias in torch.linspace(-5, 0, 501)
    )
    assert data.guess("sigmoid", 1) == pytest.approx(best, abs=1e-4)


def test_every_other_batch_is_of_two_colours():
    scenes = [close_up(i) for i in range(300)]
    config = next(clip.watch_clip(**SMALL)).model.config
    tokenizer = live_tokenizer()
    pictures = np.repeat(np.arange(300, dtype=np.uint16).astype(np.uint8)[:, None], 3 * 32 * 32, 1).reshape(
        300, 3, 32, 32
    )
    data = LivePairs(scenes, pictures, config, tokenizer, 16)
    numbers = {tokenizer.backend.token_to_id(color) for color in world.COLORS}
    said = [len(numbers & set(data(step).tokens.flatten().tolist())) for step in range(20)]
    assert max(said[1::2]) <= 2
    assert min(said[::2]) > 2


def test_close_ups_are_whole():
    """Nothing of an object leaves the picture: its border is the table's or the wall's."""
    pictures = np.concatenate(list(draw_objects([close_up(i) for i in range(150)], 32))).astype(float)
    red = np.array([close_up(i).objects[0].color == "red" for i in range(150)])
    colourful = pictures[red, 0] - pictures[red, 1] > 90
    assert colourful.any(axis=(1, 2)).mean() > 0.9
    border = np.concatenate([colourful[:, 0], colourful[:, -1], colourful[:, :, 0], colourful[:, :, -1]], axis=1)
    assert border.any(axis=1).mean() < 0.1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"steps": 0}, "steps"),
        ({"batch": 1}, "batch"),
        ({"batch": 64, "pictures": 32}, "batch 64 of 32 pictures"),
        ({"false": -1}, "false"),
        ({"objective": "triplet"}, "info_nce, sigmoid, not 'triplet'"),
        ({"language": "fr"}, "en, zh, not 'fr'"),
        ({"lr": 0.0}, "lr"),
        ({"every": -1.0}, "every"),
    ],
)
def test_refusals(wrong, said):
    with pytest.raises(ValueError, match=said):
        clip.watch_clip(**wrong)
