"""Every model the app offers, as a `ModelSpec` with a pipeline's loader: where manager and pipelines meet."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from playground import checkpoints, flows
from playground.diffusion import images
from playground.manager import ModelSpec

__all__ = ["DIGITS", "digits", "flow_example", "flow_example_folder", "flow_history", "spec"]

DIGITS = checkpoints.ROOT / "diffusion-digits"


def spec(key: str) -> ModelSpec[Any]:
    """The model of a key that the app shows, such as "flows/spline/moons". Raises `ValueError` for any other."""
    if key == "diffusion/digits":
        return digits()
    kind, _, rest = key.partition("/")
    flow, _, density = rest.partition("/")
    found = flow_example(flow, density) if kind == "flows" and flow in flows.FLOWS else None
    if found is None or found.key != key:
        raise ValueError(f"no model is called {key!r}")
    return found


def digits() -> ModelSpec[images.PictureModel]:
    """The class-conditional denoiser of digits."""
    return ModelSpec("diffusion/digits", partial(images.load, DIGITS))


def flow_example_folder(flow: str, density: str) -> Path:
    """Where the trained example of a flow on a density lies, or would lie."""
    return checkpoints.ROOT / f"flows-{flow}-{density.replace('_', '-')}"


def flow_example(flow: str, density: str) -> ModelSpec[flows.Flow] | None:
    """The trained example of a flow on a density; None where none is shipped."""
    folder = flow_example_folder(flow, density)
    if not (folder / "config.json").is_file():
        return None
    return ModelSpec(f"flows/{flow}/{density}", partial(_load_flow, folder))


def flow_history(flow: str, density: str) -> dict[str, Any]:
    """How a shipped example was trained: `step`, `nll_curve` and `kl_curve` of its last `flows.Lane`."""
    record = json.loads((flow_example_folder(flow, density) / "history.json").read_text(encoding="utf-8"))
    curves = {
        name: tuple(np.array(part, dtype=np.float32) for part in record[name]) for name in ("nll_curve", "kl_curve")
    }
    return {"step": record["step"], **curves}


def _load_flow(folder: Path) -> flows.Flow:
    return flows.load(folder).eval().requires_grad_(False)
