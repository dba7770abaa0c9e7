"""How near do our estimators of mutual information come to truths in closed form, and beside `benchmark-mi`?

Without --peer: pairs of correlated Gaussians of 1 to 20 dimensions, --seconds CPU-seconds of training for each
estimator on one thread; a reading is the median over 100 fresh batches, with its quartiles and whether it is unstable.
With --peer: the same 5,000 samples for benchmark-mi, in an environment of its own (information_peer.py), and for ours
as rows of a table, standardised and as normal scores: half train, a quarter chooses, a quarter is read.

    uv run python benchmarks/representations_information.py --out information.json
    uv run python benchmarks/representations_information.py --peer --out information_peer.json

Goals after 20 CPU-s: up to 5 dimensions and 2 nats, InfoNCE, NWJ, MINE and SMILE within .15 nats or a tenth; 10
dimensions and 1.44 nats within .2; 20 and 2.88 within .45; from 5 nats on SMILE within a fifth, InfoNCE below log N.
Goals beside the peer: within .06 on tasks of 1 x 1 below .5 nats, within .15 on two pairs in 5 x 5.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from information_peer import COMMAND

from playground.representations import ESTIMATORS, Pairs, gaussian_information, pairs
from playground.representations.estimate import estimate
from playground.representations.samples import samples

Cell = dict[str, Any]
# (dimensions, nats)
TRUTHS = [(d, gaussian_information(rho, d)) for d in (1, 2, 5, 10, 20) for rho in (0.5, 0.9)]
HIDDEN, RATE = 128, 2e-3  # as `race` has them, and the app
PEER = Path(__file__).with_name("information_peer.py")


def cell_of(name: str, train: Pairs, truth: float, seconds: float, **options: Any) -> Cell:
    """One estimator's training, by CPU time, and its last reading."""
    *_, end = estimate(train, name, seconds=seconds, hidden=HIDDEN, lr=RATE, clock=time.process_time, **options)
    assert end.reading is not None
    one = end.reading
    return {
        "estimator": name, "truth": truth, "nats": one.median, "low": one.low, "high": one.high,
        "unstable": one.unstable, "ceiling": end.ceiling, "steps": end.step, "cpu_seconds": end.seconds,
    }  # fmt: skip


def ours(seconds: float, batch: int, seed: int) -> Iterator[Cell]:
    """Every estimator on every truth."""
    for dim, truth in TRUTHS:
        for name in ESTIMATORS:
            found = cell_of(name, pairs("gaussian", truth, dim), truth, seconds, batch=batch, seed=seed)
            yield {"task": f"{dim} dimension(s)", **found}


def beside(seconds: float, batch: int, seed: int, folder: Path, fast: bool) -> Iterator[Cell]:
    """The peer's cells, and ours on the samples that it left."""
    command = [*COMMAND, "python", str(PEER), str(folder), *(["--fast"] if fast else [])]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    cells = [json.loads(line) for line in answer.stdout.splitlines() if line.startswith("{")]
    yield from cells
    for name, truth in dict.fromkeys((cell["task"], cell["truth"]) for cell in cells):
        with np.load(folder / f"{name}.npz") as arrays:
            table = samples(arrays["x"], arrays["y"])
        for kind, rows in (("standardised", table.scaled()), ("normal scores", table.ranked())):
            parts = rows.parts(seed)
            for estimator in ("info_nce", "smile"):
                found = cell_of(
                    estimator, parts.train, truth, seconds, batch=batch, seed=seed, held=parts.held, check=parts.check
                )
                yield {"task": name, **found, "estimator": f"{estimator}, {kind}"}


def table_of(cells: Sequence[Cell]) -> str:
    """Markdown: a row for each task, a column for each estimator; `*` marks what is unstable."""
    names = list(dict.fromkeys(cell["estimator"] for cell in cells))
    lines = [["task", "truth", *names], ["---"] * (len(names) + 2)]
    for task, truth in dict.fromkeys((cell["task"], cell["truth"]) for cell in cells):
        at = {cell["estimator"]: cell for cell in cells if (cell["task"], cell["truth"]) == (task, truth)}
        values = [f"{at[n]['nats']:.2f}{'*' if at[n].get('unstable') else ''}" if n in at else "" for n in names]
        lines.append([task, f"{truth:.3f}", *values])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Measure, writing after each cell, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="CPU-seconds of training")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peer", action="store_true", help="beside benchmark-mi, on its samples")
    parser.add_argument("--fast", action="store_true", help="of the peer only what has no network")
    parser.add_argument("--out", type=Path, default=Path("information.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    result: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(), "cores": os.cpu_count(), "torch": torch.__version__,
        "seconds": options.seconds, "batch": options.batch, "seed": options.seed, "cells": [],
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        cells = (
            beside(options.seconds, options.batch, options.seed, Path(folder), options.fast)
            if options.peer
            else ours(options.seconds, options.batch, options.seed)
        )
        for cell in cells:
            result["cells"].append(cell)
            options.out.write_text(json.dumps(result, indent=1) + "\n")
            print(json.dumps(cell), file=sys.stderr, flush=True)
    print(table_of(result["cells"]))


if __name__ == "__main__":
    main()
