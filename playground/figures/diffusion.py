"""Figures of the Diffusion tab: the same noise pushed through several rows, morphed until their paths are one curve."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from playground.figures.colours import INK, QUALITATIVE
from playground.figures.film import lines_of, player
from playground.figures.picture import shades
from playground.figures.template import SEQUENTIAL, template

__all__ = ["EXTENT", "WORDS", "backdrop", "one_curve"]

EXTENT = 3.6  # data units: the plane as the tab shows it
FRAMES = 21
WIDTHS = (8.0, 5.5, 3.2, 1.3)  # of the rows' lines: on one curve each is still seen beside the others
FLOOR = 1e-15  # of a gap on the logarithmic axis: what is less is rounding, and no two machines round alike

WORDS = {  # of the figures, where the caller has none in another language
    "plane": "x · s<sup>−m</sup> in the plane", "gap": "Distance from the first row",
    "exact": "Distance from the exact ODE", "sigma": "noise level σ", "play": "Play", "pause": "Pause", "morph": "m",
}  # fmt: skip


class PathView(Protocol):
    """A `playground.diffusion.Path`."""

    @property
    def sigmas(self) -> NDArray[np.float64]: ...
    @property
    def gap(self) -> NDArray[np.float64]: ...
    def at(self, share: float) -> NDArray[np.float64]: ...


def one_curve(
    paths: Sequence[PathView],
    log_p: NDArray[np.float32],
    *,
    names: Sequence[str],
    exact: bool = False,
    words: Mapping[str, str] = WORDS,
) -> go.Figure:
    """Left every row's paths from x to x / s over the density (n, n), a film with a slider; right the gaps over sigma.

    `exact`: the gaps are from the exact solution, not from the first row.
    """
    figure = make_subplots(
        cols=2,
        column_widths=[0.6, 0.4],
        horizontal_spacing=0.1,
        subplot_titles=(words["plane"], words["exact" if exact else "gap"]),
    )
    figure.add_trace(backdrop(log_p), row=1, col=1)
    for i, (path, name) in enumerate(zip(paths, names, strict=True)):
        line = {"color": QUALITATIVE[i], "width": WIDTHS[i]}
        figure.add_trace(
            go.Scatter(**lines_of(path.at(0)), mode="lines", name=name, line=line, hoverinfo="name", legendgroup=name),
            row=1,
            col=1,
        )
    for i, (path, name) in enumerate(zip(paths, names, strict=True)):
        seen = path.sigmas > 0
        gaps = go.Scatter(
            x=np.append(path.sigmas[seen], path.sigmas[seen][-1] / 4 if not seen.all() else []),
            y=np.maximum(np.append(path.gap[seen], path.gap[~seen]), FLOOR),
            mode="lines+markers",
            name=name,
            showlegend=False,
            legendgroup=name,
            line={"color": QUALITATIVE[i], "width": 2},
            marker={"size": 4},
            hovertemplate="σ %{x:.3g}: %{y:.1e}<extra>" + name + "</extra>",
        )
        if exact or i:
            figure.add_trace(gaps, row=1, col=2)
    shares = [k / (FRAMES - 1) for k in range(FRAMES)]
    figure.frames = [
        go.Frame(
            name=f"{share:.2f}",
            data=[go.Scatter(**lines_of(path.at(share))) for path in paths],
            traces=list(range(1, 1 + len(paths))),
        )
        for share in shares
    ]
    menu, slider = player([f"{share:.2f}" for share in shares], words, prefix=words["morph"])
    titles = [annotation.to_plotly_json() for annotation in figure.layout.annotations]
    figure.update_layout(
        template=template(),
        height=600,
        margin={"t": 42, "b": 160, "l": 34, "r": 10},
        legend={"y": 0, "yref": "container", "yanchor": "bottom"},
        updatemenus=[menu],
        sliders=[slider],
        meta={"sketch": True, "narrow": {  # on a phone: one under the other
            "xaxis": {"domain": [0, 1]}, "yaxis": {"domain": [0.46, 1]},
            "xaxis2": {"domain": [0.06, 1]}, "yaxis2": {"domain": [0, 0.3]},
            "annotations": [{**title, "x": 0.5, "y": y} for title, y in zip(titles, (1, 0.335), strict=True)],
            "sliders": [{**slider, "x": 0, "len": 1, "y": -0.17}], "updatemenus": [{**menu, "y": -0.09}],
            "margin": {"b": 225},
        }},
    )  # fmt: skip
    figure.update_xaxes(range=[-EXTENT, EXTENT], col=1, constrain="domain", showgrid=False)
    figure.update_yaxes(range=[-EXTENT, EXTENT], col=1, scaleanchor="x", constrain="domain", showgrid=False)
    figure.update_xaxes(type="log", autorange="reversed", title=words["sigma"], col=2, dtick=1, exponentformat="power")
    figure.update_yaxes(type="log", range=[-15.6, 1.3], dtick=4, exponentformat="power", col=2)
    return figure


def backdrop(log_p: NDArray[np.float32]) -> go.Heatmap:
    """A density (n, n), row 0 on top, to draw upon: the darkest part of its colours alone, light enough to be seen."""
    axis = ((np.arange(len(log_p)) + 0.5) / len(log_p) * 2 - 1) * EXTENT
    return go.Heatmap(
        x=axis.astype(np.float32),
        y=axis[::-1].astype(np.float32),
        z=(255 * shades(log_p, float(log_p.max()))).astype(np.uint8),
        zmin=0,
        zmax=255,
        colorscale=[[0.0, INK], *SEQUENTIAL[1:]],
        showscale=False,
        zsmooth="best",
        hoverinfo="skip",
    )
