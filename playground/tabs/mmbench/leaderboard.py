"""The panel "Leaderboard": runs beside each other and published figures, and the questions on which two split."""

import html
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import gradio as gr

from playground.figures import mmbench as figures
from playground.figures import mmbench_compare as pairs
from playground.i18n import TEXTS, label, refusal, say
from playground.mmbench import PROFILES, Comparison, Report, explain_choice
from playground.mmbench.leaderboard import Standing, board_table, leaderboard
from playground.mmbench.published import PUBLISHED
from playground.mmbench.taxonomy import ABBREVIATIONS, L2
from playground.tabs.checks import choice, whole
from playground.tabs.clip.words import literal
from playground.tabs.components import LivePlotly, Table
from playground.tabs.components.question_card import card_styles
from playground.tabs.components.table import Column, Row, table
from playground.tabs.mmbench.evaluate_cards import Said, ability_names, answered
from playground.tabs.mmbench.kept import Entry, compared, entries, report_of, said_of, store
from playground.tabs.mmbench.panel import PanelSettings
from playground.tabs.mmbench.report_view import percent, words
from playground.tabs.panel import Frames, Panel, Record, if_any
from playground.tabs.progress import bar

__all__ = ["PANEL", "Settings"]

SIDES = ("only_a", "only_b", "both", "neither")
MOST_DRAWN = 6  # runs over each other
MOST_SHOWN = 40  # runs on the board
LISTED = 20  # questions
LONGEST = 120  # characters of an id or a name
FIRST, SECOND = "shipped/clip-world", "shipped/blip-world-answers"
SHOWN_FIRST = (FIRST, "shipped/blip-world", SECOND, "shipped/chance", "shipped/majority")


@dataclass(frozen=True)
class Settings(PanelSettings):
    """The controls."""

    PANEL: ClassVar[str] = "leaderboard"

    profile: str = PROFILES[0]
    published: bool = False
    drawn: tuple[str, ...] = SHOWN_FIRST
    first: str = FIRST
    second: str = SECOND
    side: str = SIDES[0]
    question: int = -1  # -1: the first that is listed
    own: str = ""  # the run to be renamed or deleted
    name: str = ""
    session: str = ""

    def __post_init__(self) -> None:
        choice("profile", self.profile, PROFILES)
        choice("side", self.side, SIDES)
        whole("question", self.question, -1, 10**12)
        if not isinstance(self.published, bool):
            raise ValueError(f"published must be True or False, not {self.published!r}")
        if len(self.drawn) > MOST_DRAWN:
            raise ValueError(f"at most {MOST_DRAWN} runs are drawn over each other, not {len(self.drawn)}")
        for text in (*self.drawn, self.first, self.second, self.own, self.name):
            if len(text) > LONGEST:
                raise ValueError(f"a run's name or id has at most {LONGEST} characters, not {len(text)}")


@dataclass(frozen=True, eq=False)
class Board:
    """What the panel shows."""

    standings: tuple[Standing, ...]
    comparison: Comparison | None


