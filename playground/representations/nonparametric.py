"""Mutual information without a network: by a histogram, and by nearest neighbours."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["histogram_information", "ksg_information"]

Array = NDArray[np.float64]


def histogram_information(x: ArrayLike, y: ArrayLike, *, bins: int = 16, corrected: bool = True) -> float:
    """I of two samples (n,) in nats by `bins` equally filled classes each, `corrected` for the bias (Miller and Madow).

    A column of at most `bins` different values has a class for each.

    The plug-in estimate is too large by about (bins - 1)^2 / (2 n) where x and y are independent (Paninski 2003).
    Raises `ValueError` for constant or unequal samples, numbers that are not finite, and bins outside 2..1,024.
    """
    a, b = _columns(x, y)
    if a.shape[1] != 1 or b.shape[1] != 1:
        raise ValueError("a histogram needs x and y of one column each")
    if not 2 <= bins <= 1024:
        raise ValueError(f"bins must lie between 2 and 1,024, not {bins}")
    counts = np.histogram2d(a[:, 0], b[:, 0], [_edges(a[:, 0], bins), _edges(b[:, 0], bins)])[0]
    n = counts.sum()
    joint, rows, columns = counts / n, counts.sum(1) / n, counts.sum(0) / n
    seen = joint > 0
    value = float((joint[seen] * np.log(joint[seen] / np.outer(rows, columns)[seen])).sum())
    if corrected:  # of H(x) + H(y) - H(x, y)
        value += ((rows > 0).sum() - 1 + (columns > 0).sum() - 1 - (seen.sum() - 1)) / (2 * n)
    return value


def ksg_information(x: ArrayLike, y: ArrayLike, *, k: int = 3) -> float:
    """I of samples (n, d) and (n, e) in nats by the k-th neighbours (Kraskov, Stogbauer, Grassberger 2004, equation 8).

    Where the k-th neighbour lies at the point itself, as among whole numbers, all that do are counted instead, in the
    form of Gao et al., Estimating Mutual Information for Discrete-Continuous Mixtures, 2017, algorithm 1.

    psi(k) + psi(n) - <psi(n_x + 1) + psi(n_y + 1)>, n_x the points nearer in x than the k-th neighbour in (x, y), under
    the maximum norm. Each column is first scaled to variance 1. Raises `ValueError` for constant or unequal samples,
    numbers that are not finite, and k outside 1..n - 1.
    """
    from scipy.spatial import cKDTree  # type: ignore[import-untyped]
    from scipy.special import digamma  # type: ignore[import-untyped]

    a, b = (one / one.std(0) for one in _columns(x, y))
    n = len(a)
    if not 1 <= k < n:
        raise ValueError(f"k must lie between 1 and {n - 1}, not {k}")
    both = np.concatenate([a, b], 1)
    reach = cKDTree(both).query(both, k + 1, p=np.inf)[0][:, -1]
    tied = reach == 0
    near = np.where(tied, 0, np.nextafter(reach, 0))  # strictly nearer
    counts = (cKDTree(one).query_ball_point(one, near, p=np.inf, return_length=True) for one in (a, b))
    n_x, n_y = counts  # the point itself is counted, which is the + 1
    told = np.full(n, digamma(k) + digamma(n)) - digamma(n_x) - digamma(n_y)
    if tied.any():
        alike = cKDTree(both).query_ball_point(both[tied], 0, p=np.inf, return_length=True)
        told[tied] = digamma(alike) + np.log(n) - np.log(n_x[tied]) - np.log(n_y[tied])
    return float(told.mean())


def _edges(values: Array, bins: int) -> Array:
    different = np.unique(values)
    if len(different) <= bins:
        return np.concatenate([[-np.inf], (different[1:] + different[:-1]) / 2, [np.inf]])
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)))
    edges[-1] = np.nextafter(edges[-1], np.inf)
    return edges


def _columns(x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    out = []
    for name, values in (("x", x), ("y", y)):
        table = np.asarray(values, dtype=np.float64)
        table = table[:, None] if table.ndim == 1 else table
        if table.ndim != 2 or len(table) < 4:
            raise ValueError(f"{name} must have the shape (n,) or (n, d) with n >= 4, not {np.shape(values)}")
        if not np.isfinite(table).all():
            raise ValueError(f"{name} holds {int((~np.isfinite(table)).sum()):,} numbers that are not finite")
        if (table.std(0) == 0).any():
            raise ValueError(f"column {int(np.argmin(table.std(0)))} of {name} is constant: it shares no information")
        out.append(table)
    if len(out[0]) != len(out[1]):
        raise ValueError(f"x and y must be pairs, not {len(out[0]):,} and {len(out[1]):,}")
    return out[0], out[1]
