"""Information by histogram, by neighbours and by critics that learn, where the truth is known."""

import math

import numpy as np
import pytest
import torch
from sklearn.feature_selection import mutual_info_regression

from playground.representations.critics import CRITICS, build_critic
from playground.representations.estimate import ESTIMATORS, estimate, read
from playground.representations.nonparametric import histogram_information, ksg_information
from playground.representations.pairs import pairs


def drawn(information, n=4000, dim=1, name="gaussian", seed=0):
    x, y = pairs(name, information, dim).sample(n, torch.Generator().manual_seed(seed))
    return x.numpy(), y.numpy()


@pytest.mark.parametrize("information", [0.0, 0.4, 1.0])
def test_histogram_and_neighbours(information):
    x, y = drawn(information)
    low = 0.15 * information  # classes are coarse: what is lost inside them grows with the information
    assert information - low - 0.03 < histogram_information(x, y) < information + 0.03
    assert ksg_information(x, y) == pytest.approx(information, abs=0.06)
    assert histogram_information(x, y, bins=64, corrected=False) > information + 0.2, "the plug-in's bias"


def test_neighbours_agree_with_scikit_learn():
    """Its estimator adds noise of 1e-10 against ties, and is otherwise Kraskov's first for one column each."""
    x, y = drawn(0.7, 1500)
    theirs = mutual_info_regression(x, y[:, 0], n_neighbors=3, random_state=0)[0]
    assert ksg_information(x, y) == pytest.approx(theirs, abs=1e-3)


def test_neighbours_in_more_dimensions():
    assert ksg_information(*drawn(1.0, dim=3)) == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (np.ones(10), np.arange(10), "column 0 of x is constant"),
        (np.arange(10.0), np.r_[np.arange(9.0), np.nan], "1 numbers that are not finite"),
        (np.arange(10), np.arange(9), "must be pairs, not 10 and 9"),
        (np.arange(3), np.arange(3), "n >= 4"),
    ],
)
def test_bad_samples(x, y, words):
    for method in (histogram_information, ksg_information):
        with pytest.raises(ValueError, match=words):
            method(x, y)


def test_bad_settings():
    x, y = drawn(0.5, 20)
    with pytest.raises(ValueError, match="between 2 and 1,024"):
        histogram_information(x, y, bins=1)
    with pytest.raises(ValueError, match="between 1 and 19"):
        ksg_information(x, y, k=20)
    with pytest.raises(ValueError, match="one column each"):
        histogram_information(np.random.default_rng(0).normal(size=(9, 2)), np.arange(9))


def last(frames):
    *_, end = frames
    return end


@pytest.mark.parametrize("name", ESTIMATORS)
def test_critics_learn_the_information(name):
    end = last(estimate(pairs("gaussian", 0.8, 2), name, steps=700, batch=128, lr=2e-3))
    assert end.progress == 1
    assert end.reading.batches == 100
    assert end.reading.median == pytest.approx(0.8, abs=0.12)
    assert end.reading.low < end.reading.median < end.reading.high
    assert not end.reading.unstable


@pytest.mark.parametrize("critic", CRITICS)
def test_every_critic(critic):
    end = last(estimate(pairs("half_cube", 0.5), "info_nce", steps=500, batch=64, critic=critic, hidden=48, lr=3e-3))
    assert end.reading.median == pytest.approx(0.5, abs=0.1)


def test_info_nce_stays_below_its_ceiling_and_the_others_are_flagged():
    rich = pairs("gaussian", 12.0, 20)
    end = last(estimate(rich, "info_nce", steps=400, batch=64, lr=2e-3))
    assert end.ceiling == pytest.approx(math.log(64))
    assert end.reading.median <= end.ceiling
    shaky = last(estimate(rich, "nwj", steps=400, batch=64, lr=2e-3))
    assert shaky.reading.unstable
    assert shaky.ceiling == math.inf


def test_a_reading_of_what_is_not_finite_is_flagged():
    critic = build_critic("separable", 1, 1, hidden=4)
    reading = read(critic, lambda _: torch.tensor(math.nan), pairs("gaussian"), batch=8, batches=5, seed=0)
    assert reading.unstable
    assert math.isnan(reading.median)


def test_the_same_seed_is_the_same_run():
    def run():
        return [e.loss for e in estimate(pairs("wiggly", 1.0), "smile", steps=20, batch=16, seed=3)]

    assert run() == run()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "guess", "steps": 1}, "no estimator is called 'guess'"),
        ({"steps": 1, "critic": "art"}, "no critic is called 'art'"),
        ({}, "exactly one of seconds and steps"),
        ({"steps": 0}, r"between 1 and 10\*\*7"),
        ({"seconds": 1e9}, "between 0.1 and 3600"),
        ({"steps": 1, "batch": 2}, "between 4 and 8,192"),
    ],
)
def test_refusals(options, words):
    with pytest.raises(ValueError, match=words):
        list(estimate(pairs("gaussian"), **options))


def test_tied_values_are_told_as_counts_tell_them():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, 2000)
    y = np.where(rng.random(2000) < 0.9, x, 1 - x)
    counts = np.histogram2d(x, y, 2)[0] / 2000
    truth = float((counts * np.log(counts / np.outer(counts.sum(1), counts.sum(0)))).sum())
    assert histogram_information(x, y) == pytest.approx(truth, abs=0.005)
    assert ksg_information(x, y) == pytest.approx(truth, abs=0.005)
    assert ksg_information(x, rng.integers(0, 2, 2000)) == pytest.approx(0, abs=0.005)
    survey = rng.integers(1, 6, 2000)
    near = np.clip(survey + rng.integers(-1, 2, 2000), 1, 5)
    assert ksg_information(survey, near) == pytest.approx(
        histogram_information(survey, near, corrected=False), abs=0.02
    )
