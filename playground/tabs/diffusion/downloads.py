"""Files of the Diffusion tab: what the open panel shows, as CSV and as JSON."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from playground import diffusion
from playground.diffusion import images
from playground.tabs.diffusion.arena import Contest
from playground.tabs.diffusion.dial import Dial
from playground.tabs.diffusion.heat import Heated
from playground.tabs.diffusion.learned import Trained
from playground.tabs.diffusion.settings import Settings, mixture, row_key
from playground.tabs.files import place, write_table

__all__ = ["KINDS", "write", "write_solvers"]

KINDS = ("csv", "json")


def write(kind: str, panel: str, settings: Settings, result: Any, folder: Path) -> str:
    """Make the file of a kind in `KINDS` below `folder`; returns its path. `result`: what the panel's handler gave."""
    columns, lines, extra = RECORDS[panel](settings, result)
    path = place(folder, f"{panel}-{settings.target}.{kind}")
    return write_table(kind, path, columns, lines, {"panel": panel, "link": settings.query(panel), **extra})


def write_solvers(contest: Contest, folder: Path) -> str:
    """The newest distilled solvers, one JSON file: a list of what `diffusion.LinearSolver.from_json` reads."""
    path = place(folder, f"solvers-{contest.about[0]}.json")
    solvers = [json.loads(solver.to_json()) for solver, _ in contest.distilled]
    path.write_text(json.dumps(solvers, indent=1, allow_nan=False) + "\n", encoding="utf-8")
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
        "numbers": {row_key(row): diffusion.row_numbers(row, settings.sigma) for row in settings.rows},
        "steps": {
            row_key(row): diffusion.profile(row, steps=settings.steps).placement.tolist() for row in settings.rows
        },
    }
    return ["row", "sigma", *names], lines, extra


def _arena(settings: Settings, contest: Contest) -> Record:
    """Every dot; in JSON the distilled solvers with all their numbers, too."""
    lines = [[line.solver, line.grid, dot.nfe, dot.rms, dot.median] for line in contest.lines for dot in line.dots]
    lines += [[solver.label, "its own", dot.nfe, dot.rms, dot.median] for solver, dot in contest.distilled]
    if contest.hand is not None:
        lines.append([contest.written[1], contest.written[0], contest.hand.nfe, contest.hand.rms, contest.hand.median])
    extra = {
        "target": settings.target,
        "error": "RMS in the data's standard deviations, against the exact ODE from the same 256 noises",
        "distilled": [json.loads(solver.to_json()) for solver, _ in contest.distilled],
    }
    return ["solver", "grid", "calls", "rms", "median"], lines, extra


def _dial(settings: Settings, dialled: Dial) -> Record:
    """Every histogram with the exact density at the middle of its bars; in JSON the road from DDPM to the ODE, too."""
    run = dialled.run
    target, lines = mixture(*settings.distribution), []
    for look in run.marginals:
        middle = (look.edges[1:] + look.edges[:-1]) / 2
        exact, _ = diffusion.marginal(target, middle, look.sigma)
        lines += [[look.sigma, *values] for values in zip(middle, look.histogram, exact, strict=True)]
    extra = {
        "dial": settings.dial,
        "strength": settings.strength,
        "calls": run.nfe,
        "chance": run.chance,
        "distances": {f"{look.sigma:.6g}": look.distance for look in run.marginals},
        "denoiser": settings.denoiser,
        "road": [
            {
                "eta": one.eta, "steps": one.steps, "calls": one.nfe, "spread": one.spread, "distance": one.distance,
                "chance": one.chance, "paths": np.round(one.paths, 5).tolist(),
            }
            for one in dialled.milestones
        ],
    }  # fmt: skip
    return ["sigma", "x", "samples", "exact"], lines, extra


def _heat(_: Settings, heated: Heated) -> Record:
    """The error at every level; in JSON the continuity equation in numbers, too."""
    lines = [[frame.sigma, frame.error, frame.mass] for frame in heated.frames]
    return ["sigma", "error", "mass"], lines, {"continuity": [asdict(one) for one in heated.checks]}


def _pictures(settings: Settings, drawn: images.Drawn) -> Record:
    """Every pixel of the pictures."""
    lines = [
        [label, i, y, x, float(grey)]
        for i, (label, picture) in enumerate(zip(drawn.labels, drawn.x, strict=True))
        for y, line in enumerate(picture)
        for x, grey in enumerate(line)
    ]
    row = settings.rows[settings.picture_row - 1]
    extra = {"row": row_key(row), "guidance": settings.guidance, "calls": drawn.nfe}
    return ["digit", "picture", "y", "x", "grey"], lines, extra


def _export(settings: Settings, made: diffusion.Exported) -> Record:
    """Our noise levels and the scheduler's; in JSON its config, too."""
    lines = [[i, *pair] for i, pair in enumerate(zip(made.sigmas.tolist(), made.theirs.tolist(), strict=True))]
    extra = {"row": row_key(settings.rows[0]), "scheduler": made.scheduler, "config": json.loads(made.config)}
    return ["step", "sigma", "diffusers_sigma"], lines, extra


def _learned(settings: Settings, trained: Trained) -> Record:
    """The network's errors at every level; in JSON model and solver apart, too."""
    errors = trained.frame.errors
    columns = ["sigma", "loss", "optimum", "model_error"]
    lines = list(zip(*(getattr(errors, name) for name in columns), strict=True))
    row = settings.rows[settings.learn_row - 1]
    extra = {
        "row": row_key(row),
        "training_steps": settings.learn_steps,
        "errors": [asdict(split) for split in trained.frame.splits],
    }
    return columns, lines, extra


RECORDS: dict[str, Callable[[Settings, Any], Record]] = {
    "curve": _curve,
    "compare": _compare,
    "arena": _arena,
    "dial": _dial,
    "heat": _heat,
    "learned": _learned,
    "pictures": _pictures,
    "export": _export,
}
