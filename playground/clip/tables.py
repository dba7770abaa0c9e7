"""What labelling found, counted against the folders and written as a table."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from playground import checkpoints
from playground.clip.labelling import Labelled

__all__ = ["TABLES", "Confusion", "confusion", "write_table"]

TABLES = (".csv", ".json", ".parquet")


@dataclass(frozen=True, eq=False)
class Confusion:
    """Pictures counted by the label their folder names (row) and the label they were given (column)."""

    labels: tuple[str, ...]
    matrix: np.ndarray  # (k, k) of int64
    count: int  # pictures in folders that are labels, read; those without a label for the margin's sake among them
    accuracy: float | None  # part of `count` that was given its folder's label; None where `count` is 0
    unknown: tuple[str, ...]  # folders that are no label, sorted


def confusion(results: Iterable[Labelled]) -> Confusion:
    """Compare given labels with folders; case and a leading article are ignored, and an underscore is a space.

    Pictures that could not be read do not count. Raises `ValueError` for no results.
    """
    results = list(results)
    if not results:
        raise ValueError("there are no results to compare with folders")
    labels = results[0].labels
    rows = {_plain(label): row for row, label in enumerate(labels)}
    matrix = np.zeros((len(labels), len(labels)), np.int64)
    count, unknown = 0, set()
    for result in results:
        row = rows.get(_plain(result.folder))
        if row is None:
            unknown.add(result.folder)
        elif not result.error:
            count += 1
            if result.index is not None:
                matrix[row, result.index] += 1
    accuracy = float(matrix.trace()) / count if count else None
    return Confusion(labels, matrix, count, accuracy, tuple(sorted(unknown)))


def _plain(name: str) -> str:
    words = name.replace("_", " ").casefold().split()
    return " ".join(words[1:] if len(words) > 1 and words[0] in ("a", "an", "the") else words)


def write_table(results: Sequence[Labelled], path: str | Path) -> None:
    """Write results as .csv, .json or .parquet, whole or not at all: a line a picture, a column `p(label)` a label.

    Raises `ValueError` for another ending and for no results.
    """
    path = Path(path)
    check_table(path)
    if not results:
        raise ValueError("there are no results to write")
    records = [_record(result) for result in results]
    checkpoints.write_bytes(path, WRITERS[path.suffix.lower()](records))


def check_table(path: Path) -> None:
    """Raises `ValueError` for a path whose ending is none of `TABLES`."""
    if path.suffix.lower() not in TABLES:
        raise ValueError(f"{path} must end with one of {', '.join(TABLES)}")


def _record(result: Labelled) -> dict[str, Any]:
    read = not result.error
    record = {
        "name": result.name,
        "folder": result.folder,
        "label": result.label,
        "probability": float(result.probabilities.max()) if read else None,
        "cosine": float(result.cosines.max()) if read else None,
        "error": result.error,
    }
    parts = result.probabilities.tolist() if read else [None] * len(result.labels)
    return record | {f"p({label})": part for label, part in zip(result.labels, parts, strict=True)}


def _csv(records: Sequence[dict[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(records[0]))
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode()


def _json(records: Sequence[dict[str, Any]]) -> bytes:
    return json.dumps(records, ensure_ascii=False, indent=1).encode() + b"\n"


def _parquet(records: Sequence[dict[str, Any]]) -> bytes:
    import pyarrow
    import pyarrow.parquet

    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(records), _schema(records)), file)
    return file.getvalue()


def _schema(records: Sequence[dict[str, Any]]) -> Any:
    """Words and numbers by their columns: a column of nothing but null would have no type."""
    import pyarrow

    words = ("name", "folder", "label", "error")
    return pyarrow.schema([(key, pyarrow.string() if key in words else pyarrow.float64()) for key in records[0]])


WRITERS = {".csv": _csv, ".json": _json, ".parquet": _parquet}
