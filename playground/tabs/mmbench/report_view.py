"""The view of a report, which two panels share: what it comes to, by ability, letter and rule, and what is wrong."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import gradio as gr

from playground.figures import mmbench as figures
from playground.i18n import TEXTS, label, refusal, say
from playground.mmbench import ABILITIES, Problem, Report, Score, write_sheet
from playground.tabs.components import LivePlotly, Table
from playground.tabs.components.table import Column, Row, table
from playground.tabs.files import place
from playground.tabs.panel import Record, if_any

__all__ = [
    "FILES", "SHOWN", "Kept", "empty", "frame", "lay_out", "names_of", "percent", "problem_table", "record",
    "rule_names", "verdict", "words",
]  # fmt: skip

SHOWN = ("verdict", "split", "bars", "radar", "letters", "decided", "table", "problems", "saves")
PROBLEMS = 50  # that are listed
ALL = ""  # the split that stands for all of them together
FAILED = "the judge failed: "  # how a problem of the panel "Score a file" begins
RULES = "mmbench.rule."  # texts of the rules' names, without those of the why


class Kept(Protocol):
    """What a panel keeps that saves a report's files."""

    @property
    def report(self) -> Report: ...


def lay_out(w: SimpleNamespace, panel: str) -> None:
    """The components `w.<panel>_<part>` of `SHOWN`, and the buttons of `FILES`.

    `w.<panel>_split` is a choice of split, seen only where a report has several and its panel hands on to `frame` which
    was chosen: a panel that wants it has a setting `split: str = ""`.
    """

    def at(part: str, component: Any) -> None:
        setattr(w, f"{panel}_{part}", component)

    def key(part: str) -> str:
        return f"mmbench-{panel}-{part}"

    def chart(part: str, height: str) -> None:
        at(part, LivePlotly(height=height, config={"displayModeBar": False}, visible="hidden", elem_id=key(part)))

    at("verdict", gr.Markdown(elem_id=key("verdict")))
    choice = gr.Radio(
        [(label("mmbench.report.split.all"), ALL)], value=ALL, label=label("mmbench.report.split"), interactive=True,
        visible="hidden", elem_id=key("split"), elem_classes="pg-pills",
    )  # fmt: skip
    at("split", choice)
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=320):
            chart("bars", "calc(620px + max(0px, (640px - 100vw) * 1.2))")
        with gr.Column(scale=4, min_width=300):
            chart("radar", "400px")
            chart("letters", "260px")
    chart("decided", "calc(330px + max(0px, (640px - 100vw) * 0.5))")
    at("table", Table(elem_id=key("table")))
    with gr.Row(elem_classes="pg-downloads", visible="hidden", elem_id=key("saves")) as row:
        for name in FILES:
            at(name, gr.Button(label(f"mmbench.report.{name}"), size="sm", min_width=140, elem_id=key(name)))
    at("saves", row)
    at("problems", Table(elem_id=key("problems"), elem_classes="pg-wrapped"))


def frame(report: Report, language: str, split: str | None = None) -> dict[str, Any]:
    """Every part of `SHOWN` for a report. `split` is the one chosen, "" for all; None: this panel has no choice."""
    several = len(report.splits) > 1
    chosen = split if split in report.splits and several else None
    said, names = words(language), names_of(report, language)
    parents = {name: one.parent for name, one in ABILITIES.items()}
    choices = [(say(language, "mmbench.report.split.all"), ALL), *((one, one) for one in report.splits)]
    unread = {row.rule for row in report.rows if row.letter is None} - {row.rule for row in report.rows if row.letter}
    six = sum(one.level == 2 for one in figures.chosen(report.scores, {2}, chosen)) > 2
    radar = None
    if six:
        own = {report.name or say(language, "mmbench.report.one"): figures.chosen(report.scores, {2}, chosen)}
        radar = figures.radar(own, names, words=said)
    decided = figures.decided(report.rules, rule_names(language), unread=unread, words=said)
    decided.update_layout(title={"text": say(language, "mmbench.report.decided"), "font": {"size": 13}})
    return {
        "verdict": verdict(report, language, chosen),
        "split": gr.update(choices=choices, value=chosen or ALL, visible=True if several and split is not None else
                           "hidden"),
        "bars": if_any(figures.bars(report.scores, names, parents=parents, split=chosen, words=said)),
        "radar": if_any(radar),
        "letters": if_any(figures.letters({say(language, "mmbench.report.letters"): report.letters}, words=said)),
        "decided": if_any(decided if len(report.rules) > 1 else None),  # one bar tells nothing
        "table": _table(report, names, language),
        "problems": problem_table(report.problems, language),
        "saves": gr.update(visible=True),
    }  # fmt: skip


