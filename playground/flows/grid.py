"""The log-density of a flow or a density over the plane, as a picture of n x n cells."""

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from playground.flows.density import EXTENT

__all__ = ["HasLogProb", "grid_values", "log_prob_grid"]

CHUNK = 40_000  # points at a time: each operation lets go of the interpreter, and few long ones let training go on
SHORT = 4096  # where each takes many operations: what is at hand stays in the cache
MAX_SIDE = 4096


class HasLogProb(Protocol):
    """A flow, or a density of the plane."""

    def log_prob(self, x: Tensor, /) -> Tensor | None:
        """Log-density (n,) in nats of points x (n, 2); None if unknown."""
        ...


def log_prob_grid(model: HasLogProb, n: int = 200, extent: float = EXTENT) -> NDArray[np.float32]:
    """Log-density (n, n) in nats at the centres of n x n cells over [-extent, extent]^2; row 0 is the top, y = +extent.

    -inf where the density is zero. Raises `ValueError` for n outside 1..4096, an extent that is not positive and a
    density without closed form; `FloatingPointError` where the model gives NaN or +inf.
    """
    log_p = grid_values(model, n, extent)
    if bad := int((~(log_p < np.inf)).sum()):
        raise FloatingPointError(
            f"the log-density is NaN or +inf at {bad:,} of {n * n:,} points; "
            "the flow has diverged: train again with a smaller learning rate"
        )
    return log_p


def grid_values(model: HasLogProb, n: int, extent: float) -> NDArray[np.float32]:
    """As `log_prob_grid`, but whatever the model gives: a picture of training shows a flow that overflows, too."""
    if not 1 <= n <= MAX_SIDE:
        raise ValueError(f"n must lie between 1 and {MAX_SIDE}, not {n}")
    if not 0 < extent < float("inf"):
        raise ValueError(f"extent must be positive and finite, not {extent}")
    like = next(model.parameters(), torch.empty(0)) if isinstance(model, nn.Module) else torch.empty(0)
    axis = ((torch.arange(n, dtype=torch.float64) + 0.5) / n * 2 - 1) * extent
    points = torch.cartesian_prod(axis.flip(0), axis).flip(1).to(like)  # (n * n, 2), row by row from the top
    log_p = np.empty(n * n, dtype=np.float32)
    chunk = CHUNK if getattr(model, "by_likelihood", True) else SHORT
    with torch.no_grad():
        for start in range(0, n * n, chunk):
            part = model.log_prob(points[start : start + chunk])
            if part is None:
                raise ValueError("this density has no closed form, so it has no grid of log-densities")
            log_p[start : start + chunk] = part.cpu().numpy()
    return log_p.reshape(n, n)
