"""The road from n-grams to NCE in the Representations tab: the chain rule, perplexities, and noise that grows."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from playground.figures.colours import QUALITATIVE
from playground.figures.template import template

__all__ = ["WORDS", "approach", "chain", "curve", "perplexities"]

WORDS = {  # where the caller has none in another language
    "bits": "−log₂ p, bits", "p": "p", "start": "the start", "end": "end", "n": "n: words looked at",
    "perplexity": "perplexity on held-out paragraphs (lower is better)", "kneser_ney": "Kneser–Ney",
    "laplace": "Laplace", "counted": "counted", "learned": "learned", "k": "k: noise words to a true one",
    "lowest": "lowest on the way", "gap": "distance from maximum likelihood, nats", "log_z": "|log Z|",
}  # fmt: skip
MOST = 40  # words of a chain that are drawn
DASHED = {"color": QUALITATIVE[6], "width": 1, "dash": "dot"}

TICKS = [place * ten for ten in (1, 10, 100, 1000, 10_000, 100_000) for place in (1, 2, 5)]  # of perplexities


class FactorView(Protocol):
    """A `playground.representations.Factor`."""

    @property
    def history(self) -> tuple[str, ...]: ...
    @property
    def word(self) -> str: ...
    @property
    def probability(self) -> float: ...


class ApproachView(Protocol):
    """A `playground.representations.noise.Approach`."""

    @property
    def k(self) -> int: ...
    @property
    def gap(self) -> float: ...
    @property
    def log_z(self) -> float: ...


def chain(
    factors: Sequence[FactorView], bits: Sequence[float], *, ending: str, words: Mapping[str, str] = WORDS
) -> go.Figure:
    """A bar a word, its bits of surprise, in the sentence's order; the last is the paragraph's end (`ending`)."""
    shown = list(factors)[:MOST]
    names = [words["end"] if one.word == ending else one.word for one in shown]
    told = [" ".join(one.history) or words["start"] for one in shown]
    hover = f"{words['p']}(%{{customdata[1]}} | %{{customdata[0]}}) = %{{customdata[2]}}<extra></extra>"
    figure = go.Figure(
        go.Bar(
            x=list(range(len(shown))), y=list(bits)[:MOST], marker={"color": QUALITATIVE[0]},
            text=[f"{one.probability:.2g}" for one in shown], textposition="outside", cliponaxis=False,
            customdata=[[h, n, f"{one.probability:.3g}"] for h, n, one in zip(told, names, shown, strict=True)],
            hovertemplate=hover,
        )
    )  # fmt: skip
    tallest = max([1.0, *list(bits)[:MOST]])
    figure.update_layout(
        template=template(), height=300, margin={"t": 24, "b": 60, "l": 44, "r": 10}, showlegend=False,
        uniformtext={"minsize": 9, "mode": "hide"},
        meta={"narrow": {"xaxis": {"tickangle": -90}, "margin": {"b": 80}}},
    )  # fmt: skip
    figure.update_xaxes(tickvals=list(range(len(shown))), ticktext=names, tickangle=-40, showgrid=False)
    figure.update_yaxes(title=words["bits"], range=[0, 1.15 * tallest])
    return figure


def curve(
    found: Mapping[str, Mapping[int, float]], *, chosen: tuple[str, int], words: Mapping[str, str] = WORDS
) -> go.Figure:
    """Perplexity over n, a line a smoothing, on a logarithmic axis; a ring around the one that is chosen."""
    figure = go.Figure()
    for i, (name, values) in enumerate(found.items()):
        figure.add_trace(
            go.Scatter(
                x=list(values), y=list(values.values()), mode="lines+markers", name=words[name],
                line={"color": QUALITATIVE[i]}, hovertemplate=f"{words[name]}, n = %{{x}}: %{{y:.1f}}<extra></extra>",
            )
        )  # fmt: skip
    smoothing, n = chosen
    if n in found.get(smoothing, {}):
        ring = {"size": 16, "color": "rgba(0,0,0,0)", "line": {"width": 2, "color": QUALITATIVE[3]}}
        figure.add_trace(
            go.Scatter(x=[n], y=[found[smoothing][n]], mode="markers", marker=ring, showlegend=False, hoverinfo="skip")
        )
    figure.update_layout(template=template(), height=300, margin={"t": 16, "b": 70, "l": 50, "r": 10})
    figure.update_xaxes(title=words["n"], dtick=1, range=[0.7, 6.3])
    title = {"text": words["perplexity"], "font": {"size": 11}}
    figure.update_yaxes(title=title, type="log", tickvals=TICKS, tickformat="~s")
    return figure


def perplexities(
    rows: Sequence[tuple[str, float, bool]], lowest: Mapping[str, float] | None = None, *,
    words: Mapping[str, str] = WORDS,
) -> go.Figure:  # fmt: skip
    """A dot each (name, perplexity, whether a network has learned it), the best above, on a logarithmic axis.

    `lowest` are perplexities on the way, by name, hollow.
    """
    ordered = sorted(rows, key=lambda row: -row[1])
    figure = go.Figure()
    for learned, name, colour in ((False, "counted", QUALITATIVE[0]), (True, "learned", QUALITATIVE[1])):
        part = [row for row in ordered if row[2] is learned]
        figure.add_trace(
            go.Scatter(
                x=[row[1] for row in part], y=[row[0] for row in part], mode="markers+text", name=words[name],
                marker={"color": colour, "size": 12, "symbol": "diamond" if learned else "circle"},
                text=[f"{row[1]:.0f}" for row in part], textposition="middle right", cliponaxis=False,
                hovertemplate="%{y}: %{x:.1f}<extra></extra>",
            )
        )  # fmt: skip
    if lowest:
        figure.add_scatter(
            x=list(lowest.values()), y=list(lowest), mode="markers", name=words["lowest"],
            hovertemplate="%{y}: %{x:.1f}<extra></extra>",
            marker={"color": QUALITATIVE[1], "size": 11, "symbol": "diamond-open", "line": {"width": 2}},
        )  # fmt: skip
    meta = {"narrow": {"margin": {"b": 100}}}  # the legend takes three lines there
    figure.update_layout(template=template(), height=380, margin={"t": 10, "b": 76, "l": 10, "r": 50}, meta=meta)
    figure.update_xaxes(type="log", title=words["perplexity"], tickvals=TICKS, tickformat="~s")
    figure.update_yaxes(categoryorder="array", categoryarray=[row[0] for row in ordered])
    return figure


def approach(found: Sequence[ApproachView], *, words: Mapping[str, str] = WORDS) -> go.Figure:
    """Left how far NCE's estimates lie from maximum likelihood's over k; right how far log Z is from 0."""
    figure = make_subplots(cols=2, horizontal_spacing=0.16, subplot_titles=(words["gap"], words["log_z"]))
    ks = [one.k for one in found]
    for column, values in ((1, [one.gap for one in found]), (2, [one.log_z for one in found])):
        line = {"color": QUALITATIVE[0]}
        figure.add_trace(
            go.Scatter(
                x=ks, y=values, mode="lines+markers", line=line, hovertemplate="k = %{x}: %{y:.3g}<extra></extra>"
            ),
            row=1, col=column,
        )  # fmt: skip
        root = [values[0] * (ks[0] / k) ** (0.5 if column == 1 else 1.0) for k in ks]
        figure.add_trace(go.Scatter(x=ks, y=root, mode="lines", line=DASHED, hoverinfo="skip"), row=1, col=column)
    notes = [note.to_plotly_json() for note in figure.layout.annotations]
    narrow = {
        "xaxis": {"domain": [0, 1]}, "yaxis": {"domain": [0.6, 1]}, "xaxis2": {"domain": [0, 1]},
        "yaxis2": {"domain": [0, 0.38]},
        "annotations": [{**note, "x": 0.5, "y": y} for note, y in zip(notes, (1, 0.38), strict=True)],
    }  # fmt: skip
    figure.update_layout(
        template=template(), height=280, margin={"t": 34, "b": 50, "l": 50, "r": 10}, showlegend=False,
        meta={"narrow": narrow},
    )  # fmt: skip
    figure.update_annotations(font={"size": 13})
    figure.update_xaxes(type="log", title=words["k"], tickvals=[1, 10, 100])
    figure.update_yaxes(type="log", dtick=1, tickformat="~g")
    return figure
