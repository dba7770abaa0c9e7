"""Pairs from a table of numbers: columns that are x and y, and rows to train on, to choose by and to read."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from playground.representations.pairs import Pairs, pairs

__all__ = ["COLUMNS", "MAX_BYTES", "ROWS", "Parts", "Samples", "drawn", "example", "load", "normal_scores", "samples"]

MAX_BYTES = 5_000_000
ROWS = (100, 50_000)
COLUMNS = (2, 64)
SHARES = (0.5, 0.25)  # of the rows: to train on, and to choose by; the rest is held out
SEPARATORS = ",;\t"
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Samples:
    """Rows of x (n, d) and y (n, e), and what the columns are called."""

    x: Array
    y: Array
    names_x: tuple[str, ...]
    names_y: tuple[str, ...]

    def scaled(self) -> "Samples":
        """Each column less its mean, over its standard deviation."""
        x, y = ((one - one.mean(0)) / one.std(0) for one in (self.x, self.y))
        return replace(self, x=x, y=y)

    def ranked(self) -> "Samples":
        """Each column as normal scores: nothing that any column's rising map does to a table can be seen any more."""
        return replace(self, x=normal_scores(self.x), y=normal_scores(self.y))

    def some(self, *, seed: int = 0) -> "Samples":
        """As many rows, drawn from `seed`, as are soon counted by neighbours: 2,000, or 1,000 of over ten columns."""
        chosen = np.random.default_rng(seed).permutation(len(self.x))[: _few(self.x.shape[1] + self.y.shape[1])]
        return replace(self, x=self.x[chosen], y=self.y[chosen])

    def parts(self, seed: int = 0) -> "Parts":
        """Half of the rows to train on, a quarter to choose the critic by, a quarter held out for the reading."""
        n = len(self.x)
        order = torch.randperm(n, generator=torch.Generator().manual_seed(seed)).numpy()
        cuts = np.cumsum([round(share * n) for share in SHARES])
        train, check, held = (self._pairs(rows) for rows in np.split(order, cuts))
        return Parts(train, check, held)

    def _pairs(self, rows: NDArray[np.int64]) -> Pairs:
        x, y = (torch.from_numpy(one[rows].astype(np.float32)) for one in (self.x, self.y))

        def draw(n: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
            if n > len(x):
                raise ValueError(f"a batch of {n:,} is more than the {len(x):,} rows of a part: choose a smaller batch")
            chosen = torch.randperm(len(x), generator=generator)[:n]  # no row twice: it would be its own negative
            return x[chosen], y[chosen]

        return Pairs("samples", x.shape[1], None, draw, dim_y=y.shape[1], rows=len(x))


@dataclass(frozen=True)
class Parts:
    """One table's rows in three parts; `sample` of each draws rows, none twice in a batch."""

    train: Pairs
    check: Pairs
    held: Pairs


def normal_scores(table: Array) -> Array:
    """Phi^-1((rank - 1/2) / n) of each column of (n, d), equal values sharing their mean rank.

    Ranks are all that is kept, so a rising map of a column changes nothing, exactly; information never changes by it.
    """
    from scipy.special import ndtri  # type: ignore[import-untyped]
    from scipy.stats import rankdata  # type: ignore[import-untyped]

    scores: Array = ndtri((rankdata(table, axis=0) - 0.5) / len(table))
    return scores


def samples(x: Array, y: Array) -> Samples:
    """Arrays (n, d) and (n, e) of paired rows. Raises `ValueError` as `load` does."""
    x, y = (np.asarray(one, np.float64) for one in (x, y))
    x, y = (one[:, None] if one.ndim == 1 else one for one in (x, y))
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y):
        raise ValueError(f"x and y must be pairs of rows, not {x.shape} and {y.shape}")
    names_x, names_y = (tuple(f"{name}{i + 1}" for i in range(one.shape[1])) for name, one in (("x", x), ("y", y)))
    _check_rows(len(x))
    if not x.shape[1] or not y.shape[1] or x.shape[1] + y.shape[1] > COLUMNS[1]:
        count = x.shape[1] + y.shape[1]
        raise ValueError(f"the table has {count} columns: it must have {COLUMNS[0]} to {COLUMNS[1]}")
    for names, table in ((names_x, x), (names_y, y)):
        for name, column in zip(names, table.T, strict=True):
            if not np.isfinite(column).all():
                row = int(np.argmin(np.isfinite(column))) + 1
                raise ValueError(f"column {name} has no finite number in row {row:,}: {column[row - 1]}")
            _check_varies(name, column)
    return Samples(x, y, names_x, names_y)


def drawn(pairs: Pairs, *, seed: int = 0) -> Samples:
    """Rows drawn from pairs of `playground.representations.pairs`, to look at, as many as `some` leaves."""
    x, y = pairs.sample(_few(sum(pairs.dims)), torch.Generator().manual_seed(seed))
    return samples(x.numpy(), y.numpy())


