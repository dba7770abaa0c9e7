"""The panel "Score a file": a sheet of predictions graded by both profiles, with a judge or without, and why."""

import threading
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Self

import gradio as gr

from playground.i18n import label, say
from playground.manager import ModelManager
from playground.mmbench import PROFILES, Predictions
from playground.mmbench.example_sheet import write_example
from playground.mmbench.predictions import KINDS
from playground.mmbench.verdicts import Verdict
from playground.server import hosted
from playground.tabs.checks import choice, whole
from playground.tabs.clip.words import literal
from playground.tabs.components import Table
from playground.tabs.components.question_card import card_styles
from playground.tabs.components.table import Column, Row, table
from playground.tabs.files import place
from playground.tabs.jobs import place_of
from playground.tabs.mmbench import judging, report_view, score_data, score_view
from playground.tabs.mmbench.panel import PanelSettings
from playground.tabs.mmbench.score_data import Given, Scored
from playground.tabs.mmbench.score_program import program
from playground.tabs.panel import Frames, Panel, Record
from playground.tabs.progress import bar

__all__ = ["Settings", "panel"]

COUNT, MOST_SEED, LANGUAGES = (1, 5000), 2**31 - 1, ("en", "zh")
FRAME = 0.35  # seconds between two bars
LONGEST = 120  # characters of a name
FIRST = 8  # rows of a file that are shown before it is scored
SHOWN = ("note", "first", *report_view.SHOWN, "judged", "detail", "failed", "card", "differ", "keep_note")
WIDE = ["pg-wrapped", "pg-wide"]


@dataclass(frozen=True)
class Settings(PanelSettings):
    """The panel's controls."""

    PANEL: ClassVar[str] = "score"
    UPLOADS: ClassVar[tuple[str, ...]] = ("upload", "upload_questions")
    SECRETS: ClassVar[tuple[str, ...]] = ("key",)
    UNLINKED: ClassVar[tuple[str, ...]] = ("split",)  # a radio refuses what it does not offer

    upload: str = ""
    upload_questions: str = ""
    mini: bool = False
    mini_count: int = 1000
    mini_seed: int = 0
    mini_language: str = "en"
    profile: str = "robust"
    judge: str = "none"
    local: str = next(iter(judging.LOCAL))
    source: str = ""  # of another local judge
    address: str = ""
    model: str = ""
    key: str = field(default="", repr=False)
    audit: int = 20
    fallback: bool = False
    split: str = ""  # of the report; "": all together
    shows: str = "luck"  # which questions are listed
    question: str = ""  # the one whose card is shown; "": the first that is listed
    name: str = ""  # in the leaderboard
    session: str = ""

    def __post_init__(self) -> None:
        whole("mini_count", self.mini_count, *COUNT)
        whole("mini_seed", self.mini_seed, 0, MOST_SEED)
        choice("mini_language", self.mini_language, LANGUAGES)
        choice("profile", self.profile, PROFILES)
        choice("shows", self.shows, score_view.SHOWS)
        texts = {name: getattr(self, name) for name in ("source", "address", "model")}
        judging.check(self.judge, self.local, self.audit, **texts)
        for name in ("split", "question", "name"):
            if len(text := getattr(self, name)) > LONGEST:
                raise ValueError(f"{name} has {len(text):,} characters, more than the {LONGEST} allowed")

    def asks(self) -> Self:
        """What is scored, and by whom: the same for settings that only look at another part of it."""
        unused: dict[str, Any] = {"split": "", "shows": "luck", "question": "", "name": "", "session": "", "key": ""}
        if not self.mini or self.upload_questions:
            unused |= {"mini": False, "mini_count": 1000, "mini_seed": 0, "mini_language": "en"}
        if self.judge != "local":
            unused |= {"local": next(iter(judging.LOCAL)), "source": ""}
        if self.judge != "endpoint":
            unused |= {"address": "", "model": ""}
        if self.judge == "none":
            unused |= {"profile": "robust", "audit": 20, "fallback": False}
        return replace(self, **unused)

    @property
    def drawn(self) -> tuple[int, int, str] | None:
        """The mini benchmark that was answered: count, seed and language."""
        return (self.mini_count, self.mini_seed, self.mini_language) if self.mini else None


