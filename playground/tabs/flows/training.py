"""What happens behind Train, Stop and the race: settings in, frames of the Stage out."""

import secrets
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from playground import catalog, flows
from playground.i18n import say
from playground.manager import ModelManager, ModelSpec
from playground.tabs.flows import frames
from playground.tabs.flows.program import race_program, train_program
from playground.tabs.flows.settings import Settings

__all__ = ["Race", "Run", "example", "race", "train"]


@dataclass(frozen=True, eq=False)
class Run:
    """A flow that has been trained, or a shipped example, with all a person may want to see of it."""

    settings: Settings
    truth: frames.Truth
    lane: flows.Lane
    model: flows.Flow | ModelSpec[flows.Flow]  # a person's own flow, or the shipped one, which the manager keeps

    def python(self, panel: str, rounds: Sequence[Sequence[int]] = (), **more: Any) -> str:
        """The program that makes the panel's picture of this run again: the example was given steps, others seconds.

        `rounds` are the paces of the rounds of reflow that followed, `more` what else `train_program` takes.
        """
        if isinstance(self.model, ModelSpec):
            return train_program(self.settings, steps=self.lane.step, panel=panel, rounds=rounds, **more)
        pace, threads = self.lane.pace, self.lane.threads
        return train_program(self.settings, pace=pace, threads=threads, panel=panel, rounds=rounds, **more)

    @contextmanager
    def open(self, manager: ModelManager) -> Iterator[flows.Flow]:
        """The flow, leased for the time it is used if it is the app's."""
        if isinstance(self.model, ModelSpec):
            with manager.lease(self.model, owner="flows") as flow:
                yield flow
        else:
            yield self.model


@dataclass(frozen=True, eq=False)
class Race:
    """A race that has been run."""

    settings: Settings
    lanes: tuple[flows.Lane, ...]

    def python(self) -> str:
        """The program that runs the race again."""
        paces = {lane.name: lane.pace for lane in self.lanes}
        return race_program(self.settings, list(paces), paces=paces, threads=self.lanes[0].threads)


def example(manager: ModelManager, settings: Settings, language: str) -> tuple[dict[str, Any], Run | None]:
    """The Stage before training: the density, and the shipped example on it where there is one."""
    truth = frames.truth_of(settings)
    shipped = settings.source == "preset" and settings.options.keys() == {
        "layers"
    }  # every example keeps the constraint, and begins at a normal
    spec = catalog.flow_example(settings.flow, settings.density) if shipped else None
    if spec is None:
        return frames.single(truth, None, language, message=say(language, "flows.stage.ready")), None
    with manager.lease(spec, owner="flows") as flow:
        history = catalog.flow_history(settings.flow, settings.density)
        lane = replace(flows.portrait(flow, truth.density, side=frames.side_of(settings)), **history)
        trained = replace(settings, layers=flow.config["layers"], seed=flow.config["seed"], constrained=True)
    words = {"flow": say(language, f"flows.name.{settings.flow}"), "density": say(language, f"density.{settings.key}")}
    value = frames.single(truth, lane, language, message=say(language, "flows.stage.example", **words))
    return value, Run(trained, truth, lane, spec)