def lay_out(w: SimpleNamespace) -> None:
    """The panel's components."""
    usual, key = Settings(), "mmbench-leaderboard"
    card_styles()
    gr.Markdown(label("mmbench.leaderboard.lead"), elem_classes="pg-hint")
    with gr.Row(elem_classes="pg-numbers"):
        w.leaderboard_profile = gr.Radio(
            [(label(f"mmbench.profile.{name}"), name) for name in PROFILES], value=usual.profile,
            label=label("mmbench.leaderboard.profile"), interactive=True, elem_id=f"{key}-profile",
            elem_classes="pg-pills",
        )  # fmt: skip
        w.leaderboard_published = gr.Checkbox(
            usual.published, label=label("mmbench.leaderboard.published"),
            info=label("mmbench.leaderboard.published.info"), interactive=True, elem_id=f"{key}-published",
        )  # fmt: skip
    w.leaderboard_board = Table(elem_id=f"{key}-board", elem_classes="pg-wrapped")
    w.leaderboard_sources = gr.Markdown(elem_id=f"{key}-sources", elem_classes="pg-hint")
    w.leaderboard_drawn = gr.Dropdown(
        [(one.partition("/")[2], one) for one in usual.drawn], value=list(usual.drawn), multiselect=True,
        max_choices=MOST_DRAWN, allow_custom_value=True, label=label("mmbench.leaderboard.drawn"), interactive=True,
        elem_id=f"{key}-drawn",
    )  # fmt: skip
    with gr.Row(equal_height=False):
        with gr.Column(min_width=320):
            w.leaderboard_gaps = LivePlotly(height=400, config={"displayModeBar": False}, elem_id=f"{key}-gaps")
        with gr.Column(min_width=320):
            w.leaderboard_radar = LivePlotly(height=460, config={"displayModeBar": False}, elem_id=f"{key}-radar")
    with gr.Row(elem_classes="pg-numbers"):
        for name in ("first", "second"):
            value = getattr(usual, name)
            box = gr.Dropdown(
                [(value.partition("/")[2], value)], value=value, label=label(f"mmbench.leaderboard.{name}"),
                allow_custom_value=True, interactive=True, elem_id=f"{key}-{name}",
            )  # fmt: skip
            setattr(w, f"leaderboard_{name}", box)
    w.leaderboard_verdict = gr.Markdown(elem_id=f"{key}-verdict")
    with gr.Row(equal_height=False):
        with gr.Column(min_width=320):
            w.leaderboard_difference = LivePlotly(
                height=300, config={"displayModeBar": False}, elem_id=f"{key}-difference"
            )
        with gr.Column(min_width=320):
            w.leaderboard_splits = LivePlotly(height=300, config={"displayModeBar": False}, elem_id=f"{key}-splits")
    w.leaderboard_side = gr.Radio(
        [(label(f"mmbench.leaderboard.side.{name}"), name) for name in SIDES], value=usual.side,
        label=label("mmbench.leaderboard.side"), interactive=True, elem_id=f"{key}-side", elem_classes="pg-pills",
    )  # fmt: skip
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            w.leaderboard_listed = Table(elem_id=f"{key}-listed", elem_classes="pg-wrapped")
        with gr.Column(scale=5, min_width=320):
            w.leaderboard_cards = gr.HTML(elem_id=f"{key}-cards", js_on_load=None)
    w.leaderboard_question = gr.Number(usual.question, visible="hidden", elem_id=f"{key}-question")
    with gr.Accordion(label("mmbench.leaderboard.mine"), open=False, elem_id=f"{key}-mine"):
        gr.Markdown(label("mmbench.leaderboard.mine.info"), elem_classes="pg-hint")
        with gr.Row(elem_classes="pg-numbers"):
            w.leaderboard_own = gr.Dropdown(
                [],
                value=None,
                label=label("mmbench.leaderboard.own"),
                allow_custom_value=True,
                interactive=True,
                elem_id=f"{key}-own",
            )
            w.leaderboard_name = gr.Textbox(
                "", label=label("mmbench.leaderboard.name"), max_length=LONGEST, interactive=True,
                elem_id=f"{key}-name",
            )  # fmt: skip
        with gr.Row(elem_classes="pg-buttons"):
            w.leaderboard_rename = gr.Button(label("mmbench.leaderboard.rename"), elem_id=f"{key}-rename")
            w.leaderboard_forget = gr.Button(
                label("mmbench.leaderboard.forget"), variant="stop", elem_id=f"{key}-forget"
            )


