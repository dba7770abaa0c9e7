"""The paths of a trained flow by ODE, measured: straight or not, crossing or not, and what few steps cost."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from playground.flows.coupling import wasserstein
from playground.flows.density import EXTENT, Density
from playground.flows.matching import PLANNED, Matching
from playground.flows.ode import METHODS
from playground.flows.one_step import OneStep
from playground.flows.plane import check_between
from playground.flows.straightness import crossings, path_energy, path_length_ratio, straightness

__all__ = ["Hurried", "Journey", "hurry", "journey"]

ARROWS = 15  # a side of the grid of velocities


@dataclass(frozen=True, eq=False)
class Journey:
    """Paths from the source to the data, and figures of them."""

    paths: NDArray[np.float32]  # (steps + 1, n, 2), in equal steps of t
    at: NDArray[np.float32]  # (m, 2) a square grid of places
    velocity: NDArray[np.float32]  # (steps + 1, m, 2) there
    crossed: NDArray[np.int64]  # (n,) how many of the others' chords each path's chord crosses in the plane
    taught: NDArray[np.float32]  # (2, n, 2) ends of lines that training goes by
    taught_crossed: NDArray[np.int64]  # (n,) of those
    straightness: float  # squared units; 0 if all paths are straight
    length_ratio: float  # of the paths to their chords
    energy: float  # |path energy - W2^2| / W2^2; 0 for optimal transport
    distances: dict[int, float]  # W2 between samples by so many Euler steps and samples of the data
    floor: float  # W2 between two samples of the data of that size

    @property
    def crossing_pairs(self) -> int:
        """Pairs of the paths whose chords cross."""
        return int(self.crossed.sum()) // 2

    @property
    def taught_crossing_pairs(self) -> int:
        """Pairs of the taught lines that cross in the plane; where they meet in time too, the velocity is a mean."""
        return int(self.taught_crossed.sum()) // 2


@torch.no_grad()
def journey(
    flow: Matching,
    density: Density,
    *,
    points: int = 1000,
    steps: int = 64,
    counts: Sequence[int] = (1, 2, 4, 8),
    seed: int = 0,
) -> Journey:
    """Follow `points` of the source by fine steps (RK4), and by few (Euler).

    Raises `ValueError` for a flow that is not of the plane, for points outside 10..5,000, and what `trajectory` raises.
    """
    if flow.dim != 2:
        raise ValueError(f"the flow must lie in the plane, not in {flow.dim} dimensions")
    check_between("points", points, 10, 5000)
    generator = torch.Generator().manual_seed(seed)
    z = flow.draw(points, generator)
    truth, again = (density.sample(points, generator).to(z) for _ in range(2))
    paths = flow.trajectory(z, steps, solver="rk4")
    axis = torch.linspace(-1, 1, ARROWS).to(z) * EXTENT * (1 - 1 / ARROWS)
    at = torch.cartesian_prod(axis, axis)
    velocity = torch.stack([flow.velocity(at, k / steps) for k in range(steps + 1)])
    lines = [flow.pairs(part, generator) for part in truth.split(PLANNED)]  # each part by a plan of its own
    start, end = (torch.cat(ends)[:points] for ends in zip(*lines, strict=True))
    ends = {count: flow.trajectory(z, count)[-1] for count in counts}
    return Journey(
        paths=paths.float().cpu().numpy(),
        at=at.float().cpu().numpy(),
        velocity=velocity.float().cpu().numpy(),
        crossed=crossings(paths[0], paths[-1]),
        taught=torch.stack([start, end]).float().cpu().numpy(),
        taught_crossed=crossings(start, end),
        straightness=straightness(paths),
        length_ratio=path_length_ratio(paths),
        energy=path_energy(paths, wasserstein(paths[0], paths[-1])),
        distances={count: wasserstein(end, truth) for count, end in ends.items()},
        floor=wasserstein(again, truth),
    )


@dataclass(frozen=True, eq=False)
class Hurried:
    """Samples by few calls of the velocity."""

    points: NDArray[np.float32]  # (n, 2)
    calls: int  # of the velocity, a sample
    distance: float  # W2 to samples of the data
    floor: float  # W2 between two samples of the data of that size


@torch.no_grad()
def hurry(
    flow: Matching | OneStep,
    density: Density,
    *,
    calls: int = 1,
    solver: str = "euler",
    points: int = 1000,
    seed: int = 0,
) -> Hurried:
    """Sample by at most `calls` calls, or one step where a step takes more; a distilled map by its one call.

    The starts and the data are those of `journey` with that seed.

    Raises `ValueError` for the adaptive solver, which chooses its calls itself, for points outside 10..5,000, calls
    outside 1..1,000, and what `trajectory` raises.
    """
    if solver == "adaptive":
        raise ValueError("the adaptive solver takes as many calls as it needs; choose one of fixed steps")
    check_between("points", points, 10, 5000)
    check_between("calls", calls, 1, 1000)
    generator = torch.Generator().manual_seed(seed)
    start = flow.flow if isinstance(flow, OneStep) else flow
    z = start.draw(points, generator)
    truth, again = (density.sample(points, generator).to(z) for _ in range(2))
    floor = wasserstein(again, truth)
    if isinstance(flow, OneStep):
        end = flow(z)
        return Hurried(end.float().cpu().numpy(), 1, wasserstein(end, truth), floor)
    each = METHODS[solver].calls if solver in METHODS else 1
    steps = max(1, calls // each)
    end = flow.trajectory(z, steps, solver=solver)[-1]
    return Hurried(end.float().cpu().numpy(), steps * each, wasserstein(end, truth), floor)
