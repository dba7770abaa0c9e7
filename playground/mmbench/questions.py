"""Questions of one choice about one picture, with the fields of MMBench's TSV; as JSONL and as a folder."""

import base64
import hashlib
import json
import string
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from playground.mmbench.pictures import REFERENCE, Borrowed, Picture, Stored, decode, read_picture, resolve
from playground.mmbench.taxonomy import l2_of

__all__ = [
    "LETTERS", "Problem", "Question", "cells_of", "group_of", "question_of", "read_folder", "read_jsonl", "report",
    "write_folder", "write_jsonl",
]  # fmt: skip

LETTERS = string.ascii_uppercase
PASS = 1_000_000  # what a rotation adds to a question's index
ABSENT = ("", "nan")  # an empty cell, and how pandas writes one as text
LIST = "questions.jsonl"
MOST_PROBLEMS = 10_000
MOST_BYTES = 64_000_000  # of a row
_KINDS = ((b"\xff\xd8\xff", "jpg"), (b"\x89PNG", "png"), (b"GIF8", "gif"), (b"RIFF", "webp"))
Places = dict[int, Stored | bytes | int | None]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in one row: its number in the file, from 1 on and counting the header, the column, and a sentence;
    row 0 and no column stand for the whole."""

    row: int
    column: str
    text: str

    def __str__(self) -> str:
        where = f"row {self.row:,}" if self.row else ""
        place = ", ".join(part for part in (where, f"column {self.column}" if self.column else "") if part)
        return f"{place}: {self.text}" if place else self.text


@dataclass(frozen=True, slots=True)
class Question:
    """One row: a question or one of its rotations. Options are those that exist, each with its letter; `answer` is None
    where it is not told; `group` is the index of the question that this is a rotation of, where the file says it."""

    index: int
    question: str
    options: tuple[tuple[str, str], ...]
    answer: str | None = None
    hint: str = ""
    category: str = ""
    l2_category: str = ""
    split: str = ""
    picture: Picture | None = None
    group: int | None = None


def group_of(index: int, group: int | None = None) -> int:
    """The question that a row belongs to: what its file says, else its index without the millions."""
    return index % PASS if group is None else group


def report(problems: list[Problem], row: int, column: str, text: str) -> None:
    """Add a problem; of more than 10,000 only the first are kept, and one that says so."""
    if len(problems) < MOST_PROBLEMS:
        problems.append(Problem(row, column, text))
    elif len(problems) == MOST_PROBLEMS:
        problems.append(
            Problem(row, "", f"there are more than {MOST_PROBLEMS:,} problems; from here on none is listed")
        )


def integer(cell: str) -> int | None:
    """A whole number as a table may write it, 12 or 12.0; None for anything else."""
    text = cell.strip().removesuffix(".0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def question_of(
    cells: Mapping[str, str], row: int, problems: list[Problem], picture: Picture | None = None
) -> Question | None:
    """A question of a row's cells by column; None, and a problem, for one that has no index or fewer than 2 options."""
    index = integer(cells.get("index", ""))
    if index is None:
        report(problems, row, "index", f"{cells.get('index', '')[:40]!r} is no whole number; the row is left out")
        return None
    found = {name: text for name, text in cells.items() if text not in ABSENT}
    options = tuple((letter, found[letter]) for letter in sorted(found) if letter in LETTERS and len(letter) == 1)
    if len(options) < 2:
        text = f"a question needs 2 options at least, this one has {len(options)}; the row is left out"
        report(problems, row, "B" if options else "A", text)
        return None
    if "question" not in found:
        report(problems, row, "question", "the question is empty")
    answer: str | None = found.get("answer", "").strip() or None
    if answer is not None and answer not in dict(options):
        names = ", ".join(letter for letter, _ in options)
        report(problems, row, "answer", f"{answer[:40]!r} is none of the options {names}; it counts as not told")
        answer = None
    category = found.get("category", "")
    return Question(
        index=index, question=found.get("question", ""), options=options, answer=answer, hint=found.get("hint", ""),
        category=category, l2_category=found.get("l2-category", "") or l2_of(category) or "",
        split=found.get("split", ""), picture=picture, group=integer(found.get("g_index", "")),
    )  # fmt: skip


def cells_of(question: Question) -> dict[str, Any]:
    """The cells of a question by column, without those that are empty and without its picture."""
    cells: dict[str, Any] = {
        "index": question.index, "question": question.question, "hint": question.hint, **dict(question.options),
        "answer": question.answer, "category": question.category, "l2-category": question.l2_category,
        "split": question.split, "g_index": question.group,
    }  # fmt: skip
    return {name: cell for name, cell in cells.items() if cell not in (None, "")}


def report_dangling(places: Places, rows: Mapping[int, int], problems: list[Problem]) -> None:
    """Report the rows, by index with their number, whose chain of pictures leads nowhere."""
    for index, row in rows.items():
        try:
            resolve(index, places)
        except ValueError as error:
            report(problems, row, "image", str(error))


def read_jsonl(path: str | Path, *, problems: list[Problem] | None = None) -> Iterator[Question]:
    """The questions of a file with an object a line, keys as the TSV's columns, pictures in base64 or another's index.

    What is wrong in a line is added to `problems`; the rest goes on. Raises `ValueError` where the file is not there.
    """
    return _read_lines(Path(path), [] if problems is None else problems, _encoded)


