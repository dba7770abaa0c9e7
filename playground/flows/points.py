"""Points of the user's own as a density: reading a CSV, and the Gaussian kernel estimate of its points."""

import csv
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from playground.flows.mixtures import Mixture
from playground.flows.plane import check_between

__all__ = ["MAX_CSV_BYTES", "MAX_KERNELS", "MAX_POINTS", "density_from_points", "read_points"]

MAX_CSV_BYTES = 5_000_000
MAX_POINTS = 200_000
MAX_KERNELS = 5_000
MIN_POINTS = 3  # distinct ones
QUOTE = 40  # characters of a file that an error quotes

Row = tuple[int, list[str]]  # the line it ends on, counted from 1, and its cells


def density_from_points(points: ArrayLike, *, bandwidth: float | None = None, seed: int = 0) -> Mixture:
    """The Gaussian kernel density estimate of points (n, 2), each column brought to unit standard deviation.

    `bandwidth` is the standard deviation of a kernel in standard deviations of the data, in [0.05, 1]; None takes
    k^(-1/6) for k kernels (Scott's rule, in the plane the same as Silverman's). Of more than `MAX_KERNELS` points
    that many are drawn without replacement with `seed`: `len(density.means)` tells how many kernels there are.
    Raises `ValueError` for another shape, NaN, fewer than 3 distinct points, a column that does not vary.
    """
    array = np.array(points, dtype=np.float64)
    _check(array)
    array = _to_unit(array)  # so that no difference overflows
    array = _to_unit(array - array[0])  # so that 1.7e12 milliseconds that differ by one do differ
    spread = array.std(axis=0)
    for column in (0, 1):
        if spread[column] == 0:
            raise ValueError(f"column {column + 1} has the same value in every row: the points lie on a line; vary it")
    means = torch.from_numpy((array - array.mean(axis=0)) / spread)
    if len(means) > MAX_KERNELS:
        means = means[torch.randperm(len(means), generator=torch.Generator().manual_seed(seed))[:MAX_KERNELS]]
    std = len(means) ** (-1 / 6) if bandwidth is None else bandwidth
    check_between("bandwidth", std, 0.05, 1.0)
    shrink = 1 / math.sqrt(1 + std**2)  # the kernels add their own variance
    return Mixture("points", means * shrink, std * shrink)


