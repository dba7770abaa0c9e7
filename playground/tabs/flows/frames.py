"""Frames of the Stage for the Flows tab: the true density beside what a flow has learned, or a race of several."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playground import flows
from playground.figures import stage
from playground.i18n import TEXTS, say
from playground.tabs.flows.settings import Settings

__all__ = ["COARSE", "SLOW_SIDE", "Truth", "race", "side_of", "single", "truth_of"]

SIDE = 200
COARSE = 160  # cells a side of the mass of a flow by matching under the microscope
SLOW_SIDE = 100  # of a flow by matching, whose likelihood takes many calls
RACE_SIDE = 120
STAGE_WORDS = ("log_p", "density", "share", "below", "idle", "running", "stopped", "done", "error", "empty", "progress")


class Truth:
    """A density with its picture."""

    def __init__(self, density: flows.Density, *, side: int) -> None:
        self.density = density
        self.log_p: NDArray[np.float32] = flows.log_prob_grid(density, n=side)
        self.field = stage.field(self.log_p, flows.EXTENT)


def side_of(settings: Settings) -> int:
    """Cells a side of the learned density's picture."""
    return _side(settings.flow)


def truth_of(settings: Settings, *, side: int = SIDE) -> Truth:
    """The density of the settings and its picture; raises `ValueError` where there is none."""
    only = {"preset": ("density",), "draw": ("drawing",), "upload": ("upload",)}[settings.source]
    return _truth(Settings(source=settings.source, **{name: getattr(settings, name) for name in only}), side)


@lru_cache(maxsize=32)
def _truth(settings: Settings, side: int) -> Truth:
    return Truth(settings.make_density(), side=side)


def labels(language: str) -> dict[str, str]:
    """The Stage's own words."""
    return {word: TEXTS[language][f"stage.{word}"] for word in STAGE_WORDS}


def single(
    truth: Truth,
    lane: flows.Lane | None,
    language: str,
    *,
    status: str = "idle",
    message: str = "",
    run: str = "",
    frame: int = 0,
) -> dict[str, Any]:
    """The true density, the learned one, its samples, the loss curve, the figures; without a lane the first alone."""
    panels = [_truth_panel(truth, language)]
    if lane is None:
        return stage.value(panels, run=run, frame=frame, status=status, message=message, labels=labels(language))
    n = len(lane.log_p)
    coarse = say(language, "flows.stage.coarse", n=n) if n < _side(lane.name) and status == "running" else ""
    panels.append(_panel("learned", say(language, "flows.stage.learned"), coarse, field=_field(lane.log_p, truth)))
    count = say(language, "flows.stage.points" if len(lane.points) else "flows.stage.folded", n=f"{len(lane.points):,}")
    panels.append(
        _panel("samples", say(language, "flows.stage.samples"), count, points=stage.points(lane.points, flows.EXTENT))
    )
    return stage.value(
        panels,
        run=run,
        frame=frame,
        status=status,
        message=message,
        labels=labels(language),
        stats=_stats(lane, language),
        progress=lane.progress if status != "idle" else None,
        curve=_curve([lane], truth, language) if lane.step else None,
    )


def race(
    truth: Truth,
    lanes: Sequence[flows.Lane],
    language: str,
    *,
    status: str,
    progress: float,
    message: str = "",
    run: str = "",
    frame: int = 0,
) -> dict[str, Any]:
    """The true density, every flow's, and their divergences over the steps."""
    panels = [_truth_panel(truth, language)]
    for lane in lanes:
        note = "" if lane.kl is None else f"KL {lane.kl:.4f}"
        panels.append(
            _panel(lane.name, say(language, f"flows.name.{lane.name}"), note, field=_field(lane.log_p, truth))
        )
    curve = _curve(lanes, truth, language) if all(lane.step for lane in lanes) else None
    return stage.value(
        panels,
        run=run,
        frame=frame,
        status=status,
        message=message,
        labels=labels(language),
        progress=progress,
        curve=curve,
    )


def _side(flow: str) -> int:
    return SLOW_SIDE if flow in flows.MATCHING else SIDE


def _truth_panel(truth: Truth, language: str) -> dict[str, Any]:
    entropy = truth.density.entropy
    note = "" if entropy is None else say(language, "flows.stage.entropy", entropy=f"{entropy:.3f}")
    return _panel("truth", say(language, "flows.stage.truth"), note, field=truth.field)


def _panel(key: str, title: str, note: str, **parts: dict[str, Any]) -> dict[str, Any]:
    return {"key": key, "title": title, "note": note, **parts}


def _field(log_p: NDArray[np.float32], truth: Truth) -> dict[str, Any]:
    """A learned density in the colours of the true one, so that equal colours are equal densities."""
    finite = np.where(np.isnan(log_p), -np.inf, np.minimum(log_p, float(np.finfo(np.float32).max)))
    return stage.field(finite, flows.EXTENT, log_max=truth.field["log_max"])


def _stats(lane: flows.Lane, language: str) -> dict[str, str]:
    nats = lambda value: say(language, "flows.unit.nats", value=value)  # noqa: E731
    stats = {}
    if lane.kl is not None:
        stats[say(language, "flows.stat.kl")] = nats(f"{lane.kl:.4f}")
    if np.isfinite(lane.nll):
        stats[say(language, "flows.stat.nll")] = nats(f"{lane.nll:.3f}")
    stats[say(language, "flows.stat.mass")] = f"{lane.mass:.3f}"
    if lane.step:
        stats[say(language, "flows.stat.steps")] = f"{lane.step:,}"
    if lane.seconds:  # a shipped example was trained on another machine
        stats[say(language, "flows.stat.rate")] = f"{lane.steps_per_second:,.0f}"
    return stats


def _curve(lanes: Sequence[flows.Lane], truth: Truth, language: str) -> dict[str, Any]:
    """One flow: its loss, and its divergence on an axis of its own. Several: their divergences, else their losses."""
    steps, nats = say(language, "flows.stage.steps"), say(language, "flows.stage.nats")
    entropy = truth.density.entropy
    reference = None if entropy is None else (entropy, say(language, "flows.stage.reference"))
    if len(lanes) > 1:
        known = all(lane.kl is not None for lane in lanes)
        series = {
            say(language, f"flows.name.{lane.name}"): lane.kl_curve if known else lane.nll_curve for lane in lanes
        }
        return stage.curve(
            series,
            x_label=steps,
            y_label=f"KL, {nats}" if known else nats,
            log=known,
            reference=None if known else reference,
        )
    lane = lanes[0]
    matched = lane.loss_curve is not None  # then the likelihood was estimated at a few steps only
    name, main = (
        ("flows.stat.loss", lane.loss_curve) if lane.loss_curve is not None else ("flows.stat.nll", lane.nll_curve)
    )
    series = {say(language, name): main, **({"KL": lane.kl_curve} if lane.kl is not None else {})}
    return stage.curve(
        series,
        x_label=steps,
        y_label="" if matched else nats,
        right=("KL",) if lane.kl is not None else (),
        reference=None if matched else reference,
    )
