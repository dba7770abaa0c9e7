"""A pad's drawing or painting as text: for a link, and for the Python panel."""

import base64
import binascii
import textwrap
import zlib

import numpy as np
from numpy.typing import NDArray

from playground.tabs.components.paint_pad import GROUND, Ground, bare
from playground.tabs.components.sketch_pad import SIDE

__all__ = ["IMPORTS", "lines", "pack", "pack_paint", "unpack", "unpack_paint"]

LEVELS = 16  # of ink, or of red, green and blue where colours mix, that a link keeps
STEP = 255 // (LEVELS - 1)  # between two levels as bytes
EXACT = 15  # colours of a painting that a link keeps as they are
MIXED = 255  # what a packed painting says of a cell in none of these
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


def pack_paint(painting: NDArray[np.uint8] | None, *, ground: Ground = GROUND) -> str:
    """A painting (64, 64, 3) over a ground as text for a link; "" where it shows the ground alone, or for none.

    The ground and the 15 most common colours stay as they are, what else there is, the edges, has 4 bits a channel.
    """
    if painting is None:
        return ""
    if painting.shape != (SIDE, SIDE, 3) or painting.dtype != np.uint8:
        raise ValueError(f"a painting must be ({SIDE}, {SIDE}, 3) bytes, not {painting.shape} {painting.dtype}")
    painted = (painting != bare(ground)).any(axis=2)
    if not painted.any():
        return ""
    colours, which, counts = np.unique(painting[painted], axis=0, return_inverse=True, return_counts=True)
    counts[(colours % STEP == 0).all(axis=1)] = 0  # a level already: so packing what was unpacked gives the same text
    common = np.argsort(-counts, kind="stable")[: min(EXACT, np.count_nonzero(counts))]
    codes = np.full(len(colours), MIXED, dtype=np.uint8)
    codes[common] = 1 + np.arange(len(common))
    cells = np.zeros((SIDE, SIDE), dtype=np.uint8)  # 0 = ground, 1 to 15 = one of these colours
    cells[painted] = codes[which.ravel()]
    levels = np.rint(painting[cells == MIXED] / STEP).astype(np.uint8)
    data = bytes([len(common)]) + colours[common].tobytes() + cells.tobytes() + levels.tobytes()
    return base64.urlsafe_b64encode(zlib.compress(data, 9)).decode()


def unpack_paint(text: str, *, ground: Ground = GROUND) -> NDArray[np.uint8] | None:
    """The painting (64, 64, 3) that `pack_paint` wrote over the same ground; None for "". Raises `ValueError`."""
    if not text:
        return None
    most = 1 + 3 * EXACT + 4 * SIDE * SIDE
    try:
        packed = zlib.decompressobj()
        data = np.frombuffer(packed.decompress(base64.urlsafe_b64decode(text), most + 1), dtype=np.uint8)
    except (ValueError, zlib.error) as error:
        raise ValueError("the drawing in the link is damaged: copy the whole link") from error
    count = int(data[0]) if data.size else 0
    start, end = 1 + 3 * count, 1 + 3 * count + SIDE * SIDE
    cells, levels = data[start:end], data[end:]
    mixed = cells == MIXED
    if (
        not packed.eof
        or count > EXACT
        or cells.size != SIDE * SIDE
        or levels.size != 3 * mixed.sum()
        or (cells[~mixed] > count).any()
        or (levels >= LEVELS).any()
    ):
        raise ValueError("the drawing in the link is damaged: copy the whole link")
    painting = bare(ground).reshape(-1, 3)
    plain = (cells > 0) & ~mixed
    painting[plain] = data[1:start].reshape(-1, 3)[cells[plain] - 1]
    painting[mixed] = levels.reshape(-1, 3) * STEP
    return painting.reshape(SIDE, SIDE, 3)
