"""Files of the BLIP tab: what the open panel shows, as CSV and JSON; and a set to clean, half its texts wrong."""

import csv
import io
import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from playground import world
from playground.tabs.blip import boot
from playground.tabs.blip.ask import Asked
from playground.tabs.blip.caption import Captioned
from playground.tabs.blip.clean import Cleaned
from playground.tabs.blip.match import Matched
from playground.tabs.files import place
from playground.world.figures import pictures_of

__all__ = ["example_set", "write"]

FIRST, PAIRS, SIDE = 900_800_000, 96, 128  # of the set to clean: the first seed, how many pairs, their pixels


def write(kind: str, panel: str, result: Any, folder: Path) -> str:
    """Make the file of a kind, csv or json, of what a panel shows and keeps; returns its path.

    Raises `ValueError` where the panel shows nothing yet.
    """
    name, head, rows = ("bootstrap", *boot.rows()) if panel == "boot" else _table(result)
    path = place(folder, f"{name}.{kind}")
    if kind == "json":
        told = [dict(zip(head, row, strict=True)) for row in rows]
        path.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    else:
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerows([head, *rows])
    return str(path)


def _table(result: Any) -> tuple[str, list[str], list[list[Any]]]:
    """A name, the columns and the rows of a panel's result."""
    if isinstance(result, Captioned):
        head = ["strategy", "seed", "caption", "mean_log_probability", "tokens", "log_probabilities"]
        return "captions", head, [
            [line.strategy, line.seed, line.text, line.written.score, " ".join(line.words),
             " ".join(f"{value:.4f}" for value in line.written.log_probs)]
            for line in result.lines
        ]  # fmt: skip
    if isinstance(result, Matched):
        found = result.matches
        rows = zip(result.settings.said, found.probability[0].tolist(), found.cosine[0].tolist(), strict=True)
        return "matches", ["text", "itm_probability", "itc_cosine"], [list(row) for row in rows]
    if isinstance(result, Asked):
        return "answers", ["question", "answer", "probability"], [
            [question, one.text, one.probability]
            for question, own in zip(result.questions, result.answers, strict=True)
            for one in own
        ]  # fmt: skip
    if isinstance(result, Cleaned):
        rows_of = [asdict(one) for one in result.scored]
        return "scores", list(rows_of[0]), [list(row.values()) for row in rows_of]
    raise ValueError("there is nothing to save in this panel yet")


def example_set(folder: Path) -> str:
    """A zip of still lifes with the texts of a noisy web, and what is true; the same bytes at each call."""
    from playground.blip.noisy_web import noisy

    seeds = range(FIRST, FIRST + PAIRS)
    scenes = [world.sample(seed) for seed in seeds]
    table = io.StringIO()
    lines = csv.writer(table, lineterminator="\n")
    lines.writerow(["uid", "image", "text", "truth", "kind", "description"])
    for pair, scene in zip(noisy(seeds, 0), scenes, strict=True):
        lines.writerow([
            str(pair.picture), f"{pair.picture}.png", pair.text, int(pair.kind == "true"), pair.kind,
            world.describe(scene),
        ])  # fmt: skip
    path = place(folder, "noisy-web.zip")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("captions.csv"), table.getvalue())
        for seed, picture in zip(seeds, pictures_of(scenes, SIDE), strict=True):
            out = io.BytesIO()
            picture.save(out, format="PNG")
            archive.writestr(zipfile.ZipInfo(f"{seed}.png"), out.getvalue())
    return str(path)
