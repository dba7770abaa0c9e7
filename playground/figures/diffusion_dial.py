"""The dial's figure in the Diffusion tab: a few paths over the target, and one coordinate's histograms on the way."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from playground.figures.colours import QUALITATIVE
from playground.figures.diffusion import EXTENT, backdrop
from playground.figures.template import template

__all__ = ["LOOKS", "WORDS", "dialled"]

Array = NDArray[np.float64]
LOOKS = 4  # histograms
WORDS = {  # where the caller has none in another language
    "paths": "Paths in x / s", "exact": "exact", "samples": "samples", "level": "σ = {sigma}",
}  # fmt: skip
PLACES = ((1, 2), (1, 3), (2, 2), (2, 3))


class MarginalView(Protocol):
    """A `playground.diffusion.Marginal`."""

    @property
    def sigma(self) -> float: ...
    @property
    def edges(self) -> Array: ...
    @property
    def histogram(self) -> Array: ...
    @property
    def x(self) -> Array: ...
    @property
    def exact(self) -> Array: ...


def dialled(
    paths: Array, marginals: Sequence[MarginalView], log_p: NDArray[np.float32], *, words: Mapping[str, str] = WORDS
) -> go.Figure:
    """Left paths (k, few, 2) over the density (n, n); right up to four histograms, each under its exact density."""
    names = [words["level"].format(sigma=f"{marginal.sigma:.2g}") for marginal in marginals]
    names += ["" for _ in range(LOOKS - len(marginals))]
    figure = make_subplots(
        rows=2,
        cols=3,
        specs=[[{"rowspan": 2}, {}, {}], [None, {}, {}]],
        column_widths=[0.46, 0.27, 0.27],
        horizontal_spacing=0.05,
        vertical_spacing=0.16,
        subplot_titles=(words["paths"], *names),
    )
    figure.add_trace(backdrop(log_p), row=1, col=1)
    for i in range(paths.shape[1]):
        x = paths[:, i].astype(np.float32)
        line = {"color": ("#ffffff", *QUALITATIVE)[i % 5], "width": 1.6}
        figure.add_trace(
            go.Scatter(x=x[:, 0], y=x[:, 1], mode="lines", line=line, hoverinfo="skip", showlegend=False), row=1, col=1
        )
    for i, (marginal, (row, col)) in enumerate(zip(marginals, PLACES, strict=False)):
        middle, width = (marginal.edges[1:] + marginal.edges[:-1]) / 2, float(np.diff(marginal.edges)[0])
        bars = {"marker": {"color": QUALITATIVE[0], "opacity": 0.55, "line": {"width": 0}}, "width": width}
        figure.add_trace(
            go.Bar(x=middle, y=marginal.histogram, name=words["samples"], showlegend=i == 0, legendgroup="s", **bars),
            row=row,
            col=col,
        )
        curve = {"mode": "lines", "line": {"color": QUALITATIVE[1], "width": 2}}
        figure.add_trace(
            go.Scatter(
                x=marginal.x, y=marginal.exact, name=words["exact"], showlegend=i == 0, legendgroup="e", **curve
            ),
            row=row,
            col=col,
        )
        figure.update_xaxes(range=[marginal.edges[0], marginal.edges[-1]], row=row, col=col)
    titles = [annotation.to_plotly_json() for annotation in figure.layout.annotations]
    spots = ((0.5, 1.0), (0.22, 0.5), (0.78, 0.5), (0.22, 0.21), (0.78, 0.21))
    narrow = {f"xaxis{i}": {"domain": [0, 0.44] if i % 2 == 0 else [0.56, 1]} for i in range(2, 6)}
    narrow |= {f"yaxis{i}": {"domain": [0.29, 0.49] if i < 4 else [0, 0.2]} for i in range(2, 6)}
    notes = (
        [{**title, "x": x, "y": y} for title, (x, y) in zip(titles, spots, strict=True)] if len(titles) == 5 else titles
    )
    figure.update_layout(
        template=template(),
        height=480,
        bargap=0,
        margin={"t": 42, "b": 60, "l": 30, "r": 10},
        meta={"narrow": {"xaxis": {"domain": [0, 1]}, "yaxis": {"domain": [0.58, 1]}, "annotations": notes, **narrow}},
    )
    figure.update_yaxes(showticklabels=False)
    figure.update_xaxes(range=[-EXTENT, EXTENT], row=1, col=1, constrain="domain", showgrid=False)
    figure.update_yaxes(
        range=[-EXTENT, EXTENT], row=1, col=1, scaleanchor="x", constrain="domain", showgrid=False, showticklabels=True
    )
    return figure
