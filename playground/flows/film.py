"""What every transform of a flow does to the plane: points, a warped grid and the log-determinant, layer by layer."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from playground.flows.density import EXTENT, Density
from playground.flows.flow import Flow

__all__ = ["LayerView", "film"]

Array = NDArray[np.float32]


@dataclass(frozen=True)
class LayerView:
    """The plane after one transform; the first view of a film is the data itself, the last one the latent space."""

    name: str  # of the transform, "data" for the first view
    points: Array  # (m, 2) samples of the density, carried along
    lines: Array  # (k, s, 2) the lines of a square grid, carried along
    log_det: Array  # (n, n) log |det| in nats accumulated so far, over the DATA plane, row 0 on top


@torch.no_grad()
def film(
    flow: Flow, density: Density, *, points: int = 600, lines: int = 17, field: int = 48, seed: int = 0
) -> tuple[LayerView, ...]:
    """One view before the first transform and one after each, z_0 = data to z_K = latent."""
    like = next(flow.parameters())
    x = density.sample(points, torch.Generator().manual_seed(seed)).to(like)
    grid = _lines(lines).to(like)
    cells = _cells(field).to(like)
    together = torch.cat([x, grid.flatten(0, 1), cells])
    places = flow.layers(together)
    log_dets = flow.layer_logdets(cells)
    names = ["data", *(type(transform).__name__ for transform in flow.transforms)]
    views = []
    for name, place, log_det in zip(names, places, log_dets, strict=True):
        part = place[points : points + grid.shape[0] * grid.shape[1]].view(grid.shape)
        views.append(LayerView(name, _numpy(place[:points]), _numpy(part), _numpy(log_det.view(field, field))))
    return tuple(views)


def _lines(count: int, steps: int = 33) -> Tensor:
    """`count` vertical and `count` horizontal lines (2 count, steps, 2) over [-EXTENT, EXTENT]^2."""
    at, along = torch.linspace(-EXTENT, EXTENT, count), torch.linspace(-EXTENT, EXTENT, steps)
    vertical = torch.stack(torch.meshgrid(at, along, indexing="ij"), dim=-1)
    return torch.cat([vertical, vertical.flip(-1)])


def _cells(n: int) -> Tensor:
    """The centres (n n, 2) of a picture's cells, row 0 on top."""
    axis = ((torch.arange(n) + 0.5) / n * 2 - 1) * EXTENT
    return torch.stack([axis.repeat(n), axis.flip(0).repeat_interleave(n)], dim=1)


def _numpy(x: Tensor) -> Array:
    return x.float().cpu().numpy()
