"""Proof on the spot: each layer's log-determinant beside autograd's, its round trip, and the mass of the density.

Everything is done on a copy of the flow in float64, so that what is left of a difference is rounding, not training.
"""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from playground.flows.ffjord import Segment
from playground.flows.flow import Flow
from playground.flows.grid import log_prob_grid
from playground.flows.planar import NotInvertibleError

__all__ = ["LayerReport", "Report", "inspect", "mass"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LayerReport:
    """One transform at the points that reach it; `index` counts from 1, the layer next to the data."""

    index: int
    name: str
    analytic: Array  # (n,) log |det| in nats, by the layer's formula
    autograd: Array  # (n,) the same from the Jacobian that autograd finds, by slogdet
    error: float  # largest difference of the two
    round_trip: float  # largest distance of inverse(forward(x)) from x in a coordinate; nan without an inverse


@dataclass(frozen=True)
class Report:
    """All layers, and the flow as a whole."""

    layers: tuple[LayerReport, ...]
    error: float
    round_trip: float
    continuous: bool  # whether its layers are parts of a journey, which a solver walks


def inspect(flow: Flow, x: Tensor, *, finer: int = 1) -> Report:
    """Compare every transform of the flow at the points x (n, d) with what autograd says of it.

    A continuous flow gives the log-determinant of the exact journey and autograd that of its solver's steps, so the two
    differ by the solver's error; `finer` multiplies the steps.
    """
    double = copy.deepcopy(flow).cpu().double().eval()  # MPS has no float64
    for transform in double.transforms:
        if isinstance(transform, Segment):
            transform.steps *= finer
    x = x.detach().cpu().double()
    whole = _look(double, x, 0)
    layers = []
    for index, transform in enumerate(double.transforms, start=1):
        layers.append(_look(transform, x, index))
        with torch.no_grad():
            x = transform(x)[0]
    continuous = any(isinstance(transform, Segment) for transform in flow.transforms)
    return Report(tuple(layers), whole.error, whole.round_trip, continuous)


def mass(flow: Flow, *, n: int = 320, extent: float = 8.0) -> float:
    """Integral of the flow's density over [-extent, extent]^2 by the midpoint rule on n x n cells."""
    log_p = log_prob_grid(flow, n=n, extent=extent).astype(np.float64)
    return float(np.exp(log_p).sum()) * (2 * extent / n) ** 2


def _look(transform: nn.Module, x: Tensor, index: int) -> LayerReport:
    with torch.no_grad():
        z, analytic = transform(x)
        try:
            back = transform.inverse(z)[0]  # type: ignore[operator]  # nn.Module hides the method
            round_trip = (back - x).abs().max().item()
        except NotInvertibleError:
            round_trip = float("nan")
    autograd = torch.linalg.slogdet(_jacobian(transform, x))[1]
    error = (analytic - autograd).abs().max().item()
    return LayerReport(index, type(transform).__name__, analytic.numpy(), autograd.numpy(), error, round_trip)


def _jacobian(transform: nn.Module, x: Tensor) -> Tensor:
    """dz/dx (n, d, d) at x (n, d)."""
    x = x.detach().requires_grad_()
    z = transform(x)[0]
    rows = (torch.autograd.grad(part.sum(), x, retain_graph=True)[0] for part in z.unbind(1))  # z[k] knows x[k] only
    return torch.stack(list(rows), dim=1)