def load(path: str | Path, x: Sequence[str] = (), y: Sequence[str] = ()) -> Samples:
    """The columns x and y of a CSV file; a first row that holds no number is its header, else columns are 1, 2, 3...

    Without x and y, the first half of the columns is x and the others are y; with one of them, the other is the rest.
    Raises `ValueError` for a file of more than 5 MB, fewer than 100 or more than 50,000 rows, fewer than 2 or more than
    64 columns, columns that are not there, in x and y at once or constant, and cells that hold no finite number.
    """
    header, rows, first = _read(Path(path))
    names_x, names_y = _choose(header, x, y)
    place = {name: i for i, name in enumerate(header)}
    tables = [
        np.stack([_column(name, [row[place[name]] for row in rows], first) for name in names], 1)
        for names in (names_x, names_y)
    ]
    return Samples(tables[0], tables[1], names_x, names_y)


def example(information: float = 0.8, *, rows: int = 2000, seed: int = 5) -> str:
    """A CSV of two measurements, whose information is known: Gaussians, one bent by a cube, the other by a wave."""
    a, b = pairs("gaussian", information).sample(rows, torch.Generator().manual_seed(seed))
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n")
    write.writerow(["length", "weight"])
    for u, v in zip(a[:, 0].tolist(), b[:, 0].tolist(), strict=True):
        write.writerow([f"{u + 0.4 * math.sin(2 * u):.5f}", f"{math.copysign(abs(v) ** 1.5, v):.5f}"])
    return out.getvalue()


def _read(path: Path) -> tuple[list[str], list[list[str]], int]:
    """Names of the columns, the rows' cells, and the number of the first of these rows in the file."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"the file has {size / 1e6:.1f} MB, more than the {MAX_BYTES / 1e6:g} MB allowed")
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("the file is not text in UTF-8: save it as CSV UTF-8") from None
    line = text.partition("\n")[0]
    separator = max(SEPARATORS, key=line.count)
    try:
        table = [row for row in csv.reader(io.StringIO(text), delimiter=separator) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise ValueError(f"the file is no CSV: {error}") from None
    if not table:
        raise ValueError("the file is empty")
    titled = not any(_number(cell) is not None for cell in table[0])
    header = [cell.strip() for cell in table[0]] if titled else [str(i + 1) for i in range(len(table[0]))]
    rows = table[1:] if titled else table
    if not COLUMNS[0] <= len(header) <= COLUMNS[1]:
        raise ValueError(f"the table has {len(header)} columns: it must have {COLUMNS[0]} to {COLUMNS[1]}")
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise ValueError(f"two columns are called {twice!r}: rename one")
    _check_rows(len(rows))
    for i, row in enumerate(rows, 1 + titled):
        if len(row) != len(header):
            raise ValueError(f"row {i:,} has {len(row)} cells, and the first row has {len(header)}")
    return header, rows, 1 + titled


def _choose(header: list[str], x: Sequence[str], y: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    for name in (*x, *y):
        if name not in header:
            raise ValueError(f"no column is called {name[:40]!r}; there are {', '.join(header)[:200]}")
    if both := [name for name in x if name in y]:
        raise ValueError(f"column {both[0]!r} is in x and in y: what it tells about itself has no limit")
    half = header[: len(header) // 2]
    chosen_x = list(dict.fromkeys(x)) or ([name for name in header if name not in y] if y else half)
    chosen_y = list(dict.fromkeys(y)) or [name for name in header if name not in chosen_x]
    if not chosen_x or not chosen_y:
        raise ValueError("no column is left for y: choose fewer for x" if chosen_x else "no column is left for x")
    return tuple(chosen_x), tuple(chosen_y)


def _column(name: str, cells: Sequence[str], first: int) -> Array:
    values = [_number(cell) for cell in cells]
    bad = [i for i, value in enumerate(values) if value is None or not math.isfinite(value)]
    if len(bad) > len(cells) / 2:
        raise ValueError(f"column {name} holds text such as {cells[bad[0]][:40]!r}: choose columns of numbers")
    if bad:
        row, cell = bad[0] + first, cells[bad[0]].strip()
        if not cell:
            raise ValueError(f"the cell of column {name} in row {row:,} is empty: fill it in or leave the row out")
        raise ValueError(
            f"the cell of column {name} in row {row:,} holds {cell[:40]!r}, which is no finite number: "
            "fill it in or leave the row out"
        )
    column = np.array(values, np.float64)
    _check_varies(name, column)
    return column


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _few(columns: int) -> int:
    return 2000 if columns <= 10 else 1000


def _check_rows(n: int) -> None:
    if not ROWS[0] <= n <= ROWS[1]:
        raise ValueError(f"the table has {n:,} rows: it must have {ROWS[0]} to {ROWS[1]:,}")


def _check_varies(name: str, column: Array) -> None:
    if np.ptp(column) == 0:
        raise ValueError(f"column {name} is constant: it shares no information")
