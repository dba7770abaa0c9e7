"""Small grey pictures of digits side by side, and a map on which each embedded digit stands as its numeral."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from playground.figures.colours import QUALITATIVE

__all__ = ["CLASSES", "GREYS", "numerals", "squares", "tiled"]

Array = NDArray[np.floating[Any]]
CLASSES = (*QUALITATIVE[:6], "#2f74d0", "#b5485a", "#2f9e6e", "#7d7f95")  # one of each digit
GREYS = [[0.0, "#16131f"], [1.0, "#f4f2ec"]]


def tiled(pictures: Array, gap: int = 1) -> NDArray[np.float32]:
    """Pictures (rows, columns, h, w) as one, gaps between them not a number."""
    rows, columns, h, w = pictures.shape
    out = np.full((rows * (h + gap) - gap, columns * (w + gap) - gap), np.nan, dtype=np.float32)
    for i in range(rows):
        for j in range(columns):
            out[i * (h + gap) : i * (h + gap) + h, j * (w + gap) : j * (w + gap) + w] = pictures[i, j]
    return out


def squares(figure: go.Figure, z: Array, axis: str = "") -> None:
    """Make an axis pair of square cells without lines, as tall and wide as z, row 0 at the top."""
    h, w = z.shape
    figure.update_layout({
        f"xaxis{axis}": {"range": [-0.5, w - 0.5], "visible": False, "constrain": "domain"},
        f"yaxis{axis}": {"range": [h - 0.5, -0.5], "visible": False, "scaleanchor": f"x{axis}", "constrain": "domain"},
    })  # fmt: skip


def numerals(
    places: Array, labels: Sequence[int], *, words: Mapping[str, str], classes: Sequence[str] = ()
) -> go.Scatter:
    """A map (n, 2) as one trace of coloured numerals, or of what the classes are called."""
    return go.Scatter(
        x=places[:, 0], y=places[:, 1], mode="text", showlegend=False,
        text=[classes[one] if classes else str(one) for one in labels],
        textfont={"color": [CLASSES[one % len(CLASSES)] for one in labels], "size": 11},
        hovertemplate=words["digit"] + " %{text}<extra></extra>",
    )  # fmt: skip