def show(settings: Settings, _: Board | None, stop: threading.Event, language: str) -> Frames:
    """The board at once, then the pair, and then the question, whose picture may have to be drawn first."""
    yield {"progress": bar(0, say(language, "mmbench.leaderboard.scoring"))}, None
    all_runs, damaged = entries(settings.session)
    runs = all_runs[:MOST_SHOWN]
    reports = {}
    for i, one in enumerate(runs):
        reports[one.id] = report_of(settings.session, one, settings.profile)
        if stop.is_set():
            return
        if not one.shipped:
            yield {"progress": bar((i + 1) / len(runs), say(language, "mmbench.leaderboard.scoring"))}, None
    board = leaderboard(reports.values(), published=PUBLISHED if settings.published else ())
    frame = {
        "board": _board(board, runs, language), "sources": _sources(board, damaged, language),
        **_choices(settings, runs), **_drawn(settings, reports, language),
    }  # fmt: skip
    by_id = {one.id: one for one in runs}
    first, second = (by_id.get(one) for one in (settings.first, settings.second))
    nothing = {"difference": if_any(None), "splits": if_any(None), "listed": table([], []), "cards": ""}
    if first is None or second is None or first is second:
        told = say(language, "mmbench.leaderboard.verdict.two")
        yield {"progress": "", **frame, **nothing, "verdict": told}, Board(tuple(board), None)
        return
    drawing = say(language, "mmbench.leaderboard.drawing")
    yield {"progress": bar(0.5, drawing), **frame}, None
    if stop.is_set():
        return
    try:
        found = compared(settings.session, first, second, settings.profile)
    except ValueError as error:  # they share no question: the pair before must not stand there as if it were this one
        yield {"progress": "", **nothing, "verdict": literal(refusal(language, error))}, Board(tuple(board), None)
        return
    others = [
        compared(settings.session, first, one, settings.profile).comparison
        for one in runs
        if one not in (first, second) and one.digest == first.digest
    ][: MOST_DRAWN - 1]
    kept = Board(tuple(board), found.comparison)
    lists = _sides(found.comparison, reports[first.id], reports[second.id])
    said, names = _words(language), (first.name, second.name)
    listed = lists[settings.side][:LISTED]
    counts = len(lists["both"]), len(lists["only_a"]), len(lists["only_b"]), len(lists["neither"])
    update: dict[str, Any] = {
        "difference": if_any(pairs.difference([found.comparison, *others], words=said)),
        "splits": if_any(pairs.splits(*counts, names, words=said)),
        "verdict": _verdict(found.comparison, len(found.differing), language),
        "listed": _listed(listed, reports[first.id], len(lists[settings.side]), language),
    }  # fmt: skip
    yield {"progress": bar(0.7, drawing), **update}, kept
    if stop.is_set():
        return
    index = settings.question if settings.question in lists[settings.side] else listed[0] if listed else None
    cards = "" if index is None else _cards(settings, (first, second), index, language)
    yield {"progress": "", **frame, **update, "cards": cards}, kept


def rename(settings: Settings, _: Board | None, stop: threading.Event, language: str) -> Frames:
    """Give one's own run another name."""
    store(settings.session).rename(_own(settings), settings.name)
    yield from show(settings, None, stop, language)


def forget(settings: Settings, _: Board | None, stop: threading.Event, language: str) -> Frames:
    """Delete one's own run."""
    store(settings.session).forget(_own(settings))
    yield from show(settings, None, stop, language)


def _own(settings: Settings) -> str:
    if not settings.own:
        raise ValueError("choose a run of your own first")
    return settings.own


def _choices(settings: Settings, runs: Sequence[Entry]) -> dict[str, Any]:
    """The runs there are, for the pickers; what is chosen and gone is chosen no more."""
    named = [(one.name, one.id) for one in runs]
    there = {one.id for one in runs}
    own = [(one.name, one.id) for one in runs if not one.shipped]
    chosen = settings.own if settings.own in {one for _, one in own} else None
    return {
        "drawn": gr.update(choices=named, value=[one for one in settings.drawn if one in there]),
        "first": gr.update(choices=named, value=settings.first if settings.first in there else None),
        "second": gr.update(choices=named, value=settings.second if settings.second in there else None),
        "own": gr.update(choices=own, value=chosen),
    }


def _drawn(settings: Settings, reports: Mapping[str, Report], language: str) -> dict[str, Any]:
    """The runs over each other."""
    chosen = [reports[one] for one in settings.drawn if one in reports]
    if not chosen:
        return {"gaps": if_any(None), "radar": if_any(None)}
    scores = {one.name: figures.chosen(one.scores, {2}, one.overall.split) for one in chosen}
    six = any(len(own) > 2 for own in scores.values())
    names = ability_names(language)
    said = words(language)
    return {
        "gaps": if_any(pairs.gaps([(one.name, one.overall.vanilla, one.overall.circular) for one in chosen],
                                  words=_words(language))),
        "radar": if_any(figures.radar(scores, names, words=said) if six else None),
    }  # fmt: skip


def _board(board: Sequence[Standing], runs: Sequence[Entry], language: str) -> dict[str, Any]:
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


def _sources(board: Sequence[Standing], damaged: Sequence[str], language: str) -> str:
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


