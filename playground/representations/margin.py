"""Pulled together or pushed apart: the contrastive loss of pairs and the loss of triplets."""

from torch import Tensor

__all__ = ["TINY", "distances", "margin_loss", "pair_loss", "triplet_loss"]

TINY = 1e-12  # of a squared distance: the gradient of a root at 0 is not finite


def distances(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distances (n,) of rows (n, d), no less than 1e-6, so that their gradient is finite."""
    return (a - b).square().sum(-1).clamp(min=TINY).sqrt()


def margin_loss(a: Tensor, b: Tensor, same: Tensor, *, margin: float = 1.0) -> Tensor:
    """1 / 2N sum of y d^2 + (1 - y) max(margin - d, 0)^2; y (n,) is 1 where a pair (n, d), (n, d) belongs together.

    Hadsell, Chopra and LeCun 2006, equation 4, whose own Y is 1 - y. On the unit sphere no distance is above 2.
    """
    return pair_loss(distances(a, b), same, margin=margin)


def pair_loss(d: Tensor, same: Tensor, *, margin: float = 1.0) -> Tensor:
    """The margin loss of pairs at distances d."""
    y = same.to(d)
    return (y * d.square() + (1 - y) * (margin - d).clamp(min=0).square()).mean() / 2


def triplet_loss(anchor: Tensor, positive: Tensor, negative: Tensor, *, margin: float = 1.0) -> Tensor:
    """Mean of max(d(a, p) - d(a, n) + margin, 0) of rows (n, d) (Schroff et al., FaceNet, 2015, with d, not d^2)."""
    return (distances(anchor, positive) - distances(anchor, negative) + margin).clamp(min=0).mean()
