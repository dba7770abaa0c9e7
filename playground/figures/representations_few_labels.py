"""What few labels are worth: accuracy over labels a class, embedding maps before and after, and augmented digits."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from playground.figures.colours import QUALITATIVE
from playground.figures.digits import GREYS, numerals, squares, tiled
from playground.figures.template import template

__all__ = ["WORDS", "chart", "maps", "views"]

Array = NDArray[np.floating[Any]]
WORDS = {
    "labels": "labels a class", "accuracy": "accuracy on held-out pictures", "digit": "digit", "probe": "linear probe",
    "fine_tune": "fine-tuned", "as_is": "as it is", "views": "views of it",
}  # fmt: skip
DASH = {"probe": "solid", "fine_tune": "dash"}
COLOURS = {"pixels": QUALITATIVE[6], "random": QUALITATIVE[4]}
OTHERS = [QUALITATIVE[i] for i in (0, 1, 2, 3, 5)] + ["#2f74d0", "#b5485a", "#2f9e6e"]


class ScoreView(Protocol):
    """A `playground.representations.Score`."""

    @property
    def name(self) -> str: ...
    @property
    def way(self) -> str: ...
    @property
    def per_class(self) -> int: ...
    @property
    def mean(self) -> float: ...
    @property
    def half(self) -> float: ...


def chart(
    scores: Sequence[ScoreView],
    names: Mapping[str, str],
    *,
    order: Sequence[str],
    words: Mapping[str, str] | None = None,
) -> go.Figure:
    """A line for each method and way, with 95 % intervals; `names` are what the methods are called, `order` all."""
    said = {**WORDS, **(words or {})}
    figure = go.Figure(layout={"template": template()})
    colours = COLOURS | dict(zip([one for one in order if one not in COLOURS], OTHERS, strict=False))
    keys = list(dict.fromkeys((score.name, score.way) for score in scores))
    for name, way in keys:
        own = sorted((one for one in scores if (one.name, one.way) == (name, way)), key=lambda one: one.per_class)
        called = names.get(f"{name}.{way}", names[name])
        figure.add_scatter(
            x=[one.per_class for one in own], y=[one.mean for one in own], mode="lines+markers", name=called,
            error_y={"array": [one.half for one in own], "thickness": 1, "width": 3},
            line={"color": colours[name], "dash": DASH[way]}, marker={"size": 6},
            hovertemplate="%{fullData.name}: %{y:.1%} ± %{error_y.array:.1%}<extra></extra>",
        )  # fmt: skip
    counts = sorted({score.per_class for score in scores})
    figure.update_xaxes(type="log", tickvals=counts, ticktext=[str(one) for one in counts], title=said["labels"])
    figure.update_yaxes(tickformat=".0%", title=said["accuracy"], range=_range(scores))
    figure.update_layout(
        margin={"t": 10, "b": 90}, meta={"narrow": {"margin": {"b": 150}, "yaxis": {"title": {"text": ""}}}}
    )
    return figure


def maps(
    places: Mapping[str, Array],
    labels: Sequence[int],
    names: Mapping[str, str],
    *,
    classes: Sequence[str] = (),
    words: Mapping[str, str] | None = None,
) -> go.Figure:
    """Embeddings in the plane, one map beside the other: (n, 2) by method; `classes` are what is written there."""
    said = {**WORDS, **(words or {})}
    figure = go.Figure(layout={"template": template(), "margin": {"t": 26}})
    count, narrow, notes, narrow_notes = max(1, len(places)), dict[str, Any](), [], []
    for i, (name, xy) in enumerate(places.items()):
        tail = "" if i == 0 else str(i + 1)
        trace = numerals(xy, labels, words=said, classes=classes).update(xaxis=f"x{tail}", yaxis=f"y{tail}")
        figure.add_trace(trace)
        reach = 1.08 * float(np.abs(xy).max())
        low, high = i / count + 0.01, (i + 1) / count - 0.01
        top = 1 - i / count
        plain = {"visible": False, "range": [-reach, reach]}
        figure.update_layout({
            f"xaxis{tail}": {**plain, "domain": [low, high], "anchor": f"y{tail}"},
            f"yaxis{tail}": {**plain, "scaleanchor": f"x{tail}", "anchor": f"x{tail}"},
        })  # fmt: skip
        narrow[f"xaxis{tail}"] = {"domain": [0, 1]}
        narrow[f"yaxis{tail}"] = {"domain": [top - 1 / count + 0.02, top - 0.06]}
        note = {"text": names[name], "xref": "paper", "yref": "paper", "showarrow": False, "yanchor": "bottom"}
        notes.append({**note, "x": (low + high) / 2, "y": 1})
        narrow_notes.append({**note, "x": 0.5, "y": top - 0.06})
    figure.update_layout(annotations=notes, meta={"narrow": {**narrow, "annotations": narrow_notes}})
    return figure


def views(pictures: Array, *, words: Mapping[str, str] | None = None) -> go.Figure:
    """Digits (n, 1 + k, h, w): each as it is, and its augmented views below it."""
    said = {**WORDS, **(words or {})}
    z = tiled(pictures.transpose(1, 0, 2, 3))
    side = pictures.shape[2] + 1
    figure = go.Figure(
        go.Heatmap(z=z, colorscale=GREYS, zmin=0, zmax=1.2, showscale=False, hoverinfo="skip"),
        layout={"template": template(), "margin": {"l": 4, "r": 4, "t": 4, "b": 4}},
    )
    squares(figure, z)
    figure.add_shape(type="line", x0=-0.5, x1=z.shape[1] - 0.5, y0=side - 1, y1=side - 1,
                     line={"color": QUALITATIVE[1], "width": 2})  # fmt: skip
    figure.update_layout(meta={"alt": f"{said['as_is']} / {said['views']}"})
    return figure


def _range(scores: Sequence[ScoreView]) -> list[float]:
    low = min((score.mean - score.half for score in scores), default=0.0)
    return [max(0.0, low - 0.03), 1.01]
