"""Mutual information in the Representations tab: a sample, estimators while they learn, and critics as log ratios."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from playground.figures.colours import QUALITATIVE
from playground.figures.template import DIVERGING, template

__all__ = ["WORDS", "estimates", "log_ratios", "sample"]

Floats = NDArray[np.floating[Any]]
WORDS = {  # where the caller has none in another language
    "info_nce": "InfoNCE", "nwj": "NWJ", "jsd": "JSD", "mine": "MINE", "smile": "SMILE", "truth": "truth",
    "ceiling": "log N, InfoNCE's ceiling", "histogram": "histogram", "ksg": "neighbours (KSG)",
    "seconds": "seconds of training, each", "nats": "nats", "true": "true log ratio", "learned": "{name}: r = {r}",
    "sample": "A sample", "without": "Without a network",
}  # fmt: skip
COLOURS = {"info_nce": QUALITATIVE[0], "nwj": QUALITATIVE[1], "jsd": QUALITATIVE[2], "mine": QUALITATIVE[3],
           "smile": QUALITATIVE[4]}  # fmt: skip
TRUTH, GREY = QUALITATIVE[5], QUALITATIVE[6]
DOTS = 1500
ACROSS = 3  # heat maps in a row on a page, 2 on a phone
TALLEST = 60.0  # nats: an axis goes no further
WILD = 1e3  # nats: drawn no further off, in picture or out of it


class RatioView(Protocol):
    """A `playground.representations.ratio.Ratio`."""

    @property
    def x(self) -> Floats: ...
    @property
    def y(self) -> Floats: ...
    @property
    def learned(self) -> Floats: ...
    @property
    def true(self) -> Floats: ...
    @property
    def correlation(self) -> float: ...


class LaneView(Protocol):
    """A `playground.representations.race.Lane`."""

    @property
    def name(self) -> str: ...
    @property
    def ceiling(self) -> float: ...
    @property
    def seconds(self) -> Floats: ...
    @property
    def median(self) -> Floats: ...
    @property
    def low(self) -> Floats: ...
    @property
    def high(self) -> Floats: ...
    @property
    def ratio(self) -> RatioView | None: ...


def sample(
    x: Floats, y: Floats, known: Mapping[str, float], *, names: tuple[str, str], words: Mapping[str, str] = WORDS
) -> go.Figure:
    """Left the first columns (n,) of x and y as dots, right what is `known` of their information, as bars in nats.

    `known` has values of "truth", "histogram", "ksg"; the first is drawn topmost.
    """
    figure = make_subplots(
        cols=2, column_widths=[0.55, 0.45], horizontal_spacing=0.2, subplot_titles=(words["sample"], words["without"])
    )
    dots = {"size": 3.5, "color": QUALITATIVE[0], "opacity": 0.45}
    few_x, few_y = x[:DOTS].astype(np.float32), y[:DOTS].astype(np.float32)
    figure.add_trace(
        go.Scatter(x=few_x, y=few_y, mode="markers", marker=dots, hovertemplate="(%{x:.2f}, %{y:.2f})<extra></extra>"),
        row=1, col=1,
    )  # fmt: skip
    kinds = list(known)[::-1]
    figure.add_trace(
        go.Bar(
            x=[known[kind] for kind in kinds], y=[words[kind] for kind in kinds], orientation="h", width=0.5,
            marker={"color": [TRUTH if kind == "truth" else GREY for kind in kinds]},
            text=[f"{known[kind]:.2f}" for kind in kinds], textposition="auto",
            hovertemplate="%{y}: %{x:.3f}<extra></extra>",
        ),
        row=1, col=2,
    )  # fmt: skip
    titles = [annotation.to_plotly_json() for annotation in figure.layout.annotations]
    figure.update_layout(
        template=template(), height=330, showlegend=False, margin={"t": 36, "b": 44, "l": 44, "r": 12},
        meta={"narrow": {
            "xaxis": {"domain": [0, 1]}, "yaxis": {"domain": [0.45, 1]},
            "xaxis2": {"domain": [0.3, 1]}, "yaxis2": {"domain": [0, 0.24]},
            "annotations": [{**titles[0], "x": 0.5, "y": 1.0}, {**titles[1], "x": 0.5, "y": 0.25}],
        }},
    )  # fmt: skip
    figure.update_xaxes(title=names[0], row=1, col=1)
    figure.update_yaxes(title=names[1], row=1, col=1)
    figure.update_xaxes(title=words["nats"], row=1, col=2)
    return figure


def estimates(
    lanes: Sequence[LaneView], known: Mapping[str, float], *, seconds: float, words: Mapping[str, str] = WORDS
) -> go.Figure:
    """Each estimator's median reading over its time with the quartiles as a band; lines for what is `known`.

    What is not finite is a gap; the axis follows the truth and the steady readings, so wild ones leave the picture.
    """
    figure = go.Figure()
    for lane in lanes:
        finite = np.isfinite(lane.median) & np.isfinite(lane.low) & np.isfinite(lane.high)
        t, colour = lane.seconds[finite], COLOURS[lane.name]
        edge = np.concatenate([lane.high[finite], lane.low[finite][::-1]]).clip(-WILD, WILD)
        figure.add_trace(
            go.Scatter(
                x=np.concatenate([t, t[::-1]]).astype(np.float32), y=edge.astype(np.float32), fill="toself",
                mode="lines", line={"width": 0}, fillcolor=_faint(colour), hoverinfo="skip", showlegend=False,
                legendgroup=lane.name,
            )
        )  # fmt: skip
        figure.add_trace(
            go.Scatter(
                x=t.astype(np.float32), y=lane.median[finite].clip(-WILD, WILD).astype(np.float32), mode="lines",
                name=words[lane.name], line={"color": colour, "width": 2.4}, legendgroup=lane.name,
                hovertemplate=f"{words[lane.name]}: %{{y:.2f}}<extra></extra>",
            )
        )  # fmt: skip
    looks = {"truth": (TRUTH, "solid", 2.5), "histogram": (GREY, "dot", 1.5), "ksg": (GREY, "dash", 1.5)}
    ceiling = min((lane.ceiling for lane in lanes), default=math.inf)
    for kind, (colour, dash, width) in looks.items():
        if kind in known:
            _level(figure, known[kind], seconds, words[kind], {"color": colour, "dash": dash, "width": width})
    if math.isfinite(ceiling):
        line = {"color": QUALITATIVE[0], "dash": "longdashdot", "width": 1.5}
        _level(figure, ceiling, seconds, words["ceiling"], line)
    top = _top(lanes, known, ceiling)
    figure.update_layout(
        template=template(), height=420, margin={"t": 12, "b": 110, "l": 44, "r": 12},
        meta={"narrow": {"margin": {"b": 170}, "legend": {"font": {"size": 11}}}},
    )  # fmt: skip
    figure.update_xaxes(range=[0, seconds], title=words["seconds"])
    figure.update_yaxes(range=[-0.12 * top, top], title=words["nats"])
    return figure


def log_ratios(lanes: Sequence[LaneView], *, words: Mapping[str, str] = WORDS) -> go.Figure | None:
    """The true log ratio and each critic's, over x across and y upwards, in one scale; None where none is known."""
    drawn = [(lane, lane.ratio) for lane in lanes if lane.ratio is not None]
    if not drawn:
        return None
    true = drawn[0][1]
    pictures = [(words["true"], true.true)]
    for lane, ratio in drawn:
        r = f"{ratio.correlation:.2f}" if math.isfinite(ratio.correlation) else "–"
        pictures.append((words["learned"].format(name=words[lane.name], r=r), ratio.learned))
    most = max(0.5, float(true.true.max()))
    places, rows = _grid(len(pictures), ACROSS, 0.0)
    small, _ = _grid(len(pictures), 2, 0.02)
    figure = go.Figure()
    layout: dict[str, Any] = {}
    narrow: dict[str, Any] = {}
    for i, ((_, z), (x, y), (nx, ny)) in enumerate(zip(pictures, places, small, strict=True), 1):
        end = "" if i == 1 else str(i)
        shade = np.nan_to_num(z.T, neginf=-WILD, posinf=WILD).clip(-WILD, WILD).astype(np.float32)
        figure.add_trace(
            go.Heatmap(
                x=true.x, y=true.y, z=shade,
                xaxis=f"x{end}", yaxis=f"y{end}", coloraxis="coloraxis", zsmooth="best",
                hovertemplate="x %{x:.2f}, y %{y:.2f}: %{z:.2f}<extra></extra>",
            )
        )  # fmt: skip
        axis = {"showgrid": False, "nticks": 5, "automargin": False, "tickfont": {"size": 11}}
        layout |= {
            f"xaxis{end}": {"domain": x, "anchor": f"y{end}", **axis},
            f"yaxis{end}": {"domain": y, "anchor": f"x{end}", **axis},
        }
        narrow |= {f"xaxis{end}": {"domain": nx}, f"yaxis{end}": {"domain": ny}}
    names = [name for name, _ in pictures]
    bar = {"tickvals": [-most, 0, most], "ticktext": [f"≤ −{most:.1f}", "0", f"≥ {most:.1f}"]}
    figure.update_layout(
        template=template(), height=90 + 230 * rows, margin={"t": 34, "b": 30, "l": 30, "r": 78},
        coloraxis={"colorscale": DIVERGING, "cmin": -most, "cmax": most, "colorbar": bar},
        annotations=_titles(names, places, 13), **layout,
        meta={"narrow": {**narrow, "annotations": _titles(names, small, 11), "margin": {"l": 26, "r": 62}}},
    )  # fmt: skip
    return figure


