"""Drawn pictures in the Diffusion tab: what the denoiser took them for as the noise fell, and the pictures large."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from playground.figures.template import SEQUENTIAL, template

__all__ = ["WORDS", "pictures", "sheet"]

Array = NDArray[np.float32]
WORDS = {  # where the caller has none in another language
    "strip": "What the denoiser sees, noise falling",
    "drawn": "Drawn",
    "sigma": "noise level σ",
}
COLUMNS = 2  # of the large pictures


def pictures(
    labels: Sequence[int], strip: Array, sigmas: Sequence[float], x: Array, *, words: Mapping[str, str] = WORDS
) -> go.Figure:
    """Left the strip (k, n, side, side) at k noise levels, a row a picture; right the pictures x (n, side, side)."""
    k, n, side = len(strip), len(x), x.shape[-1]
    figure = make_subplots(
        cols=2,
        column_widths=[0.58, 0.42],
        horizontal_spacing=0.04,
        subplot_titles=(words["strip"], words["drawn"]),
    )
    cell = side + 1
    looks = sheet(strip.transpose(1, 0, 2, 3)) if k else np.full((n * cell - 1, cell - 1), np.nan, dtype=np.float32)
    lines = -(-n // COLUMNS)
    tiles = np.full((lines * COLUMNS, side, side), np.nan, dtype=np.float32)
    tiles[:n] = x
    large = sheet(tiles.reshape(lines, COLUMNS, side, side))
    for col, values in enumerate((looks, large), start=1):
        figure.add_trace(
            go.Heatmap(
                z=np.round(values.astype(np.float64), 3),
                zmin=-1,
                zmax=1,
                colorscale=SEQUENTIAL,
                showscale=False,
                hoverinfo="skip",
            ),
            row=1,
            col=col,
        )
    middle = (side - 1) / 2
    figure.update_yaxes(autorange="reversed", showgrid=False, constrain="domain", constraintoward="top")
    figure.update_xaxes(showgrid=False, constrain="domain", showticklabels=False, row=1, col=2)
    figure.update_yaxes(scaleanchor="x2", showticklabels=False, row=1, col=2)
    figure.update_xaxes(
        showgrid=False,
        constrain="domain",
        tickvals=[middle + cell * i for i in range(k)],
        ticktext=[_level(sigma) for sigma in sigmas],
        tickangle=0,
        tickfont={"size": 11},
        title={"text": words["sigma"]},
        row=1,
        col=1,
    )
    figure.update_yaxes(
        scaleanchor="x",
        tickvals=[middle + cell * i for i in range(n)],
        ticktext=[str(label) for label in labels],
        row=1,
        col=1,
    )
    titles = [note.to_plotly_json() for note in figure.layout.annotations]
    spots = ((0.5, 1.0), (0.5, 0.435))
    notes = [{**title, "x": at[0], "y": at[1]} for title, at in zip(titles, spots, strict=True)]
    narrow = {
        "xaxis": {"domain": [0, 1]},
        "yaxis": {"domain": [0.55, 1]},
        "xaxis2": {"domain": [0, 1]},
        "yaxis2": {"domain": [0, 0.43]},
        "annotations": notes,
    }
    figure.update_layout(
        template=template(),
        height=520,
        margin={"t": 36, "b": 40, "l": 28, "r": 8},
        meta={"narrow": narrow},
    )
    return figure


def _level(sigma: float) -> str:
    """Short enough to stand under a small picture."""
    if sigma < 10:
        return f"{sigma:.2g}"
    return f"{sigma:.0f}" if sigma < 1e4 else f"{sigma:.0e}".replace("e+0", "e")


def sheet(tiles: Array) -> Array:
    """Pictures (rows, columns, side, side) as one, a pixel of nothing between them."""
    rows, columns, side, _ = tiles.shape
    cells = np.full((rows, columns, side + 1, side + 1), np.nan, dtype=np.float32)
    cells[:, :, :side, :side] = tiles
    return cells.transpose(0, 2, 1, 3).reshape(rows * (side + 1), columns * (side + 1))[:-1, :-1]
