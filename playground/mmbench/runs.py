"""Runs kept on this machine: who answered what, in a folder of its own each, to be scored again by any profile."""

import hashlib
import json
import os
import re
import secrets
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playground.mmbench.predictions import Prediction, Predictions, predictions_of
from playground.mmbench.questions import LETTERS, Problem, Question, cells_of, group_of, integer, lines, object_of
from playground.mmbench.report import Comparison, Report
from playground.mmbench.scoring import asked_rows, compare, score
from playground.mmbench.verdicts import Verdict, append_verdict, read_verdicts

__all__ = [
    "MOST_BYTES",
    "MOST_RUNS",
    "Compared",
    "Kept",
    "Run",
    "Runs",
    "Side",
    "compare_asked",
    "default_folder",
    "digest_of",
    "reports",
]

MOST_RUNS = 1_000
MOST_BYTES = 1_000_000_000  # of all of them
MOST_NAME = 120  # characters
ABOUT, ROWS, VERDICTS = "run.json", "predictions.jsonl", "verdicts.jsonl"
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_HIDDEN = ".being-"  # how a folder begins that is being written or deleted


Side = tuple[Predictions, Sequence[Question] | None, Sequence[Question]]


@dataclass(frozen=True)
class Run:
    """A run: its model's name, the set that was asked with a digest of its questions, the profile that it was scored by
    first, when it was kept (ISO 8601, UTC), circular and vanilla by ability then, the number of questions, calls made
    and saved, seconds, and the judge, "" where there was none. `own` says that options and answers came with the
    predictions, not from a set; `file` is the name of their file, for `vlmevalkit` reads tables as pandas does."""

    id: str
    name: str
    set_name: str
    digest: str
    profile: str
    when: str
    scores: Mapping[str, tuple[float, float]]
    questions: int
    calls: int
    saved: int
    seconds: float
    judge: str = ""
    own: bool = False
    file: str = ""


@dataclass(frozen=True)
class Kept:
    """The runs of a folder, the newest first, and what is wrong with those that cannot be read."""

    runs: tuple[Run, ...]
    damaged: tuple[str, ...]


@dataclass(frozen=True)
class Compared:
    """Two runs on the questions of both, and the indices that mean another question in each: those are left out."""

    comparison: Comparison
    differing: tuple[int, ...]


def default_folder() -> Path:
    """Where runs are kept: $PLAYGROUND_HOME/mmbench, else the user's cache."""
    home = os.environ.get("PLAYGROUND_HOME")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "playground"
    return (Path(home) if home else cache) / "mmbench"


def digest_of(questions: Iterable[Question]) -> str:
    """A hash of what a set asks: index, text, options and answer of each question, not of its rotations or pictures."""
    found = hashlib.sha256()
    for one in sorted(_base(questions), key=lambda one: one.index):
        told = [one.index, one.question, one.options, one.answer]
        found.update(json.dumps(told, ensure_ascii=False).encode() + b"\n")
    return found.hexdigest()[:32]