def _to_unit(array: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each column divided by its largest absolute value; zeros stay."""
    return array / np.abs(array).max(axis=0).clip(min=np.finfo(np.float64).tiny)


def read_points(source: str | bytes) -> NDArray[np.float64]:
    """The points (n, 2) of a CSV: its first two numeric columns.

    Cells are parted by tabs, semicolons (then 1,5 is one and a half), commas or blanks, whichever the first line
    holds, in this order. A header, lines that begin with #, empty lines and columns of text are allowed.
    Raises `ValueError`, with the line and the column, for a cell of the two columns that is empty, text, NaN or
    infinite; also for more than `MAX_CSV_BYTES` or `MAX_POINTS`, fewer than 3 distinct points, and what is not UTF-8.
    """
    data = source.encode() if isinstance(source, str) else source
    if len(data) > MAX_CSV_BYTES:
        raise ValueError(f"the file has {len(data):,} bytes, more than the {MAX_CSV_BYTES:,} allowed")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError("the file is not UTF-8 text: save it as CSV (UTF-8)") from error
    rows, decimal_comma = _rows(text)
    first = next(rows, None)
    if first is None:
        raise ValueError(f"the file holds no points: it needs {MIN_POINTS} rows of two numbers")
    header: list[str] = []
    if not any(_is_number(cell, decimal_comma) for cell in first[1]):
        header = first[1]
        first = next(rows, None)
        if first is None:
            raise ValueError("the file holds no points below its first line, which has no number")
    for cell in first[1]:
        if len(cell.split()) > 1 and all(_is_number(part, decimal_comma) for part in cell.split()):
            raise ValueError(
                f"line {first[0]}: {_quoted(cell)} is several numbers in one cell; keep to one kind of separator"
            )
    columns = [i for i, cell in enumerate(first[1]) if _is_number(cell, decimal_comma)][:2]
    if len(columns) < 2:
        raise ValueError(
            f"line {first[0]} has {len(columns)} numeric column(s), it needs two: {_quoted(', '.join(first[1]))}"
        )
    points = [_point(first, columns, header, decimal_comma)]
    for row in rows:
        if len(points) == MAX_POINTS:
            raise ValueError(f"the file has more than the {MAX_POINTS:,} points allowed")
        points.append(_point(row, columns, header, decimal_comma))
    array = np.array(points)
    _check(array)
    return array


def _rows(text: str) -> tuple[Iterator[Row], bool]:
    """The rows of cells, and whether a comma is the decimal sign."""
    lines = text.splitlines()
    start = next((line for line in lines if line.strip() and not line.lstrip().startswith("#")), "")
    separator = next((s for s in "\t;," if s in start), None)
    return _split(lines, separator), separator == ";"


def _split(lines: list[str], separator: str | None) -> Iterator[Row]:
    """Cells line by line, so that the number of an offending line is the one an editor shows."""
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            if separator and '"' in line:
                cells = next(csv.reader([line], delimiter=separator, strict=True))
            else:  # the same, six times faster
                cells = line.split(separator)
        except csv.Error as error:
            raise ValueError(f"line {number} is not CSV ({error})") from error
        yield number, [cell.strip() for cell in cells]


def _is_number(cell: str, decimal_comma: bool) -> bool:
    try:
        _number(cell, decimal_comma)
    except ValueError:
        return False
    return True


def _number(cell: str, decimal_comma: bool) -> float:
    if "_" in cell:  # float() takes 1_000, which no spreadsheet writes
        raise ValueError(f"{cell!r} is not a number")
    return float(cell.replace(",", ".") if decimal_comma else cell)


def _point(row: Row, columns: list[int], header: list[str], decimal_comma: bool) -> tuple[float, ...]:
    """The two numbers of a row; raises `ValueError` with its line and the column's name."""
    line, cells = row
    values = []
    for column in columns:
        name = _quoted(header[column]) if column < len(header) else str(column + 1)
        cell = cells[column] if column < len(cells) else ""
        if not cell:
            raise ValueError(f"line {line}, column {name}: the cell is empty; fill it or delete the line")
        try:
            value = _number(cell, decimal_comma)
        except ValueError as error:
            raise ValueError(f"line {line}, column {name}: {_quoted(cell)} is not a number") from error
        if not math.isfinite(value):
            raise ValueError(f"line {line}, column {name}: {_quoted(cell)} is not a finite number; delete the line")
        values.append(value)
    return tuple(values)


def _quoted(text: str) -> str:
    """The beginning of a text, in quotes: a cell may be as long as its file."""
    return repr(text if len(text) <= QUOTE else text[: QUOTE - 1] + "…")


def _check(points: NDArray[Any]) -> None:
    """Raise `ValueError` unless points are (n, 2), finite, n within bounds, three of them distinct."""
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"points must be (n, 2), not {points.shape}")
    if len(points) > MAX_POINTS:
        raise ValueError(f"there are {len(points):,} points, more than the {MAX_POINTS:,} allowed")
    bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if len(bad):
        raise ValueError(f"point {bad[0]} is {points[bad[0]].tolist()}: every coordinate must be a finite number")
    distinct = len(np.unique(points[:, 0] + 1j * points[:, 1]))  # 3 times faster than axis=0
    if distinct == 1 and len(points) >= MIN_POINTS:
        raise ValueError(f"all {len(points)} points lie on one spot, {points[0].tolist()}: they need to differ")
    if distinct < MIN_POINTS:
        raise ValueError(f"{MIN_POINTS} or more distinct points are needed, not {distinct}: add some")
