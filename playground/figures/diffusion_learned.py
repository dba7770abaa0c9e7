"""The figure of a network that learns in the Diffusion tab: loss a noise level, samples, and whose error is whose."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from playground.figures.colours import QUALITATIVE
from playground.figures.diffusion import EXTENT, backdrop
from playground.figures.template import template

__all__ = ["WORDS", "learned"]

Array = NDArray[np.float64]
WORDS = {  # where the caller has none in another language
    "loss": "Squared error a noise level", "samples": "Samples of the network", "curve": "Loss in training",
    "split": "Whose error is it?", "network": "network: |D − x₀|²", "optimum": "best possible: |D* − x₀|²",
    "excess": "what is left to learn: |D − D*|²", "density": "where training looks", "sigma": "noise level σ",
    "step": "training step", "calls": "calls of the network", "model": "model", "solver": "solver",
    "total": "both together", "later": "after the training",
}  # fmt: skip
NARROW = ((0.78, 1.0), (0.36, 0.66), (0.18, 0.29), (0.0, 0.1))  # heights of the four panels on a phone


class ErrorsView(Protocol):
    """A `playground.diffusion.LevelErrors`."""

    @property
    def sigma(self) -> Array: ...
    @property
    def loss(self) -> Array: ...
    @property
    def optimum(self) -> Array | None: ...
    @property
    def model_error(self) -> Array | None: ...


class SplitView(Protocol):
    """A `playground.diffusion.ErrorSplit`."""

    @property
    def nfe(self) -> int: ...
    @property
    def model_median(self) -> float: ...
    @property
    def solver_median(self) -> float: ...
    @property
    def total_median(self) -> float: ...


class LearningView(Protocol):
    """A `playground.diffusion.Learning`."""

    @property
    def curve(self) -> Array: ...
    @property
    def errors(self) -> ErrorsView: ...
    @property
    def density(self) -> Array: ...
    @property
    def samples(self) -> Array: ...
    @property
    def splits(self) -> Sequence[SplitView]: ...


def learned(frame: LearningView, log_p: NDArray[np.float32], *, words: Mapping[str, str] = WORDS) -> go.Figure:
    """Loss a level over the training noise, samples (n, 2) over the density (n, n), loss a step, errors a call."""
    figure = make_subplots(
        rows=2,
        cols=2,
        row_heights=[0.6, 0.4],
        column_widths=[0.56, 0.44],
        horizontal_spacing=0.09,
        vertical_spacing=0.17,
        subplot_titles=[words[key] for key in ("loss", "samples", "curve", "split")],
    )
    _levels(figure, frame, words)
    figure.add_trace(backdrop(log_p), row=1, col=2)
    x, y = frame.samples.astype(np.float32).T
    dots = {"size": 3.5, "color": "#ffffff", "opacity": 0.8}
    figure.add_trace(
        go.Scatter(x=x, y=y, mode="markers", marker=dots, showlegend=False, hoverinfo="skip"), row=1, col=2
    )
    step, loss = frame.curve.T
    line = {"color": QUALITATIVE[0], "width": 2}
    figure.add_trace(
        go.Scatter(x=step, y=loss.astype(np.float32), mode="lines", line=line, showlegend=False), row=2, col=1
    )
    _splits(figure, frame.splits, words)
    figure.update_xaxes(range=[-EXTENT, EXTENT], row=1, col=2, constrain="domain", showgrid=False)
    figure.update_yaxes(range=[-EXTENT, EXTENT], row=1, col=2, scaleanchor="x2", constrain="domain", showgrid=False)
    figure.update_xaxes(title_text=words["step"], title_standoff=4, row=2, col=1)
    figure.update_yaxes(type="log", row=2, col=1, **POWERS)
    figure.update_layout(
        template=template(),
        height=620,
        margin={"t": 40, "b": 96, "l": 56, "r": 10},
        legend={"traceorder": "normal", "y": 0, "yref": "container", "yanchor": "bottom"},
        meta={"narrow": _narrow(figure)},
    )
    return figure


POWERS: Mapping[str, Any] = {"exponentformat": "power"}


def _levels(figure: go.Figure, frame: LearningView, words: Mapping[str, str]) -> None:
    """Squared errors on logarithmic axes; the training noise as a hill at their foot, in no unit."""
    errors = frame.errors
    low, high = -6.0, 2.0  # of the axis
    hill = 10 ** (low + 0.35 * (high - low) * frame.density / max(float(frame.density.max()), 1e-12))
    lines = [("network", errors.loss, {"color": QUALITATIVE[0], "width": 2.5})]
    if errors.optimum is not None and errors.model_error is not None:
        lines += [
            ("optimum", errors.optimum, {"color": QUALITATIVE[2], "width": 2, "dash": "dot"}),
            ("excess", errors.model_error**2, {"color": QUALITATIVE[1], "width": 2}),
        ]
    flat = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    figure.add_trace(go.Scatter(x=errors.sigma, y=np.full_like(hill, 10**low), **flat), row=1, col=1)
    area = {"fill": "tonexty", "fillcolor": "rgba(128,128,150,.25)", "line": {"width": 0, "shape": "spline"}}
    figure.add_trace(
        go.Scatter(x=errors.sigma, y=hill, mode="lines", name=words["density"], hoverinfo="skip", **area),
        row=1,
        col=1,
    )
    for key, values, line in lines:
        figure.add_trace(
            go.Scatter(
                x=errors.sigma,
                y=values.astype(np.float32),
                mode="lines+markers",
                marker={"size": 5},
                line=line,
                name=words[key],
                hovertemplate="%{y:.3g}",
            ),
            row=1,
            col=1,
        )
    figure.update_xaxes(type="log", dtick=1, title_text=words["sigma"], title_standoff=4, row=1, col=1, **POWERS)
    figure.update_yaxes(type="log", range=[low, high], dtick=2, row=1, col=1, **POWERS)


def _splits(figure: go.Figure, splits: Sequence[SplitView], words: Mapping[str, str]) -> None:
    """Medians over the noises: the model's stays, the solver's falls, and the larger one is the whole."""
    looks = (
        ("model", {"color": QUALITATIVE[1], "width": 2}, "circle"),
        ("solver", {"color": QUALITATIVE[3], "width": 2}, "square"),
        ("total", {"color": QUALITATIVE[6], "width": 2, "dash": "dot"}, "diamond"),
    )
    for key, line, symbol in looks:
        figure.add_trace(
            go.Scatter(
                x=[split.nfe for split in splits],
                y=[getattr(split, f"{key}_median") for split in splits],
                mode="lines+markers",
                marker={"size": 7, "symbol": symbol},
                line=line,
                name=words[key],
                hovertemplate="%{y:.3g}",
                showlegend=bool(splits),
            ),
            row=2,
            col=2,
        )
    if not splits:
        figure.add_annotation(
            text=words["later"], showarrow=False, xref="x4 domain", yref="y4 domain", x=0.5, y=0.5, opacity=0.6
        )
    calls = [split.nfe for split in splits]
    ticks = {"tickvals": calls, "ticktext": [str(n) for n in calls]} if calls else {"showticklabels": False}
    figure.update_xaxes(type="log", title_text=words["calls"], title_standoff=4, row=2, col=2, **ticks)
    figure.update_yaxes(type="log", showticklabels=bool(splits), row=2, col=2, **POWERS)


def _narrow(figure: go.Figure) -> dict[str, Any]:
    """On a phone one panel below the other."""
    out: dict[str, Any] = {"annotations": []}
    titles = [annotation.to_plotly_json() for annotation in figure.layout.annotations]
    for i, (low, high) in enumerate(NARROW):
        suffix = "" if i == 0 else str(i + 1)
        out[f"xaxis{suffix}"], out[f"yaxis{suffix}"] = {"domain": [0, 1]}, {"domain": [low, high]}
        out["annotations"].append({**titles[i], "x": 0.5, "y": high})
    out["annotations"] += titles[4:]
    return out
