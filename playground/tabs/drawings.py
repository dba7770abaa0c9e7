"""A sketch pad's drawing as text: for a link, and for the Python panel."""

import base64
import binascii
import textwrap
import zlib

import numpy as np
from numpy.typing import NDArray

from playground.tabs.components.sketch_pad import SIDE

__all__ = ["IMPORTS", "lines", "pack", "unpack"]

LEVELS = 16  # of ink that a link keeps
IMPORTS = ["import base64", "import zlib", "import numpy as np"]  # of what `lines` says


def pack(drawing: NDArray[np.float32] | None) -> str:
    """A drawing (64, 64) in [0, 1] as text for a link, in 16 levels; "" for an empty one or none."""
    if drawing is None:
        return ""
    if drawing.shape != (SIDE, SIDE) or not np.isfinite(drawing).all():
        raise ValueError(f"a drawing must be ({SIDE}, {SIDE}) finite numbers, not {drawing.shape}")
    levels = np.rint(drawing.clip(0, 1) * (LEVELS - 1)).astype(np.uint8)
    return base64.urlsafe_b64encode(zlib.compress(levels.tobytes(), 9)).decode() if levels.any() else ""


def unpack(text: str) -> NDArray[np.float32]:
    """The drawing (64, 64) that `pack` wrote; an empty text is an empty drawing. Raises `ValueError`."""
    if not text:
        return np.zeros((SIDE, SIDE), dtype=np.float32)
    try:
        data = zlib.decompressobj().decompress(
            base64.urlsafe_b64decode(text), SIDE * SIDE + 1
        )  # no more than a drawing
    except (binascii.Error, zlib.error) as error:
        raise ValueError("the drawing in the link is damaged: copy the whole link") from error
    levels = np.frombuffer(data, dtype=np.uint8)
    if levels.size != SIDE * SIDE or levels.max() >= LEVELS:
        raise ValueError("the drawing in the link is damaged: copy the whole link")
    return levels.reshape(SIDE, SIDE).astype(np.float32) / np.float32(LEVELS - 1)


def lines(text: str) -> list[str]:
    """The lines of a program that make `drawing` (64, 64) from what `pack` wrote; they need `IMPORTS`."""
    return [
        "packed = (",
        *(f'    "{part}"' for part in textwrap.wrap(text, 96)),
        ")",
        "ink = np.frombuffer(zlib.decompress(base64.urlsafe_b64decode(packed)), dtype=np.uint8)",
        f"drawing = ink.reshape({SIDE}, {SIDE}).astype(np.float32) / {LEVELS - 1}",
    ]
