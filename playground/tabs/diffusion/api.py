"""The Diffusion tab's public endpoint: samples of a target under any row, from another program."""

from typing import Any

import gradio as gr
import numpy as np

from playground import diffusion
from playground.tabs.checks import choice, whole
from playground.tabs.diffusion.settings import MAX_SEED, MAX_STEPS, TARGETS

__all__ = ["build"]

MAX_SAMPLES = 2000


def build() -> None:
    """Offer `/sample_diffusion`."""
    gr.api(sample_diffusion, api_name="sample_diffusion", concurrency_id="diffusion-api", concurrency_limit=1)


def sample_diffusion(
    target: str = "moons",
    schedule: str = "edm",
    preconditioning: str = "edm",
    solver: str = "heun",
    steps: int = 18,
    seed: int = 0,
    samples: int = 1000,
) -> dict[str, Any]:
    """Sample a target by its exact denoiser under a schedule and a solver: calls, levels and samples [[x, y], ...]."""
    try:
        choice("target", target, TARGETS)
        whole("steps", steps, 2, MAX_STEPS)
        whole("seed", seed, 0, MAX_SEED)
        whole("samples", samples, 1, MAX_SAMPLES)
        row = diffusion.Row(str(schedule), str(preconditioning), str(solver))
        end = diffusion.draw(diffusion.target(target), row, steps=steps, n=samples, seed=seed)
    except (ValueError, ArithmeticError) as error:
        raise gr.Error(f"{error}.", print_exception=False) from error
    return {"calls": end.nfe, "sigmas": end.sigmas.tolist(), "samples": np.round(end.x, 6).tolist()}
