"""The Flows tab's public endpoints: the same training from another program, by Gradio's client or plain HTTP."""

import math
from collections import deque
from typing import Any

import gradio as gr

from playground import flows
from playground.tabs.checks import choice, whole
from playground.tabs.flows.paths import MOST_ROUNDS
from playground.tabs.flows.settings import BEGINS, CALLS, Settings

__all__ = ["build"]

MAX_SAMPLES = 100_000


def build() -> None:
    """Offer `/train_flow` and `/reflow`."""
    for fn in (train_flow, reflow):
        gr.api(fn, api_name=fn.__name__, concurrency_id="flows-api", concurrency_limit=1)


def train_flow(
    density: str = "moons",
    flow: str = "spline",
    layers: int | None = None,
    seconds: float = 5,
    seed: int = 0,
    samples: int = 1000,
    begin: str = "normal",
) -> dict[str, Any]:
    """Train a flow on a density by name; its divergence, loss, steps and samples [[x, y], ...].

    A flow by matching may begin at another density than the normal one.
    """
    try:
        settings = Settings(
            density=density,
            flow=flow,
            layers=flows.LAYERS.get(str(flow), 1) if layers is None else layers,
            seconds=seconds,
            seed=seed,
            begin=begin,
        )
        whole("samples", samples, 1, MAX_SAMPLES)
        if begin != BEGINS[0] and flow not in flows.MATCHING:
            raise ValueError(f"only a flow by matching ({', '.join(flows.MATCHING)}) can begin at {begin}, not {flow}")
        target = settings.make_density()
        model = flows.build(flow, seed=seed, **settings.options)
        (step,) = deque(flows.fit(model, target, seconds=seconds, seed=seed), maxlen=1)
    except (ValueError, FloatingPointError) as error:
        raise gr.Error(f"{error}.", print_exception=False) from error
    points = model.sample(samples, flows.generator(seed))
    return {
        "kl": _finite(step.kl), "nll": _finite(step.nll), "steps": step.step, "seconds": step.seconds,
        "samples": points.tolist(),
    }  # fmt: skip


def reflow(
    density: str = "moons",
    flow: str = "rectified",
    begin: str = "normal",
    seconds: float = 5,
    rounds: int = 1,
    seed: int = 0,
    calls: int = 1,
    samples: int = 1000,
) -> dict[str, Any]:
    """Train a flow by matching for some seconds, and as long again in each round of reflow.

    Each round's straightness, crossings of 1,000 paths, path energy, Wasserstein distance to the data by calls of the
    network, and divergence; samples [[x, y], ...] of the last round by so many calls (Euler).
    """
    try:
        settings = Settings(density=density, flow=flow, layers=8, seconds=seconds, seed=seed, begin=begin)
        choice("flow", flow, flows.MATCHING)
        whole("rounds", rounds, 0, MOST_ROUNDS - 1)
        whole("calls", calls, *CALLS)
        whole("samples", samples, 10, 5000)
        target = settings.make_density()
        model = flows.build(flow, seed=seed, **settings.options)
        for _ in flows.fit(model, target, seconds=seconds, seed=seed):
            pass
        assert isinstance(model, flows.Matching)
        made = [flows.measure_round(model, target, seed=seed)]
        for _ in range(rounds):
            *_, last = flows.next_round(made[-1], target, seconds=seconds, seed=seed)
            assert last.round is not None
            made.append(last.round)
        few = flows.hurry(made[-1].flow, target, calls=calls, points=samples, seed=seed)
    except (ValueError, FloatingPointError) as error:
        raise gr.Error(f"{error}.", print_exception=False) from error
    figures = [
        {
            "straightness": one.journey.straightness,
            "paths_crossing": one.journey.crossing_pairs,
            "lines_crossing": one.journey.taught_crossing_pairs,
            "path_energy": _finite(one.journey.energy),
            "w2_by_calls": {str(count): distance for count, distance in one.journey.distances.items()},
            "w2_of_two_samples": one.journey.floor,
            "kl": _finite(one.kl),
        }
        for one in made
    ]
    return {"rounds": figures, "calls": few.calls, "w2": few.distance, "samples": few.points.tolist()}


def _finite(value: float | None) -> float | None:
    """What JSON can hold."""
    return value if value is not None and math.isfinite(value) else None
