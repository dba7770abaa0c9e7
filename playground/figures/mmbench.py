"""Figures of the MMBench tab: abilities as a radar and as bars, a run in progress, the rules that decided."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import plotly.graph_objects as go

from playground.figures.colours import QUALITATIVE
from playground.figures.mmbench_bias import WORDS as BIAS
from playground.figures.mmbench_bias import Curve, Measured, guesser, letters, one_question
from playground.figures.mmbench_compare import WORDS as COMPARE
from playground.figures.mmbench_compare import difference, gaps, splits
from playground.figures.mmbench_rows import MIDDLE, QUIET, THICK, ShareView, broken, called, rows, run_colour, short
from playground.figures.template import GRID, template

__all__ = [
    "WORDS", "Curve", "Measured", "Tally", "bars", "decided", "difference", "gaps", "guesser", "letters", "live",
    "one_question", "radar", "several_bars", "splits",
]  # fmt: skip

OWN = {  # where the caller has none in another language
    "circular": "circular", "vanilla": "vanilla", "chance": "chance", "questions": "{0} questions",
    "passed": "right in all passes", "open": "still open", "failed": "wrong in one", "rows": "predictions",
}  # fmt: skip
WORDS = BIAS | COMPARE | OWN  # of all the figures; the same words for the same things


class ScoreView(Protocol):
    """A `playground.mmbench.Score`."""

    @property
    def name(self) -> str: ...
    @property
    def level(self) -> int: ...
    @property
    def split(self) -> str | None: ...
    @property
    def n(self) -> int: ...
    @property
    def circular(self) -> ShareView: ...
    @property
    def vanilla(self) -> ShareView: ...


@dataclass(frozen=True)
class Tally:
    """How far the questions of an ability are: right in all passes, wrong in one already, and not yet decided."""

    name: str
    passed: int
    failed: int
    open: int


def radar(
    runs: Mapping[str, Sequence[ScoreView]],
    names: Mapping[str, str],
    *,
    level: int = 2,
    chance: Mapping[str, float] | None = None,
    words: Mapping[str, str] | None = None,
) -> go.Figure:
    """Circular accuracy by the abilities of a level, a closed line a run; `chance` by ability is a dotted one."""
    said = {**WORDS, **(words or {})}
    own = {run: {one.name: one for one in chosen(scores, {level})} for run, scores in runs.items()}
    order = list(dict.fromkeys(name for scores in own.values() for name in scores))
    figure = go.Figure(layout={"template": template()})
    around = [*range(len(order)), 0] if order else []
    for i, (run, scores) in enumerate(own.items()):
        found = [scores.get(order[k]) for k in around]
        figure.add_scatterpolar(
            r=[None if one is None else one.circular.value for one in found], name=short(run, 40),
            theta=[k * 360 / len(order) for k in around], mode="lines+markers",
            line={"color": run_colour(i), "width": 2.5}, marker={"size": 6},
            fill="toself" if len(own) == 1 else "none", fillcolor="rgba(124, 92, 240, 0.16)",
            customdata=[
                ["", "", ""] if one is None else
                [called(names, one.name), f"{one.circular.low:.1%} – {one.circular.high:.1%}",
                 said["questions"].format(f"{one.n:,}")] for one in found
            ],
            hovertemplate="%{customdata[0]}: %{r:.1%}<br>%{customdata[1]}<br>%{customdata[2]}"
            "<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    if chance and order:
        figure.add_scatterpolar(
            r=[chance.get(order[k]) for k in around], theta=[k * 360 / len(order) for k in around], mode="lines",
            name=said["chance"], line={"color": QUIET, "dash": "dot", "width": 2},
            hovertemplate="%{r:.1%}<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    labels = [names.get(name, name) for name in order]
    many = len(order) > 8
    angles = [k * 360 / max(1, len(order)) for k in range(len(order))]
    figure.update_polars(
        bgcolor="rgba(0,0,0,0)",
        radialaxis={"range": [0, 1], "tickformat": ".0%", "gridcolor": GRID, "linecolor": "rgba(0,0,0,0)",
                    "angle": 90 - 180 / max(1, len(order)),
                    "tickvals": [0.25, 0.5, 0.75, 1], "tickfont": {"size": 10, "color": QUIET}},
        angularaxis={"tickvals": angles, "ticktext": [broken(one, 18, 4) for one in labels], "gridcolor": GRID,
                     "linecolor": GRID, "rotation": 90, "direction": "clockwise", "tickfont": {"size": 12}},
    )  # fmt: skip
    below = 70 + 20 * max(0, -(-len(own) // 2) - 1)  # of the legend, two runs a line
    phone: dict[str, Any] = {"margin": {"l": 62, "r": 62, "t": 40, "b": below}, "polar": {"angularaxis": {
        "ticktext": [broken(one, 11, 5) for one in labels], "tickfont": {"size": 10}}}}  # fmt: skip
    if many:  # twenty names do not fit around: numbers, and the names below
        half = -(-len(labels) // 2)
        listed = [f"{k + 1} {short(one, 24)}" for k, one in enumerate(labels)]
        numbers = [str(k) for k in range(1, 1 + len(labels))]
        phone = {
            "margin": {"l": 24, "r": 24, "t": 30, "b": 60},
            "polar": {"domain": {"y": [0.42, 1]}, "angularaxis": {"ticktext": numbers}},
            "annotations": [
                {"text": "<br>".join(part), "showarrow": False, "xref": "paper", "yref": "paper", "x": x, "y": 0.36,
                 "xanchor": "left", "yanchor": "top", "align": "left", "font": {"size": 10}}
                for part, x in ((listed[:half], -0.04), (listed[half:], 0.5))
            ],
        }  # fmt: skip
    figure.update_layout(margin={"l": 110, "r": 110, "t": 44, "b": below}, meta={"narrow": phone})
    return figure


def bars(
    scores: Any,
    names: Mapping[str, str],
    *,
    parents: Mapping[str, str | None] | None = None,
    split: str | None = None,
    levels: Collection[int] = (0, 2, 3),
    words: Mapping[str, str] | None = None,
) -> go.Figure:
    """Circular accuracy by ability with its interval, a report's or of a list of scores, vanilla as a hollow mark.

    `parents` say which ability of level 2 one of level 3 stands under; without them each level stands by itself.
    """
    return several_bars({"": scores}, names, parents=parents, split=split, levels=levels, words=words)


def several_bars(
    runs: Mapping[str, Any],
    names: Mapping[str, str],
    *,
    parents: Mapping[str, str | None] | None = None,
    split: str | None = None,
    levels: Collection[int] = (0, 2),
    words: Mapping[str, str] | None = None,
) -> go.Figure:
    """As `bars`, the runs side by side within each ability, each in its colour."""
    said = {**WORDS, **(words or {})}
    own = {run: {(one.level, one.name): one for one in chosen(scores, levels, split)} for run, scores in runs.items()}
    order = _order(list(dict.fromkeys(key for scores in own.values() for key in scores)), parents or {})
    figure = go.Figure(layout={"template": template(), "barmode": "overlay"})
    thick = THICK if len(own) == 1 else 0.62 / max(1, len(own))
    for i, (run, scores) in enumerate(own.items()):
        found = [(row, scores[key]) for row, key in enumerate(order) if key in scores]
        at = [row + MIDDLE + (i - (len(own) - 1) / 2) * thick for row, _ in found]
        told = [
            [called(names, one.name), said["questions"].format(f"{one.n:,}"), f"{one.circular.low:.1%}",
             f"{one.circular.high:.1%}", f"{one.vanilla.value:.1%}"] for _, one in found
        ]  # fmt: skip
        figure.add_bar(
            x=[one.circular.value for _, one in found], y=at, orientation="h", width=thick * 0.9,
            name=short(run, 40) or said["circular"], legendgroup=str(i), customdata=told,
            marker={"color": run_colour(i), "opacity": [0.62 if one.level == 3 else 1.0 for _, one in found]},
            error_x={"type": "data", "symmetric": False, "thickness": 1.5, "width": 3, "color": QUIET,
                     "array": [max(0.0, one.circular.high - one.circular.value) for _, one in found],
                     "arrayminus": [max(0.0, one.circular.value - one.circular.low) for _, one in found]},
            hovertemplate=f"%{{customdata[0]}}: %{{x:.1%}} (%{{customdata[2]}} – %{{customdata[3]}})<br>"
            f"{said['vanilla']}: %{{customdata[4]}}<br>%{{customdata[1]}}<extra>%{{fullData.name}}</extra>",
        )  # fmt: skip
        figure.add_scatter(
            x=[one.vanilla.value for _, one in found], y=at, mode="markers", hoverinfo="skip", name=said["vanilla"],
            marker={"symbol": "diamond-open", "size": 9, "color": QUALITATIVE[1] if len(own) == 1 else run_colour(i),
                    "line": {"width": 2}},
            legendgroup="vanilla" if len(own) == 1 else str(i), showlegend=i == 0, legendrank=2000, cliponaxis=False,
        )  # fmt: skip
    labels = [
        called(names, name) + (f"  <span style='font-size:11px'>n={_counted(own, (level, name))}</span>")
        for level, name in order
    ]
    figure.update_xaxes(range=[0, 1.02], tickformat=".0%", side="top" if len(order) > 8 else "bottom")
    rows(figure, labels, middle=MIDDLE, bold=[i for i, (level, _) in enumerate(order) if level < 3])
    return figure


def live(tallies: Sequence[Tally], names: Mapping[str, str], *, words: Mapping[str, str] | None = None) -> go.Figure:
    """A run in progress by ability: the shares that are right in all passes, still open, and wrong in one.

    Not the share right among those decided: before its last pass a question can only have failed.
    """
    said = {**WORDS, **(words or {})}
    counts = [max(1, one.passed + one.failed + one.open) for one in tallies]
    places = [i + MIDDLE for i in range(len(tallies))]
    told = [f"{one.passed} / {count}" for one, count in zip(tallies, counts, strict=True)]
    parts = (
        ("passed", QUALITATIVE[0], ""),
        ("open", "rgba(124, 92, 240, 0.28)", ""),
        ("failed", "rgba(125, 127, 149, 0.16)", "/"),
    )
    figure = go.Figure(
        [
            {"type": "bar", "orientation": "h", "y": places, "name": said[part], "width": THICK,
             "x": [getattr(one, part) / count for one, count in zip(tallies, counts, strict=True)],
             "marker": {"color": colour, "pattern": {"shape": hatch, "size": 6, "fgcolor": GRID}},
             "customdata": [getattr(one, part) for one in tallies],
             "hovertemplate": "%{customdata}, %{x:.0%}<extra>%{fullData.name}</extra>"}
            for part, colour, hatch in parts
        ],
        layout={"template": template(), "barmode": "stack", "legend": {"traceorder": "normal"}},
    )  # fmt: skip
    notes = [
        {
            "text": text,
            "x": 1,
            "y": i - 0.33,
            "xref": "paper",
            "xanchor": "right",
            "showarrow": False,
            "font": {"size": 11},
        }
        for i, text in enumerate(told)
    ]
    figure.update_xaxes(range=[0, 1], tickformat=".0%")
    rows(figure, [called(names, one.name) for one in tallies], notes, middle=MIDDLE)
    return figure


def decided(
    rules: Mapping[str, int],
    names: Mapping[str, str],
    *,
    unread: Collection[str] = (),
    words: Mapping[str, str] | None = None,
) -> go.Figure:
    """How many predictions each rule decided, the most on top; those of `unread`, which found no letter, in another
    colour."""
    said = {**WORDS, **(words or {})}
    order = sorted(rules, key=lambda rule: -rules[rule])
    total = max(1, sum(rules.values()))
    figure = go.Figure(layout={"template": template(), "showlegend": False})
    figure.add_bar(
        x=[rules[rule] / total for rule in order], y=[i + MIDDLE for i in range(len(order))], orientation="h",
        width=THICK,
        marker={"color": [QUALITATIVE[1] if rule in unread else QUALITATIVE[0] for rule in order]},
        text=[f"{rules[rule]:,} · {rules[rule] / total:.1%}" for rule in order], textposition="outside",
        cliponaxis=False, hovertext=[called(names, rule) for rule in order],
        hovertemplate="%{hovertext}: %{text}<extra></extra>",
    )  # fmt: skip
    most = max((rules[rule] for rule in order), default=1) / total
    figure.update_xaxes(range=[0, most * 1.25], tickformat=".0%", title=said["rows"], nticks=6)
    rows(figure, [called(names, rule) for rule in order], middle=MIDDLE)
    figure.update_layout(margin={"b": 48})
    figure.layout.meta["narrow"]["xaxis"] = {"range": [0, most * 1.5]}
    return figure


def chosen(scores: Any, levels: Collection[int], split: str | None = None) -> list[ScoreView]:
    """The scores of some levels, of one split or of all together, in the order given; a report's, or a list's."""
    own: list[ScoreView] = list(getattr(scores, "scores", scores))
    if split is None and any(one.split is None for one in own):
        own = [one for one in own if one.split is None]
    elif split is not None:
        own = [one for one in own if one.split == split]
    return [one for one in own if one.level in levels]


def _order(keys: Sequence[tuple[int, str]], parents: Mapping[str, str | None]) -> list[tuple[int, str]]:
    """Abilities with those of level 3 under their own of level 2."""
    under: dict[tuple[int, str], list[tuple[int, str]]] = {key: [] for key in keys if key[0] == 2}
    rest = []
    for key in keys:
        parent = (2, parents.get(key[1]) or "")
        if key[0] == 3 and parent in under:
            under[parent].append(key)
        elif key not in under:
            rest.append(key)
    first = [key for key in rest if key[0] < 2]
    return [*first, *(one for key, below in under.items() for one in (key, *below)), *(k for k in rest if k[0] > 2)]


def _counted(own: Mapping[str, Mapping[tuple[int, str], ScoreView]], key: tuple[int, str]) -> str:
    counts = sorted({scores[key].n for scores in own.values() if key in scores})
    return f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,}–{counts[-1]:,}"