class Runs:
    """The runs kept in a folder. Nothing is held in memory: another process may write there at the same time."""

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = default_folder() if folder is None else Path(folder)

    def keep(
        self, name: str, set_name: str, questions: Iterable[Question] | None,
        predictions: Predictions | Mapping[int, str], report: Report, *,
        calls: int = 0, saved: int = 0, seconds: float = 0.0, judge: str = "",
        verdicts: Mapping[int, Verdict] | None = None,
    ) -> Run:  # fmt: skip
        """Keep a run: it appears whole or not at all. Without questions, predictions must tell options and answers.

        Questions are those asked, or the set's rows; their rotations are made where predictions are for them. A judge's
        verdicts are followed when the run is scored again. Raises `ValueError` for a name that is none, and where there
        is no room for one more: nothing is dropped to make it.
        """
        name = _named(name)
        given = predictions if isinstance(predictions, Predictions) else predictions_of(predictions)
        asked = None if questions is None else asked_rows(questions, given.rows)
        rows = list(_lines(given, asked))
        size = sum(map(len, rows))
        there = list(self._folders())
        if len(there) >= MOST_RUNS:
            raise ValueError(f"{MOST_RUNS:,} runs are kept already: forget some first")
        used = sum(map(_size, there))
        if used + size > MOST_BYTES:
            raise ValueError(
                f"the runs kept take {used / 1e6:,.0f} MB and this one {size / 1e6:,.1f} MB, over the "
                f"{MOST_BYTES / 1e6:,.0f} MB allowed: forget some first"
            )
        now = datetime.now(UTC)
        told = map(_question, given.rows) if asked is None else asked
        split = report.overall.split
        run = Run(
            id=f"{now:%Y%m%d-%H%M%S}-{_slug(name)}-{secrets.token_hex(3)}", name=name,
            set_name=" ".join(set_name.split())[:MOST_NAME], digest=digest_of(told), profile=report.profile,
            when=now.isoformat(timespec="milliseconds"),
            scores={one.name: (one.circular.value, one.vanilla.value) for one in report.scores if one.split == split},
            questions=len(report.groups), calls=calls, saved=saved, seconds=float(seconds), judge=judge,
            own=asked is None, file=given.name,
        )  # fmt: skip
        self.folder.mkdir(parents=True, exist_ok=True)
        scratch = self.folder / f"{_HIDDEN}{secrets.token_hex(8)}"
        scratch.mkdir()
        try:
            (scratch / ROWS).write_bytes(b"".join(rows))
            for one in (verdicts or {}).values():
                append_verdict(scratch / VERDICTS, one)
            (scratch / ABOUT).write_text(_about(run), encoding="utf-8")
            scratch.rename(self.folder / run.id)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        return run

    def list(self) -> Kept:
        """All runs. A folder that is none, or damaged, is told of and does not hide the others."""
        runs, damaged = [], []
        for folder in self._folders():
            try:
                runs.append(_read(folder))
            except ValueError as error:
                damaged.append(str(error))
        return Kept(tuple(sorted(runs, key=lambda one: (one.when, one.id), reverse=True)), tuple(damaged))

    def open(self, run: str) -> tuple[Run, Predictions]:
        """A run by its id, with its predictions. Raises `ValueError` for one that is not there or damaged."""
        about, predictions, _ = self._whole(run)
        return about, predictions

    def questions(self, run: str) -> tuple[Question, ...]:
        """What a run was asked, rotations included, without pictures. Raises `ValueError` as `open`."""
        return self._whole(run)[2]

    def report(self, run: str, profile: str = "robust") -> Report:
        """Score a run again. Raises `ValueError` as `open` and `score`."""
        about, predictions, asked = self._whole(run)
        by = None if about.own else asked
        return replace(score(predictions, by, profile=profile, verdicts=self.verdicts(run)), name=about.name)

    def verdicts(self, run: str) -> dict[int, Verdict]:
        """What a judge said of a run's rows, {} where none was asked. Raises `ValueError` where that is damaged."""
        try:
            return read_verdicts(self._place(run) / VERDICTS)
        except (OSError, ValueError) as error:
            raise ValueError(f"the verdicts of run {run} are damaged: {error}") from error

    def compare(self, a: str, b: str, profile: str = "robust") -> Compared:
        """How much better b is than a where both were asked the same; an index that means another question in each
        is left out and told. Raises `ValueError` as `open`, and where they share no question."""
        wholes = [self._whole(one) for one in (a, b)]
        sides = [(predictions, None if run.own else asked, asked) for run, predictions, asked in wholes]
        found = compare_asked(sides[0], sides[1], profile, verdicts=(self.verdicts(a), self.verdicts(b)))
        named = replace(found.comparison, name_a=wholes[0][0].name, name_b=wholes[1][0].name)
        return replace(found, comparison=named)

    def rename(self, run: str, name: str) -> Run:
        """Give a run another name. Raises `ValueError` as `open`, and for a name that is none."""
        folder = self._place(run)
        changed = replace(_read(folder), name=_named(name))
        part = folder / f"{ABOUT}.{secrets.token_hex(4)}"
        part.write_text(_about(changed), encoding="utf-8")
        part.replace(folder / ABOUT)
        return changed

    def forget(self, run: str) -> None:
        """Delete a run, also a damaged one. Raises `ValueError` for one that is not there."""
        gone = self.folder / f"{_HIDDEN}{secrets.token_hex(8)}"
        self._place(run).rename(gone)  # at once, so that no half of it is ever listed
        shutil.rmtree(gone)

    def _folders(self) -> Iterator[Path]:
        if self.folder.is_dir():
            yield from sorted(one for one in self.folder.iterdir() if one.is_dir() and not one.name.startswith("."))

    def _place(self, run: str) -> Path:
        place = self.folder / run
        if not _ID.fullmatch(run):
            raise ValueError(f"{run[:80]!r} is no id of a run")
        if place.is_symlink() or not place.is_dir():
            raise ValueError(f"no run {run!r} is kept here")
        return place

    def _whole(self, run: str) -> tuple[Run, Predictions, tuple[Question, ...]]:
        about = _read(self._place(run))
        path, problems = self.folder / run / ROWS, list[Problem]()
        found, asked = list[Prediction](), dict[int, Question]()
        try:
            with path.open("rb") as file:
                for row, line in lines(file, problems):
                    cells = object_of(line, row, problems)
                    if cells is None:
                        continue
                    one = _of_cells(cells)
                    asked.setdefault(one.index, one)
                    if "prediction" in cells:
                        told = (one.answer, one.category, one.l2_category, one.split, one.group)
                        found.append(Prediction(one.index, cells["prediction"], row, one.options, *told))
        except OSError as error:
            raise ValueError(f"the predictions of run {run} cannot be read ({error.strerror})") from error
        except KeyError as error:
            raise ValueError(f"the predictions of run {run} are damaged: a line has no index") from error
        if problems:
            raise ValueError(f"the predictions of run {run} are damaged: {problems[0]}")
        return about, Predictions(tuple(found), (), about.file or about.name), tuple(asked.values())


