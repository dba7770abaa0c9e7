"""The road from DDPM to the ODE: a film over eta of paths with one start and one seed, and what stays meanwhile."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from playground.figures.colours import QUALITATIVE
from playground.figures.diffusion import EXTENT, backdrop
from playground.figures.film import player
from playground.figures.template import template

__all__ = ["WORDS", "road"]

WORDS = {  # where the caller has none in another language
    "paths": "The same starts and random numbers", "numbers": "What changes, and what does not",
    "spread": "spread of ends with one start", "distance": "distance of the marginals", "chance": "by chance",
    "eta": "η", "ode": "ODE", "play": "Play", "pause": "Pause",
}  # fmt: skip


class MilestoneView(Protocol):
    """A `playground.diffusion.Milestone`."""

    @property
    def eta(self) -> float: ...
    @property
    def paths(self) -> NDArray[np.float64]: ...
    @property
    def distance(self) -> float: ...
    @property
    def spread(self) -> float: ...
    @property
    def chance(self) -> float: ...


def road(
    milestones: Sequence[MilestoneView], log_p: NDArray[np.float32], *, words: Mapping[str, str] = WORDS
) -> go.Figure:
    """Left the paths over the density (n, n), a film from eta 1 to the ODE; right the spread of ends and the distances.

    The last milestone with the eta of the one before it is the ODE.
    """
    figure = make_subplots(
        cols=2,
        column_widths=[0.55, 0.45],
        horizontal_spacing=0.1,
        specs=[[{}, {"secondary_y": True}]],
        subplot_titles=(words["paths"], words["numbers"]),
    )
    figure.add_trace(backdrop(log_p), row=1, col=1)
    last = milestones[-1]
    for i in range(last.paths.shape[1]):
        line = {"color": ("#ffffff", *QUALITATIVE)[i % 6], "width": 1.5}
        figure.add_trace(
            go.Scatter(**_line(last, i), mode="lines", line=line, hoverinfo="skip", showlegend=False), row=1, col=1
        )
    names = [_name(milestones, i, words) for i in range(len(milestones))]
    figure.frames = [
        go.Frame(
            name=name,
            data=[go.Scatter(**_line(one, i)) for i in range(one.paths.shape[1])],
            traces=list(range(1, 1 + one.paths.shape[1])),
        )
        for name, one in zip(names, milestones, strict=True)
    ]
    both = {"mode": "lines+markers", "marker": {"size": 8}}
    figure.add_trace(
        go.Scatter(
            x=names, y=[one.spread for one in milestones], name=words["spread"], line={"color": QUALITATIVE[0]}, **both
        ),
        row=1, col=2,
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=names, y=[one.distance for one in milestones], name=words["distance"], line={"color": QUALITATIVE[1]},
            **both,
        ),
        row=1, col=2, secondary_y=True,
    )  # fmt: skip
    dashed = {"color": QUALITATIVE[1], "width": 1, "dash": "dash"}
    figure.add_trace(
        go.Scatter(
            x=names, y=[one.chance for one in milestones], name=words["chance"], mode="lines", line=dashed,
        ),
        row=1, col=2, secondary_y=True,
    )  # fmt: skip
    menu, slider = player(names, words, prefix=words["eta"])
    slider["active"] = len(names) - 1
    titles = [annotation.to_plotly_json() for annotation in figure.layout.annotations]
    figure.update_layout(
        template=template(),
        height=520,
        margin={"t": 42, "b": 128, "l": 34, "r": 10},
        legend={"y": 0, "yref": "container", "yanchor": "bottom"},
        updatemenus=[menu],
        sliders=[slider],
        meta={"narrow": {
            "xaxis": {"domain": [0, 1]}, "yaxis": {"domain": [0.46, 1]},
            "xaxis2": {"domain": [0.04, 0.94]}, "yaxis2": {"domain": [0, 0.3]},
            "annotations": [{**title, "x": 0.5, "y": y} for title, y in zip(titles, (1, 0.335), strict=True)],
            "sliders": [{**slider, "x": 0, "len": 1, "y": -0.17}], "updatemenus": [{**menu, "y": -0.09}],
            "margin": {"b": 225},
        }},
    )  # fmt: skip
    figure.update_xaxes(range=[-EXTENT, EXTENT], col=1, constrain="domain", showgrid=False)
    figure.update_yaxes(range=[-EXTENT, EXTENT], col=1, scaleanchor="x", constrain="domain", showgrid=False)
    figure.update_xaxes(title=words["eta"], type="category", col=2)
    top = max(max(one.distance, one.chance) for one in milestones)
    figure.update_yaxes(rangemode="tozero", col=2, secondary_y=False)
    figure.update_yaxes(range=[0, 1.6 * top], showgrid=False, nticks=5, tickformat=".2f", col=2, secondary_y=True)
    return figure


def _name(milestones: Sequence[MilestoneView], i: int, words: Mapping[str, str]) -> str:
    ode = i > 0 and milestones[i].eta == milestones[i - 1].eta
    return words["ode"] if ode else f"{milestones[i].eta:g}"


def _line(one: MilestoneView, i: int) -> dict[str, NDArray[np.float32]]:
    x = one.paths[:, i].astype(np.float32)
    return {"x": x[:, 0], "y": x[:, 1]}
