"""The Compare figure of the Diffusion tab: the rows' schedules over time, their coefficients over the noise level."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from playground.figures.colours import QUALITATIVE
from playground.figures.template import template

__all__ = ["WORDS", "profiles"]

Array = NDArray[np.float64]
WORDS = {  # where the caller has none in another language
    "scale": "s", "sigma": "σ", "log_snr": "log-SNR", "placement": "Steps", "c_skip": "c_skip", "c_out": "c_out",
    "c_in": "c_in", "c_noise": "c_noise, own range", "weight": "λ", "effective_weight": "λ · c_out²",
    "density": "Density of ln σ in training", "time": "time, from data to noise", "level": "noise level σ",
}  # fmt: skip
LEVEL = "level"  # what the traces say, in Plotly's `meta`, whose x is a noise level
OVER_TIME = ("scale", "sigma", "log_snr")
OVER_SIGMA = ("c_skip", "c_out", "c_in", "c_noise", "weight", "effective_weight", "density")
PLACES = {  # of the panels: row and column on a wide page
    "scale": (1, 1), "sigma": (1, 2), "log_snr": (1, 3), "placement": (1, 4),
    "c_skip": (2, 1), "c_out": (2, 2), "c_in": (2, 3), "c_noise": (2, 4),
    "weight": (3, 1), "effective_weight": (3, 2), "density": (3, 3),
}  # fmt: skip
LOGARITHMIC = {"sigma": (-3.0, 3.0), "weight": (-3.0, 6.0), "effective_weight": (-3.0, 3.0)}  # decades seen
LEVELS = (-3.0, 3.0)  # decades of sigma


class ProfileView(Protocol):
    """A `playground.diffusion.Profile`."""

    @property
    def time(self) -> Array: ...
    @property
    def placement(self) -> Array: ...
    @property
    def levels(self) -> Array: ...


def profiles(
    rows: Sequence[ProfileView], *, names: Sequence[str], sigma: float | None = None, words: Mapping[str, str] = WORDS
) -> go.Figure:
    """Eleven panels, a colour a row; a line marks the noise level `sigma`. Hover reads every row's value."""
    figure = make_subplots(
        rows=3,
        cols=4,
        specs=[[{}] * 4, [{}] * 4, [{}, {}, {"colspan": 2}, None]],
        subplot_titles=[words[name] for name in PLACES],
        horizontal_spacing=0.06,
        vertical_spacing=0.13,
    )
    for i, (row, name) in enumerate(zip(rows, names, strict=True)):
        line = {
            "color": QUALITATIVE[i],
            "width": 2.4 if i % 2 == 0 else 1.8,
            "dash": ("solid", "solid", "dash", "dot")[i],
        }
        for key, (r, c) in PLACES.items():
            trace = _placement(row, i, len(rows)) if key == "placement" else _curve(row, key)
            style = {"name": name, "legendgroup": name, "showlegend": key == "scale"}
            style |= {"marker": {"color": QUALITATIVE[i]}} if key == "placement" else {"line": line}
            figure.add_trace(go.Scatter(**trace, **style), row=r, col=c)
    figure.update_layout(
        template=template(),
        height=760,
        hovermode="x unified",
        hoverlabel={"font": {"size": 12}},
        margin={"t": 30, "b": 70, "l": 30, "r": 10},
    )
    for key, (r, c) in PLACES.items():
        place = {"row": r, "col": c}
        if key in OVER_TIME:
            figure.update_xaxes(title=words["time"], range=[0, 1], nticks=4, **place)
        else:
            figure.update_xaxes(
                type="log", range=list(LEVELS), dtick=2, tick0=0, tickangle=0, title=words["level"], **place, **POWERS
            )
            if sigma is not None:
                figure.add_vline(x=sigma, line={"width": 1, "dash": "dot", "color": "rgba(128,128,150,.9)"}, **place)
        if key in LOGARITHMIC:
            figure.update_yaxes(type="log", range=list(LOGARITHMIC[key]), dtick=3, **place, **POWERS)
    figure.update_yaxes(showticklabels=False, range=[-0.6, len(rows) - 0.4], **_place("placement"))
    figure.update_yaxes(range=[-0.05, 1.05], **_place("scale"))
    figure.update_yaxes(range=[-15, 15], **_place("log_snr"))
    figure.update_yaxes(showticklabels=False, range=[-0.05, 1.05], **_place("c_noise"))
    figure.update_yaxes(range=[-2, 2], **_place("c_out"))
    figure.update_yaxes(range=[-0.05, 2.2], **_place("c_in"))
    figure.update_layout(meta={"narrow": _narrow(figure)})
    return figure


POWERS: Mapping[str, Any] = {"exponentformat": "power"}


def _place(key: str) -> dict[str, int]:
    return dict(zip(("row", "col"), PLACES[key], strict=True))


def _curve(row: ProfileView, key: str) -> dict[str, Any]:
    """One panel's line of a row; c_noise is drawn over its own range and read in its own numbers."""
    y: Array = getattr(row, key)
    if key in OVER_TIME:
        return {"x": _small(row.time), "y": _small(y), "mode": "lines", "hovertemplate": "%{y:.4g}"}
    shown = y
    if key == "c_noise":
        finite = y[np.isfinite(y)]
        shown = (y - finite.min()) / max(float(np.ptp(finite)), 1e-12)
    text = "%{customdata:.4g}"
    return {
        "x": _small(row.levels),
        "meta": LEVEL,
        "y": _small(shown),
        "customdata": _small(y),
        "mode": "lines",
        "hovertemplate": text,
    }


def _placement(row: ProfileView, i: int, count: int) -> dict[str, Any]:
    """The steps as ticks on a line of their own, the first row on top."""
    return {
        "x": _small(row.placement),
        "meta": LEVEL,
        "y": np.full(len(row.placement), count - 1 - i, dtype=np.float32),
        "mode": "markers",
        "marker_symbol": "line-ns-open",
        "marker_size": 14,
        "hovertemplate": "%{x:.4g}",
    }


def _small(values: Array) -> NDArray[np.float32]:
    return np.where(np.isfinite(values), values, np.nan).clip(-1e30, 1e30).astype(np.float32)


def _narrow(figure: go.Figure) -> dict[str, Any]:
    """On a phone: two panels a line."""
    titles = [annotation.to_plotly_json() for annotation in figure.layout.annotations]
    lines = (len(PLACES) + 1) // 2
    height = 1 / lines
    out: dict[str, Any] = {"annotations": [], "margin": {"t": 56}}
    for i, title in enumerate(titles):
        left, top = 0.56 * (i % 2), 1 - (i // 2) * height
        last = i == len(titles) - 1 and i % 2 == 0
        x, y = [left, 1.0 if last else left + 0.44], [top - height * 0.62, top]
        suffix = "" if i == 0 else str(i + 1)
        out |= {f"xaxis{suffix}": {"domain": x, "title": {"text": ""}}, f"yaxis{suffix}": {"domain": y}}
        out["annotations"].append({**title, "x": sum(x) / 2, "y": top, "font": {"size": 13}})
    return out
