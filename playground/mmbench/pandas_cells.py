"""Cells as pandas reads a table's column, for the profile of a toolkit that reads its tables by pandas."""

import re
from collections.abc import Sequence

__all__ = ["EMPTY", "as_pandas"]

NOT_A_NUMBER = "#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|<NA>|N/A|NA|NULL|NaN|None|n/a|nan|null"
EMPTY = frozenset(("", *NOT_A_NUMBER.split("|")))  # cells that pandas, and so VLMEvalKit, takes for empty
WHOLE = re.compile(r"\s*[+-]?[0-9]{1,18}\s*")
BROKEN = r"(?:[0-9]*\.[0-9]+|[0-9]+\.|[0-9]+(?=[eE]))(?:[eE][+-]?[0-9]+)?"  # with a point or an exponent
NUMBER = re.compile(rf"{WHOLE.pattern}|\s*[+-]?{BROKEN}\s*")


def as_pandas(column: Sequence[str]) -> Sequence[str]:
    """A column's cells as str() of what pandas.read_csv makes of them.

    Where every cell that is not empty is a number, all are numbers: 007 is 7, and where one of them is no whole number,
    or one cell is empty, 3 is 3.0. A column with any other text is left as it is. Not repeated: whole numbers of more
    than 18 digits (they count as text here), and that a very long file is read in pieces, each with its own kind.
    """
    told = [cell for cell in column if cell not in EMPTY]
    if not told or not all(map(NUMBER.fullmatch, told)):
        return column
    whole = len(told) == len(column) and all(map(WHOLE.fullmatch, told))
    return [cell if cell in EMPTY else str(int(cell) if whole else float(cell)) for cell in column]
