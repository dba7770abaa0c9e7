"""Files of the Diffusion tab: what the open panel shows, as CSV and as JSON."""

import csv
import io
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from playground import diffusion
from playground.tabs.diffusion.settings import Settings, row_key

__all__ = ["KINDS", "write"]

KINDS = ("csv", "json")
KEEP = 3600  # seconds


def write(kind: str, panel: str, settings: Settings, result: Any, folder: Path) -> str:
    """Make the file of a kind in `KINDS` below `folder`; returns its path. What is over an hour old there is removed.

    `result` is what the panel's handler gave last; Gradio takes a copy of the file as soon as the handler has returned.
    """
    for old in folder.iterdir():
        if time.time() - old.stat().st_mtime > KEEP:
            shutil.rmtree(old, ignore_errors=True)
    columns, lines, extra = RECORDS[panel](settings, result)
    path = Path(tempfile.mkdtemp(dir=folder)) / f"{panel}-{settings.target}.{kind}"
    if kind == "csv":
        out = io.StringIO()
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(columns)
        rows.writerows([_cell(value) for value in line] for line in lines)
        path.write_text(out.getvalue(), encoding="utf-8")
    else:
        record = {"panel": panel, "link": settings.query(panel), **extra, "columns": columns}
        record["rows"] = [[_plain(value) for value in line] for line in lines]
        path.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return str(path)


Record = tuple[list[str], Iterable[Sequence[Any]], dict[str, Any]]  # columns, lines, and what stands above them in JSON


def _curve(_: Settings, bundle: diffusion.Bundle) -> Record:
    """Every state of every row."""
    lines = [
        [row_key(path.row), j, i, path.sigmas[i], path.scales[i], *path.at(0)[i, j], *path.x_hat[i, j]]
        for path in bundle.paths
        for j in range(path.x_hat.shape[1])
        for i in range(len(path.sigmas))
    ]
    extra = {
        "mode": bundle.mode,
        "deviations": {row_key(path.row): path.deviation for path in bundle.paths},
        "calls": {row_key(path.row): path.nfe for path in bundle.paths},
    }
    return ["row", "noise", "step", "sigma", "s", "x", "y", "x_over_s", "y_over_s"], lines, extra


def _compare(settings: Settings, _: Any) -> Record:
    """Every curve over the noise level; in JSON the numbers at the chosen one, too."""
    names = ("c_skip", "c_out", "c_in", "c_noise", "weight", "effective_weight", "density")
    lines = []
    for row in settings.rows:
        curves = diffusion.profile(row, steps=settings.steps)
        lines += [
            [row_key(row), *values]
            for values in zip(curves.levels, *(getattr(curves, name) for name in names), strict=True)
        ]
    extra = {
        "sigma": settings.sigma,
        "numbers": {
            row_key(row): {name: _plain(value) for name, value in diffusion.row_numbers(row, settings.sigma).items()}
            for row in settings.rows
        },
        "steps": {
            row_key(row): diffusion.profile(row, steps=settings.steps).placement.tolist() for row in settings.rows
        },
    }
    return ["row", "sigma", *names], lines, extra


RECORDS: dict[str, Callable[[Settings, Any], Record]] = {"curve": _curve, "compare": _compare}


def _cell(value: Any) -> str:
    return f"{value:.9g}" if isinstance(value, float | np.floating) else str(value)


def _plain(value: Any) -> Any:
    """A number as JSON knows it: None for what is not finite."""
    value = value.item() if isinstance(value, np.generic) else value
    return value if not isinstance(value, float) or np.isfinite(value) else None
