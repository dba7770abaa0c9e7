"""Small sets of pictures and texts: pictures of noise, tables beside them, a folder of both."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Rows = Sequence[Mapping[str, Any]]


def noise_pictures(n: int, seed: int | np.random.Generator = 0, *, width: int = 50) -> list[Image.Image]:
    """Pictures of this width, all 30 high."""
    noise = np.random.default_rng(seed).integers(0, 255, (n, 30, width, 3), dtype=np.uint8)
    return [Image.fromarray(one) for one in noise]


def write_csv(path: Path, rows: Rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_jsonl(path: Path, rows: Rows) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def lay_set(folder: Path, rows: Rows, *, damaged: int) -> Path:
    """A picture of noise for each row, 40 x 30, that of row `damaged` being none, and captions.jsonl of all rows."""
    draw = np.random.default_rng(0)
    for row in rows:
        (picture,) = noise_pictures(1, draw, width=40)
        picture.save(folder / row["image"])
    (folder / rows[damaged]["image"]).write_bytes(b"no picture")
    write_jsonl(folder / "captions.jsonl", rows)
    return folder
