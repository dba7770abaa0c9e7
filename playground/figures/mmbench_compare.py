"""Runs of MMBench beside each other: what rotations cost them, how far apart they are, and on which questions."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import plotly.graph_objects as go

from playground.figures.colours import QUALITATIVE
from playground.figures.mmbench_rows import QUIET, ShareView, broken, rows, run_colour, short
from playground.figures.template import template

__all__ = ["WORDS", "difference", "gaps", "splits"]

WORDS = {  # where the caller has none in another language
    "circular": "circular", "vanilla": "vanilla", "accuracy": "accuracy", "gap": "gap {0} points",
    "questions": "{0} questions", "difference": "difference in circular accuracy, points",
    "first": "← the first is better", "second": "the second is better →", "only": "only {0}", "both": "both right",
    "neither": "neither",
}  # fmt: skip
SHARES: tuple[tuple[Literal[1, 2], str, str], ...] = ((1, "vanilla", "circle-open"), (2, "circular", "circle"))
ROOM = (0.35, 0.65)  # a label has room left of a mark from the one on, and right of it up to the other


class ComparisonView(Protocol):
    """A `playground.mmbench.Comparison`."""

    @property
    def name_a(self) -> str: ...
    @property
    def name_b(self) -> str: ...
    @property
    def n(self) -> int: ...
    @property
    def difference(self) -> ShareView: ...


def gaps(runs: Sequence[tuple[str, ShareView, ShareView]], *, words: Mapping[str, str] | None = None) -> go.Figure:
    """A dumbbell a model, (its name, vanilla, circular), with the gap in points beside its line and its intervals."""
    said = {**WORDS, **(words or {})}
    figure = go.Figure(layout={"template": template()})
    places = list(range(len(runs)))
    for place, (_, vanilla, circular) in zip(places, runs, strict=True):
        figure.add_scatter(
            x=[vanilla.value, circular.value], y=[place, place], mode="lines", hoverinfo="skip", showlegend=False,
            line={"color": run_colour(place), "width": 3},
        )  # fmt: skip
    for column, key, symbol in SHARES:
        figure.add_scatter(
            x=[run[column].value for run in runs], y=places, mode="markers", name=said[key],
            marker={"size": 12, "symbol": symbol, "color": [run_colour(i) for i in places],
                    "line": {"width": 2.5, "color": [run_colour(i) for i in places]}},
            customdata=[[short(run[0], 44), run[column].low, run[column].high] for run in runs],
            hovertemplate="%{customdata[0]}: %{x:.1%} (%{customdata[1]:.1%} – %{customdata[2]:.1%})"
            "<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    notes = [
        {"text": said["gap"].format(f"{100 * (vanilla.value - circular.value):.1f}"), "showarrow": False, "y": i,
         "font": {"size": 11}, **_beside(vanilla.value, circular.value)}
        for i, (_, vanilla, circular) in enumerate(runs)
    ]  # fmt: skip
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=".0%", title=said["accuracy"])
    rows(figure, [short(name, 44) for name, *_ in runs], notes)
    return figure


def _beside(*ends: float) -> dict[str, Any]:
    """Where a line's label stands: beside it where there is room, for on a phone the run's name is above it."""
    low, high = min(ends), max(ends)
    if high <= ROOM[1]:
        return {"x": high, "xanchor": "left", "xshift": 12}
    if low >= ROOM[0]:
        return {"x": low, "xanchor": "right", "xshift": -12}
    return {"x": (low + high) / 2, "yshift": 17}


def difference(comparisons: Sequence[ComparisonView], *, words: Mapping[str, str] | None = None) -> go.Figure:
    """A forest plot: for each two runs how much better the second is, in points of circular accuracy, with its 95 %
    interval; grey where that holds 0."""
    said = {**WORDS, **(words or {})}
    figure = go.Figure(layout={"template": template(), "showlegend": False})
    shares = [one.difference for one in comparisons]
    clear = [share.low > 0 or share.high < 0 for share in shares]
    colours = [QUALITATIVE[0] if sure else QUIET for sure in clear]
    for i, (share, colour) in enumerate(zip(shares, colours, strict=True)):
        figure.add_scatter(
            x=[100 * share.low, 100 * share.high], y=[i, i], mode="lines", line={"color": colour, "width": 3},
            hoverinfo="skip",
        )  # fmt: skip
    figure.add_scatter(
        x=[100 * share.value for share in shares], y=list(range(len(shares))), mode="markers",
        marker={"size": 11, "color": colours, "symbol": ["square" if sure else "square-open" for sure in clear],
                "line": {"width": 2, "color": colours}},
        customdata=[[f"{short(one.name_a, 40)} → {short(one.name_b, 40)}", f"{100 * one.difference.low:+.1f}",
                     f"{100 * one.difference.high:+.1f}", said["questions"].format(f"{one.n:,}")]
                    for one in comparisons],
        hovertemplate="%{customdata[0]}: %{x:+.1f} (%{customdata[1]} – %{customdata[2]})<br>%{customdata[3]}"
        "<extra></extra>",
    )  # fmt: skip
    reach = 1.3 * max((abs(100 * v) for share in shares for v in (share.low, share.high)), default=10.0) or 10.0
    figure.add_vline(0, line={"color": QUIET, "width": 1.5, "dash": "dot"})
    notes = [
        {"text": said[key], "x": x, "xref": "paper", "y": 0, "yref": "paper", "xanchor": anchor, "yanchor": "bottom",
         "showarrow": False, "font": {"size": 11}}
        for key, x, anchor in (("first", 0, "left"), ("second", 1, "right"))
    ]  # fmt: skip
    values = [
        {"text": f"{100 * share.value:+.1f}", "x": 100 * share.high, "y": i, "xshift": 6, "xanchor": "left",
         "showarrow": False, "font": {"size": 12}}
        for i, share in enumerate(shares)
    ]  # fmt: skip
    figure.update_xaxes(range=[-reach, reach], title=said["difference"], zeroline=False)
    rows(figure, [f"{short(one.name_a, 26)} → {short(one.name_b, 26)}" for one in comparisons], [*notes, *values])
    figure.update_layout(margin={"b": 48})
    return figure


def splits(
    both: int,
    only_a: int,
    only_b: int,
    neither: int,
    names: tuple[str, str],
    *,
    words: Mapping[str, str] | None = None,
) -> go.Figure:
    """McNemar's table: on how many questions both runs are right, only one of them, or neither; x and y of a click are
    0 where b, where a is right, and 1 where it is wrong."""
    said = {**WORDS, **(words or {})}
    a, b = (short(name, 40) for name in names)
    total = max(1, both + only_a + only_b + neither)
    cells = (
        (0, 0, both, said["both"]), (1, 0, only_a, said["only"].format(a)), (0, 1, only_b, said["only"].format(b)),
        (1, 1, neither, said["neither"]),
    )  # fmt: skip
    tints = ("rgba(47, 143, 78, 0.30)", "rgba(124, 92, 240, 0.42)", "rgba(226, 104, 60, 0.42)",
             "rgba(125, 127, 149, 0.20)")  # fmt: skip
    scale = [[edge, tint] for i, tint in enumerate(tints) for edge in (i / 4, (i + 1) / 4)]
    figure = go.Figure(
        go.Heatmap(
            z=[[0.5, 1.5], [2.5, 3.5]], zmin=0, zmax=4, colorscale=scale, showscale=False, xgap=5, ygap=5,
            text=[[f"{text}: {n:,}" for _, _, n, text in cells[:2]], [f"{text}: {n:,}" for _, _, n, text in cells[2:]]],
            hovertemplate="%{text}<extra></extra>",
        ),
        layout={"template": template(), "margin": {"l": 4, "r": 4, "t": 4, "b": 4}},
    )  # fmt: skip
    texts = [
        [
            {"x": x, "y": y, "showarrow": False, "font": {"size": 13},
             "text": f"<span style='font-size:24px'><b>{n:,}</b></span><br>{n / total:.1%}<br>{broken(text, most)}"}
            for x, y, n, text in cells
        ]
        for most in (36, 20)
    ]  # fmt: skip
    figure.update_xaxes(visible=False, range=[-0.5, 1.5], fixedrange=True)
    figure.update_yaxes(visible=False, range=[1.5, -0.5], fixedrange=True)
    figure.update_layout(annotations=texts[0], meta={"narrow": {"annotations": texts[1]}})
    return figure
