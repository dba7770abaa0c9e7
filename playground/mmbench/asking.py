"""Answers asked for in batches and remembered: by whom, to which prompt, options and pictures, in a file of lines."""

import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from playground.mmbench.answerers import Answer, pictures_of, prompt_of
from playground.mmbench.pictures import Picture, read_picture
from playground.mmbench.questions import Question

__all__ = ["ANSWERS", "Answers", "Engine", "Journal", "Told", "Unanswered", "answers_or_reasons", "here"]

ANSWERS = "answers.jsonl"  # in the folder of a run


@dataclass(frozen=True)
class Unanswered:
    """Why a question was not answered: its picture is damaged or missing."""

    reason: str


Answers = Generator[Sequence[str | Unanswered], None, None]  # a list for each part, in their order
Engine = Callable[[Iterator[Sequence[Question]]], Answers]


@dataclass(frozen=True)
class Told:
    """What was answered to one row, and whether it was asked just now."""

    text: str | Unanswered
    fresh: bool


def here(answer: Answer) -> Engine:
    """The engine of this process: a batch is answered when it is wanted."""

    def engine(parts: Iterator[Sequence[Question]]) -> Answers:
        for part in parts:
            yield answers_or_reasons(answer, part)

    return engine


def answers_or_reasons(answer: Answer, questions: Sequence[Question]) -> list[str | Unanswered]:
    """What is answered to each; where the answerer refuses the batch, those without a picture that can be read are told
    apart, and the others asked again. Raises what it says of others."""
    try:
        return _checked(answer, questions)
    except ValueError:
        reasons = {i: reason for i, one in enumerate(questions) if (reason := _fault(one)) is not None}
        if not reasons:
            raise
    rest = iter(_checked(answer, [one for i, one in enumerate(questions) if i not in reasons]))
    return [Unanswered(reasons[i]) if i in reasons else next(rest) for i in range(len(questions))]


def _checked(answer: Answer, questions: Sequence[Question]) -> list[str | Unanswered]:
    said: list[str | Unanswered] = list(answer(questions)) if questions else []
    if len(said) != len(questions):
        raise ValueError(f"{len(questions)} questions were asked, and {len(said)} answers came")
    return said


def _fault(question: Question) -> str | None:
    """What is wrong with the question's pictures."""
    try:
        pictures_of(question)
    except ValueError as error:
        return str(error)
    return None


class Journal:
    """The answers of one answerer in a folder, of which the file may hold others' too."""

    def __init__(self, folder: Path, name: str) -> None:
        """Raises `ValueError` for a file that is damaged before its last line; of that, a piece is dropped."""
        self.path = folder / ANSWERS
        self.name = name
        self.kept = self._read() if self.path.is_file() else {}
        self._digests: dict[Picture, str] = {}  # a picture's rotations share it

    def ask(self, rows: Sequence[Question], engine: Engine, batch: int) -> Generator[Told, None, None]:
        """The answers to the rows in their order; what is not known is asked, `batch` at a time, and kept at once.

        Raises `ValueError` where the engine gives other numbers of answers, and what it raises.
        """
        keys: dict[int, str | None] = {}
        sent: deque[list[int]] = deque()  # the parts under way, by the places of their rows
        fresh: dict[int, str | Unanswered] = {}
        lost: dict[str | None, Unanswered] = {}

        def key(i: int) -> str | None:
            if i not in keys:
                keys[i] = self._key(rows[i])
            return keys[i]

        def parts() -> Iterator[list[Question]]:
            new = self._new(len(rows), key)
            while part := list(islice(new, batch)):
                sent.append(part)
                yield [rows[i] for i in part]

        with closing(engine(parts())) as answers:
            for i in range(len(rows)):
                while i not in fresh and key(i) not in self.kept and key(i) not in lost:
                    said = next(answers, ())
                    part = sent.popleft() if sent else [i]
                    if len(said) != len(part):
                        raise ValueError(f"{len(part)} questions were asked, and {len(said)} answers came")
                    fresh |= dict(zip(part, said, strict=True))
                    self._keep([(key(j), rows[j].index, fresh[j]) for j in part])
                    lost |= {key(j): one for j in part if isinstance(one := fresh[j], Unanswered) and key(j)}
                if i in fresh:
                    yield Told(fresh.pop(i), True)
                else:
                    yield Told(lost.get(key(i)) or self.kept[key(i) or ""], False)

    def _new(self, count: int, key: Callable[[int], str | None]) -> Iterator[int]:
        """The rows to ask: those not known, of equal ones the first, and all whose pictures cannot be read."""
        flying: set[str] = set()
        for i in range(count):
            own = key(i)
            if own is None:
                yield i
            elif own not in self.kept and own not in flying:
                flying.add(own)
                yield i

    def _key(self, question: Question) -> str | None:
        """What the question is known by; None where a picture cannot be read."""
        places = (*(() if question.picture is None else (question.picture,)), *question.more_pictures)
        try:
            pictures = [self._digest(one) for one in places]
        except ValueError:
            return None
        asked = json.dumps([self.name, prompt_of(question), question.options, pictures])
        return hashlib.sha256(asked.encode()).hexdigest()

    def _digest(self, picture: Picture) -> str:
        if picture not in self._digests:
            self._digests[picture] = hashlib.sha256(read_picture(picture)).hexdigest()
        return self._digests[picture]

    def _keep(self, rows: Sequence[tuple[str | None, int, str | Unanswered]]) -> None:
        """Add answers to the file, all at once: of a run that is killed the last line alone may be cut off."""
        said = {key: (index, text) for key, index, text in rows if key is not None and isinstance(text, str)}
        self.kept |= {key: text for key, (_, text) in said.items()}
        lines = [
            json.dumps({"by": self.name, "key": key, "index": index, "prediction": text}, ensure_ascii=False) + "\n"
            for key, (index, text) in said.items()
        ]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        left = "".join(lines).encode(errors="replace")  # a lone surrogate is no text
        with self.path.open("ab", buffering=0) as file:
            while left:  # a disk that is almost full takes a piece, and refuses the next
                left = left[file.write(left) :]

    def _read(self) -> dict[str, str]:
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):  # to a line that was cut off the next would be joined
            os.truncate(self.path, whole)
        found: dict[str, str] = {}
        for number, line in enumerate(content[:whole].splitlines(), 1):
            try:
                row = json.loads(line)
                if row["by"] == self.name:
                    found[str(row["key"])] = str(row["prediction"])
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise ValueError(
                    f"{self.path.name}, line {number}, is no answer that was kept: delete it, or give another folder"
                ) from error
        return found