def panel(manager: ModelManager) -> Panel:
    """The panel; its local judges come from the manager."""

    def run(settings: Settings, _: Scored | None, stop: threading.Event, language: str) -> Frames:
        yield from _run(manager, settings, stop, language)

    return Panel(
        settings=Settings, lay_out=lay_out, shown=SHOWN, show=show, jobs={"run": run, "keep": _keep}, program=program,
        record=_record, fills={"example": _example, "failed": _pick}, files=report_view.FILES,
    )  # fmt: skip


def lay_out(w: SimpleNamespace) -> None:
    """The panel's components."""
    usual, key, texts = Settings(), "mmbench-score-", "mmbench.score."

    def file(name: str, kinds: list[str]) -> gr.File:
        return gr.File(label=label(texts + name), type="filepath", file_types=kinds, height=120, interactive=True,
                       elem_id=key + name)  # fmt: skip

    def pills(name: str, values: tuple[str, ...], **more: Any) -> gr.Radio:
        return gr.Radio(
            [(label(f"{texts}{name}.{one}"), one) for one in values], value=getattr(usual, name),
            label=label(texts + name), interactive=True, elem_id=key + name, elem_classes="pg-pills", **more,
        )  # fmt: skip

    card_styles()
    with gr.Row(elem_classes="pg-tab"):
        with gr.Column(scale=4, min_width=300, elem_classes="pg-controls"):
            gr.Markdown(label("mmbench.score.lead"), elem_classes="pg-hint")
            w.score_upload = file("upload", list(KINDS))
            with gr.Row(elem_classes="pg-buttons"):
                w.score_run = gr.Button(label("mmbench.score.run"), variant="primary", elem_id=f"{key}run")
                w.score_example = gr.Button(label("mmbench.score.example"), elem_id=f"{key}example")
            with gr.Accordion(label("mmbench.score.answers"), open=False, elem_id=f"{key}answers"):
                gr.Markdown(label("mmbench.score.answers.info"), elem_classes="pg-hint")
                w.score_upload_questions = file("upload_questions", [".tsv"])
                w.score_mini = gr.Checkbox(
                    usual.mini, label=label("mmbench.score.mini"), interactive=True, elem_id=f"{key}mini"
                )
                with gr.Row(elem_id=f"{key}mini-more"):
                    for name in ("mini_count", "mini_seed"):
                        number = gr.Number(
                            getattr(usual, name), label=label(texts + name), precision=0, min_width=90,
                            interactive=True, elem_id=key + name,
                        )  # fmt: skip
                        setattr(w, f"score_{name}", number)
                    w.score_mini_language = pills("mini_language", LANGUAGES, min_width=160)
            w.score_profile = pills("profile", PROFILES, info=label("mmbench.score.profile.info"))
            judging.lay_out(w, "score")
        with gr.Column(scale=9, min_width=340, elem_classes="pg-pictures"):
            w.score_note = gr.Markdown(elem_classes="pg-hint", elem_id=f"{key}note")
            w.score_first = Table(elem_id=f"{key}first", elem_classes=WIDE)
            report_view.lay_out(w, "score")
            w.score_judged = gr.Markdown(elem_id=f"{key}judged")
            with gr.Column(visible="hidden", elem_id=f"{key}detail") as w.score_detail:
                gr.Markdown(label("mmbench.score.why"), elem_id=f"{key}why")
                w.score_shows = pills("shows", score_view.SHOWS)
                w.score_failed = Table(elem_id=f"{key}failed", elem_classes=WIDE)
                w.score_question = gr.Textbox(
                    "", label=label("mmbench.score.question"), max_lines=1, interactive=True, elem_id=f"{key}question"
                )
                w.score_card = gr.HTML(elem_id=f"{key}card", js_on_load=None)
                w.score_differ = Table(elem_id=f"{key}differ", elem_classes=WIDE)
                with gr.Row(equal_height=True):
                    w.score_name = gr.Textbox(
                        "", label=label("mmbench.score.name"), max_lines=1, interactive=True, elem_id=f"{key}name"
                    )
                    w.score_keep = gr.Button(label("mmbench.score.keep"), elem_id=f"{key}keep")
                w.score_keep_note = gr.Markdown(elem_classes="pg-hint", elem_id=f"{key}keep_note")


