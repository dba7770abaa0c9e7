"""The densities of the plane by name, and what every one of them can do."""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from playground.flows.curves import moons, spirals, swiss_roll
from playground.flows.letters import letters
from playground.flows.mixtures import eight_gaussians, gaussian_grid
from playground.flows.pinwheel import pinwheel
from playground.flows.pixels import checkerboard
from playground.flows.rings import circles, ring

__all__ = ["DENSITIES", "EXTENT", "Density", "density"]

EXTENT = 3.0  # data units: pictures of the plane show [-EXTENT, EXTENT]^2


class Density(Protocol):
    """A probability density of the plane, of mean about 0 and standard deviation about 1."""

    name: str

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n points (n, 2), float32, 1 <= n <= 1,000,000."""
        ...

    def log_prob(self, x: Tensor) -> Tensor | None:
        """Log-density (n,) in nats of points x (n, 2), in the dtype of x; -inf outside the support; None if unknown."""
        ...

    @property
    def entropy(self) -> float | None:
        """In nats; None if unknown."""
        ...


DENSITIES: dict[str, Callable[..., Density]] = {
    "moons": moons,
    "circles": circles,
    "eight_gaussians": eight_gaussians,
    "ring": ring,
    "checkerboard": checkerboard,
    "pinwheel": pinwheel,
    "spirals": spirals,
    "swiss_roll": swiss_roll,
    "gaussian_grid": gaussian_grid,
    "letters": letters,
}


def density(name: str, **options: Any) -> Density:
    """A density of `DENSITIES`, exactly normalised; the options are its constructor's (`noise=` for most).

    Raises `ValueError` for an unknown name and for an option out of range.

    >>> round(density("checkerboard").entropy, 4)
    1.7918
    """
    if name not in DENSITIES:
        raise ValueError(f"no density is called {name!r}; choose one of {', '.join(DENSITIES)}")
    return DENSITIES[name](**options)
