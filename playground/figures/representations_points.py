"""Contrastive losses in the Representations tab: points that go down a loss as a film, and two losses' courses."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from playground.figures.colours import QUALITATIVE
from playground.figures.film import arrows_of, player
from playground.figures.template import template

__all__ = ["WORDS", "courses", "film"]

Array = NDArray[np.float32]
WORDS = {  # where the caller has none in another language
    "step": "step", "play": "Play", "pause": "Pause", "plane": "Points and the push on each",
    "pair": "Loss of a pair by its distance d", "share": "Share of each negative in the push", "distance": "d",
    "similarity": "similarity with the ringed point", "weight": "share", "similar": "y = 1: similar",
    "dissimilar": "y = 0: different", "even": "even share", "alignment": "Alignment (lower: views agree)",
    "uniformity": "Uniformity (lower: more even)", "margin": "Margin", "nt_xent": "NT-Xent",
}  # fmt: skip
GREY = QUALITATIVE[6]
CIRCLE = 1.35  # units of the plane each way about the unit circle
FARTHEST = 3.0  # of the distances
ARROW = 0.5  # units: the longest push at the start
EVERY = 2  # steps between two pictures
COLOURS = {"margin": QUALITATIVE[1], "nt_xent": QUALITATIVE[0]}


class StepView(Protocol):
    """A `playground.representations.points.Step`."""

    @property
    def number(self) -> int: ...
    @property
    def at(self) -> Array: ...
    @property
    def push(self) -> Array: ...
    @property
    def alignment(self) -> float: ...
    @property
    def uniformity(self) -> float: ...
    @property
    def hardness(self) -> Array | None: ...


def film(
    steps: Sequence[StepView],
    labels: NDArray[np.int64],
    *,
    margin: float,
    temperature: float,
    words: Mapping[str, str] = WORDS,
) -> go.Figure:
    """Left the points (2n, 2) with their pushes; right each pair's loss by distance, or each negative's share.

    Steps with `hardness` are of NT-Xent: a unit circle, and the two views of a pair joined. Others are of the margin
    loss: all of one class joined, and a ring of radius `margin` about the first point.
    """
    circle = steps[0].hardness is not None
    title = words["share" if circle else "pair"]
    figure = make_subplots(cols=2, horizontal_spacing=0.12, subplot_titles=(words["plane"], title))
    longest = float(np.linalg.norm(steps[0].push, axis=1).max()) or 1.0
    reach = CIRCLE if circle else 1.15 * max(1.2, max(float(np.abs(step.at).max()) for step in steps))
    n = len(labels) // 2
    i, j = np.triu_indices(2 * n, 1)
    same = (j - i == n) if circle else labels[i] == labels[j]
    colours = np.array(QUALITATIVE)[labels % len(QUALITATIVE)]

    def plane(step: StepView) -> list[go.Scatter]:
        at = step.at
        joined = np.stack([at[i[same]], at[j[same]], np.full((int(same.sum()), 2), np.nan)], 1).reshape(-1, 2)
        arrows = arrows_of(at, step.push * (ARROW / longest))
        ring = _circle() if circle else at[0] + margin * _circle()
        size = [15 if k == 0 else 10 for k in range(2 * n)]
        edge = {"width": [3 if k == 0 else 0 for k in range(2 * n)], "color": GREY}
        return [
            _line(ring, {"color": GREY, "width": 1.4, "dash": "solid" if circle else "dot"}),
            _line(joined.astype(np.float32), {"color": GREY, "width": 0.8}, opacity=0.5),
            go.Scatter(**arrows, mode="lines", line={"color": GREY, "width": 1.6}, hoverinfo="skip", showlegend=False),
            go.Scatter(
                x=at[:, 0], y=at[:, 1], mode="markers", showlegend=False,
                marker={"color": colours, "size": size, "opacity": 1, "line": edge},
                hovertemplate="(%{x:.2f}, %{y:.2f})<extra></extra>",
            ),
        ]  # fmt: skip

    def beside(step: StepView) -> list[go.Scatter]:
        if step.hardness is not None:
            return _shares(step.at, step.hardness, colours, temperature, words)
        d = np.linalg.norm(step.at[i] - step.at[j], axis=1)
        return _pairs(d, same, margin, words)

    def traces(step: StepView) -> list[go.Scatter]:
        return [*plane(step), *beside(step)]

    chosen = [*steps[:-1:EVERY], steps[-1]]
    first = traces(chosen[0])
    for k, trace in enumerate(first):
        figure.add_trace(trace, row=1, col=1 if k < 4 else 2)
    numbers = list(range(len(first)))
    figure.frames = [go.Frame(name=str(step.number), data=traces(step), traces=numbers) for step in chosen]
    menu, slider = player([str(step.number) for step in chosen], words, prefix=words["step"])
    slider["y"], menu["y"] = -0.17, -0.21
    titles = [annotation.to_plotly_json() for annotation in figure.layout.annotations]
    figure.update_layout(
        template=template(), height=500, margin={"t": 42, "b": 128, "l": 40, "r": 12}, updatemenus=[menu],
        sliders=[slider],
        legend={"x": 1, "y": 1, "yref": "paper", "yanchor": "top", "xanchor": "right", "orientation": "v"},
        meta={"narrow": {
            "xaxis": {"domain": [0, 1]}, "yaxis": {"domain": [0.44, 1]},
            "xaxis2": {"domain": [0, 1]}, "yaxis2": {"domain": [0.06, 0.34]},
            "annotations": [{**title, "x": 0.5, "y": y} for title, y in zip(titles, (1, 0.345), strict=True)],
            "legend": {"y": 0.34}, "sliders": [{**slider, "x": 0, "len": 1, "y": -0.12}],
            "updatemenus": [{**menu, "y": -0.05}], "margin": {"b": 150, "l": 34},
        }},
    )  # fmt: skip
    figure.update_xaxes(range=[-reach, reach], constrain="domain", row=1, col=1)
    figure.update_yaxes(range=[-reach, reach], scaleanchor="x", constrain="domain", row=1, col=1)
    if circle:
        figure.update_xaxes(range=[-1.08, 1.08], title=words["similarity"], row=1, col=2)
        figure.update_yaxes(range=[-0.03, 1.05], title=words["weight"], row=1, col=2)
    else:
        figure.update_xaxes(range=[-0.08, FARTHEST], title=words["distance"], row=1, col=2)
        figure.update_yaxes(range=[-0.08, max(1.0, 0.65 * margin**2)], row=1, col=2)
    return figure


def courses(runs: Mapping[str, Sequence[StepView]], *, words: Mapping[str, str] = WORDS) -> go.Figure:
    """Alignment and uniformity over the steps of each loss ("margin", "nt_xent")."""
    figure = make_subplots(cols=2, horizontal_spacing=0.12, subplot_titles=(words["alignment"], words["uniformity"]))
    for name, steps in runs.items():
        x = [step.number for step in steps]
        for column, values in enumerate(([s.alignment for s in steps], [s.uniformity for s in steps]), 1):
            figure.add_trace(
                go.Scatter(
                    x=x, y=values, mode="lines", name=words[name], legendgroup=name, showlegend=column == 1,
                    line={"color": COLOURS[name], "width": 2.4}, hovertemplate="%{x}: %{y:.3f}<extra></extra>",
                ),
                row=1, col=column,
            )  # fmt: skip
    titles = [annotation.to_plotly_json() for annotation in figure.layout.annotations]
    figure.update_layout(
        template=template(), height=280, margin={"t": 36, "b": 72, "l": 40, "r": 12},
        meta={"narrow": {
            "xaxis": {"domain": [0, 1]}, "yaxis": {"domain": [0.6, 1]},
            "xaxis2": {"domain": [0, 1]}, "yaxis2": {"domain": [0, 0.4]},
            "annotations": [{**title, "x": 0.5, "y": y} for title, y in zip(titles, (1, 0.4), strict=True)],
        }},
    )  # fmt: skip
    figure.update_xaxes(title=words["step"])
    return figure


def _pairs(d: Array, same: NDArray[np.bool_], margin: float, words: Mapping[str, str]) -> list[go.Scatter]:
    """The two halves of the loss over d, and the batch's pairs on them."""
    axis = np.linspace(0, FARTHEST, 61, dtype=np.float32)
    out = []
    for kind, belongs, colour in (("similar", same, QUALITATIVE[5]), ("dissimilar", ~same, QUALITATIVE[3])):
        loss = (lambda v: v**2 / 2) if kind == "similar" else (lambda v: np.maximum(margin - v, 0) ** 2 / 2)
        x = d[belongs].astype(np.float32)
        out += [
            go.Scatter(
                x=axis, y=loss(axis).astype(np.float32), mode="lines", name=words[kind],
                line={"color": colour, "width": 2}, hoverinfo="skip",
            ),
            go.Scatter(
                x=x, y=loss(x).astype(np.float32), mode="markers", showlegend=False,
                marker={"size": 6, "color": colour, "opacity": 0.55},
                hovertemplate="d %{x:.2f}: %{y:.3f}<extra></extra>",
            ),
        ]  # fmt: skip
    return out