def show(settings: Settings, kept: Scored | None, _: threading.Event, language: str) -> Frames:
    """What was scored by these settings; else the example, or the first answers of the file that waits."""
    asked = settings.asks()
    if kept is not None and kept.asked == asked and settings.profile in kept.reports:
        kept = replace(kept, profile=settings.profile)
        example = say(language, "mmbench.score.note.example") if not settings.upload else ""
        yield {**_found(kept, settings, language), "note": example, "progress": ""}, kept
        return
    if not settings.upload:
        plain = replace(settings, judge="none").asks()
        made = Scored(plain, Given(score_data.example()), score_data.example_reports(), settings.profile)
        note = say(language, "mmbench.score.note.example")
        yield {**_found(made, settings, language), "note": note, "progress": ""}, made
        return
    name, predictions = literal(Path(settings.upload).name), score_data.previewed(settings.upload)
    key = "mmbench.score.note.large" if predictions is None else "mmbench.score.note.ready"
    note = say(language, key, name=name)
    if predictions is not None and not _answered(settings, predictions):
        note = say(language, "mmbench.score.note.answerless") + " " + note
    frame = {**_nothing(), "note": note, "progress": ""}
    yield frame if predictions is None else {**frame, "first": _first(predictions, language)}, None


def _run(manager: ModelManager, settings: Settings, stop: threading.Event, language: str) -> Frames:
    """Read, have a judge read what the rules leave open, and score by both profiles. Stop keeps the judge's verdicts,
    and the same file with the same judge goes on from there."""
    begun = time.monotonic()
    halted = {"progress": bar(0, say(language, "mmbench.stopped"))}
    yield {"progress": bar(0, say(language, "mmbench.starting")), "keep_note": ""}, None
    asked = judging.chosen(settings.judge, settings.local, settings.source, settings.address, settings.model)
    reading = score_data.given(settings.upload, settings.upload_questions, settings.drawn, language)
    what = yield from _bars(reading, stop)
    if what is None:
        yield halted, None
        return
    verdicts: Mapping[int, Verdict] = {}
    note = ""
    if asked is not None:
        yield from _bars(judging.download(asked, stop, language), threading.Event())
        if stop.is_set():
            yield halted, None
            return
        yield {"progress": bar(0, say(language, "mmbench.score.judge.loading", name=asked.name))}, None
        judging.ready(manager, asked)
        judge = judging.made(manager, asked, settings.key, stop)
        files = [one for one in (settings.upload, settings.upload_questions) if one]
        whose = settings.session if hosted() else ""
        work = place_of("playground-mmbench-judged", (asked, settings.profile, settings.drawn, whose), files)
        verdicts, note = yield from judging.ask(
            judge, asked.name, what.predictions, what.questions, work, stop, language,
            profile=settings.profile, audit=settings.audit, fallback=settings.fallback,
        )  # fmt: skip
    # What is judged is scored after Stop, too.
    scoring = score_data.reports(what, settings.profile, verdicts or None, language)
    reports = yield from _bars(scoring, stop if asked is None else threading.Event())
    if reports is None:
        yield halted, None
        return
    seconds, judged_by = time.monotonic() - begun, asked.name if asked else ""
    kept = Scored(settings.asks(), what, reports, settings.profile, judged_by, note, seconds)
    ended = bar(1, say(language, "mmbench.stopped")) if stop.is_set() else ""
    example = say(language, "mmbench.score.note.example") if not settings.upload else ""
    yield {**_found(kept, settings, language), "note": example, "progress": ended}, kept


