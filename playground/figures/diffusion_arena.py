"""The Arena's figure in the Diffusion tab: error against calls on logarithmic axes, and the samples behind one dot."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from playground.figures.colours import QUALITATIVE
from playground.figures.diffusion import backdrop
from playground.figures.template import template

__all__ = ["WORDS", "chart"]

Array = NDArray[np.float64]
WORDS = {  # where the caller has none in another language
    "chart": "Error against calls", "samples": "Samples", "nfe": "calls of the denoiser",
    "rms": "RMS error, standard deviations", "drawn": "samples", "hand": "by hand",
}  # fmt: skip
DASHES = ("solid", "dot", "dash", "dashdot")  # where there are more lines than colours
NEAR = 2.4  # data units that are seen of the plane: samples are not far from data
CALLS = (4, 5, 6, 8, 10, 12, 16, 20, 32, 50)


class DotView(Protocol):
    """A `playground.diffusion.Dot`."""

    @property
    def nfe(self) -> int: ...
    @property
    def rms(self) -> float: ...
    @property
    def samples(self) -> Array: ...


def chart(
    lines: Mapping[str, Sequence[DotView]],
    log_p: NDArray[np.float32],
    *,
    distilled: Mapping[str, Sequence[DotView]] | None = None,
    hand: DotView | None = None,
    shown: tuple[str, DotView] | None = None,
    ends: Array | None = None,
    words: Mapping[str, str] = WORDS,
) -> go.Figure:
    """Left a line a name, the distilled ones with stars; right the samples of the dot `shown` over the density (n, n).

    A line joins each sample with its exact end (n, 2). A click on a dot carries the line's name and its calls.
    """
    title = words["samples"] if shown is None else f"{shown[0]}: {shown[1].nfe}"
    figure = make_subplots(
        cols=2, column_widths=[0.56, 0.44], horizontal_spacing=0.09, subplot_titles=(words["chart"], title)
    )
    for i, (name, dots) in enumerate(lines.items()):
        colour, dash = QUALITATIVE[i % len(QUALITATIVE)], DASHES[i // len(QUALITATIVE) % len(DASHES)]
        style = {"line": {"color": colour, "width": 2, "dash": dash}, "marker": {"size": 7}}
        figure.add_trace(_line(name, dots, **style), row=1, col=1)
    for i, (name, dots) in enumerate((distilled or {}).items()):
        style = {"line": {"color": "#c99700", "width": 3, "dash": DASHES[i % len(DASHES)]}}
        marker = {"size": 15, "symbol": "star", "line": {"width": 1, "color": "rgba(60,40,0,.7)"}}
        figure.add_trace(_line(name, dots, **style, marker=marker), row=1, col=1)
    if hand is not None:
        marker = {"size": 13, "symbol": "diamond", "color": "#e2683c", "line": {"width": 1.5, "color": "#35206f"}}
        figure.add_trace(_line(words["hand"], [hand], mode="markers", marker=marker), row=1, col=1)
    if shown is not None:
        ring = {"size": 16, "symbol": "circle-open", "color": "rgba(128,128,150,1)", "line": {"width": 2}}
        here = _line(title, [shown[1]], mode="markers", marker=ring)
        figure.add_trace(here.update(showlegend=False, hoverinfo="skip", hovertemplate=None), row=1, col=1)
    figure.add_trace(backdrop(log_p), row=1, col=2)
    if shown is not None and np.isfinite(shown[1].samples).all():
        _add_samples(figure, shown[1].samples, ends, words)
    figure.update_layout(
        template=template(),
        height=520,
        margin={"t": 42, "b": 100, "l": 34, "r": 10},
        meta={"narrow": {  # on a phone: one under the other
            "xaxis": {"domain": [0, 1]}, "yaxis": {"domain": [0.56, 1]},
            "xaxis2": {"domain": [0, 1]}, "yaxis2": {"domain": [0, 0.44]},
            "annotations": [
                {**note.to_plotly_json(), "x": 0.5, "y": y}
                for note, y in zip(figure.layout.annotations, (1, 0.45), strict=True)
            ],
            "margin": {"b": 190},
        }},
    )  # fmt: skip
    figure.update_xaxes(type="log", title=words["nfe"], tickvals=CALLS, range=[0.55, 1.75], col=1)
    figure.update_yaxes(
        type="log", title=words["rms"], exponentformat="power", dtick=1, range=_decades(lines, distilled, hand), col=1
    )
    figure.update_xaxes(range=[-NEAR, NEAR], col=2, constrain="domain", showgrid=False)
    figure.update_yaxes(range=[-NEAR, NEAR], col=2, scaleanchor="x2", constrain="domain", showgrid=False)
    return figure


def _line(name: str, dots: Sequence[DotView], **style: object) -> go.Scatter:
    kept = [dot for dot in dots if np.isfinite(dot.rms)]
    return go.Scatter(
        **{
            "x": [dot.nfe for dot in kept],
            "y": [max(dot.rms, 1e-12) for dot in kept],
            "name": name,
            "mode": "lines+markers",
            "hovertemplate": "%{x}: %{y:.2g}<extra>" + name + "</extra>",
            **style,
        }
    )


def _add_samples(figure: go.Figure, samples: Array, ends: Array | None, words: Mapping[str, str]) -> None:
    if ends is not None:
        gap = np.full(len(ends), np.nan)
        x, y = (np.stack([ends[:, k], samples[:, k], gap], 1).ravel().astype(np.float32) for k in (0, 1))
        error = {"width": 1, "color": "rgba(255,255,255,.55)"}
        figure.add_trace(
            go.Scatter(x=x, y=y, mode="lines", line=error, hoverinfo="skip", showlegend=False), row=1, col=2
        )
    points = samples.astype(np.float32)
    dots = {"size": 4, "color": "#ffffff", "line": {"width": 0.6, "color": "#0d0a20"}}
    trace = go.Scatter(
        x=points[:, 0], y=points[:, 1], mode="markers", marker=dots, name=words["drawn"], showlegend=False
    )
    figure.add_trace(trace.update(hovertemplate="(%{x:.2f}, %{y:.2f})<extra></extra>"), row=1, col=2)


def _decades(
    lines: Mapping[str, Sequence[DotView]], distilled: Mapping[str, Sequence[DotView]] | None, hand: DotView | None
) -> list[float]:
    """Two decades at least; what is worse than 10 standard deviations stays outside."""
    every = [dot for dots in [*lines.values(), *(distilled or {}).values()] for dot in dots] + ([hand] if hand else [])
    seen = [dot.rms for dot in every if np.isfinite(dot.rms) and dot.rms > 0]
    low = min(np.log10(min(seen)), -2.0) if seen else -3.0
    high = min(max(np.log10(max(seen)), 0.0), 1.0) if seen else 0.0
    return [float(low) - 0.15, float(high) + 0.15]
