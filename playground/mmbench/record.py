"""The shipped record: who chose which letter in every rotation of our mini benchmark, scored when it is asked for."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from playground.mmbench.answerers import Answer
from playground.mmbench.circular import circular, passes, rotated
from playground.mmbench.leaderboard import About
from playground.mmbench.predictions import Prediction, Predictions
from playground.mmbench.questions import LETTERS, Question
from playground.mmbench.report import Report
from playground.mmbench.runs import digest_of
from playground.mmbench.scoring import score
from playground.mmbench.taxonomy import l2_of

__all__ = ["FOLDER", "MiniRecord", "Sitting", "ask_all", "mini_record", "read_record", "record_of", "write_record"]

FOLDER = Path(__file__).resolve().parents[2] / "checkpoints" / "mmbench-mini"
FILE = "record.json"
BATCH = 8  # questions asked at once, each with all its rotations
NONE = "-"  # a pass in which no letter was named


@dataclass(frozen=True)
class Sitting:
    """One model's letters: for each question, pass by pass, what it chose. `how` it answers; the SHA-256 of its
    weights' file, "" without one, the number of weights, and the licence."""

    how: str
    chosen: tuple[str, ...]
    weights: str = ""
    parameters: int | None = None
    licence: str = ""


@dataclass(frozen=True)
class MiniRecord:
    """The mini benchmark of a seed and language as it was sat: a digest of its questions, their abilities, which take
    turns, the right letters of pass 0, how many options each has, and the models. Every rotation was asked, so that
    nothing is cut short."""

    seed: int
    language: str
    digest: str
    abilities: tuple[str, ...]
    answers: str
    options: str  # a digit a question
    models: Mapping[str, Sitting]

    @property
    def count(self) -> int:
        return len(self.answers)

    def questions(self) -> tuple[Question, ...]:
        """The questions, without pictures, made anew from the seed; some seconds the first time.

        Raises `ValueError` where they are not those that were asked.
        """
        return tuple(question for question, _ in _drafts(self))

    def picture(self, index: int) -> bytes:
        """A question's picture as JPEG. Raises `ValueError` as `questions`, and for an index that is none."""
        if not 0 <= index < self.count:
            raise ValueError(f"the record has the questions 0 to {self.count - 1}, not {index}")
        content: bytes = _drafts(self)[index][1]()
        return content

    def predictions(self, name: str) -> Predictions:
        """What a model chose, a row for each rotation, with options that have letters alone.

        Raises `ValueError` for a model that the record has not.
        """
        if name not in self.models:
            raise ValueError(f"the record has {', '.join(self.models)}, not {name[:60]!r}")
        rows = []
        for base, chosen in zip(_skeleton(self), self.models[name].chosen, strict=True):
            for number, letter in enumerate(chosen):
                one = rotated(base, number)
                said = "" if letter == NONE else letter
                told = (one.options, one.answer, one.category, one.l2_category, one.split, one.group)
                rows.append(Prediction(one.index, said, 0, *told))
        return Predictions(tuple(rows), name=name)

    def report(self, name: str, profile: str = "robust") -> Report:
        """A model's report, scored once. Raises `ValueError` as `predictions` and `score`."""
        return _report(self, name, profile)

    def reports(self, profile: str = "robust") -> list[Report]:
        """The report of each model."""
        return [self.report(name, profile) for name in self.models]

    def about(self) -> dict[str, About]:
        """What `leaderboard` tells of each model."""
        return {name: About(one.parameters, one.licence) for name, one in self.models.items()}

    def __hash__(self) -> int:
        return hash((self.digest, *(one.chosen for one in self.models.values())))


