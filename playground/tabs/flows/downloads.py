"""Files of a run: samples as CSV, the run as JSON, the picture as PNG, the weights as safetensors."""

import csv
import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from playground import flows
from playground.figures.picture import panels_png
from playground.manager import ModelManager
from playground.tabs.files import place
from playground.tabs.flows.paths import Voyage
from playground.tabs.flows.training import Run

__all__ = ["FILES", "KINDS", "write", "write_paths", "write_reflowed"]

SAMPLES = 10_000
KEPT = 200  # paths of a round


def write(kind: str, manager: ModelManager, run: Run, folder: Path) -> str:
    """Make the file of a kind in `FILES` below `folder`; returns its path."""
    settings = run.settings
    suffix, make = FILES[kind]
    path = place(folder, f"{settings.key}-{settings.flow}{suffix}")
    path.write_bytes(make(manager, run))
    return str(path)


def _csv(manager: ModelManager, run: Run) -> bytes:
    with run.open(manager) as flow:
        points = flow.sample(SAMPLES, flows.generator(run.settings.seed))
        log_q = flow.log_prob(points).tolist()
    points = points.cpu()
    log_p = run.truth.density.log_prob(points)
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["x", "y", "log_q", *([] if log_p is None else ["log_p"])])
    columns = [points[:, 0].tolist(), points[:, 1].tolist(), log_q, *([] if log_p is None else [log_p.tolist()])]
    rows.writerows([f"{value:.6g}" for value in row] for row in zip(*columns, strict=True))
    return out.getvalue().encode()


def _json(_: ModelManager, run: Run) -> bytes:
    lane, settings = run.lane, run.settings
    pairs = lambda curve: [[int(x), round(float(y), 6)] for x, y in zip(*curve, strict=True)]  # noqa: E731
    record = {
        "density": settings.key,
        "flow": settings.flow,
        **settings.options,
        "seed": settings.seed,
        "steps": lane.step,
        "seconds": round(lane.seconds, 3),
        "nll": _finite(lane.nll),
        "kl": _finite(lane.kl),
        "mass": _finite(lane.mass),
        "entropy": run.truth.density.entropy,
        "link": settings.query(),
        "nll_curve": pairs(lane.nll_curve),
        "kl_curve": pairs(lane.kl_curve),
        **({} if lane.loss_curve is None else {"loss_curve": pairs(lane.loss_curve)}),
    }
    return (json.dumps(record, indent=2) + "\n").encode()


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None


def _png(_: ModelManager, run: Run) -> bytes:
    return panels_png(run.truth.log_p, run.lane.log_p, run.lane.points, extent=flows.EXTENT)


def _weights(manager: ModelManager, run: Run) -> bytes:
    with run.open(manager) as flow:
        return _zipped(flow, f"{run.settings.key}-{run.settings.flow}")


def _zipped(flow: flows.Flow, name: str) -> bytes:
    """A zip of the checkpoint folder, which `flows.load` reads."""
    out = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        flows.save(flow, folder)
        with zipfile.ZipFile(out, "w") as archive:
            for file in sorted(Path(folder).iterdir()):
                archive.write(file, f"{name}/{file.name}")
    return out.getvalue()


def write_reflowed(kept: Voyage, folder: Path) -> str:
    """The weights of the last round, as those of a run."""
    settings, last = kept.run.settings, kept.rounds[-1]
    name = f"{settings.key}-{settings.flow}-round-{last.number}"
    path = place(folder, f"{name}.zip")
    path.write_bytes(_zipped(last.flow, name))
    return str(path)


def write_paths(kept: Voyage, folder: Path) -> str:
    """What was measured of every round, and its paths: [[[x, y] a path] a time]."""
    settings = kept.run.settings
    rounds = [
        {
            "round": one.number,
            "straightness": one.journey.straightness,
            "path_over_chord": _finite(one.journey.length_ratio),
            "lines_crossing": one.journey.taught_crossing_pairs,
            "paths_crossing": one.journey.crossing_pairs,
            "path_energy": _finite(one.journey.energy),
            "w2_by_calls": one.journey.distances,
            "w2_of_two_samples": one.journey.floor,
            "kl": _finite(one.kl),
            "pace": one.pace,
            "paths": np.round(one.journey.paths[::2, :KEPT].astype(float), 4).tolist(),
        }
        for one in kept.rounds
    ]
    record = {
        "density": settings.key, "flow": settings.flow, **settings.options, "seed": settings.seed,
        "link": settings.query(), "w2_distilled": kept.one_distance, "rounds": rounds,
    }  # fmt: skip
    path = place(folder, f"{settings.key}-{settings.flow}-paths.json")
    path.write_text(json.dumps(record, allow_nan=False) + "\n", encoding="utf-8")
    return str(path)


FILES: dict[str, tuple[str, Callable[[ModelManager, Run], bytes]]] = {
    "csv": (".csv", _csv),
    "json": (".json", _json),
    "png": (".png", _png),
    "weights": (".zip", _weights),
}
KINDS = (*FILES, "paths", "reflowed")  # the last two are of the panel of paths
