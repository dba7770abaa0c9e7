"""Figures of flow matching in the Flows tab: paths in their velocity field, samples by few calls, reflow by round."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from playground.figures.colours import INK, QUALITATIVE
from playground.figures.film import arrows_of, lines_of, player
from playground.figures.picture import shades
from playground.figures.template import SEQUENTIAL, template

__all__ = ["WORDS", "hurried", "paths", "rounds"]

Array = NDArray[np.float32]
FRAMES = 33  # of the film, or as many as there are steps
LINES, DOTS = 150, 400  # paths that are drawn, and points that move
ARROW = 0.3  # data units: length of the longest velocity
FEW = 0.02  # of all others: a path that crosses more crosses many
NEVER, SOME, MANY = "#2fc4b8", "#f4b942", "#ff6b9d"  # on the dark of the densities
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")

WORDS = {  # where the caller has none in another language
    "time": "t", "play": "Play", "pause": "Pause", "never": "crosses no other",
    "some": "crosses up to 2 % of the others", "many": "crosses more", "taught": "lines of the training",
    "straightness": "Straightness S", "crossings": "Crossings of 1,000", "wasserstein": "W<sub>2</sub> by calls",
    "of_paths": "paths", "of_lines": "lines taught", "round": "round {n}", "rounds": "round", "calls": "calls",
    "floor": "two samples of the data", "one": "distilled", "divergence": "KL, nats",
}  # fmt: skip


class JourneyView(Protocol):
    """A `playground.flows.Journey`."""

    @property
    def paths(self) -> Array: ...
    @property
    def at(self) -> Array: ...
    @property
    def velocity(self) -> Array: ...
    @property
    def crossed(self) -> NDArray[np.int64]: ...
    @property
    def taught(self) -> Array: ...
    @property
    def straightness(self) -> float: ...
    @property
    def distances(self) -> Mapping[int, float]: ...
    @property
    def floor(self) -> float: ...
    @property
    def crossing_pairs(self) -> int: ...
    @property
    def taught_crossing_pairs(self) -> int: ...


class RoundView(Protocol):
    """A `playground.flows.Round`."""

    @property
    def number(self) -> int: ...
    @property
    def journey(self) -> JourneyView: ...
    @property
    def kl(self) -> float | None: ...


class HurriedView(Protocol):
    """A `playground.flows.Hurried`."""

    @property
    def points(self) -> Array: ...


def paths(journey: JourneyView, log_p: Array, *, extent: float, words: Mapping[str, str] = WORDS) -> go.Figure:
    """A film over t: points on their paths, which are coloured by how many others they cross, in the velocity field.

    `log_p` (n, n) is the density at the end, row 0 on top.
    """
    figure = go.Figure(_backdrop(log_p, extent))
    steps = len(journey.paths) - 1
    chosen = np.unique(np.linspace(0, steps, FRAMES).round().astype(int))
    share = journey.crossed[:LINES] / max(1, len(journey.crossed) - 1)
    groups = {"never": (share == 0, NEVER), "some": ((share > 0) & (share <= FEW), SOME), "many": (share > FEW, MANY)}
    for name, (belongs, colour) in groups.items():
        lines = lines_of(journey.paths[chosen][:, :LINES][:, belongs])
        line = {"color": colour, "width": 1.1}
        figure.add_trace(go.Scatter(**lines, mode="lines", name=words[name], line=line, opacity=0.75, hoverinfo="skip"))
    taught = {"color": "#9c97b8", "width": 0.7}
    figure.add_trace(
        go.Scatter(
            **lines_of(journey.taught[:, :LINES]), mode="lines", name=words["taught"], line=taught, opacity=0.6,
            hoverinfo="skip", visible="legendonly",
        )
    )  # fmt: skip
    fastest = float(np.quantile(np.linalg.norm(journey.velocity, axis=-1), 0.98)) or 1.0

    def moving(k: int) -> list[go.Scatter]:
        arrows = {"color": "#ffffff", "width": 1}
        dots = {"size": 3.5, "color": "#ffffff", "opacity": 0.9}
        x = journey.paths[k, :DOTS]
        return [
            go.Scatter(
                **arrows_of(journey.at, journey.velocity[k] * (ARROW / fastest)), mode="lines", showlegend=False,
                line=arrows, opacity=0.5, hoverinfo="skip",
            ),
            go.Scatter(
                x=x[:, 0], y=x[:, 1], mode="markers", showlegend=False, marker=dots,
                hovertemplate="(%{x:.2f}, %{y:.2f})<extra></extra>",
            ),
        ]  # fmt: skip

    middle = int(chosen[len(chosen) // 2])  # the fullest picture; Play goes on from it, or begins anew
    figure.add_traces(moving(middle))
    places = [len(figure.data) - 2, len(figure.data) - 1]
    names = [f"{k / steps:.2f}" for k in chosen]
    figure.frames = [
        go.Frame(name=name, data=moving(int(k)), traces=places) for name, k in zip(names, chosen, strict=True)
    ]
    menu, slider = player(names, words, prefix=words["time"])
    menu |= {"y": -0.09}
    slider |= {"active": len(chosen) // 2, "x": 0.36, "len": 0.64, "y": -0.05}
    figure.update_layout(
        template=template(),
        height=560,
        margin={"t": 8, "b": 118, "l": 30, "r": 8},
        legend={"y": 0, "yref": "container", "yanchor": "bottom", "font": {"size": 12}},
        updatemenus=[menu],
        sliders=[slider],
        meta={"narrow": {
            "margin": {"b": 190},
            "sliders": [{**slider, "x": 0, "len": 1, "y": -0.17}], "updatemenus": [{**menu, "y": -0.08}],
        }},
    )  # fmt: skip
    _square(figure, extent)
    return figure


def hurried(view: HurriedView, log_p: Array, *, extent: float) -> go.Figure:
    """Samples over the density (n, n) they should have."""
    figure = go.Figure(_backdrop(log_p, extent))
    dots = {"size": 3.2, "color": "#ffffff", "opacity": 0.75}
    x = view.points
    figure.add_trace(
        go.Scatter(
            x=x[:, 0], y=x[:, 1], mode="markers", marker=dots, showlegend=False,
            hovertemplate="(%{x:.2f}, %{y:.2f})<extra></extra>",
        )
    )  # fmt: skip
    figure.update_layout(template=template(), height=420, margin={"t": 8, "b": 8, "l": 30, "r": 8})
    _square(figure, extent)
    return figure


def rounds(seen: Sequence[RoundView], *, distilled: float | None = None, words: Mapping[str, str] = WORDS) -> go.Figure:
    """Over the rounds: straightness, and the fit that is paid with; crossings; and W2 over the calls, a line a round.

    `distilled` is W2 of the one-step map.
    """
    figure = make_subplots(
        cols=3,
        horizontal_spacing=0.1,
        specs=[[{"secondary_y": True}, {}, {}]],
        subplot_titles=(words["straightness"], words["crossings"], words["wasserstein"]),
    )
    number = [one.number for one in seen]
    both = {"mode": "lines+markers", "marker": {"size": 8}}
    figure.add_trace(
        go.Scatter(
            x=number, y=[one.journey.straightness for one in seen], name="S", line={"color": QUALITATIVE[0]}, **both
        ),
        row=1,
        col=1,
    )
    if any(one.kl is not None for one in seen):
        drift = {"color": QUALITATIVE[1], "dash": "dot"}
        figure.add_trace(
            go.Scatter(x=number, y=[one.kl for one in seen], name=words["divergence"], line=drift, **both),
            row=1, col=1, secondary_y=True,
        )  # fmt: skip
    for name, values, colour in (
        ("of_lines", [one.journey.taught_crossing_pairs for one in seen], QUALITATIVE[6]),
        ("of_paths", [one.journey.crossing_pairs for one in seen], QUALITATIVE[2]),
    ):
        bar = go.Bar(x=number, y=values, name=words[name], marker={"color": colour, "line": {"width": 0}})
        figure.add_trace(bar, row=1, col=2)
    for one in seen:
        calls = sorted(one.journey.distances)
        line = {"color": QUALITATIVE[one.number % len(QUALITATIVE)], "dash": DASHES[one.number % len(DASHES)]}
        figure.add_trace(
            go.Scatter(
                x=calls, y=[one.journey.distances[count] for count in calls], name=words["round"].format(n=one.number),
                line=line, hovertemplate="%{x}: %{y:.3f}<extra>%{fullData.name}</extra>", **both,
            ),
            row=1, col=3,
        )  # fmt: skip
    if distilled is not None:
        star = {"symbol": "star", "size": 13, "color": QUALITATIVE[4]}
        figure.add_trace(go.Scatter(x=[1], y=[distilled], name=words["one"], mode="markers", marker=star), row=1, col=3)
    ends = sorted(seen[0].journey.distances)
    floor = seen[0].journey.floor
    dashed = {"color": "rgba(128,128,150,.9)", "width": 1, "dash": "dash"}
    figure.add_trace(
        go.Scatter(x=[ends[0], ends[-1]], y=[floor, floor], mode="lines", name=words["floor"], line=dashed),
        row=1, col=3,
    )  # fmt: skip
    titles = [annotation.to_plotly_json() for annotation in figure.layout.annotations]
    heights = ((0.74, 1.0), (0.4, 0.62), (0.04, 0.28))
    narrow: dict[str, Any] = {
        f"xaxis{'' if i == 0 else i + 1}": {"domain": [0, 1] if i else [0, 0.9]} for i in range(3)
    }
    for axis, (low, high) in zip(("yaxis", "yaxis3", "yaxis4"), heights, strict=True):
        narrow[axis] = {"domain": [low, high]}
    narrow["annotations"] = [{**t, "x": 0.5, "y": high} for t, (_, high) in zip(titles, heights, strict=True)]
    figure.update_layout(
        template=template(), height=320, margin={"t": 34, "b": 84, "l": 40, "r": 10}, barmode="group",
        meta={"narrow": {**narrow, "margin": {"b": 150}}},
    )  # fmt: skip
    figure.update_xaxes(dtick=1, title=words["rounds"], col=1)
    figure.update_xaxes(dtick=1, title=words["rounds"], col=2)
    figure.update_xaxes(type="log", tickvals=ends, ticktext=[str(end) for end in ends], title=words["calls"], col=3)
    figure.update_yaxes(rangemode="tozero")
    figure.update_yaxes(type="log", dtick=1, exponentformat="power", col=2)
    figure.update_yaxes(showgrid=False, nticks=4, tickformat=".2g", col=1, secondary_y=True)
    return figure


def _backdrop(log_p: Array, extent: float) -> go.Heatmap:
    """A density to draw upon, its brightest colours left to what is drawn."""
    axis = (((np.arange(len(log_p)) + 0.5) / len(log_p) * 2 - 1) * extent).astype(np.float32)
    return go.Heatmap(
        x=axis, y=axis[::-1], z=(255 * shades(log_p, float(log_p.max()))).astype(np.uint8), zmin=0, zmax=520,
        colorscale=[[0.0, INK], *SEQUENTIAL[1:]], showscale=False, zsmooth="best", hoverinfo="skip",
    )  # fmt: skip


def _square(figure: go.Figure, extent: float) -> None:
    figure.update_xaxes(range=[-extent, extent], constrain="domain", showgrid=False)
    figure.update_yaxes(range=[-extent, extent], scaleanchor="x", constrain="domain", showgrid=False)
