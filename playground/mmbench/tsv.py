"""MMBench's TSV, read as a stream: a row at a time, pictures left in the file, what is wrong reported by row."""

import base64
import csv
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from playground.mmbench.pictures import REFERENCE, Borrowed, Own, Picture, Stored, decode, listed
from playground.mmbench.questions import (
    LETTERS,
    MOST_BYTES,
    PASS,
    Places,
    Problem,
    Question,
    cells_of,
    column_of,
    each_of,
    images_of,
    integer,
    more_of,
    question_of,
    report,
    report_dangling,
)

__all__ = ["check_columns", "header_of", "read_tsv", "records", "text_of", "write_tsv"]

NEEDED = ("index", "question", "A", "B")
COLUMNS = ("index", "question", "hint", *"ABCD", "answer", "category", "image", "l2-category", "split")
BOM = b"\xef\xbb\xbf"
Row = tuple[int, list[bytes], list[int]]  # its number, its cells, and where each begins in the file


def read_tsv(path: str | Path, *, problems: list[Problem] | None = None, pictures: bool = True) -> Iterator[Question]:
    """The questions of a TSV, one at a time; the pictures stay in the file and are read by `read_picture`.

    What is wrong in a row is added to `problems`, the pictures that lead to no row when the file has ended; the rest
    goes on. Without `pictures` these are not decoded, so that damaged ones are not found. Raises `ValueError` for a
    file that is no MMBench TSV: not text, or without one of the columns index, question, A and B.
    """
    path = Path(path)
    columns = header_of(path, b"\t", NEEDED, "MMBench TSV")
    return _questions(path, columns, [] if problems is None else problems, pictures)


def write_tsv(path: str | Path, questions: Iterable[Question]) -> None:
    """Write the official TSV; rotations refer to the picture of their question. Raises `ValueError` as `images_of`."""
    path, rows = Path(path), list(questions)
    letters = sorted({letter for one in rows for letter, _ in one.options} - set("ABCD"))
    columns = [*COLUMNS[:7], *letters, *COLUMNS[7:]]
    if any(one.group is not None and one.group != one.index % PASS for one in rows):
        columns.append("g_index")  # only where the index does not tell it, as in the official files
    part = path.with_name(path.name + ".part")  # the questions may be read from the file that is written
    with part.open("w", encoding="utf-8", newline="") as file:
        write = csv.DictWriter(file, columns, delimiter="\t", lineterminator="\n", extrasaction="ignore")
        write.writeheader()
        for one, image in images_of(rows):
            shown = image if isinstance(image, int) else [base64.b64encode(each).decode() for each in image]
            cell = shown if isinstance(shown, int) or len(shown) > 1 else "".join(shown)
            write.writerow({**cells_of(one), "image": cell})  # several as Python writes a list, as upstream reads it
    part.replace(path)


def header_of(path: Path, separator: bytes, needed: Iterable[str], kind: str) -> list[str]:
    """The columns of a table, in small letters but for the options. Raises `ValueError` where one is needed and not
    there, or there twice."""
    try:
        with path.open("rb") as file:
            first = file.readline(MOST_BYTES)
            if b"\0" in first:
                raise ValueError(f"{path.name} is no {kind}: it is not text")
            file.seek(0)
            _, cells, _ = next(records(file, separator, []), (0, [], []))
    except OSError as error:
        raise ValueError(f"{path.name} cannot be read ({error.strerror})") from error
    columns = [column_of(cell.decode(errors="replace")) for cell in cells]
    check_columns(path.name, columns, needed, kind)
    return columns


def check_columns(file: str, columns: list[str], needed: Iterable[str], kind: str) -> None:
    """Raise `ValueError` where a column is needed and not there, or there twice."""
    for name in needed:
        if name not in columns:
            there = ", ".join(columns)[:200] or "none"
            raise ValueError(f"{file} is no {kind}: it has no column {name}, only {there}")
    for name in columns:
        if name and columns.count(name) > 1:
            raise ValueError(f"{file} has two columns {name[:40]!r}: rename one")


def records(file: BinaryIO, separator: bytes, problems: list[Problem]) -> Iterator[Row]:
    """The rows of a table, header first: cells as bytes; a cell in quotes may hold separators, ends of lines and
    doubled quotes. A row of over 64 MB, and a quote that never ends, are reported and left out."""
    at, row = 0, 0
    quoted = separator + b'"'
    while line := file.readline(MOST_BYTES):
        start, row = at, row + 1
        if not start and line.startswith(BOM):
            line, start = line[len(BOM) :], len(BOM)
        at = start + len(line)
        if len(line) >= MOST_BYTES:
            while line and not line.endswith(b"\n"):
                line = file.readline(MOST_BYTES)
                at += len(line)
            report(problems, row, "", f"the row is longer than {MOST_BYTES / 1e6:g} MB; it is left out")
        elif quoted in line or line.startswith(b'"'):
            found = _quoted(line, file, separator)
            if found is None:
                file.seek(at)
                report(problems, row, "", "a cell begins with a quote that never ends; the row is left out")
            else:
                cells, starts, length = found
                at = start + length
                yield row, cells, [start + one for one in starts]
        elif line := line.rstrip(b"\r\n"):
            cells = line.split(separator)
            starts = [start]
            for cell in cells[:-1]:
                starts.append(starts[-1] + len(cell) + 1)
            yield row, cells, starts


