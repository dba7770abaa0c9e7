"""What the panel "Evaluate" shows: of a run that is done or stopped, and before any."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from playground.i18n import say
from playground.mmbench import Report
from playground.mmbench.record import mini_record
from playground.tabs.clip.words import literal
from playground.tabs.mmbench import evaluate_models as models
from playground.tabs.mmbench import evaluate_set as sets
from playground.tabs.mmbench import report_view
from playground.tabs.mmbench.evaluate_cards import ability_names, answered, matching, sample
from playground.tabs.mmbench.evaluate_run import Evaluated, cleared, live
from playground.tabs.mmbench.evaluate_settings import Settings
from playground.tabs.panel import if_any
from playground.tabs.progress import bar

__all__ = ["as_told", "before", "choices", "results"]


def choices(settings: Settings, language: str) -> dict[str, Any]:
    """The controls that suit the choice of model and set, and what is said of the model."""
    seen = {"other": settings.model == models.OTHER, "mini": settings.data == "mini", "tsv": settings.data == "tsv"}
    shown: dict[str, Any] = {name: gr.update(visible=True if there else "hidden") for name, there in seen.items()}
    return {**shown, "note": models.line(settings.model, language)}


def results(ran: Evaluated, settings: Settings, language: str) -> dict[str, Any]:
    """A run's report and one of its questions; the report only where the page does not show it already."""
    frame = _browsed(ran, settings, language)
    if ran.drawn == (language, settings.split):
        return frame
    report = (
        report_view.empty() if ran.report is None else report_view.frame(as_told(ran.report), language, settings.split)
    )
    if ran.report is None:
        report["problems"] = report_view.problem_table(tuple(ran.problems), language)
    names = ability_names(language)
    found = dict.fromkeys(one.category or one.l2_category for one in ran.given.questions)
    abilities = [(say(language, "mmbench.evaluate.ability.all"), ""), *((names.get(n, n), n) for n in found if n)]
    return {
        **frame,
        **report,
        "live": if_any(None) if ran.done else live(ran, language)["live"],
        "status": _status(ran, language),
        "question": "",
        "answers": gr.update(visible=True if ran.said else "hidden"),
        "browse": gr.update(visible=True if ran.said else "hidden"),
        "ability": gr.update(choices=abilities),
    }


def before(settings: Settings, language: str) -> Iterator[dict[str, Any]]:
    """What is about to be asked: its first question with its rotations, and what is wrong in the file."""
    unnamed = say(language, "mmbench.evaluate.model.unnamed")
    name = models.called(settings.model, language)
    name = name if settings.model != models.OTHER else literal(settings.source) or unnamed
    if settings.data == "mini" or not settings.upload:
        *_, drawn = sets.mini(1, settings.seed, settings.language)
        key = "mini" if settings.data == "mini" else "none"
        told = say(language, f"mmbench.evaluate.before.{key}", name=name, n=f"{settings.count:,}")
        frame = {**cleared(), "status": told, "question": sample(drawn[0], language), "progress": ""}
        yield {**frame, **_recorded(settings, name, language)}
        return
    yield {"progress": bar(0, say(language, "mmbench.evaluate.reading"))}
    given = sets.table(settings.upload)
    own = sets.chosen(given, split=settings.part, first=settings.first)
    values = {"file": literal(Path(settings.upload).name), "n": f"{len(own.questions):,}", "name": name}
    parts = [say(language, "mmbench.evaluate.before.tsv", **values), *_notes(own, language)]
    splits = [(say(language, "mmbench.evaluate.part.all"), ""), *((one, one) for one in given.splits)]
    yield {
        **cleared(), "status": " ".join(parts), "question": sample(own.questions[0], language),
        "problems": report_view.problem_table(given.problems, language), "part": gr.update(choices=splits),
        "progress": "",
    }  # fmt: skip


def _recorded(settings: Settings, name: str, language: str) -> dict[str, Any]:
    """What the model has reached on the mini benchmark in the record that ships, where that has it."""
    record = mini_record()
    if settings.data != "mini" or settings.model not in record.models or settings.language != record.language:
        return {}
    values = {"name": name, "n": f"{record.count:,}", "seed": record.seed, "count": f"{settings.count:,}"}
    view = report_view.frame(record.report(settings.model, settings.profile), language)
    hidden = {"saves": gr.update(visible="hidden")}  # the files are of one's own run
    return {**view, **hidden, "status": say(language, "mmbench.evaluate.record", **values)}


def _browsed(ran: Evaluated, settings: Settings, language: str) -> dict[str, Any]:
    """The question that the browser's controls choose."""
    found = matching(ran.given.questions, ran.said, settings.ability, settings.outcome)
    values = {"n": f"{len(found):,}", "of": f"{len(ran.given.questions):,}"}
    frame: dict[str, Any] = {"progress": "", "found": say(language, "mmbench.evaluate.found", **values)}
    place = min(settings.position, max(1, len(found)))
    ends = {"maximum": max(2, len(found)), "visible": True if len(found) > 1 else "hidden"}
    frame["position"] = gr.update(**ends) if place == settings.position else gr.update(value=place, **ends)
    if not found:
        return {**frame, "looked_at": answered(None, (), "", language)}
    chosen = found[place - 1]
    said = ran.said.get(chosen.index, ())
    return {**frame, "looked_at": answered(chosen, said, ran.settings.profile, language)}


def _status(ran: Evaluated, language: str) -> str:
    """What was asked, what was not, and what of it cannot be scored."""
    name = literal(models.called(ran.name, language))
    n, decided = len(ran.given.questions), len(ran.decided)
    counts = {"calls": f"{ran.calls:,}", "saved": f"{ran.saved:,}", "name": name, "of": f"{n:,}"}
    if not ran.given.told:
        parts = [say(language, "mmbench.evaluate.untold", n=f"{len(ran.said):,}", **counts)]
    elif ran.done:
        parts = [say(language, "mmbench.evaluate.done", n=f"{n:,}", **counts)]
    elif decided:
        parts = [say(language, "mmbench.evaluate.stopped", n=f"{decided:,}", **counts)]
    else:
        parts = [say(language, "mmbench.evaluate.stopped.none")]
    if remembered := ran.calls - ran.fresh:
        parts.append(say(language, "mmbench.evaluate.reused", n=f"{remembered:,}"))
    if blind := len(ran.problems) - len(ran.given.problems):
        parts.append(say(language, "mmbench.evaluate.blind", n=f"{blind:,}"))
    return " ".join([*parts, *_notes(ran.given, language)])


def _notes(given: sets.QuestionSet, language: str) -> list[str]:
    """What should be known of a set."""
    n, notes = len(given.questions), []
    if 0 < given.told < n:
        notes.append(say(language, "mmbench.evaluate.partly", n=f"{n - given.told:,}"))
    if given.rotations and given.told:
        notes.append(say(language, "mmbench.evaluate.rotations", n=f"{given.rotations:,}"))
    if given.problems:
        notes.append(say(language, "mmbench.evaluate.problems", n=f"{len(given.problems):,}"))
    return notes


def as_told(report: Report) -> Report:
    """The report as it is told of: that a question which failed was not asked on is no gap in it."""
    return replace(report, groups=tuple(replace(one, present=one.expected) for one in report.groups))
