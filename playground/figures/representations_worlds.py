"""What contrast has learned, in the Representations tab: a map of words, and one loss in two worlds."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from PIL import Image
from plotly.subplots import make_subplots

from playground.figures.colours import QUALITATIVE
from playground.figures.template import SEQUENTIAL, template

__all__ = ["WORDS", "bounds", "learning", "word_map", "worlds"]

Array = NDArray[np.floating[Any]]
WORDS = {  # where the caller has none in another language
    "loss": "loss of a batch, nats", "step": "training step", "words": "Words: which one comes next?",
    "pictures": "Pictures: which lower half belongs here?", "share": "share",
    "bound": "nats told, at least", "distance": "rows below", "halves": "whole half",
    "ceiling": "log N: no more can show", "none": "Train the four networks first",
}  # fmt: skip
POINTS = 300  # of a curve
SIDE = 6  # pixels of the page for one of a digit


class MatchView(Protocol):
    """A `playground.representations.neural_ngram.Match`."""

    @property
    def contexts(self) -> tuple[str, ...]: ...
    @property
    def words(self) -> tuple[str, ...]: ...
    @property
    def shares(self) -> Array: ...


class PatchesMatchView(Protocol):
    """A `playground.representations.patches.PatchesMatch`."""

    @property
    def pictures(self) -> Array: ...
    @property
    def shares(self) -> Array: ...


def learning(losses: Sequence[tuple[int, float]], *, words: Mapping[str, str] = WORDS) -> go.Figure:
    """The loss of each batch and its running mean."""
    every = max(1, len(losses) // POINTS)
    steps, values = np.array(losses, dtype=np.float64).reshape(-1, 2)[::every].T
    width = max(1, len(values) // 20)
    figure = go.Figure()
    for y, line in ((values, {"width": 1}), (_running(values, width), {"width": 2.5})):
        figure.add_trace(
            go.Scatter(
                x=steps, y=y, mode="lines", line={**line, "color": QUALITATIVE[0]}, opacity=0.3 if y is values else 1,
                hovertemplate="%{y:.2f}<extra></extra>",
            )
        )  # fmt: skip
    figure.update_layout(template=template(), height=300, margin={"t": 12, "b": 46, "l": 46, "r": 10}, showlegend=False)
    figure.update_xaxes(title=words["step"])
    figure.update_yaxes(title=words["loss"])
    return figure


def word_map(at: Array, names: Sequence[str], *, marked: Sequence[str] = ()) -> go.Figure:
    """Words at their places (m, 2); those marked in another colour and larger."""
    chosen = set(marked)
    colours = [QUALITATIVE[1] if name in chosen else QUALITATIVE[0] for name in names]
    sizes = [14 if name in chosen else 11 for name in names]
    figure = go.Figure(
        go.Scatter(
            x=at[:, 0].astype(np.float32), y=at[:, 1].astype(np.float32), mode="text", text=list(names),
            textfont={"color": colours, "size": sizes}, hovertemplate="%{text}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_layout(template=template(), height=460, margin={"t": 10, "b": 10, "l": 10, "r": 10}, showlegend=False)
    figure.update_xaxes(showticklabels=False)
    figure.update_yaxes(showticklabels=False)
    return figure


def worlds(
    match: MatchView | None, pictures: PatchesMatchView | None, *, words: Mapping[str, str] = WORDS
) -> go.Figure:
    """Two matrices of what InfoNCE makes of its scores, each row summing to 1: contexts with next words, halves with
    halves; a world that is None has a word in its place."""
    figure = make_subplots(cols=2, horizontal_spacing=0.12, subplot_titles=(words["words"], words["pictures"]))
    if match is not None:
        _matrix(figure, match.shares, 1)
        places = list(range(len(match.words)))
        figure.update_xaxes(tickvals=places, ticktext=list(match.words), tickangle=-60, row=1, col=1)
        figure.update_yaxes(tickvals=places, ticktext=[f"{one} …" for one in match.contexts], row=1, col=1)
    if pictures is not None:
        _matrix(figure, pictures.shares, 2)
        m, half = len(pictures.pictures), pictures.pictures.shape[1] // 2
        place = {"xref": "x2", "yref": "y2", "xanchor": "center", "yanchor": "middle", "sizing": "contain"}
        for i, one in enumerate(pictures.pictures):
            figure.add_layout_image(
                {**place, "x": -1.5, "y": i, "sizex": 1.9, "sizey": 0.9, "source": _data_url(one[:half])}
            )
            figure.add_layout_image(
                {**place, "x": i, "y": m, "sizex": 0.95, "sizey": 0.95, "source": _data_url(one[half:])}
            )
        figure.update_xaxes(range=[-2.5, m - 0.5], showticklabels=False, row=1, col=2)
        figure.update_yaxes(range=[m + 0.6, -0.5], showticklabels=False, row=1, col=2)
    notes = [note.to_plotly_json() for note in figure.layout.annotations]
    figure.update_layout(
        template=template(), height=430, margin={"t": 34, "b": 80, "l": 10, "r": 10}, showlegend=False,
        coloraxis={"colorscale": SEQUENTIAL, "cmin": 0, "cmax": 1, "colorbar": {"title": words["share"]}},
        meta={"narrow": {
            "xaxis": {"domain": [0, 1]}, "yaxis": {"domain": [0.6, 1]}, "xaxis2": {"domain": [0, 1]},
            "yaxis2": {"domain": [0, 0.42]}, "coloraxis": {"showscale": False},
            "annotations": [{**note, "x": 0.5, "y": y} for note, y in zip(notes, (1, 0.42), strict=True)],
        }},
    )  # fmt: skip
    figure.update_annotations(font={"size": 13})
    figure.update_xaxes(showgrid=False)
    figure.update_yaxes(showgrid=False, row=1, col=2)
    figure.update_yaxes(autorange="reversed", showgrid=False, row=1, col=1)
    if match is None:
        axes = {"showticklabels": False, "row": 1, "col": 1}
        figure.update_xaxes(range=[0, 1], **axes)
        figure.update_yaxes(**axes)
        figure.add_annotation(x=0.5, y=0.5, xref="x", yref="y domain", text=words["none"], showarrow=False)
        figure.layout.meta["narrow"]["annotations"].append(figure.layout.annotations[-1].to_plotly_json())
    return figure


def bounds(told: Sequence[float], halves: float, ceiling: float, *, words: Mapping[str, str] = WORDS) -> go.Figure:
    """InfoNCE's lower bounds of what a context tells of the rows below it, under the line log N."""
    names = [*(str(i + 1) for i in range(len(told))), words["halves"]]
    values = [*told, halves]
    figure = go.Figure(
        go.Bar(
            x=names, y=values, marker={"color": [*[QUALITATIVE[0]] * len(told), QUALITATIVE[1]]},
            text=[f"{value:.2f}" for value in values], textposition="outside", cliponaxis=False,
            hovertemplate="%{x}: %{y:.2f}<extra></extra>",
        )
    )  # fmt: skip
    figure.add_hline(ceiling, line={"color": QUALITATIVE[3], "dash": "dash", "width": 1.5})
    figure.add_annotation(
        x=0, xref="paper", xanchor="left", y=ceiling, yanchor="bottom", text=words["ceiling"], showarrow=False
    )
    figure.update_layout(template=template(), height=300, margin={"t": 16, "b": 50, "l": 46, "r": 10}, showlegend=False)
    figure.update_xaxes(title=words["distance"], type="category", showgrid=False)
    figure.update_yaxes(title=words["bound"], range=[min(0.0, *values) * 1.2, ceiling * 1.15])
    return figure


def _matrix(figure: go.Figure, shares: Array, column: int) -> None:
    figure.add_trace(
        go.Heatmap(
            z=shares.astype(np.float32), coloraxis="coloraxis", xgap=1, ygap=1,
            hovertemplate="%{z:.2f}<extra></extra>",
        ),
        row=1, col=column,
    )  # fmt: skip


def _running(values: Array, width: int) -> Array:
    """Means over the last `width` values, fewer at the beginning."""
    sums = np.concatenate([[0.0], values.cumsum()])
    ends = np.arange(1, len(values) + 1)
    begins = np.maximum(ends - width, 0)
    return (sums[ends] - sums[begins]) / (ends - begins)


def _data_url(picture: Array) -> str:
    grey = np.rint(255 * (1 - picture.clip(0, 1))).astype(np.uint8).repeat(SIDE, 0).repeat(SIDE, 1)
    out = io.BytesIO()
    Image.fromarray(grey).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
