"""Which sample of the source goes with which of the data: at random, or by optimal transport inside the batch.

Tong et al., Improving and Generalizing Flow-Based Generative Models with Minibatch Optimal Transport, 2024; Pooladian
et al., Multisample Flow Matching, 2023. The plans are POT's.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["COUPLINGS", "couple", "plan", "prepare", "wasserstein"]

UNDERFLOW = 500.0  # exp of less is 0 in float64
COUPLINGS = ("independent", "ot", "entropic")


def prepare(coupling: str) -> None:
    """Import POT where the coupling needs it: it takes seconds, which are not to be counted as training."""
    if coupling != "independent":
        import ot  # type: ignore[import-untyped]  # noqa: F401  # it ships no types


def plan(x0: Tensor, x1: Tensor, coupling: str, *, sigma: float = 0.5) -> NDArray[np.float64]:
    """The joint distribution (n, m) of two batches (n, d) and (m, d), whose rows sum to 1/n and columns to 1/m.

    "independent" has no structure, "ot" minimises the mean squared distance exactly, "entropic" adds the entropy times
    2 sigma^2: the static Schrodinger bridge of Brownian motion with that sigma. Raises `ValueError` for an unknown
    coupling.
    """
    import ot

    a, b = (np.full(len(x), 1 / len(x)) for x in (x0, x1))
    if coupling == "independent":
        return np.outer(a, b)
    cost = _cost(x0, x1)
    if coupling == "ot":
        return np.asarray(ot.emd(a, b, cost))
    if coupling == "entropic":
        reg = 2 * sigma**2
        method = "sinkhorn" if cost.max() < UNDERFLOW * reg else "sinkhorn_log"  # which is slow
        return np.asarray(ot.sinkhorn(a, b, cost, reg=reg, method=method, numItermax=200, warn=False))
    raise ValueError(f"no coupling is called {coupling!r}; choose one of {', '.join(COUPLINGS)}")


def couple(
    x0: Tensor, x1: Tensor, coupling: str, generator: torch.Generator | None = None, *, sigma: float = 0.5
) -> tuple[Tensor, Tensor]:
    """Pairs (n, d), (n, d) drawn from the plan of two batches of n. What `plan` raises.

    An exact plan between as many points is a permutation, so each point is used once.
    """
    if coupling == "independent":
        return x0, x1
    joint = plan(x0, x1, coupling, sigma=sigma)
    if coupling == "ot":
        return x0, x1[torch.from_numpy(joint.argmax(1)).to(x1.device)]
    rows = torch.from_numpy(joint / joint.sum(1, keepdims=True))
    chosen = torch.multinomial(rows, 1, generator=generator)[:, 0]
    return x0, x1[chosen.to(x1.device)]


def wasserstein(x: Tensor, y: Tensor) -> float:
    """The Wasserstein-2 distance between two sets of points (n, d) and (m, d), in their units; exact.

    Between two samples of n = 1,000 points of one density it is not 0 but about .1: compare with that.
    """
    import ot

    return float(np.sqrt(max(0.0, ot.emd2(np.empty(0), np.empty(0), _cost(x, y), numItermax=1_000_000))))


def _cost(x: Tensor, y: Tensor) -> NDArray[np.float64]:
    return np.asarray(torch.cdist(x.detach().double().cpu(), y.detach().double().cpu()).square().numpy())
