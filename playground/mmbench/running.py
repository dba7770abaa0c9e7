"""A benchmark run by CircularEval, here or on Ray: answers are kept by the content of what was asked.

What was asked is known by who answers, the prompt, the options and the bytes of the pictures. So a run goes on where it
was killed, and a question that another set has too, or this one in another order, is not asked again.
"""

import csv
import json
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from playground.mmbench.answerers import Answer
from playground.mmbench.asking import Engine, Journal, Unanswered, here
from playground.mmbench.circular import BATCH, CircularStep, circular_steps
from playground.mmbench.predictions import Prediction, Predictions
from playground.mmbench.questions import LETTERS, PASS, Problem, Question, cells_of
from playground.mmbench.xlsx import write_xlsx

__all__ = ["KINDS", "RunStep", "predictions_from", "run", "write_predictions"]

COLUMNS = ("index", "question", "hint", *"ABCD", "answer", "category", "l2-category", "split")
KINDS = (".xlsx", ".tsv", ".csv", ".jsonl")  # that predictions are written as
Rows = Sequence[tuple[Question, str]]  # what was asked, and what was answered


@dataclass(frozen=True)
class RunStep:
    """One batch: what CircularEval makes of it, and where the run is.

    `fresh` are the calls made so far, the others were remembered; `seconds` the time since the run began; `problems`
    those of this batch.
    """

    circular: CircularStep
    fresh: int
    seconds: float
    problems: tuple[Problem, ...] = ()

    @property
    def rows(self) -> Rows:
        """What was asked in this batch, and what was answered; "" where that could not be."""
        return tuple(zip(self.circular.asked, self.circular.predictions, strict=True))

    @property
    def left(self) -> float | None:
        """Seconds that the rest takes if no more rotations fail, at the pace so far; None before the first call."""
        return self.circular.remaining * self.seconds / self.fresh if self.fresh else None


def run(
    questions: Iterable[Question],
    answer: Answer | None,
    folder: str | Path,
    *,
    name: str,
    profile: str = "robust",
    batch: int = BATCH,
    vanilla: bool = False,
    engine: Engine | None = None,
) -> Generator[RunStep, None, None]:
    """Ask pass by pass, and no question again that failed one; with `vanilla` only the options as they stand.

    `name` says who answers, to the version: by it answers are kept in the folder, a batch at a time, and many sets and
    models may share one. An `engine`, such as `mmbench.ray_engine.RayEngine`, answers the batches elsewhere; `answer`
    may then be None. A question whose picture is damaged or missing is reported and counts as unanswered;
    the rest goes on. Raises `ValueError` for questions that are rotations already, an unknown profile, a file of
    answers that is damaged before its last line, and what the answerer raises; `OSError` where the folder cannot be
    written to.
    """
    from playground.mmbench.extraction import PROFILES

    if batch < 1:
        raise ValueError(f"batch must be 1 or more, not {batch}")
    if profile not in PROFILES:
        raise ValueError(f"profile must be one of {', '.join(PROFILES)}, not {profile!r}")
    if engine is None:
        if answer is None:
            raise ValueError("who answers? give an answerer or an engine")
        engine = here(answer)
    return _steps(questions, engine, Journal(Path(folder), name), profile, batch, vanilla)


def _steps(
    questions: Iterable[Question], engine: Engine, journal: Journal, profile: str, batch: int, vanilla: bool
) -> Generator[RunStep, None, None]:
    begun, fresh, problems = time.monotonic(), 0, tuple[Problem, ...]()

    def ask(rows: Sequence[Question]) -> Generator[Sequence[str]]:
        nonlocal fresh, problems
        with closing(journal.ask(rows, engine, batch)) as told:
            while own := list(islice(told, batch)):
                fresh += sum(one.fresh for one in own)
                problems = tuple(
                    Problem(0, "image", one.text.reason) for one in own if isinstance(one.text, Unanswered)
                )
                yield ["" if isinstance(one.text, Unanswered) else one.text for one in own]

    steps = circular_steps(questions, ask, profile=profile, batch=batch, vanilla=vanilla)  # refuses at once
    return (RunStep(step, fresh, time.monotonic() - begun, problems) for step in steps)


def predictions_from(rows: Iterable[tuple[Question, str]], name: str = "") -> Predictions:
    """What was asked and answered, for `score`, which needs no questions beside them."""
    return Predictions(
        tuple(
            Prediction(
                one.index, text, row, one.options, one.answer, one.category, one.l2_category, one.split, one.group
            )
            for row, (one, text) in enumerate(rows, 1)
        ),
        name=name,
    )


def write_predictions(path: str | Path, rows: Iterable[tuple[Question, str]]) -> None:
    """Write what was asked and answered in the official columns, without the pictures: .xlsx, .tsv, .csv or .jsonl.

    Raises `ValueError` for another ending.
    """
    path, found = Path(path), list(rows)
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise ValueError(f"predictions are written as {', '.join(KINDS)}, not as {path.name[:80]!r}")
    letters = sorted({letter for one, _ in found for letter, _ in one.options} - set("ABCD"))
    columns = [*COLUMNS[:7], *(one for one in LETTERS if one in letters), *COLUMNS[7:], "prediction"]
    if any(one.group is not None and one.group != one.index % PASS for one, _ in found):
        columns.append("g_index")  # only where the index does not tell it, as in the official files
    table = [{**cells_of(one), "prediction": text} for one, text in found]
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == ".xlsx":
        write_xlsx(path, [columns, *([cells.get(name) for name in columns] for cells in table)])
        return
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8", errors="replace", newline="") as file:
        if kind == ".jsonl":
            for cells in table:
                kept = {name: cells[name] for name in columns if name in cells}
                file.write(json.dumps(kept, ensure_ascii=False) + "\n")
        else:
            delimiter = "\t" if kind == ".tsv" else ","
            write = csv.DictWriter(file, columns, delimiter=delimiter, lineterminator="\n", extrasaction="ignore")
            write.writeheader()
            write.writerows(table)
    part.replace(path)
