"""Files of the CLIP tab: what the open panel shows, as CSV and JSON; and a folder to label."""

import csv
import io
import itertools
import json
import zipfile
from pathlib import Path
from typing import Any

from playground import world
from playground.tabs.clip import folder as labelled
from playground.tabs.clip.folder import Batch
from playground.tabs.clip.search import Indexed
from playground.tabs.clip.why import Learned
from playground.tabs.clip.zero_shot import Shown
from playground.tabs.files import place
from playground.world.figures import pictures_of

__all__ = ["example_set", "write"]

FIRST, EACH, SIDE = 900_700_000, 6, 128  # of the still lifes to label: the first seed, how many a label, their pixels
LABELLED = (("red", "sphere"), ("yellow", "sphere"), ("yellow", "cube"), ("blue", "torus"), ("gray", "cylinder"))


def write(kind: str, panel: str, result: Any, folder: Path) -> str:
    """Make the file of a kind, csv or json, of what a panel keeps; returns its path.

    Raises `ValueError` where the panel shows nothing yet.
    """
    if isinstance(result, Batch) and result.results:
        return labelled.write(kind, result, folder)
    columns, lines = _record(result)
    path = place(folder, f"clip-{panel.replace('_', '-')}.{kind}")
    if kind == "csv":
        out = io.StringIO()
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(columns)
        rows.writerows(lines)
        path.write_text(out.getvalue(), encoding="utf-8")
    else:
        record = {"panel": panel, "link": result.settings.query(panel), "columns": columns, "rows": lines}
        path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return str(path)


def _record(result: Any) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows."""
    if isinstance(result, Shown):
        rating, settings = result.rating, result.settings
        alone = [None] * len(settings.names) if rating.independent is None else rating.independent[0].tolist()
        rows = [
            [label, cosine, share, one, *each]
            for label, cosine, share, one, each in zip(
                settings.names, rating.cosines[0].tolist(), rating.probabilities[0].tolist(), alone,
                rating.by_template[0].tolist(), strict=False,
            )
        ]  # fmt: skip
        return ["label", "cosine", "probability", "independent", *settings.sentences], rows
    if isinstance(result, Indexed):
        dimensions = [f"v{i}" for i in range(result.vectors.shape[1])]
        rows = [[n, t, *v.tolist()] for n, t, v in zip(result.names, result.texts, result.vectors, strict=True)]
        return ["picture", "text", *dimensions], rows
    if isinstance(result, Learned):
        glimpse = result.glimpse
        measured = {int(step): i for i, step in enumerate(glimpse.measured)}
        rows = [
            [i + 1, float(glimpse.loss[i]), float(glimpse.temperature[i])]
            + [float(skill.accuracy[measured[i + 1]]) if i + 1 in measured else None for skill in glimpse.skills]
            for i in range(glimpse.step)
        ]
        return ["step", "loss", "temperature", *(skill.name for skill in glimpse.skills)], rows
    raise ValueError("there is nothing to save in this panel yet")


def example_set(folder: Path) -> str:
    """A zip of still lifes in folders that are called as the usual labels; the same bytes at each call."""
    scenes: dict[str, list[world.Scene]] = {f"a {color} {shape}": [] for color, shape in LABELLED}
    for seed in itertools.count(FIRST):
        scene = world.sample(seed, objects=1)
        meant = scenes.get(f"a {scene.objects[0].color} {scene.objects[0].shape}", [])
        if len(meant) < EACH:
            meant.append(scene)
        if all(len(some) == EACH for some in scenes.values()):
            break
    scenes["two objects"] = [world.sample(FIRST + i, objects=2) for i in range(EACH)]
    path = place(folder, "still-lifes.zip")
    with zipfile.ZipFile(path, "w") as archive:
        for label, some in scenes.items():
            for scene, picture in zip(some, pictures_of(some, SIDE), strict=True):
                out = io.BytesIO()
                picture.save(out, format="PNG")
                archive.writestr(zipfile.ZipInfo(f"{label}/{scene.seed}.png"), out.getvalue())
    return str(path)
