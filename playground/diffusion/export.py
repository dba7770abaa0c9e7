"""A row as a diffusers scheduler to take away: its config, a snippet that makes it, and both ladders of levels."""

import inspect
import json
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playground.diffusion.compare import Row
from playground.diffusion.diffusers_levels import noise_levels, pipeline_arguments
from playground.diffusion.from_diffusers import KINDS
from playground.diffusion.to_diffusers import to_diffusers

__all__ = ["Exported", "export_row"]

Array = NDArray[np.float64]
# what diffusers calls the prediction of a row's network; "edm" is not among them
PREDICTIONS: dict[str, str] = {**{ours: theirs for theirs, ours in KINDS.items()}, "vp": "epsilon", "iddpm": "epsilon"}
_importing = threading.Lock()  # two threads in diffusers' first import: one finds its modules half made
SHORT = 12  # a longer list stands in the config alone


@dataclass(frozen=True, eq=False)
class Exported:
    """The diffusers counterpart of a row."""

    scheduler: str  # its class
    expects: str  # of the network: "epsilon", "v_prediction", "sample", "flow_prediction", or "edm" for EDM's F
    config: str  # scheduler_config.json
    snippet: str  # Python that makes it and sets its steps
    fits: bool  # whether that is what the row's network predicts
    sigmas: Array  # (steps + 1,) our levels
    theirs: Array  # (steps + 1,) what the scheduler walks


def export_row(row: Row, *, steps: int = 18) -> Exported:
    """The scheduler of `to_diffusers` for a row; raises its `ValueError` where diffusers has no counterpart."""
    path = row.make_schedule()
    with _importing:
        made = to_diffusers(path, row.solver, steps=steps, prediction=_prediction(row))
    name = type(made).__name__
    arguments = pipeline_arguments(path, made, steps)
    if name.startswith("EDM"):
        expects = "edm"
    else:
        expects = "flow_prediction" if name.startswith("FlowMatch") else str(made.config.prediction_type)
    return Exported(
        scheduler=name,
        expects=expects,
        config=made.to_json_string(),
        snippet=_snippet(made, arguments, path.sigma_max),
        fits=expects == PREDICTIONS.get(row.preconditioning, row.preconditioning),
        sigmas=path.sigmas(steps).numpy(),
        theirs=noise_levels(made).numpy(),
    )


def _prediction(row: Row) -> str | None:
    """What diffusers calls the prediction of the row's network; None where the scheduler is to say."""
    return PREDICTIONS.get(row.preconditioning) if row.schedule not in ("edm", "ve") else None


def _snippet(scheduler: Any, arguments: dict[str, Any], sigma_max: float) -> str:
    name = type(scheduler).__name__
    usual = {key: each.default for key, each in inspect.signature(type(scheduler).__init__).parameters.items()}
    options = {
        key: value
        for key, value in json.loads(scheduler.to_json_string()).items()
        if key in usual and value != usual[key]
    }
    if any(isinstance(value, list) and len(value) > SHORT for value in options.values()):
        make = [f'scheduler = {name}.from_pretrained(".")  # beside the scheduler_config.json']
    else:
        make = [f"scheduler = {name}(", *(f"    {key}={value!r}," for key, value in options.items()), ")"]
    told = ", ".join(f"{key}={_short(value)}" for key, value in arguments.items())
    return "\n".join(
        [
            f"from diffusers import {name}",
            "",
            *make,
            f"scheduler.set_timesteps({told})",
            "",
            f"# in a pipeline: pipeline.scheduler = scheduler; pipeline({told})",
            f"# our samples start at {sigma_max:.6g} times the noise: diffusion.pipeline_latents makes its latents",
            "",
        ]
    )


def _short(value: Any) -> str:
    return (
        repr([float(f"{each:.9g}") if isinstance(each, float) else each for each in value])
        if isinstance(value, list)
        else repr(value)
    )
