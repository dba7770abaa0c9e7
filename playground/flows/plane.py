"""What the densities of the plane share: checks of sizes and points, and two quadrature rules."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

__all__ = [
    "MAX_SAMPLES",
    "check_between",
    "check_count",
    "check_points",
    "gauss_legendre",
    "generator",
    "lattice_entropy",
]

MAX_SAMPLES = 1_000_000
NODES = 16  # of one panel; see `gauss_legendre`
REACH = 8.0  # standard deviations; a Gaussian of the plane keeps e^-32 of its mass beyond


def generator(seed: int) -> torch.Generator:
    """A source of random numbers that starts at `seed`."""
    return torch.Generator().manual_seed(seed)


def check_between(what: str, value: float, low: float, high: float) -> None:
    """Raise `ValueError` unless low <= value <= high; NaN never is."""
    if not low <= value <= high:
        raise ValueError(f"{what} must lie between {low:,} and {high:,}, not {value}")


def check_count(n: int) -> None:
    """Raise `ValueError` unless n points may be drawn at once."""
    check_between("the number of samples", n, 1, MAX_SAMPLES)


def check_points(x: Tensor) -> None:
    """Raise `ValueError` unless x is (n, 2), float32 or float64."""
    if x.ndim != 2 or x.shape[1] != 2 or x.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"points must be (n, 2) of float32 or float64, not {tuple(x.shape)} of {x.dtype}")


def gauss_legendre(edges: Tensor) -> tuple[Tensor, Tensor]:
    """Nodes and weights (16 m,) of the Gauss-Legendre rule on each of the m panels between m + 1 rising edges.

    A Gaussian six standard deviations long is integrated over one panel to about 1e-12.
    """
    nodes, weights = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(NODES))
    half = edges.diff()[:, None] / 2
    return (edges[:-1, None] + half * (1 + nodes)).flatten(), (half * weights).flatten()


def lattice_entropy(log_prob: Callable[[Tensor], Tensor], centres: Tensor, width: float, step: float) -> float:
    """Entropy in nats of a density made of Gaussians at centres (k, 2), none wider than `width`, by the trapezoid rule.

    On a square lattice the rule converges geometrically (Trefethen and Weideman, 2014): a `step` of 0.4 times the
    narrowest standard deviation leaves about 1e-7. Only lattice points within 8 widths of a centre are visited, so a
    far outlier costs its own neighbourhood and no more.
    """
    reach = int(np.ceil(REACH * width / step))
    side = torch.arange(-reach, reach + 1)
    disc = torch.cartesian_prod(side, side)
    disc = disc[disc.square().sum(1) <= reach**2]
    stride = 1 << 30  # a lattice point is one integer, which sorts faster than a row of two
    keys = torch.unique((centres / step).round().long() @ torch.tensor([stride, 1]))
    keys = torch.unique(keys[:, None] + disc @ torch.tensor([stride, 1]))
    rows = torch.div(keys + stride // 2, stride, rounding_mode="floor")
    log_p = log_prob(torch.stack([rows, keys - rows * stride], dim=1).double() * step)
    return -float(torch.special.xlogy(log_p.exp(), log_p.exp()).sum()) * step**2
