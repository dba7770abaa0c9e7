"""A run's journal: JSON lines that survive a kill, the first saying what run it is, one for each picture done."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

__all__ = ["Journal", "JournalError", "open_journal"]


class JournalError(ValueError):
    """A journal that this run cannot go on from: it is another's, or damaged."""


class Journal:
    """An open journal; each line is with the operating system before `add` returns."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def add(self, name: str, cosines: np.ndarray, error: str) -> None:
        """Append a picture's cosines (k,), exactly, or its error."""
        numbers = [float(f"{value:.9g}") for value in cosines]  # nine digits tell every float32 from its neighbours
        self.write({"name": name, "error": error} if error else {"name": name, "cosines": numbers})

    def write(self, line: Mapping[str, Any]) -> None:
        """Append a line."""
        self._file.write(json.dumps(line).encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def open_journal(path: Path, run: Mapping[str, Any]) -> tuple[Journal, list[tuple[np.ndarray, str]]]:
    """A journal to go on with, and the cosines (k,) or the error of each picture of `run["names"]` that is done.

    A last line that is torn is dropped. Raises `ValueError` for a journal of another run, naming what differs, and for
    a file that is none.
    """
    done: list[tuple[np.ndarray, str]] = []
    content = path.read_bytes() if path.is_file() else b""
    whole = content[: content.rfind(b"\n") + 1]
    if whole:
        head, *lines = whole.splitlines()
        _same(_parsed(head, path), run, path)
        if len(lines) > len(run["names"]):
            raise JournalError(f"{path} holds more pictures than this run has; delete it to begin anew")
        for name, line in zip(run["names"], lines, strict=False):
            done.append(_entry(_parsed(line, path), name, len(run["labels"]), path))
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("r+b" if content else "wb")
    file.truncate(len(whole))
    file.seek(len(whole))
    journal = Journal(file)
    if not whole:
        journal.write({"journal": "playground.clip.label_pictures", **run})
    return journal, done


def _parsed(line: bytes, path: Path) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise JournalError(f"{path} is no journal, or damaged ({error}); delete it to begin anew") from error
    if not isinstance(value, dict):
        raise JournalError(f"{path} is no journal; delete it to begin anew")
    return value


def _same(head: Mapping[str, Any], run: Mapping[str, Any], path: Path) -> None:
    if differs := [key for key in run if head.get(key) != run[key]]:
        said = "; ".join(_difference(key, head.get(key), run[key]) for key in differs)
        raise JournalError(f"{path} is the journal of another run: {said}; delete it to begin anew")


def _difference(key: str, there: object, here: object) -> str:
    if key != "names" or not isinstance(there, list) or not isinstance(here, list):
        return f"its {key} {'are' if key.endswith('s') else 'is'} {there!r}, not {here!r}"
    odd = sorted(set(map(str, there)) ^ set(map(str, here)))
    return f"its names are {len(there):,} pictures, not these {len(here):,}" + (f" (such as {odd[0]})" if odd else "")


def _entry(line: Mapping[str, Any], name: str, labels: int, path: Path) -> tuple[np.ndarray, str]:
    error, cosines = line.get("error", ""), np.array(line.get("cosines", []), np.float32)
    if line.get("name") != name or not isinstance(error, str) or (not error and cosines.shape != (labels,)):
        raise JournalError(f"{path} is damaged at {name}; delete it to begin anew")
    return cosines, error
