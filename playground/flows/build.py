"""Make a flow by name, and keep it in a folder."""

from collections.abc import Callable
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

from playground import checkpoints
from playground.flows.density import DENSITIES
from playground.flows.ffjord import ffjord
from playground.flows.flow import Flow
from playground.flows.glow import glow
from playground.flows.maf import maf
from playground.flows.matching import build_matching, matching, written
from playground.flows.nice import nice
from playground.flows.planar import planar
from playground.flows.radial import radial
from playground.flows.realnvp import realnvp
from playground.flows.spline import spline
from playground.nn.seeded import seeded

__all__ = ["FLOWS", "LAYERS", "MATCHING", "build", "load", "save"]

# Each constructor takes `dim` and `layers` (its default is the family's own) and may take keywords of its own.
FLOWS: dict[str, Callable[..., Flow]] = {
    "nice": nice,
    "realnvp": realnvp,
    "glow": glow,
    "planar": planar,
    "radial": radial,
    "maf": maf,
    "spline": spline,
    "ffjord": ffjord,
    "rectified": partial(matching, path="rectified"),
    "ot_cfm": partial(matching, path="rectified", coupling="ot"),
    "trig": partial(matching, path="trig"),
    "bridge": partial(matching, path="bridge", coupling="entropic"),
    "stochastic": partial(matching, path="stochastic"),
}
MATCHING = ("rectified", "ot_cfm", "trig", "bridge", "stochastic")  # of them, those that learn by matching
LAYERS: dict[str, int] = {name: signature(family).parameters["layers"].default for name, family in FLOWS.items()}
MAX_LAYERS = 64
MAX_DIM = 4096


def build(name: str, dim: int = 2, *, seed: int = 0, **options: Any) -> Flow:
    """A new flow of a family in `FLOWS`, its weights drawn from `seed`; options are the family's (`layers=` for all).

    Raises `ValueError` for an unknown family, and for a dimension or a number of layers out of range.

    >>> build("spline", layers=2).config
    {'name': 'spline', 'dim': 2, 'seed': 0, 'layers': 2}
    """
    if name not in FLOWS:
        raise ValueError(f"no flow is called {name!r}; choose one of {', '.join(FLOWS)}")
    if not 2 <= dim <= MAX_DIM:
        raise ValueError(f"dim must lie between 2 and {MAX_DIM}, not {dim}")
    if "layers" in options and not 1 <= options["layers"] <= MAX_LAYERS:
        raise ValueError(f"layers must lie between 1 and {MAX_LAYERS}, not {options['layers']}")
    with seeded(seed):
        flow = FLOWS[name](dim=dim, **options)
    flow.config = {"name": name, "dim": dim, "seed": seed, **written(options)}
    return flow


def save(flow: Flow, folder: str | Path) -> None:
    """Write a flow made by `build` or `build_matching` to a folder; a source must be a density by name, or normal.

    Raises `ValueError` for another source.
    """
    if (source := flow.config.get("source")) is not None and source not in DENSITIES:
        raise ValueError(f"the source {source!r} is no density of {', '.join(DENSITIES)}, so the flow cannot be saved")
    checkpoints.write(folder, flow.config, flow.state_dict())


def load(folder: str | Path) -> Flow:
    """Read a flow that `save` wrote."""
    config, tensors = checkpoints.read(folder)
    flow = build_matching(**config) if "coupling" in config else build(**config)
    flow.load_state_dict(tensors)
    return flow
