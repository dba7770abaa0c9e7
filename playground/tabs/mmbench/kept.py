"""The runs that the leaderboard shows: those that ship, and those that a person keeps, alone where others may come."""

import hashlib
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from playground import mmbench
from playground.mmbench.circular import circular
from playground.mmbench.record import mini_record
from playground.mmbench.runs import Compared, Runs, Side, compare_asked
from playground.server import hosted

__all__ = ["Entry", "compared", "entries", "report_of", "said_of", "store"]

SHIPPED = "shipped/"  # how the id of a run begins that comes with the app
KEEP = 86_400  # seconds in which a hosted app keeps a visitor's runs after the last one


@dataclass(frozen=True)
class Entry:
    """A run: its id, its model's name with what sets it apart from another of that name, its set, a digest of that,
    when it was kept ("" of one that ships), and its number of questions."""

    id: str
    name: str
    set_name: str
    digest: str
    when: str
    questions: int

    @property
    def shipped(self) -> bool:
        return self.id.startswith(SHIPPED)


def store(session: str) -> Runs:
    """Where a person's runs are kept: this machine's folder, or a visitor's own for a day where the app is hosted."""
    if not hosted():
        return Runs()
    root = Path(tempfile.gettempdir(), "playground-runs")
    root.mkdir(mode=0o700, exist_ok=True)
    for old in root.iterdir():
        if time.time() - old.stat().st_mtime > KEEP:
            shutil.rmtree(old, ignore_errors=True)
    return Runs(root / hashlib.sha256(session.encode()).hexdigest()[:32])


def entries(session: str) -> tuple[list[Entry], tuple[str, ...]]:
    """All runs, a person's own first, and what is wrong with those that cannot be read."""
    kept, record = store(session).list(), mini_record()
    own = [Entry(one.id, one.name, one.set_name, one.digest, one.when, one.questions) for one in kept.runs]
    title = mini_title(record.count, record.seed, record.language)
    ours = [Entry(SHIPPED + name, name, title, record.digest, "", record.count) for name in record.models]
    found, seen = [], set[str]()
    for one in [*ours, *reversed(own)]:  # the oldest keeps the bare name
        name, number = one.name, 2
        while name in seen:
            name, number = f"{one.name} ({number})", number + 1
        seen.add(name)
        found.append(replace(one, name=name))
    return [*reversed(found[len(ours) :]), *found[: len(ours)]], kept.damaged


def mini_title(count: int, seed: int, language: str) -> str:
    """What the mini benchmark is called as a set."""
    return f"mini, {count:,}, {language}, seed {seed}"


def report_of(session: str, entry: Entry, profile: str) -> mmbench.Report:
    """A run's report by a profile, under its name here. Raises `ValueError` for one that is gone or damaged."""
    if entry.shipped:
        found = mini_record().report(entry.id.removeprefix(SHIPPED), profile)
    else:
        found = _report(str(store(session).folder), entry.id, profile)
    return replace(found, name=entry.name)


@lru_cache(maxsize=16)
def _report(folder: str, run: str, profile: str) -> mmbench.Report:
    return Runs(folder).report(run, profile)


def compared(session: str, a: Entry, b: Entry, profile: str) -> Compared:
    """Two runs on the questions of both. Raises `ValueError` where they share none."""
    if a.digest == b.digest:
        found = Compared(mmbench.compare(report_of(session, a, profile), report_of(session, b, profile)), ())
    elif not (a.shipped or b.shipped):
        found = store(session).compare(a.id, b.id, profile)
    else:
        judged = tuple({} if one.shipped else store(session).verdicts(one.id) for one in (a, b))
        found = compare_asked(_side(session, a), _side(session, b), profile, verdicts=(judged[0], judged[1]))
    return replace(found, comparison=replace(found.comparison, name_a=a.name, name_b=b.name))


def said_of(session: str, entry: Entry, index: int) -> tuple[mmbench.Question, list[tuple[mmbench.Question, str]]]:
    """A question, with its picture where it is one of the mini benchmark that ships, and each rotation with what a run
    answered. Raises `ValueError` for a question that the run was not asked."""
    predictions, _, asked = _side(session, entry)
    rows = [one for one in asked if mmbench.group_of(one.index, one.group) == index]
    if not rows:
        raise ValueError(f"the run {entry.name} was not asked question {index}")
    said = {one.index: one.prediction for one in predictions.rows}
    first = next((one for one in rows if one.index == index), rows[0])
    record = mini_record()
    if first.picture is None and index < record.count:
        own = record.questions()[index]
        if (own.question, own.options) == (first.question, first.options):
            first = replace(first, picture=record.picture(index))
    return first, [(one, said[one.index]) for one in rows if one.index in said]


def _side(session: str, entry: Entry) -> Side:
    if not entry.shipped:
        return _kept(str(store(session).folder), entry.id)
    record = mini_record()
    given = record.predictions(entry.id.removeprefix(SHIPPED))
    bare = replace(given, rows=tuple(replace(one, options=()) for one in given.rows))
    asked: Sequence[mmbench.Question] = list(circular(record.questions()))
    return bare, asked, asked


@lru_cache(maxsize=4)
def _kept(folder: str, run: str) -> Side:
    about, predictions = Runs(folder).open(run)
    asked = Runs(folder).questions(run)
    return predictions, None if about.own else asked, asked
