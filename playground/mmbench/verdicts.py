"""What a judge said of the answers that rules left open: verdicts, their file, and how far two judges agree."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from playground.mmbench.questions import LETTERS

__all__ = ["Agreement", "By", "Verdict", "agreement", "append_verdict", "mark_of", "read_verdicts"]

By = Literal["rules", "judge", "fallback", "unparsed"]
MOST_REPLY = 2_000  # characters of a reply that are kept


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one row was taken to mean, and by whom: "rules", "judge", "fallback" (a draw, where the judge could not be
    read) or "unparsed". The letter is None where it means no option. `reply` is the judge's last, `tries` how often it
    was asked, `error` why the last try failed, "" where it did not; such a row is asked again. `judge` is its name, and
    `mark` tells the row that was judged: the answer, its options and the profile."""

    index: int
    letter: str | None
    by: By
    reply: str = ""
    tries: int = 0
    error: str = ""
    judge: str = ""
    mark: str = ""


@dataclass(frozen=True)
class Agreement:
    """How far two agree on the n rows of both: the share that they read alike, Cohen's kappa (1960), which is that
    share less what chance would give (None where chance gives 1), and the rows on which they differ."""

    n: int
    share: float
    kappa: float | None
    splits: tuple[int, ...]


def mark_of(prediction: str, options: Mapping[str, str], profile: str) -> str:
    """A hash of what was judged, so that the verdict on another model's answer is never taken for it."""
    told = json.dumps([profile, prediction, list(options.items())])
    return hashlib.blake2b(told.encode(), digest_size=6).hexdigest()


def agreement(a: Mapping[int, Verdict], b: Mapping[int, Verdict]) -> Agreement:
    """How far two sets of verdicts agree, letter by letter, on the rows of both; "no option" is a letter too.

    Raises `ValueError` where they share no row.
    """
    both = sorted(a.keys() & b.keys())
    if not both:
        raise ValueError("the two judges share no row")
    n = len(both)
    splits = tuple(index for index in both if a[index].letter != b[index].letter)
    share = 1 - len(splits) / n
    ours, theirs = (Counter(one[index].letter for index in both) for one in (a, b))
    chance = sum(ours[letter] * theirs[letter] for letter in ours) / n**2
    return Agreement(n, share, None if chance == 1 else (share - chance) / (1 - chance), splits)


def append_verdict(path: str | Path, verdict: Verdict) -> None:
    """Add a line to a file of verdicts; a last line that was cut off makes room for it. Raises `OSError`."""
    path = Path(path)
    path.touch()
    line = json.dumps(asdict(verdict), ensure_ascii=False).encode(errors="backslashreplace") + b"\n"
    with path.open("r+b") as file:
        end = file.seek(0, 2)
        if end:
            file.seek(end - 1)
            if file.read(1) != b"\n":
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
        file.seek(0, 2)
        file.write(line)


def read_verdicts(path: str | Path) -> dict[int, Verdict]:
    """The verdicts of a file by index, of several the last; {} where it is not there. A last line that was cut off is
    left out. Raises `ValueError` for any other that is no verdict."""
    path = Path(path)
    lines = path.read_bytes().split(b"\n")[:-1] if path.is_file() else []
    found = dict[int, Verdict]()
    for number, line in enumerate(lines, 1):
        try:
            one = _verdict(json.loads(line))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"{path.name}, line {number}, is no verdict") from error
        found[one.index] = one
    return found


def _verdict(cells: Mapping[str, Any]) -> Verdict:
    index, letter, by, tries = cells["index"], cells["letter"], cells["by"], cells.get("tries", 0)
    reply, error, judge, mark = (cells.get(name, "") for name in ("reply", "error", "judge", "mark"))
    texts = all(isinstance(one, str) for one in (reply, error, judge, mark))
    numbers = type(index) is int and type(tries) is int
    named = letter is None or (isinstance(letter, str) and len(letter) == 1 and letter in LETTERS)
    if not (texts and numbers and named and by in get_args(By)):
        raise ValueError("not the fields of a verdict")
    return Verdict(index, letter, by, reply, tries, error, judge, mark)
