"""The heat equation in the Diffusion tab: noise there and back as a film, and how well two computations of it agree."""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from playground.figures.colours import INK, QUALITATIVE
from playground.figures.film import arrows_of, player
from playground.figures.template import SEQUENTIAL, template

__all__ = ["WINDOW", "WORDS", "errors", "film"]

Array = NDArray[np.float64]
WINDOW = 4.5  # data units: as much of the plane is seen
SIDE = 96  # pixels of a picture
ARROW = 0.55  # data units: length that the largest scores come near to
DOTS = 500

WORDS = {  # where the caller has none in another language
    "exact": "Exact density, score and particles", "solved": "Heat equation by finite differences",
    "sigma": "σ", "play": "Play", "pause": "Pause", "forth": "→", "back": "←",
    "error": "|difference| of the two densities, %", "level": "noise level σ", "limit": "1 %",
}  # fmt: skip


class HeatView(Protocol):
    """A `playground.diffusion.Heat`."""

    @property
    def sigma(self) -> float: ...
    @property
    def extent(self) -> float: ...
    @property
    def exact(self) -> Array: ...
    @property
    def solved(self) -> Array: ...
    @property
    def error(self) -> float: ...
    @property
    def at(self) -> Array: ...
    @property
    def score(self) -> Array: ...
    @property
    def walkers(self) -> Array: ...


def film(frames: Sequence[HeatView], back: Sequence[Array], *, words: Mapping[str, str] = WORDS) -> go.Figure:
    """Left the exact density with its score and particles, right the solved one; there by random steps, `back` by the
    ODE: the places (k, 2) of the walkers at each level, the last level first."""
    figure = make_subplots(cols=2, horizontal_spacing=0.06, subplot_titles=(words["exact"], words["solved"]))

    def traces(one: HeatView, places: Array) -> list[go.Heatmap | go.Scatter]:
        scale = float(one.exact.max())
        arrows = _arrows(one)
        x = places[:DOTS].astype(np.float32)
        return [
            _picture(one, one.exact, scale),
            go.Scatter(**arrows, mode="lines", line={"color": "#ffffff", "width": 1}, opacity=0.55, hoverinfo="skip"),
            go.Scatter(
                x=x[:, 0], y=x[:, 1], mode="markers", marker={"size": 3.2, "color": "#7fe3d6", "opacity": 0.9},
                hoverinfo="skip",
            ),
            _picture(one, one.solved, scale),
        ]  # fmt: skip

    shown = traces(frames[len(frames) // 3], frames[len(frames) // 3].walkers)
    for trace, column in zip(shown, (1, 1, 1, 2), strict=True):
        figure.add_trace(trace, row=1, col=column)
    steps = [(f"{one.sigma:.2g} {words['forth']}", traces(one, one.walkers)) for one in frames]
    steps += [
        (f"{one.sigma:.2g} {words['back']}", traces(one, places))
        for one, places in zip(list(frames)[::-1], back, strict=True)
    ]
    figure.frames = [go.Frame(name=name, data=data, traces=[0, 1, 2, 3]) for name, data in steps]
    menu, slider = player([name for name, _ in steps], words, prefix=words["sigma"])
    slider["active"] = len(frames) // 3
    titles = [annotation.to_plotly_json() for annotation in figure.layout.annotations]
    figure.update_layout(
        template=template(),
        height=500,
        margin={"t": 42, "b": 96, "l": 30, "r": 10},
        showlegend=False,
        updatemenus=[menu],
        sliders=[slider],
        meta={"narrow": {
            "xaxis": {"domain": [0, 1]}, "yaxis": {"domain": [0.54, 1]},
            "xaxis2": {"domain": [0, 1]}, "yaxis2": {"domain": [0, 0.45]},
            "annotations": [{**title, "x": 0.5, "y": y} for title, y in zip(titles, (1, 0.45), strict=True)],
            "sliders": [{**slider, "x": 0, "len": 1, "y": -0.13}], "updatemenus": [{**menu, "y": -0.06}],
            "margin": {"b": 130},
        }},
    )  # fmt: skip
    for column, anchor in ((1, "x"), (2, "x2")):
        figure.update_xaxes(range=[-WINDOW, WINDOW], constrain="domain", showgrid=False, col=column)
        figure.update_yaxes(range=[-WINDOW, WINDOW], scaleanchor=anchor, constrain="domain", showgrid=False, col=column)
    return figure


def errors(frames: Sequence[HeatView], *, words: Mapping[str, str] = WORDS) -> go.Figure:
    """The integral of |solved - exact| over the levels, in percent of a whole of 1; the first level is given."""
    after = list(frames)[1:]
    figure = go.Figure()
    line = {"color": QUALITATIVE[0]}
    figure.add_trace(
        go.Scatter(
            x=[one.sigma for one in after], y=[100 * one.error for one in after], mode="lines+markers", line=line,
            showlegend=False, hovertemplate="σ %{x:.2g}: %{y:.3f} %<extra></extra>",
        )
    )  # fmt: skip
    ends = [frames[0].sigma, frames[-1].sigma]
    dashed = {"color": QUALITATIVE[1], "width": 1, "dash": "dash"}
    figure.add_trace(go.Scatter(x=ends, y=[1, 1], mode="lines", name=words["limit"], line=dashed, hoverinfo="skip"))
    figure.update_layout(template=template(), height=230, margin={"t": 10, "b": 44, "l": 40, "r": 10}, showlegend=False)
    figure.update_xaxes(type="log", title=words["level"])
    figure.update_yaxes(rangemode="tozero", title=words["error"])
    return figure


def _picture(one: HeatView, density: Array, scale: float) -> go.Heatmap:
    """The middle of a density (n, n), in at most SIDE pixels, as the cube root of its share of `scale`."""
    n = len(density)
    half = min(n // 2, round(n / 2 * WINDOW / one.extent))
    middle = density[n // 2 - half : n // 2 + half, n // 2 - half : n // 2 + half]
    every = math.ceil(len(middle) / SIDE)
    middle = middle[every // 2 :: every, every // 2 :: every]
    reach = half / (n / 2) * one.extent
    axis = ((np.arange(len(middle)) + 0.5) / len(middle) * 2 - 1) * reach
    shade = np.cbrt(np.clip(middle / scale, 0, 1))
    return go.Heatmap(
        x=axis.astype(np.float32), y=axis[::-1].astype(np.float32), z=(255 * shade).astype(np.uint8), zmin=0, zmax=330,
        colorscale=[[0.0, INK], *SEQUENTIAL[1:]], showscale=False, zsmooth="best", hoverinfo="skip",
    )  # fmt: skip


def _arrows(one: HeatView) -> dict[str, NDArray[np.float32]]:
    """Scores (m, 2) at the places in sight, a shaft and two barbs: of length ARROW s / (1 + s), s = sigma |score|."""
    seen = (np.abs(one.at) < WINDOW).all(1)
    at, along = one.at[seen], one.score[seen] * one.sigma
    along = along * (ARROW / (1 + np.linalg.norm(along, axis=1, keepdims=True)))
    return arrows_of(at, along)
