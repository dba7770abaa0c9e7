"""The panel "Leaderboard": runs beside each other and published figures, and the questions on which two split."""

import threading
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import gradio as gr

from playground.figures import mmbench_compare as pairs
from playground.i18n import label, refusal, say
from playground.mmbench import PROFILES, Comparison
from playground.mmbench.leaderboard import Standing, board_table, leaderboard
from playground.mmbench.published import PUBLISHED
from playground.tabs.checks import choice, whole
from playground.tabs.clip.words import literal
from playground.tabs.components import LivePlotly, Table
from playground.tabs.components.question_card import card_styles
from playground.tabs.components.table import table
from playground.tabs.mmbench import leaderboard_view as view
from playground.tabs.mmbench.kept import compared, entries, report_of, store
from playground.tabs.mmbench.panel import PanelSettings
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
        "board": view.board_table_of(board, runs, language), "sources": view.sources(board, damaged, language),
        **view.choices(settings.drawn, settings.first, settings.second, settings.own, runs),
        **view.drawn(settings.drawn, reports, language),
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
    lists = view.sides(found.comparison, reports[first.id], reports[second.id])
    said, names = view.pair_words(language), (first.name, second.name)
    listed = lists[settings.side][:LISTED]
    counts = len(lists["both"]), len(lists["only_a"]), len(lists["only_b"]), len(lists["neither"])
    update: dict[str, Any] = {
        "difference": if_any(pairs.difference([found.comparison, *others], words=said)),
        "splits": if_any(pairs.splits(*counts, names, words=said)),
        "verdict": view.verdict(found.comparison, len(found.differing), language),
        "listed": view.listed(listed, reports[first.id], len(lists[settings.side]), language),
    }  # fmt: skip
    yield {"progress": bar(0.7, drawing), **update}, kept
    if stop.is_set():
        return
    index = settings.question if settings.question in lists[settings.side] else listed[0] if listed else None
    cards = "" if index is None else view.cards(settings.session, settings.profile, (first, second), index, language)
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
