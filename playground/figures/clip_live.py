"""The figure of a CLIP that learns while one looks on: its similarity matrix, its loss and what it can tell."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from PIL import Image

from playground.figures.colours import QUALITATIVE
from playground.figures.template import SEQUENTIAL, template

__all__ = ["WORDS", "learning"]

Floats = NDArray[np.float32]
WORDS = {  # where the caller has none in another language
    "matrix": "Cosine of every picture with every text", "loss": "Loss, nats", "temperature": "Temperature",
    "accuracy": "Zero-shot accuracy", "step": "training step", "guess": "guessing", "color": "colour", "size": "size",
    "shape": "shape", "picture": "picture", "text": "text", "cosine": "cosine",
}  # fmt: skip
RANGE = (0.0, 0.8)  # of the cosines that colours tell apart; those below are of strangers, and few pairs go beyond
LONGEST = 26  # letters of a text beside the matrix
POINTS = 400  # of a curve
GREY = QUALITATIVE[6]
MATRIX, TOP = (
    (0.165, 0.58),
    0.92,
)  # of the width; on a page the matrix stands left of the three curves, on a phone above them
CURVES = (0.66, 1.0)
HEIGHTS = ((0.68, 1.0), (0.41, 0.55), (0.0, 0.28))  # of loss, temperature and accuracy on a page
NARROW_MATRIX = ((0.36, 1.0), (0.66, 0.955))  # across and up on a phone
NARROW_HEIGHTS = ((0.42, 0.585), (0.25, 0.34), (0.0, 0.17))


class SkillView(Protocol):
    """A `playground.clip.live.Skill`."""

    @property
    def name(self) -> str: ...
    @property
    def chance(self) -> float: ...
    @property
    def accuracy(self) -> Floats: ...


class GlimpseView(Protocol):
    """A `playground.clip.Glimpse`."""

    @property
    def steps(self) -> int: ...
    @property
    def loss(self) -> Floats: ...
    @property
    def smooth(self) -> Floats: ...
    @property
    def guess(self) -> float: ...
    @property
    def temperature(self) -> Floats: ...
    @property
    def measured(self) -> NDArray[np.int64]: ...
    @property
    def skills(self) -> Sequence[SkillView]: ...
    @property
    def similarity(self) -> Floats: ...
    @property
    def pictures(self) -> NDArray[np.uint8]: ...
    @property
    def captions(self) -> Sequence[str]: ...


def learning(view: GlimpseView, *, words: Mapping[str, str] | None = None) -> go.Figure:
    """Left the cosines (m, m) with pictures below and texts beside; right loss, temperature and accuracies a step.

    Dotted lines are what one reaches who guesses. `words` replaces those of `WORDS` that it has.
    """
    said = {**WORDS, **(words or {})}
    figure = go.Figure()
    _matrix(figure, view, said)
    _loss(figure, view, said)
    _line(figure, view.temperature, 3, {"color": GREY, "width": 2}, "%{y:.3f}")
    _accuracies(figure, view, said)
    m, low = len(view.captions), {"showgrid": False, "fixedrange": True}
    figure.update_layout(
        template=template(),
        height=560,
        margin={"t": 34, "b": 72, "l": 40, "r": 12},
        images=_images(view.pictures),
        annotations=_titles(said, MATRIX[0], CURVES[0], HEIGHTS),
        coloraxis={
            "colorscale": SEQUENTIAL,
            "cmin": RANGE[0],
            "cmax": RANGE[1],
            "colorbar": _bar(*MATRIX),
        },
        legend={"x": CURVES[0], "y": 0, "yref": "container", "yanchor": "bottom", "traceorder": "normal"},
        xaxis={
            "domain": MATRIX,
            "range": [-0.5, m - 0.5],
            "showticklabels": False,
            "constrain": "domain",
            "constraintoward": "left",
            **low,
        },
        yaxis={
            "domain": [0, TOP],
            "range": [m + 0.55, -0.5],  # one row more, of pictures
            "tickvals": list(range(m)),
            "ticktext": [_short(text) for text in view.captions],
            "tickfont": {"size": 11},
            "automargin": False,
            "scaleanchor": "x",
            "constrain": "domain",
            "constraintoward": "top",
            **low,
        },
        meta={"narrow": _narrow(said)},
    )
    x = {"domain": CURVES, "range": [0, view.steps], "automargin": False, "nticks": 5}
    for i, heights in zip((2, 3, 4), HEIGHTS, strict=True):
        figure.update_layout(
            {
                f"xaxis{i}": {**x, "anchor": f"y{i}", "matches": None if i == 2 else "x2", "showticklabels": i == 4},
                f"yaxis{i}": {"domain": heights, "anchor": f"x{i}", "automargin": False, "nticks": 4},
            }
        )
    tallest = max([1.15 * view.guess, *view.smooth[:1].tolist()])
    hottest = 1.3 * max([0.1, *view.temperature.tolist()])
    figure.update_layout(
        xaxis4_title={"text": said["step"], "standoff": 8},
        yaxis2_range=[0, tallest],
        yaxis3_range=[0, hottest],
        yaxis4={"range": [0, 1.04], "tickformat": ".0%", "tickvals": [0, 0.5, 1]},
    )
    return figure


def _matrix(figure: go.Figure, view: GlimpseView, words: Mapping[str, str]) -> None:
    pictures, texts = np.meshgrid(view.captions, view.captions)
    hover = f"{words['picture']}: %{{customdata[0]}}<br>{words['text']}: %{{customdata[1]}}<br>{words['cosine']}: "
    figure.add_trace(
        go.Heatmap(
            z=view.similarity.T.astype(np.float32),  # a row a text
            customdata=np.stack([pictures, texts], axis=-1),
            coloraxis="coloraxis",
            xgap=1,
            ygap=1,
            hovertemplate=hover + "%{z:.2f}<extra></extra>",
        )
    )


def _loss(figure: go.Figure, view: GlimpseView, words: Mapping[str, str]) -> None:
    _line(figure, view.loss, 2, {"color": QUALITATIVE[0], "width": 1}, None, opacity=0.3)
    _line(figure, view.smooth, 2, {"color": QUALITATIVE[0], "width": 2.5}, "%{y:.2f}")
    _level(figure, view.guess, view.steps, 2, GREY, name=words["guess"], showlegend=True)


def _accuracies(figure: go.Figure, view: GlimpseView, words: Mapping[str, str]) -> None:
    for skill, color in zip(view.skills, (QUALITATIVE[1], QUALITATIVE[2], QUALITATIVE[3]), strict=True):
        figure.add_trace(
            go.Scatter(
                x=view.measured,
                y=skill.accuracy,
                mode="lines+markers",
                marker={"size": 4},
                line={"color": color, "width": 2},
                name=words[skill.name],
                xaxis="x4",
                yaxis="y4",
                hovertemplate="%{y:.0%}",
            )
        )
        _level(figure, skill.chance, view.steps, 4, color)


def _line(
    figure: go.Figure, values: Floats, axis: int, line: Mapping[str, Any], hover: str | None, *, opacity: float = 1.0
) -> None:
    """A value a step, from step 1 on, thinned out to `POINTS`; the newest stays."""
    steps = np.arange(len(values), 0, -max(1, -(-len(values) // POINTS)))[::-1]
    figure.add_trace(
        go.Scatter(
            x=steps,
            y=values[steps - 1],
            mode="lines",
            line=dict(line),
            opacity=opacity,
            xaxis=f"x{axis}",
            yaxis=f"y{axis}",
            showlegend=False,
            **({"hovertemplate": hover + "<extra></extra>"} if hover else {"hoverinfo": "skip"}),
        )
    )


def _level(
    figure: go.Figure, y: float, steps: int, axis: int, color: str, *, name: str = "", showlegend: bool = False
) -> None:
    figure.add_trace(
        go.Scatter(
            x=[0, steps],
            y=[y, y],
            mode="lines",
            line={"color": color, "width": 1.5, "dash": "dot"},
            xaxis=f"x{axis}",
            yaxis=f"y{axis}",
            name=name,
            showlegend=showlegend,
            hoverinfo="skip",
        )
    )


def _images(pictures: NDArray[np.uint8]) -> list[dict[str, Any]]:
    """The pictures (m, side, side, 3) in a row under the matrix, each below its column."""
    place = {"xref": "x", "yref": "y", "xanchor": "center", "yanchor": "middle", "sizex": 0.94, "sizey": 0.94}
    return [{**place, "x": i, "y": len(pictures), "source": _data_url(one)} for i, one in enumerate(pictures)]


def _data_url(picture: NDArray[np.uint8]) -> str:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"


def _titles(
    words: Mapping[str, str], matrix: float, curves: float, heights: Sequence[tuple[float, float]]
) -> list[dict[str, Any]]:
    look = {"xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom", "showarrow": False, "yshift": 4}
    look["font"] = {"size": 14}
    spots = [("matrix", matrix, 1.0)]
    spots += [(key, curves, high) for key, (_, high) in zip(("loss", "temperature", "accuracy"), heights, strict=True)]
    return [{**look, "text": words[key], "x": x, "y": y} for key, x, y in spots]


def _bar(left: float, right: float) -> dict[str, Any]:
    """The scale between the matrix and its title; a little shorter than it, or its last number would not fit."""
    low, high = RANGE
    return {
        "orientation": "h", "x": left, "xanchor": "left", "xpad": 0, "len": 0.92 * (right - left), "thickness": 8,
        "y": 1, "yanchor": "top", "ypad": 0, "tickvals": [low, (low + high) / 2, high],
        "ticktext": [f"≤ {low:g}", f"{(low + high) / 2:g}", f"≥ {high:g}"], "tickfont": {"size": 11},
    }  # fmt: skip


def _narrow(words: Mapping[str, str]) -> dict[str, Any]:
    """On a phone the curves below the matrix."""
    (left, right), (low, high) = NARROW_MATRIX
    out: dict[str, Any] = {
        "margin": {"t": 30, "b": 96, "l": 38, "r": 10},
        "xaxis": {"domain": [left, right]},
        "yaxis": {"domain": [low, high], "tickfont": {"size": 10}},
        "annotations": _titles(words, 0.0, 0.0, NARROW_HEIGHTS),
        "coloraxis": {"colorbar": _bar(left, right)},
        "legend": {"x": 0},
    }
    for i, heights in zip((2, 3, 4), NARROW_HEIGHTS, strict=True):
        out[f"xaxis{i}"], out[f"yaxis{i}"] = {"domain": [0, 1]}, {"domain": heights}
    return out
