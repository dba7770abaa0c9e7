"""The bounds: by the authors' formulas written out, on closed-form critics, and their ceilings."""

import math

import pytest
import torch

from playground.representations import bounds
from playground.representations.pairs import PAIRS, correlation, gaussian_information, pairs


def scores(n=6, seed=0, scale=1.0):
    return scale * torch.randn(n, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_formulas_written_out():
    T = scores()
    n = len(T)
    joint = [T[i, i] for i in range(n)]
    apart = [T[i, j] for i in range(n) for j in range(n) if i != j]
    mean = sum(joint) / n
    expected = {
        bounds.donsker_varadhan: mean - torch.stack(apart).exp().mean().log(),
        bounds.nwj: mean - (torch.stack(apart) - 1).exp().mean(),
        bounds.jensen_shannon: -torch.stack([torch.log1p((-t).exp()) for t in joint]).mean()
        - torch.stack([torch.log1p(t.exp()) for t in apart]).mean(),
        bounds.smile: mean - torch.stack(apart).clamp(-5, 5).exp().mean().log(),
        bounds.info_nce: torch.stack([T[i, i] - torch.log(T[i].exp().sum() / n) for i in range(n)]).mean(),
    }
    for bound, value in expected.items():
        torch.testing.assert_close(bound(T), value, msg=bound.__name__)


def test_smile_clips_its_second_term_alone():
    T = scores(scale=20.0)
    apart = T[~torch.eye(len(T), dtype=torch.bool)].clamp(-2, 2)
    torch.testing.assert_close(bounds.smile(T, clip=2), T.diagonal().mean() - apart.exp().mean().log())


@pytest.mark.parametrize("n", [4, 64, 512])
def test_info_nce_is_never_above_log_n(n):
    T = torch.full((n, n), -60.0).fill_diagonal_(60.0)
    assert bounds.info_nce(T) == pytest.approx(math.log(n), abs=1e-5)
    assert bounds.info_nce(scores(n, scale=30.0)) < math.log(n)


def test_mines_gradient_is_the_averaged_one():
    """Of the second term E[e^T dT] / average, where a batch alone would have its own mean below."""
    T = scores().requires_grad_()
    n = len(T)
    value, average = bounds.mine(T, None)
    value.backward()
    first = T.grad.clone()
    T.grad = None
    bounds.donsker_varadhan(T).backward()
    torch.testing.assert_close(first, T.grad)  # before there is an average they are the same
    T.grad = None
    other = torch.tensor(1.7, dtype=torch.float64)
    value, new = bounds.mine(T, other, rate=0.1)
    value.backward()
    new_average = 0.9 * math.exp(1.7) + 0.1 * float(average.exp())
    assert float(new.exp()) == pytest.approx(new_average)
    expected = -T.detach().exp() / (n * (n - 1)) / new_average
    expected.fill_diagonal_(1 / n)
    torch.testing.assert_close(T.grad, expected)


@pytest.mark.parametrize(("information", "dim"), [(0.3, 1), (1.0, 2), (2.0, 5)])
def test_the_best_critic_reaches_the_information(information, dim):
    source = pairs("gaussian", information, dim)
    generator = torch.Generator().manual_seed(1)
    x, y = (one.double() for one in source.sample(1500, generator))
    ratio = torch.stack([source.log_ratio(x, y[j].expand_as(x)) for j in range(len(y))], 1)
    error = 4 * math.sqrt(dim / 1500) * max(1, information)
    assert bounds.donsker_varadhan(ratio) == pytest.approx(information, abs=error)
    assert bounds.nwj(ratio + 1) == pytest.approx(information, abs=error)
    assert bounds.smile(ratio, clip=20) == pytest.approx(information, abs=error)
    assert bounds.info_nce(ratio) == pytest.approx(information, abs=error)
    few = [bounds.info_nce(ratio[i : i + 8, i : i + 8]) for i in range(0, 1496, 8)]
    assert float(torch.stack(few).mean()) < min(information, math.log(8))  # eight pairs tell less
    for wrong in (0.5 * ratio, 1.5 * ratio):
        assert bounds.jensen_shannon(wrong) < bounds.jensen_shannon(ratio)
        assert bounds.donsker_varadhan(wrong) < bounds.donsker_varadhan(ratio) + 1e-6


def test_the_information_of_gaussians():
    for information in (0.1, 1.0, 4.0):
        for dim in (1, 3):
            assert gaussian_information(correlation(information, dim), dim) == pytest.approx(information)


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_share_what_they_say(name):
    from playground.representations.nonparametric import ksg_information

    source = pairs(name, 0.8)
    x, y = source.sample(4000, torch.Generator().manual_seed(0))
    assert x.shape == y.shape == (4000, 1)
    assert ksg_information(x.numpy(), y.numpy()) == pytest.approx(0.8, abs=0.08)
    if source.log_ratio is not None:
        assert float(source.log_ratio(x, y).mean()) == pytest.approx(0.8, abs=0.08)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: bounds.info_nce(torch.zeros(3, 4)), r"\(n, n\) with n >= 2"),
        (lambda: bounds.nwj(torch.zeros(1, 1)), r"\(n, n\) with n >= 2"),
        (lambda: pairs("heart"), "no pairs are called 'heart'"),
        (lambda: pairs("gaussian", -1), "between 0 and 30 nats"),
        (lambda: pairs("gaussian", 1, 0), "between 1 and 100"),
    ],
)
def test_refusals(call, words):
    with pytest.raises(ValueError, match=words):
        call()
