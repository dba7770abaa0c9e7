"""Embeddings in the plane: their two widest directions, turned as the picture before was, so that nothing jumps."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["plane_of"]

Array = NDArray[np.floating]


def plane_of(x: Array, like: Array | None = None) -> NDArray[np.float32]:
    """The first two principal components (n, 2) of rows (n, d), each with variance 1 in all; deterministic in sign.

    `like` (n, 2) are the same rows' places before: the new ones are turned onto them (orthogonal Procrustes,
    Schonemann 1966). Raises `ValueError` for fewer than three rows and for numbers that are not finite.
    """
    if x.ndim != 2 or len(x) < 3:
        raise ValueError(f"rows must be (n, d) with n >= 3, not {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError("the embeddings hold numbers that are not finite")
    centred = np.asarray(x - x.mean(0), dtype=np.float64)
    u, s, vt = np.linalg.svd(centred, full_matrices=False)
    u, s, vt = u[:, :2], s[:2], vt[:2]
    if len(s) < 2:  # a single column
        u, s = np.pad(u, ((0, 0), (0, 1))), np.pad(s, (0, 1))
    else:
        sign = np.sign(vt[np.arange(2), np.abs(vt).argmax(1)])
        u = u * sign
    y = u * s
    y /= np.sqrt((y**2).sum(1).mean()) or 1.0
    if like is not None:
        left, _, right = np.linalg.svd(y.T @ (like - like.mean(0)))
        y = y @ (left @ right)
    return y.astype(np.float32)
