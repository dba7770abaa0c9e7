"""CPC on the rows of digits: only what stands above tells, scores by hand, bounds under log N, and a training."""

import math

import pytest
import torch

from playground.representations.digits import digits
from playground.representations.patches import HALF, ROWS, RowCoder, fit_patches


@pytest.fixture
def network():
    torch.manual_seed(0)
    return RowCoder(6, 10)


def test_a_context_sees_no_row_below(network):
    pictures = digits()[2][:4].clone()
    _, before = network(pictures)
    pictures[:, :, HALF:] = 1 - pictures[:, :, HALF:]
    _, after = network(pictures)
    torch.testing.assert_close(before[:, :HALF], after[:, :HALF], atol=0, rtol=0)
    assert (before[:, HALF:] - after[:, HALF:]).abs().max() > 1e-3


def test_scores_of_halves_by_hand(network):
    pictures = digits()[2][:3]
    z, c = network(pictures)
    found = network.halves(pictures).detach()
    z, c = z.detach(), c.detach()
    for i in range(3):
        for j in range(3):
            by_hand = sum(
                float(z[j, HALF - 1 + k] @ network.predictor.w[k - 1].weight.detach() @ c[i, HALF - 1])
                for k in range(1, ROWS - HALF + 1)
            )
            assert float(found[i, j]) == pytest.approx(by_hand, abs=1e-4)


def test_an_untrained_network_that_says_nothing_loses_log_n(network):
    for one in network.predictor.w:
        torch.nn.init.zeros_(one.weight)
    torch.testing.assert_close(network.losses(digits()[2][:16]), torch.full((HALF,), math.log(16)), atol=1e-5, rtol=0)


def test_training_tells_the_rows_below():
    steps = list(fit_patches(steps=80, batch=64))
    first, last = steps[0], steps[-1]
    assert last.progress == 1
    assert last.ceiling == pytest.approx(math.log(64))
    assert all(bound <= last.ceiling for bound in last.reading.bounds)
    assert last.reading.bounds[0] > first.reading.bounds[0] + 0.4
    assert last.reading.bounds[0] > last.reading.bounds[-1], "the next row is told best"
    assert last.reading.right > 3 / 64, "three times chance"
    assert last.match.scores.shape == (8, 8)
    again = list(fit_patches(steps=80, batch=64))
    assert [one.loss for one in again] == [one.loss for one in steps]


def test_patches_given_seconds_and_stopped():
    ticks = iter(range(10**6))
    steps = list(fit_patches(seconds=10, batch=8, clock=lambda: next(ticks)))
    assert steps[-1].progress == 1
    assert steps[-1].match is not None
    watched = fit_patches(steps=3, batch=8)
    next(watched)
    watched.close()


def test_refusals_of_patches():
    with pytest.raises(ValueError, match="batch must lie between 8 and 500, not 4"):
        fit_patches(steps=1, batch=4)
    with pytest.raises(ValueError, match="exactly one of seconds and steps"):
        fit_patches()
