"""The panel "Evaluate": a model sits the mini benchmark, or somebody's own MMBench TSV, question by question."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from playground.i18n import say
from playground.manager import ModelManager
from playground.mmbench import write_tsv
from playground.mmbench.running import write_predictions
from playground.tabs.clip.words import literal
from playground.tabs.files import place
from playground.tabs.mmbench import evaluate_set as sets
from playground.tabs.mmbench import report_view
from playground.tabs.mmbench.evaluate_layout import PREDICTIONS, lay_out
from playground.tabs.mmbench.evaluate_program import program
from playground.tabs.mmbench.evaluate_run import Evaluated, evaluate
from playground.tabs.mmbench.evaluate_settings import Settings
from playground.tabs.mmbench.evaluate_view import as_told, before, choices, results
from playground.tabs.mmbench.kept import mini_title, store
from playground.tabs.panel import Frames, Panel, Record, if_any
from playground.tabs.progress import bar

__all__ = ["EXAMPLE", "panel"]

EXAMPLE, EXAMPLES = "example.tsv", 26  # the file, and its questions: each ability of the mini benchmark twice
SHOWN = (
    *report_view.SHOWN, "status", "live", "answers", "browse", "found", "question", "looked_at", "note", "other",
    "mini", "tsv", "part", "ability", "position", "kept",
)  # fmt: skip


def panel(manager: ModelManager) -> Panel:
    """The panel, with the models of a manager."""
    jobs: Mapping[str, Callable[[Any, Any, threading.Event, str], Frames]] = {
        "run": partial(_run, manager),
        "keep": _keep,
    }
    return Panel(Settings, lay_out, SHOWN, _show, jobs, program, _record, {"example": _example}, FILES)


def _show(settings: Settings, kept: Evaluated | None, _: threading.Event, language: str) -> Frames:
    """The run that is kept, where it is of these settings; else what is about to be asked."""
    if kept is not None and kept.settings == settings.asks():
        yield {**choices(settings, language), **results(kept, settings, language)}, None
        kept.drawn = (language, settings.split)  # only now, for a newer look may have taken this one's place
        return
    if kept is not None:
        kept.drawn = ()
    for frame in before(settings, language):
        yield {**choices(settings, language), **frame}, None


def _run(
    manager: ModelManager, settings: Settings, kept: Evaluated | None, stop: threading.Event, language: str
) -> Frames:
    """The run, and at last its report."""
    if kept is not None:
        kept.drawn = ()
    for frame, ran in evaluate(manager, settings, kept, stop, language):
        if ran is None:
            yield frame, None
        else:
            yield {**results(ran, settings, language), **frame}, ran


def _keep(settings: Settings, kept: Evaluated | None, _: threading.Event, language: str) -> Frames:
    """Put the run into the leaderboard. Raises `ValueError` where there is none, or none to be scored."""
    if kept is None or kept.settings != settings.asks():
        raise ValueError("run the model first: there is no run of these settings to keep")
    if kept.report is None:
        raise ValueError("no question of the run is decided, so there is nothing to compare in the leaderboard")
    yield {"progress": bar(0, say(language, "mmbench.starting"))}, None
    decided = {one.index for one in kept.decided}
    rows = {one.index: text for one, text in kept.rows if (one.index if one.group is None else one.group) in decided}
    run = store(settings.session).keep(
        kept.name, set_name(kept), kept.decided, rows, kept.report, calls=kept.calls,
        saved=kept.saved, seconds=kept.seconds,
    )  # fmt: skip
    yield {"progress": "", "kept": if_any(say(language, "mmbench.evaluate.keep.done", name=literal(run.name)))}, None


def set_name(kept: Evaluated) -> str:
    """What the set of a run is called in the leaderboard."""
    asked = kept.settings
    if asked.data == "mini":
        return mini_title(asked.count, asked.seed, asked.language)
    return " ".join([Path(asked.upload).name, asked.part]).strip()


def _example(_: str, folder: Path, language: str) -> Mapping[str, Any]:
    """A small TSV of the mini benchmark, in the page's language."""
    path = place(folder, EXAMPLE)
    write_tsv(path, list(sets.mini(EXAMPLES, 0, "zh" if language == "zh-CN" else "en"))[-1])
    return {"data": "tsv", "upload": str(path), "part": "", "first": 0}


def _record(_: Settings, kept: Evaluated) -> Record:
    """The report's lines; of a run without a report what was answered."""
    about = {"model": kept.name, "set": set_name(kept), "calls": kept.calls, "saved": kept.saved,
             "asked": len(kept.said), "of": len(kept.given.questions)}  # fmt: skip
    if kept.report is None:
        return ["index", "prediction"], [[one.index, text] for one, text in kept.rows], about
    columns, lines, extra = report_view.record(as_told(kept.report))
    return columns, lines, {**about, **extra}


def _predictions(ending: str, _: Settings, kept: Evaluated, folder: Path, _language: str) -> str:
    path = place(folder, f"predictions.{ending}")
    write_predictions(path, kept.rows)
    return str(path)


def _of_report(
    write: Callable[[Any, Any, Path, str], str], settings: Settings, kept: Evaluated, folder: Path, language: str
) -> str:
    if kept.report is None:
        raise ValueError("no question of the run is decided, so there is no report to save")
    return write(settings, kept, folder, language)


def _markdown(settings: Settings, kept: Evaluated, folder: Path, language: str) -> str:
    """The report to read; the list of questions keeps how many rows each has."""
    report = None if kept.report is None else as_told(kept.report)
    told = replace(kept, report=report)
    return _of_report(report_view.FILES["save_markdown"], settings, told, folder, language)


FILES: Mapping[str, Callable[[Any, Any, Path, str], str]] = {
    **{name: partial(_of_report, write) for name, write in report_view.FILES.items()},
    "save_markdown": _markdown,
    **{name: partial(_predictions, name.rpartition("_")[2]) for name in PREDICTIONS},
}
