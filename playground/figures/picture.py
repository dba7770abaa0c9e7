"""A still picture of a density, what a flow made of it, and its samples, side by side as PNG."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from playground.figures.colours import lut

__all__ = ["panels_png", "shades"]

SIDE, GAP = 600, 24  # pixels

Array = NDArray[np.float32]


def shades(log_p: Array, log_max: float) -> NDArray[np.floating[Any]]:
    """A log-density as the shade of its colour in [0, 1]: the cube root of p / p_max, as the Stage shows it."""
    return np.exp(np.minimum(np.asarray(log_p, dtype=np.float64) - log_max, 0) / 3)


def panels_png(truth: Array, learned: Array, points: Array, *, extent: float) -> bytes:
    """Log-densities (n, n) in nats, row 0 on top, in one scale, and points (m, 2); a PNG of three squares."""
    log_max = float(truth.max())
    parts = [_field(shades(truth, log_max)), _field(shades(learned, log_max)), _points(points, extent)]
    width = len(parts) * SIDE + (len(parts) + 1) * GAP
    canvas = np.full((SIDE + 2 * GAP, width, 3), 255, dtype=np.uint8)
    for i, part in enumerate(parts):
        left = GAP + i * (SIDE + GAP)
        canvas[GAP : GAP + SIDE, left : left + SIDE] = part
    out = io.BytesIO()
    Image.fromarray(canvas).save(out, "PNG", optimize=True)
    return out.getvalue()


def _field(shade: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    colours = lut()[np.rint(np.nan_to_num(shade) * 255).astype(int)]
    return np.asarray(Image.fromarray(colours).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def _points(points: Array, extent: float) -> NDArray[np.uint8]:
    counts = np.histogram2d(-points[:, 1], points[:, 0], bins=SIDE // 2, range=[[-extent, extent]] * 2)[0]
    return _field(np.kron(np.minimum(counts, 3) / 3 * 0.85, np.ones((2, 2))))
