"""Figures of the Flows tab: densities, the film of a flow's layers, and the microscope's two log-determinants."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.colors import sample_colorscale
from plotly.subplots import make_subplots

from playground.figures.colours import QUALITATIVE
from playground.figures.picture import shades
from playground.figures.template import DIVERGING, SEQUENTIAL, template

__all__ = ["WORDS", "densities", "layers", "log_dets"]

# No transition: while one lasts, Plotly takes the heat map away.
PLAY = {"frame": {"duration": 900, "redraw": True}, "transition": {"duration": 0}}
STEP = {"frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}, "mode": "immediate"}
REACH = 4.0  # data units: the picture of the plane as the layers move it
# Cyclic, for the angle at which a point lies in the data: one knows it again wherever it goes.
ANGLES = [
    [i / 5, colour] for i, colour in enumerate(("#7c5cf0", "#d0489a", "#e2683c", "#c8a018", "#1a9aa8", "#7c5cf0"))
]


WORDS = {  # of the figures, where the caller has none in another language
    "plane": "The plane after this layer", "log_det": "log |det| so far, over the data", "play": "Play",
    "pause": "Pause", "layer": "Layer", "analytic": "log |det| by the layer's formula, nats",
    "autograd": "log |det| by autograd, nats",
}  # fmt: skip


class LayerView(Protocol):
    """A view of `playground.flows.film`."""

    @property
    def name(self) -> str: ...
    @property
    def points(self) -> NDArray[np.float32]: ...
    @property
    def lines(self) -> NDArray[np.float32]: ...
    @property
    def log_det(self) -> NDArray[np.float32]: ...


def densities(
    panels: Mapping[str, NDArray[np.float32]], *, extent: float, samples: NDArray[np.float32] | None = None
) -> go.Figure:
    """Log-densities (n, n) in nats, row 0 on top, side by side in the colours of the first; samples (m, 2) after them.

    Hover reads log p. The colour is the cube root of the density, so that a thousandth of the maximum is still seen.
    """
    titles = [*panels, *(["samples"] if samples is not None else [])]
    figure = make_subplots(cols=len(titles), subplot_titles=titles, horizontal_spacing=0.04)
    first = next(iter(panels.values()))
    for column, log_p in enumerate(panels.values(), start=1):
        axis = ((np.arange(len(log_p)) + 0.5) / len(log_p) * 2 - 1) * extent
        heat = go.Heatmap(
            x=axis,
            y=axis[::-1],
            z=shades(log_p, float(first.max())),
            zmin=0,
            zmax=1,
            customdata=log_p,
            colorscale=SEQUENTIAL,
            showscale=False,
            hovertemplate="(%{x:.2f}, %{y:.2f})<br>log p %{customdata:.2f}<extra></extra>",
        )
        figure.add_trace(heat, row=1, col=column)
    if samples is not None:
        dots = {"size": 3, "opacity": 0.6, "color": QUALITATIVE[0]}
        scatter = go.Scatter(x=samples[:, 0], y=samples[:, 1], mode="markers", marker=dots, showlegend=False)
        figure.add_trace(scatter, row=1, col=len(titles))
    figure.update_layout(template=template(), width=440 * len(titles), height=500, margin={"t": 40})
    figure.update_xaxes(range=[-extent, extent], constrain="domain")
    figure.update_yaxes(range=[-extent, extent], constrain="domain")
    for column in range(1, len(titles) + 1):
        figure.update_yaxes(scaleanchor=f"x{column}" if column > 1 else "x", col=column)
    return figure


class LayerReport(Protocol):
    """A layer of `playground.flows.inspect`."""

    @property
    def index(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def analytic(self) -> NDArray[np.float64]: ...
    @property
    def autograd(self) -> NDArray[np.float64]: ...


def layers(views: Sequence[LayerView], *, extent: float, words: Mapping[str, str] = WORDS) -> go.Figure:
    """A film with a slider: left the points and the grid as the layers move them, right log |det| over the data plane.

    `words` holds the texts of `WORDS` and may name the views ("data", ...).
    """
    names = [
        f"{i} {words.get(view.name, view.name)}" if i else words.get(view.name, view.name)
        for i, view in enumerate(views)
    ]
    figure = make_subplots(
        cols=2, column_widths=[0.5, 0.5], horizontal_spacing=0.08, subplot_titles=(words["plane"], words["log_det"])
    )
    first = views[0].points
    angle = np.arctan2(first[:, 1], first[:, 0]).astype(np.float32)
    finite = np.concatenate([view.log_det[np.isfinite(view.log_det)] for view in views])
    bound = max(0.1, float(np.quantile(np.abs(finite), 0.99))) if finite.size else 1.0
    n = views[0].log_det.shape[0]
    axis = (((np.arange(n) + 0.5) / n * 2 - 1) * extent).astype(np.float32)

    def traces(view: LayerView) -> list[go.Scatter | go.Heatmap]:
        gaps = np.concatenate([view.lines, np.full((len(view.lines), 1, 2), np.nan, dtype=np.float32)], axis=1).reshape(
            -1, 2
        )
        return [
            go.Scatter(
                x=gaps[:, 0],
                y=gaps[:, 1],
                mode="lines",
                line={"width": 0.8, "color": "rgba(128,128,150,.5)"},
                hoverinfo="skip",
                showlegend=False,
            ),
            go.Scatter(
                x=view.points[:, 0],
                y=view.points[:, 1],
                mode="markers",
                showlegend=False,
                marker={
                    "size": 4,
                    "opacity": 0.85,
                    "color": angle,
                    "colorscale": ANGLES,
                    "cmin": -np.pi,
                    "cmax": np.pi,
                },
                hovertemplate="(%{x:.2f}, %{y:.2f})<extra></extra>",
            ),
            go.Heatmap(
                x=axis,
                y=axis[::-1],
                z=view.log_det,
                zmin=-bound,
                zmax=bound,
                colorscale=DIVERGING,
                colorbar={"thickness": 10, "len": 0.9, "outlinewidth": 0},
                hovertemplate="(%{x:.2f}, %{y:.2f})<br>log|det| %{z:.3f}<extra></extra>",
            ),
        ]

    for trace, column in zip(traces(views[-1]), (1, 1, 2), strict=True):  # the fullest picture; Play begins at the data
        figure.add_trace(trace, row=1, col=column)
    figure.frames = [go.Frame(name=name, data=traces(view)) for name, view in zip(names, views, strict=True)]
    button = {"method": "animate", "label": f"▶ {words['play']}", "args": [None, {**PLAY, "fromcurrent": True}]}
    pause = {
        "method": "animate",
        "label": f"❚❚ {words['pause']}",
        "args": [[None], {**STEP, "frame": {"duration": 0, "redraw": False}}],
    }
    menu = {"type": "buttons", "direction": "left", "x": 0, "y": -0.13, "xanchor": "left", "yanchor": "top",
            "pad": {"t": 0, "r": 8}, "buttons": [button, pause], "showactive": False}  # fmt: skip
    steps = [{"method": "animate", "label": name, "args": [[name], STEP]} for name in names]
    slider = {"active": len(views) - 1, "x": 0.24, "len": 0.76, "y": -0.08, "pad": {"t": 0}, "steps": steps,
              "transition": {"duration": 0},
              "currentvalue": {"prefix": f"{words['layer']}: "}}  # fmt: skip
    titles = [annotation.to_plotly_json() for annotation in figure.layout.annotations]
    figure.update_layout(
        template=template(),
        height=470,
        margin={"t": 42, "b": 96, "l": 34, "r": 10},
        updatemenus=[menu],
        sliders=[slider],
        meta={"narrow": {  # on a phone: one under the other, the slider as wide as the page
            "xaxis": {"domain": [0, 1]}, "yaxis": {"domain": [0.56, 1]},
            "xaxis2": {"domain": [0, 1]}, "yaxis2": {"domain": [0, 0.44]},
            "annotations": [{**title, "x": 0.5, "y": y} for title, y in zip(titles, (1, 0.44), strict=True)],
            "sliders": [{**slider, "x": 0, "len": 1, "y": -0.12}], "updatemenus": [{**menu, "y": -0.04}],
            "margin": {"b": 130},
        }},
    )  # fmt: skip
    figure.update_xaxes(range=[-REACH, REACH], col=1, constrain="domain")
    figure.update_yaxes(range=[-REACH, REACH], col=1, scaleanchor="x", constrain="domain")
    figure.update_xaxes(range=[-extent, extent], col=2, constrain="domain")
    figure.update_yaxes(range=[-extent, extent], col=2, scaleanchor="x2", constrain="domain")
    return figure


def log_dets(reports: Sequence[LayerReport], *, words: Mapping[str, str] = WORDS) -> go.Figure:
    """Each layer's log |det| by its formula against autograd's, nats: all points lie on the diagonal."""
    figure = go.Figure(layout={"template": template(), "height": 360})
    parts = [part for report in reports for part in (report.analytic, report.autograd)]
    ends = [float(v) for part in parts for v in (np.nanmin(part), np.nanmax(part)) if np.isfinite(v)] or [0.0, 1.0]
    low, high = float(min(ends)), float(max(ends))
    room = 0.05 * (high - low) + 0.05
    figure.add_trace(
        go.Scatter(
            x=[low - room, high + room],
            y=[low - room, high + room],
            mode="lines",
            hoverinfo="skip",
            line={"width": 1, "dash": "dot", "color": "rgba(128,128,150,.8)"},
            showlegend=False,
        )
    )
    for i, report in enumerate(reports):
        few = len(reports) <= len(QUALITATIVE)  # else the colours say how deep a layer lies
        colour = QUALITATIVE[i] if few else sample_colorscale(DIVERGING, i / (len(reports) - 1))[0]
        marker = {"size": 5, "color": colour, "opacity": 0.75}
        name = f"{report.index} {report.name}"
        figure.add_trace(
            go.Scatter(x=report.analytic, y=report.autograd, mode="markers", name=name, marker=marker, showlegend=few)
        )
    figure.update_xaxes(title=words["analytic"], range=[low - room, high + room])
    figure.update_yaxes(title=words["autograd"], range=[low - room, high + room])
    return figure
