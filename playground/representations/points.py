"""A batch as points in the plane that go down a contrastive loss, to watch what pulls and what pushes.

Margin: Hadsell, Chopra and LeCun 2006, in the free plane. NT-Xent: Chen et al. 2020, on the circle; the weights of its
negatives: Wang and Liu, Understanding the Behaviour of Contrastive Loss, 2021, equation 6.
"""

import math
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from playground.representations.margin import margin_loss
from playground.representations.nt_xent import alignment, nt_xent, uniformity

__all__ = ["LOSSES", "Batch", "Step", "batch_of", "descend", "hardness"]

LOSSES = ("margin", "nt_xent")
CLEARLY = 0.98  # of the margin: who comes up to it from below never quite arrives
SPREAD = 0.55  # standard deviation of the places at the start
Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Batch:
    """n pairs as 2n points: rows i and i + n of `start` (2n, 2) are two views of a thing of the class `label` (2n,)."""

    start: Tensor
    label: Tensor


@dataclass(frozen=True, eq=False)
class Step:
    """The points before a step and what the loss does to them."""

    number: int
    at: Array  # (2n, 2)
    push: Array  # (2n, 2), 2n times the gradient downhill: what a step goes along
    loss: float
    active: float  # margin: different pairs clearly nearer; NT-Xent: negatives that count, exp of the entropy of shares
    similar: float  # mean distance of similar pairs
    dissimilar: float  # mean distance of all others
    alignment: float  # of the two views' directions
    uniformity: float  # of all directions
    hardness: Array | None  # (2n, 2n), NT-Xent: each negative's share of the push on a point


def batch_of(pairs: int = 8, classes: int = 3, *, seed: int = 0) -> Batch:
    """Pairs of points (2n, 2) at random places; pair i is of the class i mod `classes`.

    Raises `ValueError` for pairs outside 2..64 and classes outside 1 to the number of pairs.
    """
    if not 2 <= pairs <= 64:
        raise ValueError(f"pairs must lie between 2 and 64, not {pairs}")
    if classes < 1:
        raise ValueError(f"classes must be at least 1, not {classes}")
    if classes > pairs:
        raise ValueError(f"{classes} classes are more than the {pairs} pairs: choose fewer classes or more pairs")
    start = SPREAD * torch.randn(2 * pairs, 2, generator=torch.Generator().manual_seed(seed))
    return Batch(start, torch.arange(pairs).remainder(classes).repeat(2))


def hardness(at: Tensor, *, temperature: float) -> Tensor:
    """Each negative's share (2n, 2n) of the push on a point: softmax of similarity / temperature over its negatives.

    A row is a point; 0 for itself and for its partner, the rest sums to 1.
    """
    z, n = normalize(at, dim=1), len(at) // 2
    own = torch.eye(2 * n, dtype=torch.bool)
    return (z @ z.T / temperature).masked_fill(own | own.roll(n, 0), -math.inf).softmax(1)


def descend(
    batch: Batch,
    loss: str = "margin",
    *,
    margin: float = 1.0,
    temperature: float = 0.5,
    rate: float = 0.1,
    steps: int = 60,
) -> Generator[Step]:
    """Gradient descent of the points themselves; yields each step and, last, where the points end.

    "margin" pulls together what is of one class in the free plane; "nt_xent" only the two views of a pair, after each
    step put back on the circle, and it pushes all else away, of the same class too. A step is `rate` times `push`.
    Raises `ValueError` for an unknown loss and settings out of range.
    """
    if loss not in LOSSES:
        raise ValueError(f"no loss is called {loss!r}; choose one of {', '.join(LOSSES)}")
    for name, value, low, high in (
        ("margin", margin, 0.01, 10.0), ("temperature", temperature, 0.01, 10.0), ("rate", rate, 0.0, 10.0),
    ):  # fmt: skip
        if not low <= value <= high:
            raise ValueError(f"{name} must lie between {low:g} and {high:g}, not {value}")
    if not 1 <= steps <= 10_000:
        raise ValueError(f"steps must lie between 1 and 10,000, not {steps}")
    return _descend(batch, loss, margin, temperature, rate, steps)


def _descend(batch: Batch, loss: str, margin: float, temperature: float, rate: float, steps: int) -> Generator[Step]:
    n = len(batch.start) // 2
    i, j = torch.triu_indices(2 * n, 2 * n, 1)
    same = batch.label[i] == batch.label[j] if loss == "margin" else j - i == n
    at = batch.start if loss == "margin" else normalize(batch.start, dim=1)
    for number in range(steps + 1):
        leaf = at.clone().requires_grad_()
        with torch.enable_grad():
            if loss == "margin":
                value = margin_loss(leaf[i], leaf[j], same, margin=margin)
            else:
                value = nt_xent(leaf[:n], leaf[n:], temperature=temperature)
            (gradient,) = torch.autograd.grad(value, leaf)
        push = -2 * n * gradient
        d = (at[i] - at[j]).square().sum(1).sqrt()
        shares = None
        if loss == "margin":
            active = float((~same & (d < CLEARLY * margin)).sum())
        else:
            shares = hardness(at, temperature=temperature)
            active = float(torch.special.entr(shares).sum(1).exp().mean())
        yield Step(
            number, at.numpy().copy(), push.numpy().copy(), value.item(), active, _mean(d[same]), _mean(d[~same]),
            float(alignment(at[:n], at[n:])), float(uniformity(at)),
            None if shares is None else shares.numpy(),
        )  # fmt: skip
        at = at + rate * push
        if loss == "nt_xent":
            at = normalize(at, dim=1)


def _mean(values: Tensor) -> float:
    return float(values.mean()) if len(values) else math.nan