def ask_all(questions: Sequence[Question], answer: Answer, *, start: int = 0) -> Iterator[tuple[str, ...]]:
    """What is chosen in all rotations of each question from number `start` on, a batch of questions at a time.

    Batches begin at the same questions wherever it starts, so that going on gives what going through would. Raises
    `ValueError` for a start within a batch, and for an answer that is no letter of its question.
    """
    if start % BATCH:
        raise ValueError(f"start must be a multiple of {BATCH}, not {start}")
    for i in range(start, len(questions), BATCH):
        rows = [[rotated(one, number) for number in range(passes(one))] for one in questions[i : i + BATCH]]
        said = list(answer([one for group in rows for one in group]))
        found = []
        for group in rows:
            texts = [said.pop(0) for _ in group]
            for one, text in zip(group, texts, strict=True):
                if text and text not in dict(one.options):
                    raise ValueError(
                        f"question {one.index} was answered by {text[:40]!r}, which is none of its letters"
                    )
            found.append("".join(text or NONE for text in texts))
        yield tuple(found)


def record_of(questions: Sequence[Question], models: Mapping[str, Sitting], *, seed: int, language: str) -> MiniRecord:
    """A record of questions without their rotations, as `mini_drafts` makes them.

    Raises `ValueError` for a sitting of another number of questions or passes.
    """
    for name, one in models.items():
        if [len(chosen) for chosen in one.chosen] != [passes(question) for question in questions]:
            raise ValueError(f"{name} has not answered every rotation of every question")
    answers = "".join(one.answer or NONE for one in questions)
    options = "".join(str(len(one.options)) for one in questions)
    abilities = tuple(dict.fromkeys(one.category for one in questions))
    if any(one.category != abilities[i % len(abilities)] for i, one in enumerate(questions)):
        raise ValueError("the questions' abilities do not take turns, as those of the mini benchmark do")
    return MiniRecord(seed, language, digest_of(questions), abilities, answers, options, dict(models))


def write_record(path: str | Path, record: MiniRecord) -> None:
    """Write a record as JSON, the same bytes for the same record."""
    told = asdict(record)
    for one in told["models"].values():
        one["chosen"] = " ".join(one["chosen"])
    path = Path(path)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def read_record(path: str | Path) -> MiniRecord:
    """A record that `write_record` wrote. Raises `ValueError` for what is none."""
    try:
        told: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        models = {
            str(name): Sitting(**one | {"chosen": tuple(str(one["chosen"]).split())})
            for name, one in told["models"].items()
        }
        texts = [str(told[name]) for name in ("language", "digest", "answers", "options")]
        abilities = tuple(map(str, told["abilities"]))
        record = MiniRecord(int(told["seed"]), texts[0], texts[1], abilities, texts[2], texts[3], models)
        lengths = [int(digit) for digit in record.options]
        whole = len(record.answers) == len(lengths) and all(
            [len(chosen) for chosen in one.chosen] == lengths for one in models.values()
        )
        if not whole:
            raise ValueError("its parts are not of one length")
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{Path(path).name} is no record of the mini benchmark ({error})") from error
    return record


@cache
def mini_record() -> MiniRecord:
    """The record that comes with the app. Raises `ValueError` where it is damaged."""
    return read_record(FOLDER / FILE)


@lru_cache(64)
def _report(record: MiniRecord, name: str, profile: str) -> Report:
    return score(record.predictions(name), circular(_skeleton(record)), profile=profile)


@lru_cache(4)
def _skeleton(record: MiniRecord) -> tuple[Question, ...]:
    """The questions as far as scoring letters needs them, without the seconds that making them takes."""
    found = []
    for index, (answer, count) in enumerate(zip(record.answers, record.options, strict=True)):
        category = record.abilities[index % len(record.abilities)]
        options = tuple((letter, f"option {i}") for i, letter in enumerate(LETTERS[: int(count)]))
        found.append(
            Question(index, "", options, answer, category=category, l2_category=l2_of(category) or "", split="dev")
        )
    return tuple(found)


@lru_cache(2)
def _drafts(record: MiniRecord) -> tuple[tuple[Question, Any], ...]:
    from playground.mmbench.mini import mini_drafts  # torch and scikit-learn, which a table of scores needs not

    drafts = list(mini_drafts(record.count, seed=record.seed, language=record.language))
    if digest_of([one.question for one in drafts]) != record.digest:
        raise ValueError("the mini benchmark has changed since its record was made: make the record anew")
    return tuple((one.question, one.draw) for one in drafts)