def compare_asked(
    a: Side,
    b: Side,
    profile: str = "robust",
    *,
    verdicts: tuple[Mapping[int, Verdict], Mapping[int, Verdict]] = ({}, {}),
) -> Compared:
    """The same of two that are not both kept: each its predictions, the questions to score them by (None: their own
    file's), and all that was asked."""
    contents = [{one.index: one for one in _base(asked)} for *_, asked in (a, b)]
    both = contents[0].keys() & contents[1].keys()
    differing = tuple(sorted(i for i in both if not _alike(contents[0][i], contents[1][i])))
    if both and len(differing) == len(both):
        raise ValueError("the two runs share no question: where their indices are the same, the questions are not")
    apart = set(differing)
    found = []
    for (predictions, by, _), said in zip((a, b), verdicts, strict=True):
        rows = tuple(one for one in predictions.rows if group_of(one.index, one.group) not in apart)
        kept = None if by is None else [one for one in by if group_of(one.index, one.group) not in apart]
        found.append(score(replace(predictions, rows=rows), kept, profile=profile, verdicts=said))
    return Compared(compare(*found), differing)


def reports(runs: Runs, ids: Sequence[str], profile: str = "robust") -> list[Report]:
    """The reports of several runs by one profile, in the order of their ids. Raises `ValueError` as `open`."""
    return [runs.report(one, profile) for one in ids]


def _read(folder: Path) -> Run:
    """What is told of a run. Raises `ValueError`, naming the folder, for what is none."""
    try:
        told: dict[str, Any] = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        told["scores"] = {str(name): (float(a), float(b)) for name, (a, b) in told["scores"].items()}
        run = Run(**told)
        kinds = {"questions": int, "calls": int, "saved": int, "seconds": int | float, "own": bool, "scores": dict}
        for one in fields(Run):
            if not isinstance(getattr(run, one.name), kinds.get(one.name, str)):
                raise TypeError(f"{one.name} is none")
        datetime.fromisoformat(run.when)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"the run {folder.name} is damaged: its {ABOUT} cannot be read") from error
    if run.id != folder.name or not _ID.fullmatch(run.id) or not (folder / ROWS).is_file():
        raise ValueError(f"the run {folder.name} is damaged: its parts do not belong together")
    return run


def _size(folder: Path) -> int:
    """Bytes in a run's folder; of one that another process is deleting, none."""
    try:
        return sum(file.stat().st_size for file in folder.iterdir())
    except FileNotFoundError:
        return 0


def _about(run: Run) -> str:
    return json.dumps(asdict(run), ensure_ascii=False, indent=2) + "\n"


def _lines(given: Predictions, asked: Sequence[Question] | None) -> Iterator[bytes]:
    """A line for each row of the set, with its prediction where there is one; what cannot be scored is left out."""
    if asked is None:
        for one in given.rows:
            if len(one.options) > 1:
                yield _line(_question(one), one.prediction)
        return
    said = defaultdict[int, list[str]](list)
    for one in given.rows:
        said[one.index].append(one.prediction)
    for question in asked:
        texts: Sequence[str | None] = said.get(question.index) or (None,)
        for text in texts:
            yield _line(question, text)


def _line(question: Question, prediction: str | None) -> bytes:
    cells = cells_of(question) if prediction is None else {**cells_of(question), "prediction": prediction}
    return json.dumps(cells).encode() + b"\n"  # in ASCII, for a file may hold half a character


def _question(one: Prediction) -> Question:
    return Question(one.index, "", one.options, one.answer, category=one.category, l2_category=one.l2_category,
                    split=one.split, group=one.group)  # fmt: skip


def _of_cells(cells: Mapping[str, str]) -> Question:
    """A row as it was kept. Raises `KeyError` for one without an index."""
    index = integer(cells["index"])
    if index is None:
        raise KeyError("index")
    options = tuple((letter, cells[letter]) for letter in LETTERS if letter in cells)
    return Question(
        index, cells.get("question", ""), options, cells.get("answer"), cells.get("hint", ""),
        cells.get("category", ""), cells.get("l2-category", ""), cells.get("split", ""),
        group=integer(cells.get("g_index", "")),
    )  # fmt: skip


def _base(questions: Iterable[Question]) -> list[Question]:
    return [one for one in questions if group_of(one.index, one.group) == one.index]


def _alike(a: Question, b: Question) -> bool:
    """Whether two ask the same; a file of predictions does not tell the question's text."""
    return (a.options, a.answer) == (b.options, b.answer) and (
        a.question == b.question or "" in (a.question, b.question)
    )


def _named(name: str) -> str:
    found = " ".join(name.split())
    if not found or len(found) > MOST_NAME or not found.isprintable():
        raise ValueError(f"a run's name has 1 to {MOST_NAME} characters that can be printed, not {name[:60]!r}")
    return found


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "run"
