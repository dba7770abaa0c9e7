"""What a critic has learned, as a picture: its log p(x, y) / p(x) p(y) on a grid, beside the true one."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from playground.representations.pairs import Pairs

__all__ = ["READ_OFF", "Ratio", "learned_ratio"]

CHUNK = 64  # rows of x scored at once: a critic of both holds a hidden layer for every pair
EDGE = 0.01  # of the sample lies beyond each side of the grid
Array = NDArray[np.float32]

# What is left of scores T (n, m), given those against m values of y of the product for the same x (n, m) and for x of
# the product (k, m): the optimum of each objective is the log ratio up to what is taken away here (Poole et al. 2019).
Read = Callable[[Tensor, Tensor, Tensor], Tensor]
READ_OFF: Mapping[str, Read] = {
    "info_nce": lambda t, same_x, _: t - _log_mean(same_x, 1)[:, None],  # free up to any function of x
    "nwj": lambda t, *_: t - 1,
    "jsd": lambda t, *_: t,
    "mine": lambda t, _, product: t - _log_mean(product, (0, 1)),  # free up to a constant
    "smile": lambda t, *_: t,  # trained as jsd is
}


@dataclass(frozen=True, eq=False)
class Ratio:
    """A critic's log density ratio over x (n,) and y (n,), and how far from the truth it is where the pairs are."""

    x: Array
    y: Array
    learned: Array  # (n, n) nats, a row an x
    true: Array  # (n, n) nats
    correlation: float  # with the true ratio over pairs of the joint distribution; NaN where that one does not vary
    rms: float  # nats, over the same pairs


def learned_ratio(
    critic: nn.Module, name: str, pairs: Pairs, *, cells: int = 41, points: int = 512, seed: int = 0
) -> Ratio:
    """The log ratio that a critic has learned by an estimator of `READ_OFF`, on the middle 98 % of x and of y.

    What the objective leaves free is taken away first, by `points` fresh values of y. Raises `ValueError` for an
    unknown estimator, pairs of more than one dimension, and pairs whose ratio is not known in closed form.
    """
    if name not in READ_OFF:
        raise ValueError(f"no estimator is called {name!r}; choose one of {', '.join(READ_OFF)}")
    if pairs.log_ratio is None or pairs.dims != (1, 1):
        raise ValueError(f"the log ratio of the pairs {pairs.name!r} in {pairs.dim} dimensions cannot be drawn")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        x, y = pairs.sample(points, generator)
        other_y = pairs.sample(points, generator)[1]
        product, off = _scores(critic, x, other_y), READ_OFF[name]
        axes = [torch.linspace(*_middle(one), cells)[:, None] for one in (x, torch.cat([y, other_y]))]
        learned = off(_scores(critic, *axes), _scores(critic, axes[0], other_y), product)
        true = pairs.log_ratio(axes[0][:, None].expand(-1, cells, -1), axes[1][None].expand(cells, -1, -1))
        told = _scores(critic, x, y).diagonal()[:, None]
        at = off(told, product, product)[:, 0]
        wanted = pairs.log_ratio(x, y)
    varies = bool(wanted.std() > 1e-6 and at.std() > 1e-6)
    alike = float(torch.corrcoef(torch.stack([at, wanted]))[0, 1]) if varies else math.nan
    flat = [one[:, 0].numpy() for one in axes]
    rms = float((at - wanted).square().mean().sqrt())
    return Ratio(flat[0], flat[1], learned.numpy(), true.numpy(), alike, rms)


def _scores(critic: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return torch.cat([critic(part, y) for part in x.split(CHUNK)])


def _log_mean(scores: Tensor, dims: int | tuple[int, ...]) -> Tensor:
    count = math.prod(scores.shape[d] for d in (dims if isinstance(dims, tuple) else (dims,)))
    return scores.logsumexp(dims) - math.log(count)


def _middle(values: Tensor) -> tuple[float, float]:
    low, high = values.quantile(torch.tensor([EDGE, 1 - EDGE])).tolist()
    return low, high