def train(settings: Settings, stop: threading.Event, language: str) -> Generator[tuple[dict[str, Any], Run | None]]:
    """Frames while one flow trains; the last one comes with the `Run`."""
    truth, side = frames.truth_of(settings), frames.side_of(settings)
    budget, run, status, lane, i = f"{settings.seconds:g}", secrets.token_hex(4), "running", None, 0
    if settings.flow in flows.MATCHING:  # whose library of transport takes seconds to import, once
        starting = say(language, "flows.stage.starting")
        yield frames.single(truth, None, language, status=status, message=starting, run=run), None
    flow = flows.build(settings.flow, seed=settings.seed, **settings.options)
    watching = flows.watch(
        {settings.flow: flow}, truth.density, seconds=settings.seconds, seed=settings.seed, side=side, stop=stop
    )
    with closing(watching) as watched:
        try:
            for i, frame in enumerate(watched):
                (lane,) = frame.lanes
                if not frame.final:
                    time = say(language, "flows.stage.time", seconds=f"{lane.seconds:.1f}", budget=budget)
                    message = time if i else say(language, "flows.stage.starting")
                    yield frames.single(truth, lane, language, status=status, message=message, run=run, frame=i), None
            status = "done" if lane is not None and lane.progress >= 1 else "stopped"
        except FloatingPointError:  # comes after the final frame, which holds the last good state
            if lane is None:
                raise
            status = "error"
    assert lane is not None
    word = "diverged" if status == "error" else status
    message = say(language, f"flows.stage.{word}", seconds=f"{lane.seconds:.1f}", steps=f"{lane.step:,}")
    if len(lane.log_p) < side:  # a slow flow: what there is at once, the full picture when it is painted
        yield frames.single(truth, lane, language, status=status, message=message, run=run, frame=i), None
        full = flows.portrait(flow, truth.density, side=side)
        lane = replace(lane, log_p=full.log_p, mass=full.mass)
    value = frames.single(truth, lane, language, status=status, message=message, run=run, frame=i + 1)
    yield value, Run(settings, truth, lane, flow)


def race(
    settings: Settings, names: list[str], stop: threading.Event, language: str
) -> Generator[tuple[dict[str, Any], list[list[str]], Race | None]]:
    """Frames and the table of a race between the flows of `names`, each with its usual layers; last the `Race`."""
    truth = frames.truth_of(settings, side=frames.RACE_SIDE)
    field = {name: flows.build(name, seed=settings.seed, layers=flows.LAYERS[name]) for name in names}
    weights = {name: sum(p.numel() for p in flow.parameters()) for name, flow in field.items()}
    run, status = secrets.token_hex(4), "running"
    lanes: tuple[flows.Lane, ...] = ()
    watching = flows.watch(
        field,
        truth.density,
        seconds=settings.seconds,
        seed=settings.seed,
        stop=stop,
        side=frames.RACE_SIDE,
        points=16,
        frames_per_second=6,
    )
    with closing(watching) as watched:
        try:
            for i, frame in enumerate(watched):
                lanes = frame.lanes
                if frame.final:
                    status = "done" if frame.progress >= 1 else "stopped"
                value = frames.race(truth, lanes, language, status=status, progress=frame.progress, run=run, frame=i)
                yield value, _table(lanes, weights, language), _raced(settings, lanes) if frame.final else None
        except FloatingPointError:
            if not lanes:
                raise
            steps = max(lane.step for lane in lanes)
            message = say(language, "flows.stage.diverged", steps=f"{steps:,}")
            value = frames.race(truth, lanes, language, status="error", progress=1.0, message=message, run=run)
            yield value, _table(lanes, weights, language), _raced(settings, lanes)


def _raced(settings: Settings, lanes: tuple[flows.Lane, ...]) -> Race | None:
    """The race, unless it was stopped before each flow had made a step."""
    return Race(settings, lanes) if all(lane.step for lane in lanes) else None


def _table(lanes: tuple[flows.Lane, ...], weights: dict[str, int], language: str) -> list[list[str]]:
    """Rows of name, divergence, loss, mass, steps, steps per second, weights: the best divergence (or loss) first."""

    def score(lane: flows.Lane) -> float:
        value = lane.nll if lane.kl is None else lane.kl
        return value if value == value else float("inf")  # NaN before the first step

    ordered = sorted(lanes, key=score)
    return [
        [
            say(language, f"flows.name.{lane.name}"),
            "–" if lane.kl is None else f"{lane.kl:.4f}",
            f"{lane.nll:.3f}" if lane.step else "–",
            f"{lane.mass:.3f}",
            f"{lane.step:,}",
            f"{lane.steps_per_second:,.0f}",
            f"{weights[lane.name]:,}",
        ]
        for lane in ordered
    ]