def _keep(settings: Settings, kept: Scored | None, _: threading.Event, language: str) -> Frames:
    """Keep what is shown in the leaderboard."""
    from playground.tabs.mmbench.kept import store

    if kept is None:
        raise ValueError("there is no score to keep yet: press Score first")
    yield {"progress": bar(0, say(language, "mmbench.starting"))}, None
    what = kept.given
    name = settings.name.strip() or Path(what.predictions.name).stem
    run = store(settings.session).keep(
        name, what.set_name, what.questions, what.predictions, kept.report, calls=len(kept.report.rows),
        seconds=kept.seconds, judge=kept.judge,
    )  # fmt: skip
    yield {"keep_note": say(language, "mmbench.score.kept", name=literal(run.name)), "progress": ""}, None


def _record(_: Settings, kept: Scored) -> Record:
    """The report's; in JSON the other profile's score beside it, and what the judge did."""
    columns, rows, extra = report_view.record(kept.report)
    if kept.other is not None:
        own = kept.other.overall
        extra["other_profile"] = {"profile": kept.other.profile, "circular": own.circular.value,
                                  "vanilla": own.vanilla.value}  # fmt: skip
    return columns, rows, extra | {"decided": kept.report.decided, "seconds": kept.seconds}


def _example(_: str, folder: Path, _language: str) -> Mapping[str, Any]:
    """The example, as a file of one's own."""
    path = place(folder, score_data.EXAMPLE)
    write_example(path)
    return {"upload": str(path), "upload_questions": None, "mini": False}


def _pick(row: str, _: Path, _language: str) -> Mapping[str, Any]:
    """The question of a row of the table."""
    return {"question": row}


def _found(kept: Scored, settings: Settings, language: str) -> dict[str, Any]:
    """Every part of the panel but its note, for what was scored."""
    frame = report_view.frame(kept.report, language, settings.split)
    verdict = f"{frame['verdict']}\n\n{score_view.other_profile(kept, language, settings.split)}"
    return {
        **frame, "verdict": verdict, "judged": score_view.judged(kept, language),
        "differ": score_view.differing(kept, language),
        "failed": score_view.questions(kept, settings.shows, language),
        "card": score_view.question_card(kept, settings.question, settings.shows, language),
        "detail": gr.update(visible=True), "first": table([], []), "keep_note": "",
    }  # fmt: skip


def _nothing() -> dict[str, Any]:
    """Every part of the panel but its note, with nothing in it."""
    tables = {part: table([], []) for part in ("first", "differ", "failed")}
    hidden = gr.update(visible="hidden")
    return {**report_view.empty(), **tables, "judged": "", "card": "", "keep_note": "", "detail": hidden}


def _answered(settings: Settings, predictions: Predictions) -> bool:
    """Whether the right answers are told, beside the predictions or by the questions."""
    return bool(settings.upload_questions) or settings.mini or any(one.answer for one in predictions.rows)


def _first(predictions: Predictions, language: str) -> dict[str, Any]:
    """The first rows of a file, as it tells them."""
    columns = [Column(say(language, f"mmbench.score.column.{name}")) for name in ("index", "prediction", "options",
                                                                                  "right", "ability")]  # fmt: skip
    rows = [
        Row([
            str(one.index), score_view.short(one.prediction, 70),
            score_view.short(" · ".join(f"{letter} {text}" for letter, text in one.options), 110) or "–",
            one.answer or "–", one.category or one.l2_category or "–",
        ])
        for one in predictions.rows[:FIRST]
    ]  # fmt: skip
    return table([columns[0]._replace(number=True), *columns[1:]], rows)


def _bars(source: Iterator[str] | Generator[str, None, Any], stop: threading.Event) -> Generator[Any, None, Any]:
    """Bars as frames, a few a second; returns what the source returns, None after Stop."""
    drawn = 0.0
    running = iter(source)
    while True:
        try:
            shown = next(running)
        except StopIteration as end:
            return end.value
        if stop.is_set():
            return None
        if time.monotonic() - drawn > FRAME:
            drawn = time.monotonic()
            yield {"progress": shown}, None