def empty() -> dict[str, Any]:
    """Every part of `SHOWN` with nothing in it."""
    nothing = {part: if_any(None) for part in ("bars", "radar", "letters", "decided")}
    hidden = {part: gr.update(visible="hidden") for part in ("split", "saves")}
    return {"verdict": "", **nothing, **hidden, "table": table([], []), "problems": table([], [])}


def verdict(report: Report, language: str, split: str | None = None) -> str:
    """What it comes to, by which profile, and in plain words what must be known before it is compared."""
    best = report.overall if split is None else report.find("Overall", split)
    rotated = any(one.expected > 1 for one in report.groups)
    values = {
        "circular": percent(best.circular.value), "low": f"{100 * best.circular.low:.1f}",
        "high": percent(best.circular.high), "vanilla": percent(best.vanilla.value),
        "gap": f"{100 * best.gap.value:.1f}", "n": f"{best.n:,}", "rows": f"{best.rows:,}",
        "profile": report.profile, "found": f"{report.extraction_success:.2%}",
        "unparsed": f"{report.unparsed:,}", "refused": f"{report.refused:,}",
    }  # fmt: skip
    told = say(language, "mmbench.report.verdict" if rotated else "mmbench.report.verdict.vanilla", **values)
    parts = [told if split is None else f"`{split.replace('`', '')}`: {told}"]
    parts.append(say(language, "mmbench.report.found" if report.unparsed else "mmbench.report.found.all", **values))
    notes = []
    if report.incomplete:
        key = f"mmbench.report.incomplete.{report.profile}"
        notes.append(say(language, key, n=f"{report.incomplete:,}"))
    if report.missing:
        notes.append(say(language, f"mmbench.report.missing.{report.profile}", n=f"{report.missing:,}"))
    drawn = [row for row in report.rows if row.rule == "fallback"]
    if drawn:
        hits = f"{sum(row.hit for row in drawn):,}"
        notes.append(say(language, "mmbench.report.fallback", n=f"{len(drawn):,}", hits=hits))
    return "\n\n".join([*parts, "\n".join(f"- {note}" for note in notes)]).rstrip()


def problem_table(problems: tuple[Problem, ...], language: str) -> dict[str, Any]:
    """The first problems, and how many there are."""
    if not problems:
        return table([], [])
    count = say(language, "mmbench.report.problems", n=f"{len(problems):,}", shown=min(len(problems), PROBLEMS))
    columns = [Column(say(language, f"mmbench.report.column.{name}")) for name in ("row", "column")]
    rows = [
        Row([f"{one.row:,}" if one.row else "–", one.column or "–", _problem(one.text, language)])
        for one in problems[:PROBLEMS]
    ]
    return table([columns[0]._replace(number=True), columns[1], Column(count)], rows)


def _problem(text: str, language: str) -> str:
    """A problem's sentence; why a judge failed is one of its own."""
    if text.startswith(FAILED):
        why = refusal(language, OSError(text.removeprefix(FAILED)))
        return say(language, "mmbench.report.judge_failed", why=why)
    return refusal(language, ValueError(text))


def names_of(report: Report, language: str) -> dict[str, str]:
    """What the abilities of a report are called in a language; one that is not MMBench's keeps its name."""
    chinese = language == "zh-CN"
    found = {name: one.chinese if chinese else one.english for name, one in ABILITIES.items()}
    own = {one.name: one.name for one in report.scores}
    return own | found | {"Overall": say(language, "mmbench.report.overall")}


