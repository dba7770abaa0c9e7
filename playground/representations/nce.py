"""From the softmax over all words to InfoNCE: noise-contrastive estimation and its relatives, on scores of words.

All take scores s(w, h) of the true word (n,) and of k noise words (n, k), and the noise's log-probabilities of both.
With the softmax's own scores, p(w | h) = exp s(w, h) / Z(h), they differ in what they make of Z.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

__all__ = ["nce_loss", "negative_sampling_loss", "ranking_loss", "softmax_loss"]


def softmax_loss(scores: Tensor, word: Tensor) -> Tensor:
    """Mean -log p of the true words (n,) among all of a vocabulary (n, v): exact, and v scores a word."""
    return torch.nn.functional.cross_entropy(scores, word)


def nce_loss(true: Tensor, noise: Tensor, log_q_true: Tensor, log_q_noise: Tensor) -> Tensor:
    """Is a word the text's or one of k from the noise q? P = sigmoid(s - log k q) (Gutmann and Hyvarinen 2012).

    At the best scores exp s = p itself, so that Z = 1 without anyone having summed (Mnih and Teh 2012).
    """
    k = noise.shape[1]
    one = logsigmoid(true - log_q_true - math.log(k))
    others = logsigmoid(-(noise - log_q_noise - math.log(k))).sum(1)
    return -(one + others).mean()


def negative_sampling_loss(true: Tensor, noise: Tensor) -> Tensor:
    """word2vec's: NCE without log k q, P = sigmoid(s) (Mikolov et al. 2013, equation 4).

    Its best scores are log p(w | h) / q(w) - log k, pointwise mutual information where q is the unigram: no language
    model (Levy and Goldberg 2014).
    """
    return -(logsigmoid(true) + logsigmoid(-noise).sum(1)).mean()


def ranking_loss(true: Tensor, noise: Tensor, log_q_true: Tensor, log_q_noise: Tensor) -> Tensor:
    """Which of 1 + k words is the text's? A softmax over s - log q: ranking NCE, or InfoNCE (Jozefowicz et al. 2016).

    At the best scores exp s = p c(h) with any c: Z is not 1. With futures for words it is CPC's loss.
    """
    weights = torch.cat([(true - log_q_true)[:, None], noise - log_q_noise], 1)
    return (weights.logsumexp(1) - weights[:, 0]).mean()
