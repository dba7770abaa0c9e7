"""What the panel "Leaderboard" shows of runs: the board, the pictures, a pair's verdict and its questions."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from playground.figures import mmbench as figures
from playground.figures import mmbench_compare as pairs
from playground.i18n import TEXTS, refusal, say
from playground.mmbench import Comparison, Report, explain_choice
from playground.mmbench.leaderboard import Standing
from playground.mmbench.published import PUBLISHED
from playground.mmbench.taxonomy import ABBREVIATIONS, L2
from playground.tabs.clip.words import literal
from playground.tabs.components.table import Column, Row, table
from playground.tabs.mmbench.evaluate_cards import Said, ability_names, answered
from playground.tabs.mmbench.kept import Entry, said_of
from playground.tabs.mmbench.report_view import percent, words
from playground.tabs.panel import if_any

__all__ = [
    "board_table_of",
    "cards",
    "choices",
    "drawn",
    "listed",
    "pair_words",
    "sides",
    "sources",
    "verdict",
]


def choices(drawn_ids: Sequence[str], first: str, second: str, own_id: str, runs: Sequence[Entry]) -> dict[str, Any]:
    """The runs there are, for the pickers; what is chosen and gone is chosen no more."""
    named = [(one.name, one.id) for one in runs]
    there = {one.id for one in runs}
    own = [(one.name, one.id) for one in runs if not one.shipped]
    chosen = own_id if own_id in {one for _, one in own} else None
    return {
        "drawn": gr.update(choices=named, value=[one for one in drawn_ids if one in there]),
        "first": gr.update(choices=named, value=first if first in there else None),
        "second": gr.update(choices=named, value=second if second in there else None),
        "own": gr.update(choices=own, value=chosen),
    }


def drawn(drawn_ids: Sequence[str], reports: Mapping[str, Report], language: str) -> dict[str, Any]:
    """The runs over each other."""
    chosen = [reports[one] for one in drawn_ids if one in reports]
    if not chosen:
        return {"gaps": if_any(None), "radar": if_any(None)}
    scores = {one.name: figures.chosen(one.scores, {2}, one.overall.split) for one in chosen}
    six = any(len(own) > 2 for own in scores.values())
    names = ability_names(language)
    said = words(language)
    return {
        "gaps": if_any(pairs.gaps([(one.name, one.overall.vanilla, one.overall.circular) for one in chosen],
                                  words=pair_words(language))),
        "radar": if_any(figures.radar(scores, names, words=said) if six else None),
    }  # fmt: skip


def board_table_of(board: Sequence[Standing], runs: Sequence[Entry], language: str) -> dict[str, Any]:
    """The best first; a button puts a run in the second place of the pair."""
    by_name = {one.name: one for one in runs}
    heads = ("model", "circular", "interval", "vanilla", "gap")
    columns = [Column(say(language, f"mmbench.leaderboard.column.{one}"), number=one != "model") for one in heads]
    columns += [Column(ABBREVIATIONS[one], number=True) for one in L2]
    columns.append(Column(say(language, "mmbench.leaderboard.column.set")))  # last: a phone shows the first ones
    rows = []
    for one in board:
        entry = None if one.source else by_name[one.name]
        limits = "–" if one.low is None or one.high is None else f"{100 * one.low:.1f} – {100 * one.high:.1f}"
        gap = "–" if one.gap is None else f"{100 * one.gap:.1f}"
        place = one.source.partition(";")[0] if entry is None else f"{entry.set_name} · {entry.when[:10]}".strip(" ·")
        cells = [one.name, percent(one.circular), limits, percent(one.vanilla), gap]
        cells += [*(percent(one.l2.get(name)) for name in L2), place]
        rows.append(Row(cells, id=entry.id if entry else None, best=entry is not None and not entry.shipped))
    return table(columns, rows, action=say(language, "mmbench.leaderboard.compare"))


def sources(board: Sequence[Standing], damaged: Sequence[str], language: str) -> str:
    """Where the published figures stand, and what could not be read."""
    lines = [
        say(language, "mmbench.leaderboard.damaged", text=refusal(language, ValueError(text)).rstrip(".。"))
        for text in damaged[:5]
    ]
    if any(one.source for one in board):
        lines.append(say(language, "mmbench.leaderboard.sources"))
        found = dict.fromkeys((one.source, one.address) for one in PUBLISHED)
        lines += [f"- [{source}]({address})" for source, address in found]
    return "\n".join(lines)


def sides(comparison: Comparison, a: Report, b: Report) -> dict[str, list[int]]:
    """The questions of both, by who is right."""
    hits_a, hits_b = ({one.index: one.hit for one in report.groups} for report in (a, b))
    apart = {*comparison.only_a, *comparison.only_b}
    alike = [i for i in sorted(hits_a.keys() & hits_b.keys()) if i not in apart]
    alike = [i for i in alike if hits_a[i] == hits_b[i]]  # questions that mean another thing in each are left out
    return {
        "only_a": list(comparison.only_a), "only_b": list(comparison.only_b),
        "both": [i for i in alike if hits_a[i]], "neither": [i for i in alike if not hits_a[i]],
    }  # fmt: skip


def verdict(found: Comparison, differing: int, language: str) -> str:
    gap = found.difference
    clear = gap.low > 0 or gap.high < 0
    values = {
        "a": literal(found.name_a), "b": literal(found.name_b), "n": f"{found.n:,}",
        "difference": f"{100 * gap.value:+.1f}",
        "low": f"{100 * gap.low:+.1f}", "high": f"{100 * gap.high:+.1f}", "only_a": f"{len(found.only_a):,}",
        "only_b": f"{len(found.only_b):,}",
    }  # fmt: skip
    text = say(language, f"mmbench.leaderboard.verdict.{'clear' if clear else 'unclear'}", **values)
    apart = len(found.not_in_a) + len(found.not_in_b)
    if differing:
        text += " " + say(language, "mmbench.leaderboard.verdict.differing", n=f"{differing:,}")
    if apart:
        text += " " + say(language, "mmbench.leaderboard.verdict.apart", n=f"{apart:,}")
    return text


def listed(indices: Sequence[int], report: Report, count: int, language: str) -> dict[str, Any]:
    """Questions, each with a button that shows it."""
    names, groups = ability_names(language), {one.index: one for one in report.groups}
    columns = [Column(say(language, "mmbench.leaderboard.column.question"), number=True)]
    columns.append(Column(say(language, "mmbench.leaderboard.column.ability", shown=len(indices), n=f"{count:,}")))
    rows = [
        Row([f"{one:,}", names.get(groups[one].category, groups[one].category) or "–"], id=str(one)) for one in indices
    ]
    empty = say(language, "mmbench.leaderboard.none")
    return table(columns, rows, empty=empty, action=say(language, "mmbench.leaderboard.look"))


def cards(session: str, profile: str, runs: Sequence[Entry], index: int, language: str) -> str:
    """What each of two runs answered to a question, in every rotation."""
    parts = []
    for one in runs:
        question, answers = said_of(session, one, index)
        said = [Said(asked, text, explain_choice(text, dict(asked.options), profile).letter) for asked, text in answers]
        parts.append(f"<h4>{html.escape(one.name)}</h4>" + answered(question, said, profile, language))
    return "".join(parts)


def pair_words(language: str) -> dict[str, str]:
    return {name: TEXTS[language][f"mmbench.figure.{name}"] for name in pairs.WORDS}
