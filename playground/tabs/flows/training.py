"""What happens behind Train, Stop and the race: settings in, frames of the Stage out."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from playground import catalog, flows
from playground.i18n import say
from playground.manager import ModelManager, ModelSpec
from playground.tabs.flows import frames
from playground.tabs.flows.settings import Settings

__all__ = ["RACERS", "Run", "example", "race", "train"]

RACERS = (2, 4)  # flows in a race, at least and at most


@dataclass(frozen=True)
class Run:
    """A flow that has been trained, or a shipped example, with all a person may want to see of it."""

    settings: Settings
    truth: frames.Truth
    lane: flows.Lane
    model: flows.Flow | ModelSpec[flows.Flow]  # a person's own flow, or the shipped one, which the manager keeps

    @contextmanager
    def open(self, manager: ModelManager) -> Iterator[flows.Flow]:
        """The flow, leased for the time it is used if it is the app's."""
        if isinstance(self.model, ModelSpec):
            with manager.lease(self.model, owner="flows") as flow:
                yield flow
        else:
            yield self.model


def example(manager: ModelManager, settings: Settings, language: str) -> tuple[dict[str, Any], Run | None]:
    """The Stage before training: the density, and the shipped example on it where there is one."""
    truth = frames.truth_of(settings)
    spec = catalog.flow_example(settings.flow, settings.density) if settings.source == "preset" else None
    if spec is None:
        return frames.single(truth, None, language, message=say(language, "flows.stage.ready")), None
    with manager.lease(spec, owner="flows") as flow:
        history = catalog.flow_history(settings.flow, settings.density)
        lane = replace(flows.portrait(flow, truth.density), **history)
        trained = replace(settings, layers=flow.config["layers"], seed=flow.config["seed"], constrained=True)
    words = {"flow": say(language, f"flows.name.{settings.flow}"), "density": say(language, f"density.{settings.key}")}
    value = frames.single(truth, lane, language, message=say(language, "flows.stage.example", **words))
    return value, Run(trained, truth, lane, spec)


def train(settings: Settings, stop: threading.Event, language: str) -> Iterator[tuple[dict[str, Any], Run | None]]:
    """Frames while one flow trains; the last one comes with the `Run`."""
    truth = frames.truth_of(settings)
    flow = flows.build(settings.flow, seed=settings.seed, **settings.options)
    watched = flows.watch({settings.flow: flow}, truth.density, seconds=settings.seconds, seed=settings.seed, stop=stop)
    run, status, trouble, budget = secrets.token_hex(4), "running", "", f"{settings.seconds:g}"
    try:
        for i, frame in enumerate(watched):
            (lane,) = frame.lanes
            if not frame.final:
                time = say(language, "flows.stage.time", seconds=f"{lane.seconds:.1f}", budget=budget)
                message = time if i else say(language, "flows.stage.starting")
                yield frames.single(truth, lane, language, status=status, message=message, run=run, frame=i), None
        status = "done" if lane.progress >= 1 else "stopped"
    except FloatingPointError as error:  # comes after the final frame, which holds the last good state
        status, trouble = "error", f"{error}."
    message = trouble or say(language, f"flows.stage.{status}", seconds=f"{lane.seconds:.1f}", steps=f"{lane.step:,}")
    value = frames.single(truth, lane, language, status=status, message=message, run=run, frame=i)
    yield value, Run(settings, truth, lane, flow)


def race(
    settings: Settings, names: list[str], stop: threading.Event, language: str
) -> Iterator[tuple[dict[str, Any], list[list[str]]]]:
    """Frames and the table of a race between the flows of `names`, each with its usual layers."""
    truth = frames.Truth(settings.make_density(), side=frames.RACE_SIDE)
    field = {name: flows.build(name, seed=settings.seed, layers=flows.LAYERS[name]) for name in names}
    weights = {name: sum(p.numel() for p in flow.parameters()) for name, flow in field.items()}
    run, status, message = secrets.token_hex(4), "running", ""
    lanes: tuple[flows.Lane, ...] = ()
    watched = flows.watch(
        field,
        truth.density,
        seconds=settings.seconds,
        seed=settings.seed,
        stop=stop,
        side=frames.RACE_SIDE,
        points=16,
        frames_per_second=6,
    )
    try:
        for i, frame in enumerate(watched):
            lanes = frame.lanes
            if frame.final:
                status = "done" if frame.progress >= 1 else "stopped"
            yield (
                frames.race(truth, lanes, language, status=status, progress=frame.progress, run=run, frame=i),
                _table(lanes, weights, language),
            )
    except FloatingPointError as error:
        message = f"{error}."
        yield (
            frames.race(truth, lanes, language, status="error", progress=1.0, message=message, run=run),
            _table(lanes, weights, language),
        )


def _table(lanes: tuple[flows.Lane, ...], weights: dict[str, int], language: str) -> list[list[str]]:
    """Rows of name, weights, steps, steps per second, loss, divergence, mass: the best divergence (or loss) first."""

    def score(lane: flows.Lane) -> float:
        value = lane.nll if lane.kl is None else lane.kl
        return value if value == value else float("inf")  # NaN before the first step

    ordered = sorted(lanes, key=score)
    return [
        [
            say(language, f"flows.name.{lane.name}"),
            f"{weights[lane.name]:,}",
            f"{lane.step:,}",
            f"{lane.steps_per_second:,.0f}",
            f"{lane.nll:.3f}" if lane.step else "–",
            "–" if lane.kl is None else f"{lane.kl:.4f}",
            f"{lane.mass:.3f}",
        ]
        for lane in ordered
    ]


def check_racers(names: list[str], language: str) -> list[str]:
    """The names of a race; raises `gr.Error` for too few, too many or unknown ones."""
    known = [name for name in flows.FLOWS if name in names]
    if len(known) != len(names) or not RACERS[0] <= len(known) <= RACERS[1]:
        raise gr.Error(say(language, "flows.race.count", n=len(names)), print_exception=False)
    return known
