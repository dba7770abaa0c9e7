"""What noise-contrastive estimation finds with k noise words, beside maximum likelihood's answer, from the same counts.

Gutmann and Hyvarinen 2012: the larger k, the less NCE adds to the error that the data leave anyway (section 3).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Approach", "approach", "nce_estimate"]


@dataclass(frozen=True)
class Approach:
    """How far NCE's estimates with k noise words a true one lie from maximum likelihood's, over several draws of noise.

    `gap` is the root mean square of log p_NCE(w) - log p_ML(w) over the words, w by how often it occurs; nats.
    """

    k: int
    gap: float
    log_z: float  # root mean square of log sum_w exp s(w): the softmax has 0 by construction
    multiply_adds: int  # scores a true word: 1 + k, where the softmax has one for each of the vocabulary


def nce_estimate(counts: Tensor, noise: Tensor, log_q: Tensor) -> Tensor:
    """The scores s (v,) that minimise NCE's loss for words seen `counts` (v,) times and noise drawn `noise` (v,) times.

    With one free score a word the derivative, counts sigmoid(-x) = noise sigmoid(x) at x = s - log k q, has the zero
    x = log counts / noise, k = sum noise / sum counts. A word that was never drawn has none: infinite.
    """
    k = noise.sum() / counts.sum()
    return (counts / noise).log() + k.log() + log_q


def approach(
    counts: Sequence[int], *, ks: Sequence[int] = (1, 2, 5, 10, 25, 50, 100, 200), draws: int = 50, seed: int = 0
) -> list[Approach]:
    """NCE's estimate for words seen so often, by noise of their own frequencies, at each k; the same draws add up.

    Raises `ValueError` for fewer than two words, for a count below 1 and for a k below 1.
    """
    if len(counts) < 2 or min(counts) < 1:
        raise ValueError("counts must be two or more, each at least 1")
    if min(ks) < 1 or draws < 1:
        raise ValueError(f"k and draws must be at least 1, not {min(ks)} and {draws}")
    seen = torch.tensor(counts, dtype=torch.float64)
    total, p = int(seen.sum()), seen / seen.sum()
    generator = torch.Generator().manual_seed(seed)
    found = []
    for k in sorted(ks):
        gaps, zs = [], []
        for _ in range(draws):
            drawn = torch.multinomial(p, k * total, replacement=True, generator=generator)
            noise = torch.bincount(drawn, minlength=len(p)).double().clamp(min=0.5)  # half a draw for none: finite
            s = nce_estimate(seen, noise, p.log())
            z = s.logsumexp(0)
            gaps.append((p * (s - z - p.log()).square()).sum())
            zs.append(z.square())
        gap, log_z = (math.sqrt(float(torch.stack(one).mean())) for one in (gaps, zs))
        found.append(Approach(k, gap, log_z, 1 + k))
    return found
