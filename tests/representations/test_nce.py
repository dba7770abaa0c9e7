"""On a vocabulary of six words, where everything can be summed: what each loss finds, and what it makes of Z."""

import itertools
import math

import pytest
import torch

from playground.representations.nce import nce_loss, negative_sampling_loss, ranking_loss, softmax_loss

P = torch.tensor([0.35, 0.25, 0.2, 0.1, 0.07, 0.03], dtype=torch.float64)  # of the text, one history
Q = torch.tensor([0.1, 0.15, 0.2, 0.25, 0.2, 0.1], dtype=torch.float64)  # of the noise


def expected(loss, s, k):
    """The loss summed over every draw of k = 1 or 2 noise words, with its probability."""
    total = 0.0
    for word in range(6):
        for noise in itertools.product(range(6), repeat=k):
            weight = P[word] * Q[list(noise)].prod()
            total = total + weight * loss(s[word][None], s[list(noise)][None], word, list(noise))
    return total


def minimise(loss, k):
    s = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([s], max_iter=200, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = expected(loss, s, k)
        value.backward()
        return value

    optimizer.step(closure)
    return s.detach()


def noisy(loss):
    log_q = Q.log()
    return lambda true, noise, word, words: loss(true, noise, log_q[word][None], log_q[words][None])


@pytest.mark.parametrize("k", [1, 2])
def test_nce_finds_the_text_and_normalises_itself(k):
    s = minimise(noisy(nce_loss), k)
    torch.testing.assert_close(s.exp(), P, atol=1e-5, rtol=0)
    assert float(s.logsumexp(0)) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("k", [1, 2])
def test_ranking_finds_the_text_and_leaves_z_free(k):
    s = minimise(noisy(ranking_loss), k)
    torch.testing.assert_close(s.softmax(0), P, atol=1e-5, rtol=0)
    moved = expected(noisy(ranking_loss), s + 3.0, k)
    assert float(moved) == pytest.approx(float(expected(noisy(ranking_loss), s, k)))
    assert float(expected(noisy(nce_loss), s + 3.0, k)) != pytest.approx(
        float(expected(noisy(nce_loss), s, k)), abs=0.1
    )


@pytest.mark.parametrize("k", [1, 2])
def test_negative_sampling_finds_pointwise_information(k):
    s = minimise(lambda true, noise, _word, _words: negative_sampling_loss(true, noise), k)
    torch.testing.assert_close(s, (P / Q).log() - math.log(k), atol=1e-4, rtol=0)
    assert (s.softmax(0) - P).abs().max() > 0.05, "no language model"


def test_the_gradient_of_nce_comes_to_the_softmaxs_as_the_noise_grows():
    s = torch.randn(6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    s = (s - s.logsumexp(0)).requires_grad_()  # normalised, where the two are to agree
    softmax_loss(s.expand(6, 6)[:1], torch.tensor([2])).backward()
    exact, gaps = s.grad.clone(), []
    for k in (4, 64, 4096):
        s.grad = None
        word = torch.tensor([2])
        # The mean over the noise in closed form: k times its expectation.
        one = torch.nn.functional.logsigmoid(s[word] - Q.log()[word] - math.log(k))
        others = k * (Q * torch.nn.functional.logsigmoid(-(s - Q.log() - math.log(k)))).sum()
        (-(one + others).sum()).backward()
        gaps.append(float((s.grad - exact).abs().max()))
    assert gaps[1] < gaps[0] / 5
    assert gaps[2] < gaps[1] / 30


def test_ranking_against_everything_is_the_softmax():
    """With every other word as the noise once, and an even q, the denominator is Z."""
    s = torch.randn(3, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    word = torch.tensor([0, 3, 5])
    others = torch.stack([torch.cat([row[:w], row[w + 1 :]]) for row, w in zip(s, word.tolist(), strict=True)])
    even = torch.zeros(3, dtype=torch.float64)
    ranked = ranking_loss(s[torch.arange(3), word], others, even, torch.zeros(3, 5, dtype=torch.float64))
    torch.testing.assert_close(ranked, softmax_loss(s, word))