def _shares(
    at: Array, shares: Array, colours: NDArray[np.str_], temperature: float, words: Mapping[str, str]
) -> list[go.Scatter]:
    """The first point's negatives by similarity and share, the exponential they lie on, and an even share."""
    n = len(at) // 2
    others = np.array([k for k in range(1, 2 * n) if k != n])
    z = at / np.linalg.norm(at, axis=1, keepdims=True)
    s, w = z[others] @ z[0], shares[0, others]
    axis = np.linspace(-1, 1, 81, dtype=np.float32)
    top = int(s.argmax())
    curve = w[top] * np.exp(np.minimum((axis - s[top]) / temperature, 50))
    even = np.full(2, 1 / len(others), np.float32)
    return [
        _line(np.stack([axis, curve.astype(np.float32)], 1), {"color": GREY, "width": 1.5}),
        go.Scatter(
            x=[-1, 1], y=even, mode="lines", name=words["even"], hoverinfo="skip",
            line={"color": GREY, "width": 1.2, "dash": "dot"},
        ),
        go.Scatter(
            x=s.astype(np.float32), y=w, mode="markers", showlegend=False,
            marker={"size": 9, "color": colours[others]}, hovertemplate="%{x:.2f}: %{y:.1%}<extra></extra>",
        ),
    ]  # fmt: skip


def _circle() -> Array:
    angle = np.linspace(0, 2 * np.pi, 73)
    return np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32)


def _line(points: Array, line: Mapping[str, Any], *, opacity: float = 1.0) -> go.Scatter:
    return go.Scatter(
        x=points[:, 0], y=points[:, 1], mode="lines", line=dict(line), opacity=opacity, hoverinfo="skip",
        showlegend=False,
    )  # fmt: skip
