"""A model sits a set of questions: the job of the panel "Evaluate", frame by frame, taken up where it was stopped."""

import os
import threading
import time
from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import gradio as gr

from playground import answering
from playground.figures import mmbench as figures
from playground.i18n import say
from playground.manager import ModelManager
from playground.mmbench import Problem, Question, Report, circular, passes, score
from playground.mmbench.asking import ANSWERS
from playground.mmbench.questions import PASS
from playground.mmbench.running import RunStep, predictions_from, run
from playground.tabs.jobs import alone, place_of
from playground.tabs.mmbench import evaluate_models as models
from playground.tabs.mmbench import evaluate_set as sets
from playground.tabs.mmbench import report_view
from playground.tabs.mmbench.evaluate_cards import Said, ability_names, answered, passed, tallies
from playground.tabs.mmbench.evaluate_settings import Settings
from playground.tabs.panel import Frames, if_any
from playground.tabs.progress import bar

__all__ = ["Evaluated", "asked_of", "cleared", "evaluate", "live"]

EVERY = 0.35  # seconds between two pictures
ROOMS = 8  # runs of one model at a time, of several people


@dataclass(eq=False)
class Evaluated:
    """What one person's run has come to, wholly or up to where it was stopped."""

    settings: Settings  # those that say what was asked
    name: str  # of the model
    given: sets.QuestionSet
    said: dict[int, list[Said]]  # by question, in the order of the passes
    every: int  # calls, if none fails
    problems: list[Problem] = field(default_factory=list)  # of the set, and of pictures that could not be read
    report: Report | None = None  # of the questions that are decided; None where there is none
    saved: int = 0  # calls that failed rotations made needless
    fresh: int = 0  # calls made, the others were remembered
    seconds: float = 0.0
    done: bool = False
    newest: Question | None = None  # whose fate was decided last
    drawn: tuple[str, ...] = ()  # what the page shows of it, so that it is not sent again

    @cached_property
    def by_index(self) -> dict[int, Question]:
        return {one.index: one for one in self.given.questions}

    @property
    def calls(self) -> int:
        return sum(map(len, self.said.values()))

    @property
    def remaining(self) -> int:
        """Calls that may still come."""
        return self.every - self.calls - self.saved

    @property
    def rows(self) -> list[tuple[Question, str]]:
        """All that was asked and answered, in the order of the official files: pass by pass."""
        most = max(map(len, self.said.values()), default=0)
        own = self.said.values()
        return [(each[i].asked, each[i].prediction) for i in range(most) for each in own if i < len(each)]

    @property
    def decided(self) -> list[Question]:
        """Questions of which is known whether they pass."""
        return [one for one in self.given.questions if passed(one, self.said.get(one.index, ())) is not None]


def evaluate(manager: ModelManager, settings: Settings, _: Any, stop: threading.Event, language: str) -> Frames:
    """Ask; Stop keeps what is done, and the same settings go on from there."""
    settings = settings.asks()
    yield {"progress": bar(0, say(language, "mmbench.starting"))}, None
    who = models.asked(settings.model, settings.source)
    for shown in models.download(who, stop, language):
        yield {"progress": shown}, None
    given = sets.QuestionSet(())
    for one, shown in asked_of(settings, language):
        if stop.is_set():
            yield {"progress": ""}, None
            return
        given = one
        if shown:
            yield {"progress": shown}, None
    name = models.called(who.name, language)
    yield {"progress": bar(0, say(language, "mmbench.evaluate.opening", name=name))}, None
    ran = Evaluated(settings, who.name, given, {}, sum(map(passes, given.questions)), list(given.problems))
    begun, drawn = time.monotonic(), 0.0
    with _room(answering.identity(who, given.questions)) as folder, closing(_steps(who, manager, ran, folder)) as steps:
        for step in steps:
            ran.seconds = time.monotonic() - begun
            if not ran.said:  # only now: a stop or a failure before leaves the panel as it was
                yield cleared(), None
            _take(ran, step)
            if stop.is_set():
                break
            if time.monotonic() - drawn > EVERY:
                drawn = time.monotonic()
                yield {**live(ran, language), "progress": _bar(ran, step, language)}, None
    ran.done = ran.remaining == 0
    ran.report = _report(ran)
    share = ran.calls / max(1, ran.calls + ran.remaining)
    stopped = "" if ran.done else bar(share, say(language, "mmbench.stopped"))
    yield {"progress": stopped}, ran


def asked_of(settings: Settings, language: str) -> Iterator[tuple[sets.QuestionSet, str]]:
    """The set as far as it is there, with a bar; at last all of it, without one. Raises `ValueError` as `sets`."""
    if settings.data == "mini":
        drawn = time.monotonic()
        questions: tuple[Question, ...] = ()
        for questions in sets.mini(settings.count, settings.seed, settings.language):
            if time.monotonic() - drawn > EVERY:
                drawn = time.monotonic()
                text = say(language, "mmbench.evaluate.drawing", n=len(questions), of=settings.count)
                yield sets.QuestionSet(questions), bar(len(questions) / settings.count, text)
        yield sets.QuestionSet(questions), ""
        return
    if not settings.upload:
        raise ValueError("upload a TSV first, or use the example")
    yield sets.QuestionSet(()), bar(0, say(language, "mmbench.evaluate.reading"))
    yield sets.chosen(sets.table(settings.upload), split=settings.part, first=settings.first), ""


