"""Estimators side by side are what each is alone, and end with pictures of their critics where the truth is known."""

import itertools
import math

import numpy as np
import pytest
import torch

from playground.representations.critics import build_critic
from playground.representations.estimate import estimate
from playground.representations.pairs import pairs
from playground.representations.race import LEARNING_RATE, race
from playground.representations.samples import samples


def last(frames):
    *_, end = frames
    return end


def test_a_lane_is_the_estimator_alone():
    source = pairs("gaussian", 1.0, 2)
    lanes = last(race(source, ["nwj", "mine"], steps=30, batch=32, hidden=16, seed=4)).lanes
    for lane in lanes:
        alone = last(estimate(source, lane.name, steps=30, batch=32, hidden=16, seed=4, lr=LEARNING_RATE))
        assert lane.reading == alone.reading
        assert lane.step == 30
        assert lane.done
        assert lane.median[-1] == alone.reading.median
        assert lane.ratio is None, "two dimensions cannot be drawn"


def test_frames_come_as_often_as_asked_and_know_their_share():
    ticks = itertools.count()
    frames = list(
        race(pairs("gaussian"), ["info_nce"], steps=10, batch=8, hidden=4, every=0, clock=lambda: next(ticks))
    )
    assert len(frames) == 11
    assert [frame.progress for frame in frames] == pytest.approx([*np.arange(1, 11) / 10, 1.0])
    assert frames[-1].lanes[0].ratio is not None
    assert frames[0].lanes[0].ratio is None
    assert frames[-1].lanes[0].ceiling == math.log(8)


def test_what_diverges_ends_alone():
    """The exponential of a score above 88 overflows in float32; InfoNCE takes differences, and goes on to its end."""
    rich = samples(*(1e3 * one.numpy() for one in pairs("gaussian", 3.0).sample(200, torch.Generator().manual_seed(0))))
    parts = rich.parts(0)
    end = last(race(parts.train, ["nwj", "info_nce"], steps=5, batch=16, hidden=4, held=parts.held, check=parts.check))
    lost, other = end.lanes
    assert other.step == 5
    assert math.isfinite(other.reading.median)
    assert math.isnan(lost.reading.median)
    assert lost.reading.unstable
    assert not lost.fluctuating
    assert end.progress == 1


def test_closing_a_training_leaves_each_weight_of_the_critic_a_storage_of_its_own():
    critic = build_critic("separable", 1, 1, hidden=4)
    frames = estimate(pairs("gaussian"), "smile", steps=1000, batch=8, critic=critic)
    next(frames)
    shared = {p.untyped_storage().data_ptr() for p in critic.parameters()}
    frames.close()
    own = {p.untyped_storage().data_ptr() for p in critic.parameters()}
    assert len(shared) == 1
    assert len(own) == len(list(critic.parameters()))


def test_refusals():
    with pytest.raises(ValueError, match="choose at least one estimator"):
        race(pairs("gaussian"), [], steps=1)
    with pytest.raises(ValueError, match="no estimator is called 'x'"):
        race(pairs("gaussian"), ["x"], steps=1)
