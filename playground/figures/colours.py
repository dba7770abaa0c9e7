"""The app's colours: one sequential map for densities, a few for series; made uniform in OKLab (Ottosson 2020)."""

import base64
from functools import lru_cache

import numpy as np

__all__ = ["INK", "QUALITATIVE", "SEQUENTIAL_ANCHORS", "hexes", "lut", "lut_base64"]

# From ink over violet and coral to cream: light on dark, so that little mass shows little light, on any page.
SEQUENTIAL_ANCHORS = ("#0d0a20", "#2b1a66", "#5f2aa8", "#a33fae", "#e0588f", "#f98c6c", "#fdc274", "#fff6c2")
INK = SEQUENTIAL_ANCHORS[0]
# Told apart in both modes and by colour-blind eyes: neighbours differ in lightness too (contrast 3:1 on both grounds).
QUALITATIVE = ("#7c5cf0", "#e2683c", "#1a9aa8", "#d0489a", "#a07c12", "#5b8f3a", "#7d7f95")

# sRGB (linear) -> LMS -> OKLab, https://bottosson.github.io/posts/oklab
_LMS = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                 [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
_LAB = np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                 [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip


def to_oklab(rgb: np.ndarray) -> np.ndarray:
    """sRGB (..., 3) in [0, 1] as OKLab (..., 3)."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _LMS.T) @ _LAB.T


def from_oklab(lab: np.ndarray) -> np.ndarray:
    """OKLab (..., 3) as sRGB (..., 3), clipped to [0, 1]."""
    linear = ((lab @ np.linalg.inv(_LAB).T) ** 3 @ np.linalg.inv(_LMS).T).clip(0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@lru_cache(maxsize=1)
def lut() -> np.ndarray:
    """The sequential map, (256, 3) uint8, dark to light: equal steps of it are equal distances in OKLab."""
    anchors = to_oklab(np.array([[int(h[i : i + 2], 16) / 255 for i in (1, 3, 5)] for h in SEQUENTIAL_ANCHORS]))
    knots = np.linspace(0, 1, len(anchors))
    fine = np.linspace(0, 1, 4096)
    path = np.stack([np.interp(fine, knots, anchors[:, c]) for c in range(3)], axis=1)
    path = _smooth(path, 301)  # round the corners at the anchors, or bands would show there
    length = np.concatenate([[0.0], np.linalg.norm(np.diff(path, axis=0), axis=1).cumsum()])
    even = np.linspace(0, length[-1], 256)
    table = np.stack([np.interp(even, length, path[:, c]) for c in range(3)], axis=1)
    return np.rint(from_oklab(table) * 255).astype(np.uint8)


def lut_base64() -> str:
    """The 768 bytes of `lut`, for the browser."""
    return base64.b64encode(lut().tobytes()).decode()


def hexes(n: int = 16) -> list[str]:
    """`n` evenly spaced colours of the sequential map as #rrggbb, dark to light."""
    if n < 2:
        raise ValueError(f"n={n} must be at least 2")
    return ["#{:02x}{:02x}{:02x}".format(*row) for row in lut()[np.rint(np.linspace(0, 255, n)).astype(int)].tolist()]


def _smooth(path: np.ndarray, width: int) -> np.ndarray:
    """A moving average along axis 0 that keeps both ends, by odd reflection."""
    half = width // 2
    before, after = 2 * path[0] - path[half:0:-1], 2 * path[-1] - path[-2 : -half - 2 : -1]
    padded = np.concatenate([before, path, after]).cumsum(axis=0)
    padded = np.concatenate([np.zeros((1, path.shape[1])), padded])
    return (padded[width:] - padded[:-width]) / width
