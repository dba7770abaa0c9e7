"""What the panel "Score a file" reads and keeps: predictions, the questions they answer, and the reports of both."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playground.i18n import say
from playground.mmbench import (
    PROFILES,
    Predictions,
    Problem,
    Question,
    Report,
    circular,
    group_of,
    read_predictions,
    read_tsv,
    score,
)
from playground.mmbench.example_sheet import write_example
from playground.mmbench.mini import mini_drafts
from playground.mmbench.verdicts import Verdict
from playground.tabs.mmbench import evaluate_set
from playground.tabs.mmbench.kept import mini_title
from playground.tabs.progress import bar

__all__ = ["BOTH", "EXAMPLE", "MOST_MEGABYTES", "Given", "Scored", "example", "example_reports", "given", "previewed",
           "reports"]  # fmt: skip

EXAMPLE = "example.xlsx"
MOST_MEGABYTES = 200  # of an upload
MOST_QUESTIONS = 200_000  # rows of a TSV
SMALL, SMALL_BOOK = 10_000_000, 1_000_000  # bytes of a file that is looked at before it is scored; of a workbook
BOTH = 60_000  # predictions of which both profiles are scored, some ten seconds each
REPLY = 80  # characters of a judge's reply that are told
FRESH = 0.4  # of the bar: what reading takes of it


@dataclass(frozen=True, eq=False)
class Given:
    """Predictions; the questions that were asked, None where they are told beside the predictions; and what is wrong
    in the questions' file. `set_name` is what they are called; `draws` make the mini benchmark's pictures, by index."""

    predictions: Predictions
    questions: tuple[Question, ...] | None = None
    problems: tuple[Problem, ...] = ()
    set_name: str = ""
    draws: Mapping[int, Callable[[], bytes]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Scored:
    """What one person's file has come to: the reports by profile, of which `profile` is shown."""

    asked: Any  # the settings that matter to it
    given: Given
    reports: Mapping[str, Report]
    profile: str
    judge: str = ""
    note: str = ""  # why the judge gave up
    seconds: float = 0.0
    groups: dict[str, Any] = field(default_factory=dict)  # of the report by question, made when first looked at

    @property
    def report(self) -> Report:
        return self.reports[self.profile]

    @property
    def other(self) -> Report | None:
        """By the other profile, where both were scored."""
        return next((one for name, one in self.reports.items() if name != self.profile), None)


def given(
    upload: str, upload_questions: str, mini: tuple[int, int, str] | None, language: str
) -> Generator[str, None, Given]:
    """Read predictions, and the questions of a TSV or of the mini benchmark's (count, seed, language), as bars.

    Raises `ValueError` for what cannot be read, each in one sentence.
    """
    yield bar(0, say(language, "mmbench.score.reading"))
    predictions = _checked(upload, read_predictions) if upload else example()
    if upload_questions:
        yield bar(0.15, say(language, "mmbench.score.questions"))
        problems: list[Problem] = []
        rows = _checked(upload_questions, lambda path: _rows(path, problems))
        return Given(predictions, _turned(rows, predictions), tuple(problems), Path(upload_questions).name)
    if mini is not None:
        count, seed, tongue = mini
        asked, draws = list[Question](), dict[int, Callable[[], bytes]]()
        for one in mini_drafts(count, seed=seed, language=tongue):
            asked.append(one.question)
            draws[one.question.index] = one.draw
            if len(asked) % 20 == 0:
                text = say(language, "mmbench.score.drawing", n=f"{len(asked):,}", of=f"{count:,}")
                yield bar(FRESH * len(asked) / count, text)
        return Given(predictions, _turned(asked, predictions), (), mini_title(count, seed, tongue), draws)
    return Given(predictions, None, (), predictions.name)


def reports(
    what: Given, profile: str, verdicts: Mapping[int, Verdict] | None, language: str
) -> Generator[str, None, dict[str, Report]]:
    """The report of a profile, with a judge's verdicts, and that of the other by its rules alone, as bars."""
    yield bar(FRESH, say(language, "mmbench.score.scoring", n=f"{len(what.predictions.rows):,}"))
    problems = (*what.problems, *_of_the_judge(what.predictions, verdicts or {}))
    found = {profile: score(what.predictions, what.questions, profile=profile, verdicts=verdicts, problems=problems)}
    if len(what.predictions.rows) <= BOTH:
        (other,) = (one for one in PROFILES if one != profile)
        yield bar(0.7, say(language, "mmbench.score.other", profile=other))
        try:
            found[other] = score(what.predictions, what.questions, profile=other, problems=what.problems)
        except ValueError:  # a file without any first pass, which vlmevalkit does not score: there is no other report
            return found
    return found


@lru_cache(maxsize=1)
def example() -> Predictions:
    """The example's predictions, which everyone who comes sees."""
    with TemporaryDirectory(prefix="playground-") as folder:
        path = Path(folder) / EXAMPLE
        write_example(path)
        return read_predictions(path)


@lru_cache(maxsize=1)
def example_reports() -> Mapping[str, Report]:
    """Its reports by both profiles."""
    return {profile: score(example(), profile=profile) for profile in PROFILES}


def previewed(upload: str) -> Predictions | None:
    """The predictions of a file that is read in an instant; None of a large one."""
    path = Path(upload)
    if path.is_file() and path.stat().st_size > (SMALL_BOOK if path.suffix.lower() == ".xlsx" else SMALL):
        return None
    return _checked(upload, read_predictions)


def _of_the_judge(predictions: Predictions, verdicts: Mapping[int, Verdict]) -> Iterator[Problem]:
    """The rows on which the judge failed, or could not be read."""
    rows = {one.index: one.row for one in reversed(predictions.rows)}
    for index, one in verdicts.items():
        if index in rows and one.by in ("unparsed", "fallback"):
            said = " ".join(one.reply.split())[:REPLY]
            text = f"the judge failed: {one.error}" if one.error else f"the judge's reply cannot be read: {said!r}"
            yield Problem(rows[index], "prediction", text)


def _checked(path: str, read: Any) -> Any:
    """What a reader makes of an upload. Raises `ValueError`, without the place where the server keeps it."""
    name, size = Path(path).name, Path(path).stat().st_size if Path(path).is_file() else 0
    if size > MOST_MEGABYTES * 10**6:
        raise ValueError(f"{name} has {size / 1e6:.1f} MB, more than the {MOST_MEGABYTES} MB allowed")
    try:
        return read(path)
    except OSError as error:
        raise ValueError(f"{name} cannot be read ({error.strerror or type(error).__name__})") from error


def _rows(path: str, problems: list[Problem]) -> tuple[Question, ...]:
    kept = evaluate_set.kept_safe(path)
    rows = tuple(islice(read_tsv(kept, problems=problems, pictures=False), MOST_QUESTIONS + 1))
    if len(rows) > MOST_QUESTIONS:
        raise ValueError(f"{Path(path).name} has more than {MOST_QUESTIONS:,} rows: split it into several files")
    if not rows:
        first = f"; {problems[0]}" if problems else ""
        raise ValueError(f"{Path(path).name} has no question that can be asked{first}")
    return rows


def _turned(rows: Sequence[Question], predictions: Predictions) -> tuple[Question, ...]:
    """The rows, with their rotations where predictions are for these and the file has none."""
    known = {one.index for one in rows}
    if any(group_of(one.index, one.group) != one.index for one in rows):
        return tuple(rows)
    turned = any(one.index not in known and group_of(one.index, one.group) in known for one in predictions.rows)
    return tuple(circular(rows)) if turned else tuple(rows)
