"""Where a tab's downloads are written, and tables among them as CSV or JSON."""

import csv
import io
import json
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["place", "write_table"]

KEEP = 3600  # seconds


def place(folder: Path, name: str) -> Path:
    """A new file's path below `folder`; what is over an hour old there is removed.

    Gradio takes a copy of the file as soon as the handler has returned.
    """
    for old in folder.iterdir():
        if time.time() - old.stat().st_mtime > KEEP:
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(dir=folder)) / name


def write_table(
    kind: str, path: Path, columns: Sequence[str], lines: Iterable[Sequence[Any]], head: Mapping[str, Any]
) -> str:
    """Write rows as "csv", or with what stands above them as "json"; returns the path."""
    if kind == "csv":
        out = io.StringIO()
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(columns)
        rows.writerows([_cell(value) for value in line] for line in lines)
        path.write_text(out.getvalue(), encoding="utf-8")
    else:
        record = {**head, "columns": list(columns), "rows": list(lines)}
        path.write_text(json.dumps(_plain(record), indent=1, allow_nan=False, ensure_ascii=False) + "\n", "utf-8")
    return str(path)


def _cell(value: Any) -> str:
    return f"{value:.9g}" if isinstance(value, float | np.floating) else str(value)


def _plain(value: Any) -> Any:
    """What JSON knows: None for a number that is not finite (diffusers has minus infinity in some configs)."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    value = value.item() if isinstance(value, np.generic) else value
    return value if not isinstance(value, float) or np.isfinite(value) else None
