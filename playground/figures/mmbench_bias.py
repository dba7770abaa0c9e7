"""What MMBench's rotations reveal: letters that a model prefers, and why a question is asked in all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from playground.figures.colours import QUALITATIVE
from playground.figures.mmbench_rows import QUIET, broken, run_colour, short
from playground.figures.template import GRID, template

__all__ = ["WORDS", "Curve", "Measured", "guesser", "letters", "one_question"]

Array = NDArray[np.floating[Any]]
WORDS = {  # where the caller has none in another language
    "circular": "circular", "vanilla": "vanilla", "accuracy": "accuracy", "chosen": "chosen", "answers": "right",
    "found": "found where it is right", "known": "questions truly known", "pass": "pass {0}", "pick": "picked",
    "all": "right in every pass: {0}",
}  # fmt: skip
RIGHT = "#2f8f4e"
VIOLET = "rgba(124, 92, 240, {})"


class LetterView(Protocol):
    """A `playground.mmbench.LetterShare`."""

    @property
    def letter(self) -> str: ...
    @property
    def predicted(self) -> float: ...
    @property
    def answers(self) -> float: ...
    @property
    def found(self) -> float | None: ...


@dataclass(frozen=True)
class Curve:
    """One line of `guesser`: its name, accuracies in [0, 1] over the shares known, and whether it is circular."""

    name: str
    values: Array
    circular: bool


@dataclass(frozen=True)
class Measured:
    """A model as it was measured, at the share of questions that it is taken to know, all in [0, 1]."""

    name: str
    known: float
    vanilla: float
    circular: float


def letters(runs: Mapping[str, Sequence[LetterView]], *, words: Mapping[str, str] | None = None) -> go.Figure:
    """A small chart a run: how often each letter was chosen, beside how often it is right (grey)."""
    said = {**WORDS, **(words or {})}
    figure = go.Figure(layout={"template": template(), "bargap": 0.3, "barmode": "group"})
    top = max((max(one.predicted, one.answers) for shares in runs.values() for one in shares), default=0.5)
    wide, narrow = _cells(len(runs), 3), _cells(len(runs), 2)
    at: dict[str, Any] = {"annotations": []}
    phone: dict[str, Any] = {"annotations": []}
    for i, (name, shares) in enumerate(runs.items()):
        tail = "" if i == 0 else str(i + 1)
        place = {"xaxis": f"x{tail}", "yaxis": f"y{tail}", "x": [one.letter for one in shares], "showlegend": i == 0}
        figure.add_bar(
            y=[one.predicted for one in shares], name=said["chosen"], marker={"color": run_colour(i)},
            legendgroup="chosen", hovertemplate=f"%{{x}}: %{{y:.1%}}<extra>{said['chosen']}</extra>", **place,
        )  # fmt: skip
        figure.add_bar(
            y=[one.answers for one in shares], name=said["answers"], marker={"color": QUIET, "opacity": 0.75},
            legendgroup="answers", customdata=["–" if one.found is None else f"{one.found:.1%}" for one in shares],
            hovertemplate=f"%{{x}}: %{{y:.1%}}<br>{said['found']}: %{{customdata}}<extra>{said['answers']}</extra>",
            **place,
        )  # fmt: skip
        figure.update_layout({
            f"xaxis{tail}": {"anchor": f"y{tail}", "showgrid": False, "type": "category"},
            f"yaxis{tail}": {"anchor": f"x{tail}", "range": [0, 1.12 * top], "tickformat": ".0%", "nticks": 5},
        })  # fmt: skip
        for (across, up), layout, most in ((wide[i], at, 38), (narrow[i], phone, 22)):
            layout |= {
                f"xaxis{tail}": {"domain": across},
                f"yaxis{tail}": {"domain": up, "showticklabels": across[0] == 0},
            }
            layout["annotations"].append(
                {"text": short(name, most), "showarrow": False, "xref": "paper", "yref": "paper", "x": across[0],
                 "y": up[1], "xanchor": "left", "yanchor": "bottom", "font": {"size": 13}}
            )  # fmt: skip
    figure.update_layout(at, margin={"t": 30, "b": 56}, meta={"narrow": phone})
    return figure


def guesser(
    known: Array,
    curves: Sequence[Curve],
    *,
    measured: Sequence[Measured] = (),
    at: float | None = None,
    words: Mapping[str, str] | None = None,
) -> go.Figure:
    """Accuracy over the share of questions that a model truly knows, in [0, 1], vanilla and circular.

    `measured` models are pairs of points; `at` is the share that is chosen: a line there, and what the curves say.
    """
    said = {**WORDS, **(words or {})}
    figure = go.Figure(layout={"template": template()})
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", hoverinfo="skip", showlegend=False, line={"color": GRID, "width": 1.5}
    )
    for curve in curves:
        colour = QUALITATIVE[0] if curve.circular else QUALITATIVE[1]
        figure.add_scatter(
            x=known, y=curve.values, mode="lines", name=curve.name,
            line={"color": colour, "width": 3, "dash": "solid" if curve.circular else "dash"},
            hovertemplate="%{x:.0%} → %{y:.1%}<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    for one in measured:
        figure.add_scatter(
            x=[one.known, one.known], y=[one.vanilla, one.circular], mode="lines+markers+text", showlegend=False,
            line={"color": QUIET, "width": 1.5}, text=[short(one.name, 24), ""], textposition="top center",
            name=short(one.name, 40),
            marker={"size": 9, "symbol": ["circle-open", "circle"], "color": [QUALITATIVE[1], QUALITATIVE[0]],
                    "line": {"width": 2}},
            customdata=[said["vanilla"], said["circular"]], cliponaxis=False, textfont={"size": 11},
            hovertemplate="%{fullData.name}, %{customdata}: %{y:.1%}<extra></extra>",
        )  # fmt: skip
    if at is not None:
        figure.add_vline(at, line={"dash": "dot", "color": QUIET, "width": 1.5})
        for curve in curves:
            value = float(np.interp(at, known, curve.values))
            colour = QUALITATIVE[0] if curve.circular else QUALITATIVE[1]
            figure.add_scatter(
                x=[at], y=[value], mode="markers+text", showlegend=False, text=[f"{value:.1%}"], cliponaxis=False,
                textposition="bottom right" if curve.circular and at < 0.85 else "top left", name=curve.name,
                marker={"size": 11, "color": colour}, hovertemplate="%{y:.1%}<extra>%{fullData.name}</extra>",
            )  # fmt: skip
    figure.update_xaxes(range=[0, 1], tickformat=".0%", title=said["known"])
    figure.update_yaxes(range=[0, 1.03], tickformat=".0%", title=said["accuracy"])
    figure.update_layout(margin={"t": 20, "b": 84, "r": 16},
                         meta={"narrow": {"margin": {"b": 130}, "yaxis": {"title": {"text": ""}}}})  # fmt: skip
    return figure


def one_question(
    options: Sequence[Sequence[str]],
    right: Sequence[int],
    picks: Array,
    *,
    words: Mapping[str, str] | None = None,
) -> go.Figure:
    """A question's passes as rows, its positions A, B, ... as columns: the option's text where it stands, the right one
    framed, shaded by the probability `picks` (k, k) that a guesser takes it; below, that it is right in every pass."""
    said = {**WORDS, **(words or {})}
    k = len(options)
    figure = go.Figure(
        go.Heatmap(
            z=picks, zmin=0, zmax=1, colorscale=[[0, VIOLET.format(0.04)], [1, VIOLET.format(0.62)]], showscale=False,
            xgap=3, ygap=3, customdata=[[short(text, 60) for text in texts] for texts in options],
            hovertemplate=f"%{{customdata}}<br>{said['pick']}: %{{z:.1%}}"
            "<extra></extra>",
        ),
        layout={"template": template(), "margin": {"t": 8, "b": 8}},
    )  # fmt: skip
    for row, place in enumerate(right):
        figure.add_shape(
            type="rect", x0=place - 0.46, x1=place + 0.46, y0=row - 0.45, y1=row + 0.45,
            line={"color": RIGHT, "width": 3},
        )  # fmt: skip
    grids = [
        [
            {"x": column, "y": row, "showarrow": False, "font": {"size": size},
             "text": f"{'✓ ' if column == right[row] else ''}{broken(text, wide)}<br>{picks[row][column]:.0%}"}
            for row, texts in enumerate(options) for column, text in enumerate(texts)
        ]
        for size, wide in ((13, 22), (11, 9))
    ]  # fmt: skip
    chance = float(np.prod([picks[row][place] for row, place in enumerate(right)]))
    figure.update_xaxes(
        range=[-0.5, k - 0.5], tickvals=list(range(k)), ticktext=[chr(65 + i) for i in range(k)], side="top",
        showgrid=False, tickfont={"size": 14},
    )  # fmt: skip
    figure.update_yaxes(
        range=[k - 0.5, -0.5], tickvals=list(range(k)), showgrid=False, ticklabelstandoff=6,
        ticktext=[said["pass"].format(i + 1) for i in range(k)],
    )  # fmt: skip
    foot = {"text": said["all"].format(_percent(chance)), "showarrow": False, "xref": "paper", "yref": "paper",
            "x": 0.5, "y": 0, "yanchor": "top", "yshift": -8, "font": {"size": 14}}  # fmt: skip
    figure.update_layout(annotations=[*grids[0], foot], margin={"b": 40, "t": 30},
                         meta={"narrow": {"annotations": [*grids[1], foot]}, "chance": chance})  # fmt: skip
    return figure


def _cells(count: int, most: int) -> list[tuple[list[float], list[float]]]:
    """Boxes of the paper, from and to in x and in y, for `count` small charts, `most` a row, the first on top."""
    columns = min(max(count, 1), most)
    lines = -(-max(count, 1) // columns)
    across, down = 0.05, 0.24 / lines
    width, height = (1 - across * (columns - 1)) / columns, (1 - down * (lines - 1)) / lines
    lefts = [i % columns * (width + across) for i in range(count)]
    tops = [1 - i // columns * (height + down) for i in range(count)]
    return [([x, min(1.0, x + width)], [max(0.0, y - height), y]) for x, y in zip(lefts, tops, strict=True)]


def _percent(share: float) -> str:
    return f"{share:.2%}" if share < 0.01 else f"{share:.1%}"
