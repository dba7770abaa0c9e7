"""How straight the paths of a flow are, how often they cross, and how far from optimal transport they go."""

import math

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["crossings", "path_energy", "path_length_ratio", "straightness"]


def straightness(paths: Tensor) -> float:
    """S = integral over t of E |(Z1 - Z0) - dZ/dt|^2 of paths (k + 1, n, d) in equal steps of t; 0 if all are straight.

    Liu, Gong and Liu, Flow Straight and Fast, 2023, equation 4; in squared units of the data.
    """
    steps = len(paths) - 1
    velocity = paths.diff(dim=0) * steps
    chord = paths[-1] - paths[0]
    return float((chord - velocity).square().sum(-1).mean())


def path_length_ratio(paths: Tensor) -> float:
    """Mean length of paths (k + 1, n, d) over that of their chords; 1 if all are straight, NaN if none moves."""
    length = paths.diff(dim=0).norm(dim=-1).sum(0).mean()
    return float(length / (paths[-1] - paths[0]).norm(dim=-1).mean())


def path_energy(paths: Tensor, distance: float) -> float:
    """Normalised path energy |integral of E |v|^2 dt - W2^2| / W2^2 of paths (k + 1, n, d); 0 for optimal transport.

    Tong et al. 2024, section 5.1. `distance` is W2 between the ends; `coupling.wasserstein(paths[0], paths[-1])`. NaN
    where nothing moves.
    """
    if distance == 0:
        return math.nan
    steps = len(paths) - 1
    energy = float((paths.diff(dim=0) * steps).square().sum(-1).mean())
    return abs(energy - distance**2) / distance**2


def crossings(start: Tensor, end: Tensor) -> NDArray[np.int64]:
    """For each of n straight segments from start to end (n, 2) how many of the others it crosses in the plane.

    Segments that only touch do not cross. The number of crossing pairs is half the sum.
    """
    a, b = start.double().cpu().numpy(), end.double().cpu().numpy()
    p, q = a[:, None], b[:, None]  # segment i against the ends of j
    sides = _side(p, q, a[None]) * _side(p, q, b[None]) < 0  # j's ends lie on both sides of i's line
    return np.asarray((sides & sides.T).sum(1), dtype=np.int64)


def _side(p: NDArray[np.float64], q: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Twice the signed area of p, q, x."""
    return (q[..., 0] - p[..., 0]) * (x[..., 1] - p[..., 1]) - (q[..., 1] - p[..., 1]) * (x[..., 0] - p[..., 0])
