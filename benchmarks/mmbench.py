"""How long does it take to score 20,000 predictions, with the pictures in the questions' TSV, and in how much memory?

A set is written from a seed: 5,000 questions of 4 options in 4 rotations, every row with its own picture in base64, as
the oldest files have them (`legacy`), and a file of answers in the words of models. Then a fresh process on one core
reads both, scores, and writes the report and both sheets.

    uv run benchmarks/mmbench.py --out mmbench.json

Floors: 10 s of the clock and 1 GB of memory at its peak.
"""

import argparse
import base64
import csv
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from playground.mmbench import L3, Question, circular, l2_of, read_predictions, read_tsv, score, write_sheet
from playground.mmbench.xlsx import write_xlsx

QUESTIONS, PICTURE = 5_000, 30_000  # bytes of a picture: about MMBench's mean
SECONDS, BYTES = 10.0, 1e9  # the floors
WORDS = ("rabbit", "teddy bear", "kite", "harbour", "lamp", "bridge", "violin", "meadow", "clock", "stairs")
SAID = (
    "{letter}", "{letter}. {text}", "({letter})", "The answer is {letter}.", "It is the {text}.", "I cannot tell.",
    "The correct answer is **{letter}**. The picture shows a {text}, and none of the others can be seen in it.",
    "<think>It could be A, or B. The {text} is visible.</think>\n\n{letter}", "答案是{letter}", "{text}",
)  # fmt: skip


def write_set(folder: Path, kind: str) -> None:
    draw = random.Random(0)
    questions = [
        Question(i, f"What does picture {i} show?", tuple(zip("ABCD", draw.sample(WORDS, 4), strict=True)),
                 draw.choice("ABCD"), category=draw.choice(L3), split=draw.choice(("dev", "test")))
        for i in range(QUESTIONS)
    ]  # fmt: skip
    rows = list(circular(questions))
    said = []
    head = ["index", "question", "hint", *"ABCD", "answer", "category", "image", "l2-category", "split"]
    with (folder / "questions.tsv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow(head)
        for one in rows:
            image = base64.b64encode(b"\xff\xd8\xff" + draw.randbytes(PICTURE) + b"\xff\xd9").decode()
            texts = dict(one.options)
            facts = [one.answer, one.category, image, l2_of(one.category), one.split]
            table.writerow([one.index, one.question, "", *texts.values(), *facts])
            letter = one.answer if draw.random() < 0.8 else draw.choice("ABCD")
            answer = draw.choice(SAID).format(letter=letter, text=texts[letter or "A"])
            said.append([one.index, answer, *texts.values(), one.category, one.split])
    lines = [["index", "prediction", *"ABCD", "category", "split"], *said]
    if kind == "xlsx":
        write_xlsx(folder / "predictions.xlsx", lines)
    else:
        with (folder / f"predictions.{kind}").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter="\t" if kind == "tsv" else ",").writerows(lines)


def measure(folder: Path, kind: str, profile: str) -> None:
    start = time.perf_counter()
    predictions = read_predictions(folder / f"predictions.{kind}")
    read = time.perf_counter()
    report = score(predictions, read_tsv(folder / "questions.tsv", pictures=False), profile=profile)
    scored = time.perf_counter()
    (folder / "report.md").write_text(report.markdown())
    (folder / "report.json").write_text(report.to_json())
    write_sheet(folder / "acc.xlsx", report.sheet())
    write_sheet(folder / "questions.xlsx", report.questions())
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    found = {
        "kind": kind, "profile": profile, "rows": len(report.rows), "seconds": round(seconds, 2),
        "reading predictions": round(read - start, 2), "scoring": round(scored - read, 2),
        "writing": round(seconds - (scored - start), 2), "MB at peak": round(peak / 1e6),
        "TSV MB": round((folder / "questions.tsv").stat().st_size / 1e6), "found": report.extraction_success,
        "circular": report.overall.circular.value, "vanilla": report.overall.vanilla.value,
        "ok": seconds <= SECONDS and peak <= BYTES,
    }  # fmt: skip
    print(json.dumps(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("mmbench.json"))
    parser.add_argument("--one", nargs=3, metavar=("FOLDER", "KIND", "PROFILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure(Path(options.one[0]), *options.one[1:])
        return
    cells = []
    for kind, profile in (("xlsx", "robust"), ("tsv", "robust"), ("xlsx", "vlmevalkit")):
        with tempfile.TemporaryDirectory() as folder:
            write_set(Path(folder), kind)
            command = [sys.executable, __file__, "--one", folder, kind, profile]
            one_core = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
            said = subprocess.run(command, check=True, capture_output=True, text=True, env=one_core).stdout
        print(said, end="")
        cells.append(json.loads(said))
    machine = {"date": date.today().isoformat(), "processor": platform.processor(), "python": platform.python_version()}
    options.out.write_text(json.dumps({**machine, "cells": cells}, indent=1))
    sys.exit(not all(cell["ok"] for cell in cells))


if __name__ == "__main__":
    main()
