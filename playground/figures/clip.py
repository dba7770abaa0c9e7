"""Figures of the CLIP tab: bars of labels, templates one by one, where it looks, similarities, a map of both worlds."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from PIL import Image
from plotly.subplots import make_subplots

from playground.figures.colours import QUALITATIVE
from playground.figures.template import GRID, SEQUENTIAL, template

__all__ = ["WORDS", "bars", "confusion", "explanation", "map3d", "similarities", "templates"]

Array = NDArray[np.float64]
WORDS = {  # where the caller has none in another language
    "softmax": "probability among these", "independent": "probability on its own", "cosine": "cosine",
    "none": "none of these", "template": "template", "looks": "Where it looks", "words": "Which words count",
    "relevance": "relevance", "pictures": "pictures", "texts": "texts", "folder": "folder", "given": "label given",
}  # fmt: skip
ROW, MOST_BARS = 30, 20  # pixels a bar; bars at most, the best ones


def bars(
    labels: Sequence[str], values: Array, kind: str, *, none: float | None = None, words: Mapping[str, str] = WORDS
) -> go.Figure:
    """Horizontal bars, the best on top: `values` (k,) of a kind "softmax", "independent" or "cosine".

    `none` is the value of 'none of these': one more bar, or for cosines a line that a label must pass.
    """
    names, heights = [*labels], [float(v) for v in values]
    colours = [QUALITATIVE[0]] * len(names)
    if none is not None and kind == "softmax":
        names, heights, colours = [*names, words["none"]], [*heights, none], [*colours, QUALITATIVE[6]]
    order = sorted(range(len(names)), key=heights.__getitem__, reverse=True)[:MOST_BARS]
    form = "{:.3f}" if kind == "cosine" else "{:.1%}"
    figure = go.Figure(
        go.Bar(
            x=[heights[i] for i in order],
            y=list(range(len(order))),
            orientation="h",
            marker={"color": [colours[i] for i in order], "opacity": [1.0] + [0.62] * (len(order) - 1)},
            text=[form.format(heights[i]) for i in order],
            textposition="outside",
            cliponaxis=False,
            hovertext=[names[i] for i in order],
            hovertemplate="%{hovertext}: %{text}<extra></extra>",
        ),
        layout={"template": template(), "title": {"text": words[kind]}, "bargap": 0.22, "showlegend": False},
    )
    low = min(0.0, *heights) if kind == "cosine" else 0.0
    top = max([*heights, none or 0.0]) if kind == "cosine" else 1.0
    figure.update_xaxes(range=[low * 1.2, top * 1.14 or 1], tickformat=".2f" if kind == "cosine" else ".0%")
    ticks = {"tickvals": list(range(len(order))), "ticktext": [_short(names[i]) for i in order]}
    figure.update_yaxes(range=[len(order) - 0.5, -0.5], ticklabelstandoff=6, **ticks)
    if none is not None and kind == "cosine":
        figure.add_vline(none, line={"dash": "dot", "color": QUALITATIVE[6]}, annotation_text=words["none"])
    narrow = {"xaxis": {"range": [low * 1.3, top * 1.35 or 1]}}
    figure.update_layout(meta={"bars": len(order), "narrow": narrow})
    return figure


def templates(labels: Sequence[str], sentences: Sequence[str], cosines: Array) -> go.Figure:
    """Cosines (k, t) of every label in every template, as a heat map."""
    figure = go.Figure(
        go.Heatmap(
            z=cosines, colorscale=SEQUENTIAL,
            text=[[f"{c:.3f}" for c in row] for row in cosines], texttemplate="%{text}" if cosines.size <= 120 else "",
            customdata=[[s.replace("{}", name) for s in sentences] for name in labels],
            hovertemplate="%{customdata}: %{z:.4f}<extra></extra>", showscale=False, xgap=2, ygap=2,
        ),
        layout={"template": template()},
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", showgrid=False, **_ticks(labels, 26))
    figure.update_xaxes(side="top", showgrid=False, tickangle=-20, **_ticks(sentences, 28))
    return figure


def explanation(
    picture: NDArray[np.uint8], heat: Array, said: Sequence[str], scores: Array, *, words: Mapping[str, str] = WORDS
) -> go.Figure:
    """A picture (h, w, 3) under its heat (h, w) in [0, 1], and beside it the words of a text with theirs."""
    height, width = picture.shape[:2]
    figure = make_subplots(
        1, 2, column_widths=[0.55, 0.45], horizontal_spacing=0.16, subplot_titles=[words["looks"], words["words"]]
    )
    figure.add_layout_image(
        source=Image.fromarray(picture), x=0, y=0, sizex=width, sizey=height, xref="x", yref="y", layer="below",
        sizing="stretch",
    )  # fmt: skip
    step = max(1, max(height, width) // 128)
    figure.add_heatmap(
        z=heat[::step, ::step], x0=step / 2, dx=step, y0=step / 2, dy=step, colorscale=HEAT, zmin=0, zmax=1,
        showscale=False, zsmooth="best", hovertemplate=words["relevance"] + " %{z:.2f}<extra></extra>", row=1, col=1,
    )  # fmt: skip
    figure.update_xaxes(range=[0, width], visible=False, constrain="domain", row=1, col=1)
    figure.update_yaxes(range=[height, 0], visible=False, scaleanchor="x", constrain="domain", row=1, col=1)
    figure.add_bar(
        x=list(scores), y=list(range(len(said))), orientation="h", marker={"color": QUALITATIVE[1]}, row=1, col=2,
        hovertemplate="%{customdata}: %{x:.2f}<extra></extra>", customdata=list(said),
    )  # fmt: skip
    figure.update_yaxes(
        autorange="reversed", tickvals=list(range(len(said))), ticktext=[_short(w, 14) for w in said], row=1, col=2
    )
    figure.update_xaxes(range=[0, 1.05], showticklabels=False, row=1, col=2)
    figure.update_layout(template=template(), showlegend=False, margin={"t": 36})
    return figure


HEAT = [[0.0, "rgba(13,10,32,0.38)"], [0.45, "rgba(163,63,174,0.30)"], [1.0, "rgba(255,246,194,0.45)"]]
SIDE = 0.86  # of a cell that its picture takes


def similarities(cosines: Array, pictures: Sequence[NDArray[np.uint8]], texts: Sequence[str]) -> go.Figure:
    """Cosines (n, k) as a heat map: the pictures along the top, their texts at the left."""
    n, k = cosines.shape
    figure = go.Figure(
        go.Heatmap(
            z=cosines.T, colorscale=SEQUENTIAL, xgap=1, ygap=1, hovertemplate="%{customdata}: %{z:.3f}<extra></extra>",
            customdata=[[text] * n for text in texts],
        ),
        layout={"template": template()},
    )  # fmt: skip
    for i, picture in enumerate(pictures):
        figure.add_layout_image(
            source=Image.fromarray(picture), xref="x", yref="y", x=i, y=-1.05, sizex=SIDE, sizey=1.0, xanchor="center",
            yanchor="middle", sizing="contain",
        )  # fmt: skip
    figure.update_xaxes(range=[-0.5, n - 0.5], showticklabels=False, showgrid=False)
    ticks = {"tickvals": list(range(k)), "ticktext": [_short(text, 34) for text in texts]}
    figure.update_yaxes(range=[k - 0.5, -1.6], showgrid=False, **ticks)
    figure.update_layout(meta={"narrow": {"yaxis": {"ticktext": [_short(text, 12) for text in texts]}}})
    return figure


def confusion(labels: Sequence[str], matrix: NDArray[np.int64], *, words: Mapping[str, str] = WORDS) -> go.Figure:
    """Pictures counted by the folder's label (row) and the given one (column), shaded by the share of their row."""
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    figure = go.Figure(
        go.Heatmap(
            z=shares, colorscale=SEQUENTIAL, zmin=0, zmax=1, showscale=False, xgap=2, ygap=2,
            text=matrix, texttemplate="%{text}" if len(labels) <= 20 else "",
            customdata=[
                [f"{row} → {given}: {count}" for given, count in zip(labels, counts, strict=True)]
                for row, counts in zip(labels, matrix, strict=True)
            ],
            hovertemplate="%{customdata}<extra></extra>",
        ),
        layout={"template": template()},
    )  # fmt: skip
    figure.update_xaxes(title_text=words["given"], side="top", showgrid=False, **_ticks(labels, 18))
    figure.update_yaxes(title_text=words["folder"], autorange="reversed", showgrid=False, **_ticks(labels, 18))
    return figure


