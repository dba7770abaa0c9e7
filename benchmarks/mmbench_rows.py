"""How long does it take to read a TSV of 1,000,000 rows without pictures, and to score as many predictions?

The set is 250,000 questions of 4 options in 4 rotations, as text alone; each step is a fresh process on one core.

    uv run benchmarks/mmbench_rows.py --out mmbench_rows.json

Floors: 60 s of one core and 2 GB for reading the set as a stream; scoring is measured, and has none.
"""

import argparse
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

from playground.mmbench import L3, Question, circular, l2_of, read_predictions, read_tsv, score

SECONDS, BYTES = 60.0, 2e9  # the floors of reading
WORDS = ("rabbit", "teddy bear", "kite", "harbour", "lamp", "bridge", "violin", "meadow", "clock", "stairs")


def write(folder: Path, number: int) -> None:
    draw = random.Random(0)
    base = (
        Question(i, f"What does picture {i} show?", tuple(zip("ABCD", draw.sample(WORDS, 4), strict=True)),
                 draw.choice("ABCD"), category=draw.choice(L3), split=draw.choice(("dev", "test")))
        for i in range(number)
    )  # fmt: skip
    with (
        (folder / "questions.tsv").open("w", encoding="utf-8", newline="") as first,
        (folder / "predictions.csv").open("w", encoding="utf-8", newline="") as second,
    ):
        table, said = csv.writer(first, delimiter="\t", lineterminator="\n"), csv.writer(second, lineterminator="\n")
        table.writerow(["index", "question", "hint", *"ABCD", "answer", "category", "l2-category", "split"])
        said.writerow(["index", "prediction"])
        for one in circular(base):
            texts = [text for _, text in one.options]
            table.writerow(
                [one.index, one.question, "", *texts, one.answer, one.category, l2_of(one.category), one.split]
            )
            said.writerow([one.index, draw.choice((one.answer, "I cannot tell.", "The answer is B."))])


def measure(folder: Path, what: str) -> None:
    start, problems = time.process_time(), []
    if what == "read":
        rows = sum(1 for _ in read_tsv(folder / "questions.tsv", problems=problems))
    else:
        predictions = read_predictions(folder / "predictions.csv")
        report = score(predictions, read_tsv(folder / "questions.tsv", problems=problems))
        rows = len(report.rows)
    print(json.dumps({
        "what": what, "rows": rows, "problems": len(problems), "seconds": round(time.process_time() - start, 2),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--questions", type=int, default=250_000)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--what", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.folder:
        measure(given.folder, given.what)
        return
    found = []
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), given.questions)
        for what in ("read", "score"):
            told = subprocess.run(
                [sys.executable, __file__, "--folder", folder, "--what", what],
                check=True, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
            )  # fmt: skip
            found.append(json.loads(told.stdout))
            print(told.stdout, end="")
    if given.out:
        facts = {"date": date.today().isoformat(), "device": platform.processor(), "python": platform.python_version()}
        given.out.write_text(json.dumps(facts | {"measured": found}, indent=2) + "\n")
    read = found[0]
    if read["seconds"] > SECONDS or read["peak_bytes"] > BYTES:
        sys.exit("a floor is missed")


if __name__ == "__main__":
    main()
