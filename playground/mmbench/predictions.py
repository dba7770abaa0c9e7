"""Predictions in the official columns, index, prediction, A, B, ...: from xlsx, csv, tsv, json or jsonl."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from playground.mmbench.questions import LETTERS, Problem, column_of, integer, lines, object_of, report, texts_of
from playground.mmbench.tsv import check_columns, fits, header_of, records, text_of
from playground.mmbench.xlsx import read_xlsx

__all__ = ["KINDS", "MOST_ROWS", "Prediction", "Predictions", "predictions_of", "read_predictions"]

MOST_ROWS = 1_000_000
MOST_JSON = 200_000_000  # bytes of a json, which is held whole
NEEDED = ("index", "prediction")
WANTED = {*NEEDED, *LETTERS, "question", "hint", "answer", "category", "l2-category", "split", "g_index"}
Cells = tuple[int, Mapping[str, str]]  # a row's number and what it holds, by column


@dataclass(frozen=True, slots=True)
class Prediction:
    """What was answered to one row, and what its file tells of the question: "" or None where it does not."""

    index: int
    prediction: str
    row: int = 0  # in the file
    options: tuple[tuple[str, str], ...] = ()
    answer: str | None = None
    category: str = ""
    l2_category: str = ""
    split: str = ""
    group: int | None = None
    question: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Predictions:
    """The rows of a file in its order, and what is wrong in it."""

    rows: tuple[Prediction, ...]
    problems: tuple[Problem, ...] = ()
    name: str = ""


def predictions_of(answers: Mapping[int, str], name: str = "") -> Predictions:
    """Predictions by the index of the row that they answer."""
    return Predictions(tuple(Prediction(index, text) for index, text in answers.items()), name=name)


def read_predictions(path: str | Path) -> Predictions:
    """The predictions of a file; a json is a list of objects, one of predictions by index, or one of columns.

    Raises `ValueError` for another ending than xlsx, csv, tsv, json and jsonl, a file without the columns index and
    prediction, with more than 1,000,000 rows, an xlsx of over 20 MB or a json of over 200. A row without an index is
    reported and left out; one that is there twice is left in, for the score to decide.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending in OLD:
        raise ValueError(f"{path.name[:80]!r} is of another kind of Excel: open it there and save it as .xlsx")
    if ending not in KINDS:
        raise ValueError(f"predictions are read from {', '.join(KINDS)}, not from {path.name[:80]!r}")
    if not path.is_file():
        raise ValueError(f"{path.name} is not there")
    problems: list[Problem] = []
    rows: list[Prediction] = []
    for row, cells in KINDS[ending](path, problems):
        if len(rows) >= MOST_ROWS:
            raise ValueError(f"{path.name} has more than the {MOST_ROWS:,} rows allowed")
        one = _prediction(row, cells, problems)
        if one is not None:
            rows.append(one)
    if not rows:
        raise ValueError(f"{path.name} has no row with an index and a prediction")
    return Predictions(tuple(rows), tuple(problems), path.name)


def _prediction(row: int, cells: Mapping[str, str], problems: list[Problem]) -> Prediction | None:
    index = integer(cells.get("index", ""))
    if index is None:
        report(problems, row, "index", f"{cells.get('index', '')[:40]!r} is no whole number; the row is left out")
        return None
    options = tuple((letter, cells[letter]) for letter in LETTERS if cells.get(letter))
    return Prediction(
        index, cells.get("prediction", ""), row, options, cells.get("answer", "").strip() or None,
        cells.get("category", ""), cells.get("l2-category", ""), cells.get("split", ""),
        integer(cells.get("g_index", "")), cells.get("question", ""), cells.get("hint", ""),
    )  # fmt: skip


def _delimited(path: Path, problems: list[Problem]) -> Iterator[Cells]:
    with path.open("rb") as file:
        first = file.readline(1_000_000)
    separator = b"\t" if path.suffix.lower() == ".tsv" else max((b",", b";", b"\t"), key=first.count)
    columns = header_of(path, separator, NEEDED, "file of predictions")
    wanted = [i for i, name in enumerate(columns) if name in WANTED]
    with path.open("rb") as file:
        rows = records(file, separator, problems)
        next(rows)
        for row, cells, _ in rows:
            if fits(cells, columns, row, problems):
                yield row, {columns[i]: text_of(cells[i], row, columns[i], problems) for i in wanted if i < len(cells)}


def _sheet(path: Path, _problems: list[Problem]) -> Iterator[Cells]:
    rows = read_xlsx(path, lambda cells: {*NEEDED} <= {*map(column_of, cells)})
    columns = [column_of(name) for name in next((cells for _, cells in rows), [])]
    check_columns(path.name, columns, NEEDED, "file of predictions")
    for row, cells in rows:
        found = {name: cell for name, cell in zip(columns, cells, strict=False) if name in WANTED}
        if any(found.values()):
            yield row, found


def _json(path: Path, problems: list[Problem]) -> Iterator[Cells]:
    if path.stat().st_size > MOST_JSON:
        raise ValueError(
            f"{path.name} has {path.stat().st_size / 1e6:.1f} MB, more than the {MOST_JSON / 1e6:g} MB allowed for JSON"
        )
    try:
        found = json.loads(path.read_bytes(), object_pairs_hook=_object)
    except (ValueError, RecursionError):
        raise ValueError(f"{path.name} is no JSON, or cut off") from None
    if isinstance(found, dict):
        found = _transposed(found) or list(found.items())
    if not isinstance(found, list):
        raise ValueError(f"{path.name} is neither a list of predictions nor an object of them by index")
    told = False
    for row, one in enumerate(found, 1):
        if isinstance(one, tuple):  # of an object: an index and its prediction, or its row
            index, value = one
            cells: object = (
                {**value, "index": index} if isinstance(value, dict) else {"index": index, "prediction": value}
            )
        else:
            cells = one
        if not isinstance(cells, dict):
            report(problems, row, "", "the entry is no JSON object, or has a name twice; it is left out")
            continue
        told = told or "prediction" in map(column_of, cells)
        yield row, texts_of(cells)
    if not told:
        raise ValueError(f"no entry of {path.name} has a prediction")


def _transposed(found: Mapping[str, object]) -> list[dict[str, object]] | None:
    """The rows of columns as pandas writes them, an object each with a cell by row; None for another object."""
    columns = {name: column for name, column in found.items() if isinstance(column, dict)}
    index = next((column for name, column in columns.items() if column_of(name) == "index"), None)
    if index is None or len(columns) < len(found):
        return None
    return [{name: column.get(row) for name, column in columns.items()} for row in index]


def _object(pairs: list[tuple[str, object]]) -> dict[str, object] | list[tuple[str, object]]:
    """A JSON object; its pairs where a name is there twice, of which a dict would lose one."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else pairs


def _lines(path: Path, problems: list[Problem]) -> Iterator[Cells]:
    told = False
    with path.open("rb") as file:
        for row, line in lines(file, problems):
            cells = object_of(line, row, problems)
            if cells is not None:
                told = told or "prediction" in cells
                yield row, cells
    if not told:
        raise ValueError(f"no line of {path.name} has a prediction")


KINDS: Mapping[str, Callable[[Path, list[Problem]], Iterator[Cells]]] = {
    ".xlsx": _sheet, ".csv": _delimited, ".tsv": _delimited, ".json": _json, ".jsonl": _lines,
}  # fmt: skip
OLD = (".xls", ".xlsb", ".xlsm", ".ods", ".numbers")