def _grid(count: int, across: int, shrink: float) -> tuple[list[tuple[list[float], list[float]]], int]:
    """Domains of pictures in rows of `across`, and how many rows."""
    rows, gap_x, gap_y = -(-count // across), 0.07 + shrink, 0.13
    width, height = (1 - gap_x * (across - 1)) / across, (1 - gap_y * (rows - 1)) / rows
    places = []
    for i in range(count):
        left, top = (i % across) * (width + gap_x), 1 - (i // across) * (height + gap_y)
        places.append(([left, min(1.0, left + width)], [max(0.0, top - height), top]))
    return places, rows


def _titles(names: Sequence[str], places: Sequence[tuple[list[float], list[float]]], size: int) -> list[dict[str, Any]]:
    look = {"xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom", "showarrow": False, "yshift": 3}
    return [
        {**look, "text": name, "x": x[0], "y": y[1], "font": {"size": size}}
        for name, (x, y) in zip(names, places, strict=True)
    ]


def _level(figure: go.Figure, value: float, seconds: float, name: str, line: Mapping[str, Any]) -> None:
    figure.add_trace(
        go.Scatter(
            x=[0, seconds], y=[value, value], mode="lines", name=name, line=dict(line),
            hovertemplate=f"{name}: %{{y:.2f}}<extra></extra>",
        )
    )  # fmt: skip


def _top(lanes: Sequence[LaneView], known: Mapping[str, float], ceiling: float) -> float:
    """The upper end of the axis in nats: above what is known, and above readings up to twice that."""
    most = max([0.3, *known.values()])
    read = [float(lane.high[-1]) for lane in lanes if len(lane.high) and math.isfinite(float(lane.high[-1]))]
    most = max([most, *(value for value in read if "truth" not in known or value <= 2 * most)])
    if most < ceiling <= 2 * most:
        most = ceiling
    return min(TALLEST, 1.15 * most)


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.18)"
