"""Files of the CLIP tab: what the open panel shows, as CSV and JSON; and sample photographs."""

import csv
import io
import itertools
import json
from pathlib import Path
from typing import Any

from PIL import Image

from playground.tabs.clip.search import Indexed
from playground.tabs.clip.settings import Settings
from playground.tabs.clip.zero_shot import Shown
from playground.tabs.files import place

__all__ = ["photograph", "write"]

# Of scikit-image's samples those that its package brings; the others it would fetch.
PHOTOGRAPHS = ("chelsea", "coffee", "astronaut", "rocket")
_turn = itertools.count()


def write(kind: str, panel: str, settings: Settings, rated: Any, indexed: Any, folder: Path) -> str:
    """Make the file of a kind, csv or json; returns its path. Raises `ValueError` where the panel shows nothing yet."""
    columns, lines = _record(panel, rated, indexed)
    path = place(folder, f"clip-{panel.replace('_', '-')}.{kind}")
    if kind == "csv":
        out = io.StringIO()
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(columns)
        rows.writerows(lines)
        path.write_text(out.getvalue(), encoding="utf-8")
    else:
        record = {"panel": panel, "link": settings.query(panel), "columns": columns, "rows": lines}
        path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return str(path)


def _record(panel: str, rated: Any, indexed: Any) -> tuple[list[str], list[list[Any]]]:
    if panel == "zero_shot" and isinstance(rated, Shown):
        rating = rated.rating
        alone = [None] * len(rated.labels) if rating.independent is None else rating.independent[0].tolist()
        rows = [
            [label, cosine, share, one, *each]
            for label, cosine, share, one, each in zip(
                rated.labels, rating.cosines[0].tolist(), rating.probabilities[0].tolist(), alone,
                rating.by_template[0].tolist(), strict=False,
            )
        ]  # fmt: skip
        return ["label", "cosine", "probability", "independent", *rated.templates], rows
    if panel == "search" and isinstance(indexed, Indexed):
        dimensions = [f"v{i}" for i in range(indexed.vectors.shape[1])]
        rows = [[n, t, *v.tolist()] for n, t, v in zip(indexed.names, indexed.texts, indexed.vectors, strict=True)]
        return ["picture", "text", *dimensions], rows
    raise ValueError("there is nothing to save in this panel yet")


def photograph(folder: Path) -> str:
    """The next sample photograph of scikit-image's, as a file."""
    from skimage import data  # a second, only where it is asked for

    name = PHOTOGRAPHS[next(_turn) % len(PHOTOGRAPHS)]
    path = place(folder, f"{name}.png")
    Image.fromarray(getattr(data, name)()).save(path)
    return str(path)