def read_folder(folder: str | Path, *, problems: list[Problem] | None = None) -> Iterator[Question]:
    """The questions of a folder: `questions.jsonl`, whose `image` names a picture in the folder. As `read_jsonl`."""
    root = Path(folder).resolve()

    def picture(text: str) -> Picture:
        path = (root / text).resolve()
        if not path.is_relative_to(root) or not path.is_file():
            raise ValueError(f"the folder has no picture {text[:80]!r}")
        return Stored(path)

    return _read_lines(root / LIST, [] if problems is None else problems, picture)


def write_jsonl(path: str | Path, questions: Iterable[Question]) -> None:
    """Write a file for `read_jsonl`; what is shown twice is written once. Raises `ValueError` as `images_of`."""
    _write_lines(Path(path), questions, lambda _, content: base64.b64encode(content).decode())


def write_folder(folder: str | Path, questions: Iterable[Question]) -> None:
    """Write a folder for `read_folder`, pictures in `images`. Raises `ValueError` as `images_of`."""
    root = Path(folder)
    (root / "images").mkdir(parents=True, exist_ok=True)

    def save(index: int, content: bytes) -> str:
        kind = next((kind for head, kind in _KINDS if content.startswith(head)), "img")
        name = f"images/{index}.{kind}"
        (root / name).write_bytes(content)
        return name

    _write_lines(root / LIST, questions, save)


def images_of(questions: Iterable[Question]) -> Iterator[tuple[Question, int | bytes | None]]:
    """Each question with its picture's bytes, or with the index of an earlier one that has the same.

    Raises `ValueError`, naming the index, for a picture that cannot be read, or is so small that its base64 would be
    taken for an index.
    """
    stored, seen = dict[Stored, int](), dict[bytes, int]()  # by place, so as not to read it again, and by content
    for one in questions:
        try:
            place = resolve(one.picture.index, one.picture.places) if isinstance(one.picture, Borrowed) else one.picture
            if place is None:
                yield one, None
                continue
            if isinstance(place, Stored) and place in stored:
                yield one, stored[place]
                continue
            content = read_picture(place)
            if len(content) * 4 <= REFERENCE * 3:
                raise ValueError(f"its picture has {len(content)} bytes; it must have {REFERENCE * 3 // 4 + 1} or more")
        except ValueError as error:
            raise ValueError(f"question {one.index}: {error}") from error
        earlier = seen.setdefault(hashlib.blake2b(content, digest_size=16).digest(), one.index)
        if isinstance(place, Stored):
            stored[place] = earlier
        yield one, content if earlier == one.index else earlier


def _encoded(text: str) -> Picture:
    return decode(text.encode())


def _read_lines(path: Path, problems: list[Problem], picture: Callable[[str], Picture]) -> Iterator[Question]:
    if not path.is_file():
        raise ValueError(f"{path} is not there")
    places, borrowed = Places(), dict[int, int]()
    with path.open("rb") as file:
        for row, line in lines(file, problems):
            cells = object_of(line, row, problems)
            if cells is None:
                continue
            image, seen = cells.pop("image", ""), None
            index = integer(cells.get("index", ""))
            if index in places:
                report(problems, row, "index", f"{index} is there twice; the second row is left out")
                continue
            number = integer(image) if len(image) <= REFERENCE else None
            try:
                seen = Borrowed(number, places) if number is not None else picture(image) if image else None
            except ValueError as error:
                report(problems, row, "image", str(error))
            one = question_of(cells, row, problems, seen)
            if one is None:
                continue
            places[one.index] = number if number is not None else seen if isinstance(seen, Stored | bytes) else None
            if number is not None:
                borrowed[one.index] = row
            yield one
    report_dangling(places, borrowed, problems)


def object_of(line: bytes, row: int, problems: list[Problem]) -> dict[str, str] | None:
    """The cells of a line of JSON as text, columns in small letters but for the options; None, and a problem, for what
    is no object."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        report(problems, row, "", "the line is no JSON object; it is left out")
        return None
    return {column_of(name): str(cell) for name, cell in found.items() if cell is not None and cell == cell}  # no NaN


def lines(file: BinaryIO, problems: list[Problem]) -> Iterator[tuple[int, bytes]]:
    """Lines that are not blank, with their number; one of over 64 MB is reported and left out."""
    row = 0
    while line := file.readline(MOST_BYTES):
        row += 1
        if len(line) >= MOST_BYTES:
            while line and not line.endswith(b"\n"):
                line = file.readline(MOST_BYTES)
            report(problems, row, "", f"the line is longer than {MOST_BYTES / 1e6:g} MB; it is left out")
        elif line.strip():
            yield row, line


def column_of(name: str) -> str:
    """A column's name in small letters, unless it is the letter of an option."""
    name = name.strip()
    return name if len(name) == 1 and name in LETTERS else name.lower()


def _write_lines(path: Path, questions: Iterable[Question], save: Callable[[int, bytes], str]) -> None:
    part = path.with_name(path.name + ".part")  # the questions may be read from the file that is written
    with part.open("w", encoding="utf-8") as file:
        for one, image in images_of(questions):
            cells = cells_of(one)
            if image is not None:
                cells["image"] = image if isinstance(image, int) else save(one.index, image)
            file.write(json.dumps(cells, ensure_ascii=False) + "\n")
    part.replace(path)
