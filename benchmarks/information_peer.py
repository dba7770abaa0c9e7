"""The tasks of `benchmark-mi` (Czyz et al., Beyond Normal, 2023) and its estimators, in the environment that it needs.

`representations_information.py --peer` runs this file there, by the command `COMMAND`; it writes the samples as arrays
for ours to read and prints the peer's estimates as JSON, a line each, as soon as they are there.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["COMMAND", "TASKS"]

# Its own resolve is broken (an equinox of 2023 with a jax of today), and it must not enter the app's environment.
PINS = ("benchmark-mi==0.1.3", "jax==0.4.20", "jaxlib==0.4.20", "scipy<1.13", "ml-dtypes<0.4", "scikit-learn<1.5",
        "setuptools<80")  # fmt: skip
COMMAND = [
    "uv",
    "run",
    "--isolated",
    "--no-project",
    "--python",
    "3.11",
    *(part for pin in PINS for part in ("--with", pin)),
]
STEPS = 3000  # at most, of its networks; they stop early by themselves
TASKS = (
    "1v1-normal-0.75",
    "half_cube-1v1-normal-0.75",
    "wiggly-1v1-normal-0.75",
    "1v1-additive-0.1",
    "multinormal-dense-5-5-0.5",
    "multinormal-sparse-5-5-2-2.0",
)


def main() -> None:
    """Draw each task's samples, save them and let the peer's estimators read them, one line of JSON an estimate."""
    import bmi
    import numpy as np

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the samples go")
    parser.add_argument("--points", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--fast", action="store_true", help="only the estimators without a network")
    options = parser.parse_args()
    estimators: dict[str, Callable[[], Any]] = {
        "CCA": bmi.estimators.CCAMutualInformationEstimator,
        "KSG-5": lambda: bmi.estimators.KSGEnsembleFirstEstimator(neighborhoods=(5,)),
    }
    if not options.fast:
        limit = {"max_n_steps": STEPS, "verbose": False}
        estimators |= {
            "bmi InfoNCE": lambda: bmi.estimators.InfoNCEEstimator(**limit),
            "bmi MINE": lambda: bmi.estimators.MINEEstimator(**limit),
        }
    for name in TASKS:
        task = bmi.benchmark.BENCHMARK_TASKS[name]
        x, y = (np.asarray(one) for one in task.sample(options.points, options.seed))
        np.savez(options.folder / f"{name}.npz", x=x, y=y)
        for label, make in estimators.items():
            begun = time.process_time()
            value = float(make().estimate(x, y))
            cell = {"task": name, "truth": float(task.mutual_information), "estimator": label, "nats": value}
            print(json.dumps({**cell, "cpu_seconds": time.process_time() - begun}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
