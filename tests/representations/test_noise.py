"""NCE comes to maximum likelihood as the noise grows: its zero in closed form, and the gap's rate of 1 / sqrt k."""

import math

import pytest
import torch

from playground.representations.nce import nce_loss
from playground.representations.noise import approach, nce_estimate

COUNTS = [400, 250, 150, 100, 60, 40]


def test_the_estimate_is_where_the_loss_is_flat():
    counts, noise = torch.tensor([6.0, 3.0, 1.0]).double(), torch.tensor([8.0, 7.0, 5.0]).double()
    log_q = torch.tensor([0.4, 0.35, 0.25]).double().log()
    s = nce_estimate(counts, noise, log_q).requires_grad_()
    words = torch.repeat_interleave(torch.arange(3), counts.long())
    drawn = torch.repeat_interleave(torch.arange(3), noise.long()).reshape(10, 2)  # k = 2 to each of ten
    nce_loss(s[words], s[drawn], log_q[words], log_q[drawn]).backward()
    torch.testing.assert_close(s.grad, torch.zeros(3).double(), atol=1e-12, rtol=0)


def test_noise_as_frequent_as_it_should_be_gives_the_softmaxs_answer():
    counts = torch.tensor(COUNTS).double()
    p, q = counts / counts.sum(), torch.full((6,), 1 / 6, dtype=torch.float64)
    s = nce_estimate(counts, 6000 * q, q.log())
    torch.testing.assert_close(s.exp(), p, atol=1e-12, rtol=0)
    assert float(s.logsumexp(0)) == pytest.approx(0, abs=1e-12)


def test_the_gap_falls_as_one_over_the_root_of_k():
    """The log of the noise's counts spreads by sqrt((1 - p) / (k total p)): weighted by p, (v - 1) / (k total) in all.

    To that order log Z stays 0: the errors of the words, weighted by p, cancel.
    """
    found = approach(COUNTS, ks=(1, 4, 16, 64), draws=100)
    total = sum(COUNTS)
    for one in found:
        assert one.gap == pytest.approx(math.sqrt((len(COUNTS) - 1) / (one.k * total)), rel=0.12)
    assert found[-1].gap < found[0].gap / 6
    assert found[-1].log_z < 2e-3
    assert [one.multiply_adds for one in found] == [2, 5, 17, 65]


def test_approach_is_repeatable_and_refuses():
    assert approach(COUNTS, ks=(2,), draws=3) == approach(COUNTS, ks=(2,), draws=3)
    with pytest.raises(ValueError, match="two or more"):
        approach([5])
    with pytest.raises(ValueError, match="k and draws must be at least 1"):
        approach(COUNTS, ks=(0,))
