"""What a critic is free in is taken away, and nothing else: critics made of the true ratio, and learned ones."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from playground.representations.critics import build_critic
from playground.representations.estimate import ESTIMATORS, estimate
from playground.representations.pairs import pairs
from playground.representations.ratio import READ_OFF, learned_ratio


class Ideal(nn.Module):
    """The best critic of an objective, with all that the objective does not see."""

    def __init__(self, source, name):
        super().__init__()
        self.source, self.name = source, name

    def forward(self, x, y):
        t = self.source.log_ratio(x[:, None].expand(-1, len(y), -1), y[None].expand(len(x), -1, -1))
        free = {"info_nce": 3 * torch.sin(5 * x) - 2, "nwj": 1.0, "mine": 7.5, "jsd": 0.0, "smile": 0.0}
        return t + free[self.name]


@pytest.mark.parametrize("source", [pairs("gaussian", 0.5), pairs("half_cube", 0.3)], ids=lambda p: p.name)
@pytest.mark.parametrize("name", READ_OFF)
def test_the_best_critic_gives_the_true_ratio(name, source):
    found = learned_ratio(Ideal(source, name), name, source, points=2000)
    exact = name in ("nwj", "jsd", "smile")
    assert np.abs(found.learned - found.true).max() < (1e-4 if exact else 0.3), "2,000 values of y stand for all"
    assert found.rms < (1e-5 if exact else 0.12)
    assert found.correlation > (0.99999 if exact else 0.97)


def test_the_truth_is_the_gaussian_formula():
    rho = math.sqrt(1 - math.exp(-1.0))
    found = learned_ratio(Ideal(pairs("gaussian", 0.5), "jsd"), "jsd", pairs("gaussian", 0.5), cells=5)
    x, y = float(found.x[1]), float(found.y[4])
    wanted = 0.5 - (rho**2 * (x**2 + y**2) - 2 * rho * x * y) / (2 * (1 - rho**2))
    assert found.true[1, 4] == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_learned_critics_come_near(name):
    source = pairs("gaussian", 0.8)
    critic = build_critic("separable", 1, 1, hidden=48)
    for _ in estimate(source, name, steps=500, batch=128, critic=critic, lr=3e-3):
        pass
    found = learned_ratio(critic, name, source)
    assert found.correlation > 0.9
    assert found.rms < 0.35


def test_independent_pairs_have_a_flat_truth():
    found = learned_ratio(build_critic("concat", 1, 1, hidden=8), "jsd", pairs("gaussian", 0.0), cells=4, points=20)
    assert math.isnan(found.correlation)
    assert np.abs(found.true).max() == 0


def test_refusals():
    critic = build_critic("separable", 1, 1, hidden=4)
    with pytest.raises(ValueError, match="no estimator is called 'x'"):
        learned_ratio(critic, "x", pairs("gaussian"))
    for source in (pairs("wiggly"), pairs("gaussian", 1.0, 2)):
        with pytest.raises(ValueError, match="cannot be drawn"):
            learned_ratio(critic, "nwj", source)
