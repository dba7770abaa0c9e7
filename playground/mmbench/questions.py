"""Questions of one choice about one picture, with the fields of MMBench's TSV; as JSONL and as a folder."""

import base64
import hashlib
import json
import string
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from playground.mmbench.pictures import (
    REFERENCE,
    Borrowed,
    Own,
    Picture,
    Place,
    Stored,
    decode,
    listed,
    read_picture,
    resolve,
)
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
Places = dict[int, Place]
T = TypeVar("T")
R = TypeVar("R")


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
    more_pictures: tuple[Own, ...] = ()  # of a question about several, those after the first


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


def more_of(index: int, places: Places) -> tuple[Own, ...]:
    """The pictures after the first of a row that has been read; none of one that has not."""
    try:
        return resolve(index, places)[1:]
    except ValueError:
        return ()


def report_dangling(places: Places, rows: Mapping[int, tuple[int, int]], problems: list[Problem]) -> None:
    """Report the rows, by index with their number and how many pictures they were given beyond the first, whose chain
    of pictures leads nowhere, or to more pictures."""
    for index, (row, more) in rows.items():
        try:
            if len(resolve(index, places)) > more + 1:
                report(problems, row, "image", "its pictures are those of a row further down; only the first is read")
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

    def picture(text: str) -> Own:
        try:
            path = (root / text).resolve()
            there = path.is_relative_to(root) and path.is_file()
        except (OSError, RuntimeError, ValueError):  # a name that is too long, links in a circle, a NUL
            there = False
        if not there:
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

    def save(stem: str, content: bytes) -> str:
        kind = next((kind for head, kind in _KINDS if content.startswith(head)), "img")
        name = f"images/{stem}.{kind}"
        (root / name).write_bytes(content)
        return name

    _write_lines(root / LIST, questions, save)


def images_of(questions: Iterable[Question]) -> Iterator[tuple[Question, int | tuple[bytes, ...]]]:
    """Each question with its pictures' bytes, or with the index of an earlier one that has the same.

    Raises `ValueError`, naming the index, for a picture that cannot be read, or is so small that its base64 would be
    taken for an index.
    """
    stored = dict[tuple[Own, ...], int]()  # by place, so as not to read it again
    seen = dict[tuple[bytes, ...], int]()  # by content
    for one in questions:
        try:
            first = one.picture
            if first is None:
                yield one, ()
                continue
            own = resolve(first.index, first.places)[0] if isinstance(first, Borrowed) else first
            shown = (own, *one.more_pictures)
            lasting = all(isinstance(place, Stored) for place in shown)
            if lasting and shown in stored:
                yield one, stored[shown]
                continue
            contents = tuple(map(read_picture, shown))
            size = len(contents[0])
            if size * 4 <= REFERENCE * 3:
                raise ValueError(f"its picture has {size} bytes; it must have {REFERENCE * 3 // 4 + 1} or more")
        except ValueError as error:
            raise ValueError(f"question {one.index}: {error}") from error
        key = tuple(hashlib.blake2b(content, digest_size=16).digest() for content in contents)
        earlier = seen.setdefault(key, one.index)
        if lasting:
            stored[shown] = earlier
        yield one, contents if earlier == one.index else earlier


def _encoded(text: str) -> Own:
    return decode(text.encode())


def each_of(pictures: Sequence[T], read: Callable[[T], R]) -> list[R]:
    """Each picture read. Raises `ValueError` for one that cannot be, and tells which one of several."""
    found = []
    for number, one in enumerate(pictures, 1):
        try:
            found.append(read(one))
        except ValueError as error:
            raise ValueError(f"picture {number} of {len(pictures)}: {error}" if pictures[1:] else str(error)) from None
    return found


def _images(text: str) -> list[str]:
    """The pictures that a cell tells of: several if it is a list of texts, as JSON or as Python writes it."""
    try:
        found = json.loads(text) if text.startswith("[") else None
    except (ValueError, RecursionError):
        cell = text.encode()
        found = [cell[start:end].decode() for start, end in listed(cell) or ()]
    return found if isinstance(found, list) and found and all(isinstance(one, str) for one in found) else [text]


def _read_lines(path: Path, problems: list[Problem], picture: Callable[[str], Own]) -> Iterator[Question]:
    if not path.is_file():
        raise ValueError(f"{path} is not there")
    places, borrowed = Places(), dict[int, tuple[int, int]]()
    with path.open("rb") as file:
        for row, line in lines(file, problems):
            cells = object_of(line, row, problems)
            if cells is None:
                continue
            image = cells.pop("image", "")
            seen: Picture | None = None
            more: tuple[Own, ...] = ()
            index = integer(cells.get("index", ""))
            if index in places:
                report(problems, row, "index", f"{index} is there twice; the second row is left out")
                continue
            number = integer(image) if len(image) <= REFERENCE else None
            try:
                if number is not None:
                    seen, more = Borrowed(number, places), more_of(number, places)
                elif image:
                    seen, *rest = each_of(_images(image), picture)
                    more = tuple(rest)
            except ValueError as error:
                report(problems, row, "image", str(error))
            one = question_of(cells, row, problems, seen)
            if one is None:
                continue
            one = replace(one, more_pictures=more) if more else one
            own = (seen, *more) if isinstance(seen, Stored | bytes) else None
            places[one.index] = number if number is not None else own
            if number is not None:
                borrowed[one.index] = (row, len(more))
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
    return texts_of(found)


def texts_of(found: Mapping[str, Any]) -> dict[str, str]:
    """A JSON object's cells as text by column, without those that are null or NaN."""
    return {
        column_of(name): _written(json.dumps(cell, ensure_ascii=False) if isinstance(cell, list) else str(cell))
        for name, cell in found.items()
        if cell is not None and cell == cell
    }


def _written(text: str) -> str:
    """The text as a file can hold it: JSON may tell half of a character, where something cut it in two."""
    return text if text.isascii() else text.encode(errors="replace").decode()


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


def _write_lines(path: Path, questions: Iterable[Question], save: Callable[[str, bytes], str]) -> None:
    part = path.with_name(path.name + ".part")  # the questions may be read from the file that is written
    with part.open("w", encoding="utf-8") as file:
        for one, image in images_of(questions):
            cells = cells_of(one)
            if isinstance(image, int):
                cells["image"] = image
            elif image:
                saved = [save(f"{one.index}-{i}" if i else f"{one.index}", each) for i, each in enumerate(image)]
                cells["image"] = saved if len(saved) > 1 else saved[0]
            file.write(json.dumps(cells, ensure_ascii=False) + "\n")
    part.replace(path)