def rule_names(language: str) -> dict[str, str]:
    """What the rules of both profiles are called, and what else may decide."""
    texts = TEXTS[language].items()
    return {key.removeprefix(RULES): text for key, text in texts if key.startswith(RULES) and key.count(".") == 2}


def words(language: str) -> Mapping[str, str]:
    """What the figures of `playground.figures.mmbench` say."""
    return {name: TEXTS[language][f"mmbench.figure.{name}"] for name in figures.WORDS}


def percent(share: float | None) -> str:
    """A share as the tables write it."""
    return "–" if share is None else f"{share:.1%}"


def record(report: Report) -> Record:
    """A row for each ability and split; above them what the score rests on."""
    head, *lines = report.table()
    extra = {
        "profile": report.profile, "seed": report.seed, "name": report.name, "predictions": len(report.rows),
        "extraction_success": report.extraction_success, "unparsed": report.unparsed, "refused": report.refused,
        "incomplete": report.incomplete, "missing": report.missing, "rules": report.rules,
        "problems": len(report.problems),
    }  # fmt: skip
    return [str(cell) for cell in head], lines, extra


def _table(report: Report, names: Mapping[str, str], language: str) -> dict[str, Any]:
    several = len(report.splits) > 1

    def cells(one: Score) -> list[str]:
        split = [one.split or say(language, "mmbench.report.split.all")] if several else []
        limits = f"{100 * one.circular.low:.1f} – {100 * one.circular.high:.1f}"
        indent = "\u2003" * max(0, one.level - 1)
        return [*split, indent + names[one.name], f"{one.n:,}", percent(one.circular.value), limits,
                percent(one.vanilla.value), f"{100 * one.gap.value:.1f}"]  # fmt: skip

    named = [*(["split"] if several else []), "ability", "n", "circular", "interval", "vanilla", "gap"]
    columns = [
        Column(say(language, f"mmbench.report.column.{name}"), number=name not in ("split", "ability"))
        for name in named
    ]
    ordered = [one for split in (*report.splits, None) for one in _nested(report.scores, split)]
    return table(columns, [Row(cells(one), best=one.level == 0) for one in ordered])


def _nested(scores: tuple[Score, ...], split: str | None) -> list[Score]:
    """The lines of a split, abilities under what they are part of."""
    own = [one for one in scores if one.split == split]
    by_parent: dict[str, list[Score]] = {}
    for one in own:
        parent = ABILITIES[one.name].parent if one.name in ABILITIES else None
        by_parent.setdefault(parent or "", []).append(one)
    there = {one.name for one in own}

    def below(name: str) -> list[Score]:
        return [line for one in by_parent.get(name, []) for line in (one, *below(one.name))]

    orphans = [name for name in by_parent if name and name not in there]
    return [*below(""), *(line for name in orphans for line in below(name))]


def _sheet(_: Any, kept: Kept, folder: Path, _language: str) -> str:
    path = place(folder, f"{_stem(kept.report)}_acc.xlsx")
    write_sheet(path, kept.report.sheet())
    return str(path)


def _markdown(_: Any, kept: Kept, folder: Path, _language: str) -> str:
    path = place(folder, f"{_stem(kept.report)}_report.md")
    path.write_text(kept.report.markdown(), encoding="utf-8")
    return str(path)


def _questions(_: Any, kept: Kept, folder: Path, _language: str) -> str:
    path = place(folder, f"{_stem(kept.report)}_questions.csv")
    write_sheet(path, kept.report.questions())
    return str(path)


def _stem(report: Report) -> str:
    """A name for its files, of what was scored."""
    kept = "".join(sign if sign.isalnum() or sign in "-_" else "_" for sign in Path(report.name).stem)
    return kept[:60] or "mmbench"


FILES: Mapping[str, Callable[[Any, Any, Path, str], str]] = {
    "save_sheet": _sheet, "save_markdown": _markdown, "save_questions": _questions,
}  # fmt: skip
