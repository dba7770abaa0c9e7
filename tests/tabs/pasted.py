"""Programs of the Python panels, run as if pasted into a file."""

from pathlib import Path
from typing import Any

import pytest


def executed(program: str) -> dict[str, Any]:
    """The names that the program leaves."""
    left: dict[str, Any] = {}
    exec(compile(program, "pasted.py", "exec"), left)
    return left


def drawn(program: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The same of one that is run in `folder` and leaves a figure there."""
    monkeypatch.chdir(folder)
    left = executed(program)
    assert (folder / "picture.html").stat().st_size > 50_000
    return left
