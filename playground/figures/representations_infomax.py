"""Deep InfoMax at work: its loss and map, the nearest neighbours, and which patch agrees with which picture."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from playground.figures.colours import QUALITATIVE
from playground.figures.digits import GREYS, numerals, squares, tiled
from playground.figures.template import SEQUENTIAL, template

__all__ = ["WORDS", "learning", "neighbours", "patches"]

Array = NDArray[np.floating[Any]]
WORDS = {
    "digit": "digit", "step": "training step", "loss": "Loss", "accuracy": "5 nearest neighbours right",
    "map": "Embeddings of 300 digits it never learned from, in the plane", "query": "asked", "nearest": "its nearest",
    "belief": "Whose patch is it?", "patch": "patch of", "picture": "the vector of", "sure": "sure",
}  # fmt: skip
POINTS = 300  # of the loss curve
GAP = 1  # cells between blocks


class WatchView(Protocol):
    """A `playground.representations.Watch`."""

    @property
    def losses(self) -> Array: ...
    @property
    def accuracy(self) -> Sequence[tuple[int, float]]: ...
    @property
    def places(self) -> Array: ...
    @property
    def labels(self) -> NDArray[np.int64]: ...
    @property
    def pictures(self) -> Array: ...
    @property
    def neighbours(self) -> NDArray[np.int64]: ...
    @property
    def beliefs(self) -> Array: ...


def learning(view: WatchView, *, words: Mapping[str, str] | None = None) -> go.Figure:
    """Left the map of embeddings; right the loss, and how often the nearest neighbours are right."""
    said = {**WORDS, **(words or {})}
    figure = go.Figure(numerals(view.places, view.labels.tolist(), words=said))
    steps = np.unique(np.linspace(0, max(0, len(view.losses) - 1), POINTS).astype(int))
    losses = view.losses[steps] if len(view.losses) else np.zeros(0)
    figure.add_scatter(
        x=steps[: len(losses)] + 1, y=losses, mode="lines", line={"color": QUALITATIVE[0], "width": 1.5}, xaxis="x2",
        yaxis="y2", showlegend=False, hovertemplate="%{y:.3f}<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=[step for step, _ in view.accuracy], y=[share for _, share in view.accuracy], mode="lines+markers",
        line={"color": QUALITATIVE[1]}, marker={"size": 4}, xaxis="x3", yaxis="y3", showlegend=False,
        hovertemplate="%{y:.1%}<extra></extra>",
    )  # fmt: skip
    reach = 1.08 * float(np.abs(view.places).max())
    plain = {"visible": False, "range": [-reach, reach]}
    figure.update_layout(
        template=template(), margin={"t": 30},
        xaxis={**plain, "domain": [0, 0.6]}, yaxis={**plain, "scaleanchor": "x", "domain": [0, 1]},
        xaxis2={"domain": [0.68, 1], "anchor": "y2", "showticklabels": False, "matches": "x3"},
        yaxis2={"domain": [0.58, 0.97], "anchor": "x2"},
        xaxis3={"domain": [0.68, 1], "anchor": "y3", "title": {"text": said["step"]}, "rangemode": "tozero"},
        yaxis3={"domain": [0.08, 0.47], "anchor": "x3", "tickformat": ".0%", "range": [0, 1.03]},
        annotations=[_over(said["loss"], 0.68, 1.0), _over(said["accuracy"], 0.68, 0.5), _over(said["map"], 0, 1.0)],
        meta={"narrow": {
            "xaxis": {"domain": [0, 1]}, "yaxis": {"domain": [0.46, 0.98]},
            "xaxis2": {"domain": [0.04, 0.46]}, "yaxis2": {"domain": [0.08, 0.36]},
            "xaxis3": {"domain": [0.58, 1]}, "yaxis3": {"domain": [0.08, 0.36]},
            "annotations": [_over(said["loss"], 0.04, 0.38), _over(said["accuracy"], 0.5, 0.38, 11),
                            _over(said["map"], 0, 1.0, 11)],
        }},
    )  # fmt: skip
    return figure


def neighbours(view: WatchView, *, words: Mapping[str, str] | None = None) -> go.Figure:
    """Each row a digit and its nearest others; one of another class is framed."""
    said = {**WORDS, **(words or {})}
    chosen, labels = view.neighbours, view.labels[view.neighbours]
    z = tiled(view.pictures[chosen])
    side = view.pictures.shape[1] + GAP
    figure = go.Figure(
        go.Heatmap(z=z, colorscale=GREYS, zmin=0, zmax=1, showscale=False, hoverinfo="skip"),
        layout={"template": template(), "margin": {"t": 26, "l": 4, "r": 4, "b": 4}},
    )
    squares(figure, z)
    for i, row in enumerate(labels):
        for j, one in enumerate(row):
            if one != row[0]:
                figure.add_shape(type="rect", x0=j * side - 0.9, x1=(j + 1) * side - 1.1, y0=i * side - 0.9,
                                 y1=(i + 1) * side - 1.1, line={"color": QUALITATIVE[1], "width": 2})  # fmt: skip
    figure.add_shape(type="line", x0=side - 1, x1=side - 1, y0=-0.5, y1=z.shape[0] - 0.5,
                     line={"color": QUALITATIVE[6], "width": 3})  # fmt: skip
    for text, x in ((said["query"], side / 2 - 1), (said["nearest"], side * (1 + len(chosen[0])) / 2 - 1)):
        figure.add_annotation(text=text, x=x, y=1, xref="x", yref="y domain", showarrow=False, yanchor="bottom")
    return figure


def patches(view: WatchView, *, words: Mapping[str, str] | None = None) -> go.Figure:
    """A block for each pair: how sure every patch of the row's digit is that the column's vector is its own."""
    said = {**WORDS, **(words or {})}
    shown = len(view.beliefs)
    z, grey = tiled(view.beliefs), view.pictures[:shown]
    side = view.beliefs.shape[2] + GAP
    figure = go.Figure(
        go.Heatmap(
            z=z, colorscale=SEQUENTIAL, zmin=0, zmax=1, xaxis="x", yaxis="y",
            colorbar={"title": {"text": said["sure"]}, "tickformat": ".0%", "thickness": 8, "len": 0.6},
            customdata=_owners(z.shape, side, view.labels[:shown]),
            hovertemplate=f"{said['patch']} %{{customdata[0]}}, {said['picture']} %{{customdata[1]}}: "
            "%{z:.0%}<extra></extra>",
        ),
        layout={"template": template(), "margin": {"t": 26, "l": 4, "r": 4, "b": 4}},
    )  # fmt: skip
    left, top = tiled(grey[:, None]), tiled(grey[None])
    scale = side / (grey.shape[1] + GAP)  # a digit is as wide as a block
    common = {"colorscale": GREYS, "zmin": 0, "zmax": 1, "showscale": False, "hoverinfo": "skip"}
    figure.add_heatmap(z=left, x0=-1.2 * side, dx=scale, y0=-0.25, dy=scale, **common)
    figure.add_heatmap(z=top, x0=-0.25, dx=scale, y0=-1.2 * side, dy=scale, **common)
    squares(figure, z)
    figure.update_xaxes(range=[-1.35 * side, z.shape[1] - 0.5])
    figure.update_yaxes(range=[z.shape[0] - 0.5, -1.35 * side])
    figure.add_annotation(text=said["belief"], x=0.5, y=1, xref="paper", yref="paper", showarrow=False,
                          yanchor="bottom", font={"size": 13})  # fmt: skip
    return figure


def _owners(shape: tuple[int, ...], side: int, labels: NDArray[np.int64]) -> list[list[tuple[int, int]]]:
    """Whose patch and whose vector each cell is about."""
    own = [int(labels[min(i // side, len(labels) - 1)]) for i in range(shape[0])]
    return [[(own[i], own[j]) for j in range(shape[1])] for i in range(shape[0])]


def _over(text: str, x: float, y: float, size: int = 13) -> dict[str, Any]:
    """A heading over a part."""
    return {"text": text, "x": x, "y": y, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom",
            "showarrow": False, "font": {"size": size}}  # fmt: skip
