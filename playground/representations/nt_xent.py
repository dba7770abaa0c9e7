"""The loss of SimCLR (Chen et al. 2020, equation 1), and what it does to a sphere (Wang and Isola 2020)."""

import math

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

__all__ = ["alignment", "nt_xent", "uniformity"]


def nt_xent(a: Tensor, b: Tensor, *, temperature: float = 0.5) -> Tensor:
    """Normalised temperature-scaled cross entropy of two views (n, d), a mean over all 2n; log(2n - 1) if all agree.

    Each view must find its partner among the 2n - 1 others; itself is masked before the softmax, not subtracted after.
    """
    z = normalize(torch.cat([a, b]), dim=1)
    n = len(a)
    logits = (z @ z.T / temperature).masked_fill(torch.eye(2 * n, dtype=torch.bool, device=z.device), -math.inf)
    partner = torch.arange(2 * n, device=z.device).roll(n)
    return cross_entropy(logits, partner)


def alignment(a: Tensor, b: Tensor) -> Tensor:
    """Mean squared distance of the normalised views of one thing; 0 if they agree (Wang and Isola 2020, equation 6)."""
    return (normalize(a, dim=1) - normalize(b, dim=1)).square().sum(1).mean()


def uniformity(z: Tensor, *, t: float = 2.0) -> Tensor:
    """Log of the mean of exp(-t d^2) over pairs of normalised rows (n, d); lower is more even on the sphere (7)."""
    z = normalize(z, dim=1)
    return (-t * torch.pdist(z).square()).exp().mean().log()