def _sides(comparison: Comparison, a: Report, b: Report) -> dict[str, list[int]]:
    """The questions of both, by who is right."""
    hits_a, hits_b = ({one.index: one.hit for one in report.groups} for report in (a, b))
    apart = {*comparison.only_a, *comparison.only_b}
    alike = [i for i in sorted(hits_a.keys() & hits_b.keys()) if i not in apart]
    alike = [i for i in alike if hits_a[i] == hits_b[i]]  # questions that mean another thing in each are left out
    return {
        "only_a": list(comparison.only_a), "only_b": list(comparison.only_b),
        "both": [i for i in alike if hits_a[i]], "neither": [i for i in alike if not hits_a[i]],
    }  # fmt: skip


def _verdict(found: Comparison, differing: int, language: str) -> str:
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


def _listed(indices: Sequence[int], report: Report, count: int, language: str) -> dict[str, Any]:
    """Questions, each with a button that shows it."""
    names, groups = ability_names(language), {one.index: one for one in report.groups}
    columns = [Column(say(language, "mmbench.leaderboard.column.question"), number=True)]
    columns.append(Column(say(language, "mmbench.leaderboard.column.ability", shown=len(indices), n=f"{count:,}")))
    rows = [
        Row([f"{one:,}", names.get(groups[one].category, groups[one].category) or "–"], id=str(one)) for one in indices
    ]
    empty = say(language, "mmbench.leaderboard.none")
    return table(columns, rows, empty=empty, action=say(language, "mmbench.leaderboard.look"))


def _cards(settings: Settings, runs: Sequence[Entry], index: int, language: str) -> str:
    """What each of two runs answered to a question, in every rotation."""
    parts = []
    for one in runs:
        question, answers = said_of(settings.session, one, index)
        said = [
            Said(asked, text, explain_choice(text, dict(asked.options), settings.profile).letter)
            for asked, text in answers
        ]
        parts.append(f"<h4>{html.escape(one.name)}</h4>" + answered(question, said, settings.profile, language))
    return "".join(parts)


def _words(language: str) -> dict[str, str]:
    return {name: TEXTS[language][f"mmbench.figure.{name}"] for name in pairs.WORDS}


def program(settings: Settings, _: str) -> list[str]:
    """The same board, and the same pair where both ship."""
    lines = [
        "from playground import mmbench",
        "from playground.mmbench.leaderboard import board_markdown, leaderboard",
        "from playground.mmbench.published import PUBLISHED",
        "from playground.mmbench.record import mini_record",
        "from playground.mmbench.runs import Runs",
        "",
        "record, runs = mini_record(), Runs()  # what ships, and what was kept on this machine",
        f"profile = {settings.profile!r}",
        "reports = {name: record.report(name, profile) for name in record.models}",
        "reports |= {one.id: runs.report(one.id, profile) for one in runs.list().runs}",
        f"board = leaderboard(reports.values(){', published=PUBLISHED' if settings.published else ''})",
        "print(board_markdown(board))",
    ]
    there = {one.id for one in entries(settings.session)[0]}
    names = [one.removeprefix("shipped/") for one in (settings.first, settings.second)]
    if {settings.first, settings.second} <= there and names[0] != names[1]:
        lines += [
            "",
            f"found = mmbench.compare(reports[{names[0]!r}], reports[{names[1]!r}])",
            "print(found.n, found.difference, len(found.only_a), len(found.only_b))",
        ]
    return lines


def record(_: Settings, kept: Board) -> Record:
    """The board; in JSON the pair, too."""
    head, *lines = board_table(kept.standings)
    pair = kept.comparison
    extra: dict[str, Any] = {}
    if pair is not None:
        extra["pair"] = {
            "first": pair.name_a, "second": pair.name_b, "questions": pair.n, "difference": pair.difference.value,
            "low": pair.difference.low, "high": pair.difference.high, "only_first": list(pair.only_a),
            "only_second": list(pair.only_b),
        }  # fmt: skip
    return [str(cell) for cell in head], [["" if cell is None else cell for cell in line] for line in lines], extra


PANEL = Panel(
    Settings,
    lay_out,
    ("board", "sources", "drawn", "gaps", "radar", "first", "second", "own", "verdict", "difference", "splits",
     "listed", "cards"),
    show,
    {"rename": rename, "forget": forget},
    program,
    record,
    fills={
        "board": lambda row, _folder, _language: {"second": row, "question": -1},
        "listed": lambda row, _folder, _language: {"question": int(row)},
    },
)  # fmt: skip
