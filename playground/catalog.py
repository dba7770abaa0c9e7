"""Every model the app offers, as a `ModelSpec` with a pipeline's loader: where manager and pipelines meet."""

from functools import partial
from pathlib import Path

from torch import nn

from playground import checkpoints, flows
from playground.manager import ModelSpec

__all__ = ["flow_example", "flow_example_folder"]


def flow_example_folder(flow: str, density: str) -> Path:
    """Where the trained example of a flow on a density lies, or would lie."""
    return checkpoints.ROOT / f"flows-{flow}-{density.replace('_', '-')}"


def flow_example(flow: str, density: str) -> ModelSpec | None:
    """The trained example of a flow on a density; None where none is shipped."""
    folder = flow_example_folder(flow, density)
    if not (folder / "config.json").is_file():
        return None
    return ModelSpec(f"flows/{flow}/{density}", partial(_load_flow, folder))


def _load_flow(folder: Path) -> nn.Module:
    return flows.load(folder).eval().requires_grad_(False)