def cleared() -> dict[str, Any]:
    """The panel without a run: no report, no picture of one, nothing to save or to browse."""
    hidden = {name: gr.update(visible="hidden") for name in ("browse", "answers")}
    return {
        **report_view.empty(),
        **hidden,
        "live": if_any(None),
        "kept": if_any(None),
        "status": "",
        "found": "",
        "looked_at": "",
    }


def live(ran: Evaluated, language: str) -> dict[str, Any]:
    """A run in progress: how far each ability is, and the question that was decided last."""
    names = ability_names(language)
    frame = {
        "live": if_any(figures.live(tallies(ran.given.questions, ran.said), names, words=report_view.words(language)))
    }
    if ran.newest is not None:
        card = answered(ran.newest, ran.said[ran.newest.index], ran.settings.profile, language)
        frame["question"] = card
    return frame


def _steps(
    who: answering.Answerer, manager: ModelManager, ran: Evaluated, folder: Path
) -> Generator[RunStep, None, None]:
    """The batches. Rotations that cannot be made, for want of answers, are asked as the file has them, pass by pass."""
    questions = ran.given.questions
    answer, name = models.answers(manager, who, questions), answering.identity(who, questions)
    loops = _loops(questions)
    for number in sorted(loops):
        own = run(loops[number], answer, folder, name=name, profile=ran.settings.profile, batch=models.batch_of(who))
        before = ran.fresh
        for step in own:
            ran.fresh = before + step.fresh
            yield step


def _loops(questions: Sequence[Question]) -> dict[int, list[Question]]:
    """Questions whose rotations are made, and 0; of the others those of each pass that the file has."""
    loops = defaultdict[int, list[Question]](list)
    for one in questions:
        loops[one.index // PASS if one.answer is None else 0].append(one)
    return loops


def _take(ran: Evaluated, step: RunStep) -> None:
    """Keep a batch."""
    one = step.circular
    ran.saved = max(ran.saved, one.saved)
    ran.problems += step.problems
    for asked, text, letter in zip(one.asked, one.predictions, one.letters, strict=True):
        index = _base(asked)
        question = ran.by_index[index]
        said = ran.said.setdefault(index, [])
        said.append(Said(question if one.number == 0 else asked, text, letter))
        if ran.newest is None or passed(question, said) is not None:
            ran.newest = question


def _report(ran: Evaluated) -> Report | None:
    """The score of the questions that are decided; None where none is.

    That the other rotations of a question that failed were not asked is no fault to be listed.
    """
    decided = {one.index for one in ran.decided}
    rows = [(one, text) for one, text in ran.rows if _base(one) in decided]
    if not rows:
        return None
    whole = [one for one in circular(_loops(ran.given.questions)[0]) if _base(one) in decided]
    report = score(predictions_from(rows, ran.name), whole, profile=ran.settings.profile)
    return replace(report, problems=tuple(ran.problems))


def _base(one: Question) -> int:
    """The index of the question that is asked, or rotated."""
    return one.index if one.group is None else one.group


def _bar(ran: Evaluated, step: RunStep, language: str) -> str:
    """Where the run is, and how long it may take at most."""
    done = step.circular
    counts = {"calls": ran.calls, "saved": ran.saved, "passed": done.passed, "failed": done.failed}
    text = say(language, "mmbench.evaluate.asking", number=done.number + 1, **{k: f"{v:,}" for k, v in counts.items()})
    if ran.fresh:
        text += " · " + say(
            language, "mmbench.evaluate.left", time=_time(ran.remaining * ran.seconds / ran.fresh, language)
        )
    return bar(ran.calls / max(1, ran.calls + ran.remaining), text)


def _time(seconds: float, language: str) -> str:
    for unit, size in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return say(language, f"mmbench.evaluate.left.{unit}", n=f"{seconds / size:.0f}")
    return say(language, "mmbench.evaluate.left.seconds", n=f"{max(1, seconds):.0f}")


@contextmanager
def _room(who: str) -> Iterator[Path]:
    """The folder of a model's answers, for this run alone: the first of a few that is free, with what was answered in
    the others. Raises `ValueError` where none is."""
    rooms = [place_of("playground-mmbench", (who, number), []) for number in range(ROOMS)]
    with ExitStack() as stack:
        for folder in rooms:
            if stack.enter_context(alone(folder)):
                folder.mkdir(mode=0o700, exist_ok=True)
                _gather(rooms, folder)
                os.utime(folder)  # a week from now on it can be taken up again
                yield folder
                return
    raise ValueError(f"{ROOMS} people have this model evaluated at the moment: wait for one of them")


def _gather(rooms: Sequence[Path], own: Path) -> None:
    """Write what was answered in all rooms into one: a run that is stopped for another has not left its own yet."""
    answers = [one / ANSWERS for one in (own, *rooms) if (one / ANSWERS).is_file()]
    lines = dict.fromkeys(line for one in answers for line in one.read_bytes().split(b"\n")[:-1])  # whole ones
    part = own / f"{ANSWERS}.part"
    part.write_bytes(b"".join(line + b"\n" for line in lines))
    part.replace(own / ANSWERS)
