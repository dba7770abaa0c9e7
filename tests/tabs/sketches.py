"""What a visitor draws: ink on the pad for points, paint on the pad for pictures."""

import numpy as np

from playground.tabs.components.paint_pad import bare
from playground.tabs.drawings import pack_paint


def drawing() -> np.ndarray:
    """A cross (64, 64), one of its bars paler."""
    ink = np.zeros((64, 64), dtype=np.float32)
    ink[20:44, 30:34] = 1
    ink[30:34, 20:44] = 0.6
    return ink


def painting() -> str:
    """A red square, packed as a link has it."""
    picture = bare(("#c9ccd3", "#a3a3a6")).copy()
    picture[20:40, 20:40] = (214, 58, 58)
    return pack_paint(picture)
