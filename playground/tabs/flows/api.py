"""The Flows tab's public endpoint: the same training from another program, by Gradio's client or plain HTTP."""

from collections import deque
from typing import Any

import gradio as gr

from playground import flows
from playground.tabs.checks import whole
from playground.tabs.flows.settings import Settings

__all__ = ["build"]

MAX_SAMPLES = 100_000


def build() -> None:
    """Offer `/train_flow`."""
    gr.api(train_flow, api_name="train_flow", concurrency_id="flows-api", concurrency_limit=1)


def train_flow(
    density: str = "moons",
    flow: str = "spline",
    layers: int | None = None,
    seconds: float = 5,
    seed: int = 0,
    samples: int = 1000,
) -> dict[str, Any]:
    """Train a flow on a density by name; its divergence, loss, steps and samples [[x, y], ...]."""
    try:
        settings = Settings(
            density=density,
            flow=flow,
            layers=flows.LAYERS.get(str(flow), 1) if layers is None else layers,
            seconds=seconds,
            seed=seed,
        )
        whole("samples", samples, 1, MAX_SAMPLES)
        target = settings.make_density()
        model = flows.build(flow, seed=seed, **settings.options)
        (step,) = deque(flows.fit(model, target, seconds=seconds, seed=seed), maxlen=1)
    except (ValueError, FloatingPointError) as error:
        raise gr.Error(f"{error}.", print_exception=False) from error
    points = model.sample(samples, flows.generator(seed))
    return {"kl": step.kl, "nll": step.nll, "steps": step.step, "seconds": step.seconds, "samples": points.tolist()}