def map3d(
    points: Array,
    count: int,
    names: Sequence[str],
    pictures: Sequence[str] = (),
    *,
    words: Mapping[str, str] = WORDS,
    hits: Sequence[int] = (),
) -> go.Figure:
    """Points (n + k, 3): the first `count` are pictures, the others texts; `hits` are pictures that were found.

    `pictures` are the first ones' images as addresses, shown where one hovers.
    """
    figure = go.Figure(layout={"template": template()})
    groups = (("pictures", range(count), QUALITATIVE[0]), ("texts", range(count, len(points)), QUALITATIVE[1]))
    for name, rows, colour in groups:
        figure.add_scatter3d(
            x=points[list(rows), 0], y=points[list(rows), 1], z=points[list(rows), 2], mode="markers", name=words[name],
            marker={"size": [11 if i in hits else 6 for i in rows], "color": colour, "opacity": 0.9},
            text=[names[i] for i in rows], hovertemplate="%{text}<extra></extra>",
            meta={"pictures": list(pictures)} if name == "pictures" else None,
        )  # fmt: skip
    axis = {
        "showticklabels": False,
        "title": {"text": ""},
        "showbackground": False,
        "gridcolor": GRID,
        "zeroline": False,
    }
    figure.update_layout(
        scene={
            "xaxis": axis,
            "yaxis": axis,
            "zaxis": axis,
            "aspectmode": "cube",
            "camera": {"eye": {"x": 0.95, "y": 0.95, "z": 0.7}},
        },
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
    )
    return figure


def _ticks(texts: Sequence[str], most: int) -> dict[str, list[object]]:
    """Places by number: two long texts may be the same once shortened, and "7" would make an axis of numbers."""
    return {"tickvals": list(range(len(texts))), "ticktext": [_short(text, most) for text in texts]}


def _short(text: str, most: int = 26) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
