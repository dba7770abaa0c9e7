"""Lower bounds of mutual information, and near bounds, from a matrix of scores T[i, j] = T(x_i, y_j).

The diagonal holds pairs of the joint distribution, all else pairs of the product of the marginals. Values in nats.
Poole et al., On Variational Bounds of Mutual Information, 2019, is the map of them all.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

__all__ = ["donsker_varadhan", "info_nce", "jensen_shannon", "log_mean_apart", "mine", "nwj", "smile"]


def info_nce(scores: Tensor) -> Tensor:
    """E[T(x_i, y_i) - log 1/N sum_j exp T(x_i, y_j)]: never more than log N (van den Oord et al. 2018, section 2.3)."""
    scores = _square(scores)
    return (scores.diagonal() - scores.logsumexp(1)).mean() + math.log(len(scores))


def donsker_varadhan(scores: Tensor) -> Tensor:
    """E_p[T] - log E_q[exp T] (Donsker and Varadhan 1983), the product's mean over the pairs off the diagonal."""
    return _square(scores).diagonal().mean() - log_mean_apart(scores)


def nwj(scores: Tensor) -> Tensor:
    """E_p[T] - E_q[exp(T - 1)]; the best T is 1 + log p / q (Nguyen, Wainwright and Jordan 2010)."""
    return _square(scores).diagonal().mean() - (log_mean_apart(scores) - 1).exp()


def jensen_shannon(scores: Tensor) -> Tensor:
    """-E_p[softplus(-T)] - E_q[softplus(T)]; the best T is log p / q. No information itself: read it by `nwj` at T + 1.

    Nowozin et al., f-GAN, 2016; Hjelm et al., Deep InfoMax, 2019, equation 4.
    """
    apart = softplus(_apart(scores)).sum() / (len(scores) * (len(scores) - 1))  # softplus(-inf) = 0
    return -softplus(-_square(scores).diagonal()).mean() - apart


def smile(scores: Tensor, *, clip: float = 5.0) -> Tensor:
    """Donsker and Varadhan's value with exp T clipped to [exp -clip, exp clip] in the second term; no bound.

    Song and Ermon, Understanding the Limitations of Variational Mutual Information Estimators, 2020, section 5.
    """
    return _square(scores).diagonal().mean() - log_mean_apart(scores.clamp(-clip, clip))


def mine(scores: Tensor, log_average: Tensor | None, *, rate: float = 0.01) -> tuple[Tensor, Tensor]:
    """An objective whose gradient is Donsker and Varadhan's with the denominator E_q[exp T] a running average.

    Of a batch alone that gradient is biased (Belghazi et al., MINE, 2018, section 3.2). `log_average` is the logarithm
    of the average so far, None before the first batch; the new one is the second result.
    """
    now = log_mean_apart(scores)
    with torch.no_grad():
        if log_average is None:
            log_average = now.detach()
        else:
            log_average = torch.logaddexp(log_average + math.log1p(-rate), now.detach() + math.log(rate))
    return _square(scores).diagonal().mean() - (now - log_average).exp(), log_average


def log_mean_apart(scores: Tensor) -> Tensor:
    """Log of the mean of exp T over the N (N - 1) pairs off the diagonal."""
    n = len(scores)
    return _apart(scores).logsumexp((0, 1)) - math.log(n * (n - 1))


def _apart(scores: Tensor) -> Tensor:
    """The scores with -inf on the diagonal: masked before any sum of exponentials."""
    return _square(scores).masked_fill(torch.eye(len(scores), dtype=torch.bool, device=scores.device), -math.inf)


def _square(scores: Tensor) -> Tensor:
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1] or len(scores) < 2:
        raise ValueError(f"scores must have the shape (n, n) with n >= 2, not {tuple(scores.shape)}")
    return scores