def text_of(cell: bytes, row: int, column: str, problems: list[Problem]) -> str:
    """A cell's text; what is not UTF-8 is reported and marked."""
    try:
        return cell.decode()
    except UnicodeDecodeError:
        report(problems, row, column, "the text is not UTF-8; what cannot be read is marked by �")
        return cell.decode(errors="replace")


def _questions(path: Path, columns: list[str], problems: list[Problem], pictures: bool) -> Iterator[Question]:
    places, borrowed = Places(), dict[int, tuple[int, int]]()
    image = columns.index("image") if "image" in columns else None
    wanted = [
        i for i, name in enumerate(columns) if i != image and (name in COLUMNS or name in LETTERS or name == "g_index")
    ]
    with path.open("rb") as file:
        rows = records(file, b"\t", problems)
        next(rows)
        for row, cells, starts in rows:
            if not fits(cells, columns, row, problems):
                continue
            texts = {columns[i]: text_of(cells[i], row, columns[i], problems) for i in wanted if i < len(cells)}
            cell, number = cells[image] if image is not None and image < len(cells) else b"", None
            seen: Picture | None = None
            more: tuple[Own, ...] = ()
            if len(cell) > REFERENCE:
                seen, *rest = _stored(cell, Stored(path, starts[image or 0], len(cell)))
                more = tuple(rest)
            elif (number := integer(cell.decode(errors="replace"))) is not None:
                seen, more = Borrowed(number, places), more_of(number, places)
            one = question_of(texts, row, problems, seen)
            if one is None:
                continue
            if more:
                one = replace(one, more_pictures=more)
            if one.index in places:
                report(problems, row, "index", f"{one.index} is there twice; the second row is left out")
                continue
            own = seen if isinstance(seen, Stored) else None
            places[one.index] = number if number is not None else (own, *more) if own and more else own
            if number is not None:
                borrowed[one.index] = (row, len(more))
            elif pictures and image is not None:
                one = _checked(one, cell, row, places, problems)
            yield one
    report_dangling(places, borrowed, problems)


def fits(cells: list[bytes], columns: list[str], row: int, problems: list[Problem]) -> bool:
    """Whether a row has no more cells than there are columns; too few are reported too, and count as empty."""
    if len(cells) != len(columns):
        what = "the missing ones count as empty" if len(cells) < len(columns) else "it is left out"
        report(problems, row, "", f"the row has {len(cells)} cells, and there are {len(columns)} columns; {what}")
    return len(cells) <= len(columns)


def _stored(cell: bytes, place: Stored) -> list[Stored]:
    """Where the cell's pictures stand in the file: one, or several in a list."""
    spans = listed(cell)
    if spans is None:
        return [place]
    doubled = False  # quotes within a cell that stands in quotes
    if b'"' in cell:
        with place.path.open("rb") as file:
            file.seek(place.start - 1)
            doubled = file.read(1) == b'"'
    more = [cell.count(b'"', 0, start) if doubled else 0 for start, _ in spans]
    return [
        Stored(place.path, place.start + start + n, end - start) for (start, end), n in zip(spans, more, strict=True)
    ]


def _checked(one: Question, cell: bytes, row: int, places: Places, problems: list[Problem]) -> Question:
    """The question, without its pictures where one is damaged."""
    spans = listed(cell) or [(0, len(cell))]
    try:
        if not cell:
            raise ValueError("the picture is missing")
        if len(cell) <= REFERENCE:
            raise ValueError(f"{cell.decode(errors='replace')[:40]!r} is neither a picture nor the index of a row")
        each_of(spans, lambda span: decode(cell[slice(*span)]))
    except ValueError as error:
        report(problems, row, "image", str(error))
        places[one.index] = None
        return replace(one, picture=None, more_pictures=())
    return one


def _quoted(first: bytes, file: BinaryIO, separator: bytes) -> tuple[list[bytes], list[int], int] | None:
    """Cells of a row with quotes, where each begins, and the row's length in bytes; None where a quote never ends."""
    cells, starts, at = list[bytes](), list[int](), 0
    line = bytearray(first)  # grows in place: a quote that never ends takes in much of the file
    while True:
        inside = b""
        starts.append(at)
        if line[at : at + 1] == b'"':
            starts[-1] += 1
            close = at + 1
            while True:
                close = line.find(b'"', close)
                if close < 0:
                    close = len(line)
                    more = file.readline(MOST_BYTES)
                    if not more or close + len(more) > MOST_BYTES:
                        return None
                    line += more
                elif line[close + 1 : close + 2] == b'"':
                    close += 2
                else:
                    break
            inside, at = bytes(line[at + 1 : close]).replace(b'""', b'"'), close + 1
        end = line.find(separator, at)
        if end < 0:
            cells.append(inside + bytes(line[at:]).rstrip(b"\r\n"))
            return cells, starts, len(line)
        cells.append(inside + bytes(line[at:end]))
        at = end + 1
