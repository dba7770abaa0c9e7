"""Two ways to learn without negatives: BYOL predicts a slow copy, VICReg forbids that all embeddings agree."""

from torch import Tensor
from torch.nn.functional import cosine_similarity, mse_loss

__all__ = ["byol_loss", "vicreg_loss"]


def byol_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean of 2 - 2 cos between rows (n, d); the target gives no gradient (Grill et al. 2020, equation 2)."""
    return 2 - 2 * cosine_similarity(prediction, target.detach(), dim=1).mean()


def vicreg_loss(
    a: Tensor, b: Tensor, *, invariance: float = 25.0, variance: float = 25.0, covariance: float = 1.0
) -> Tensor:
    """Invariance, variance and covariance of two views (n, d) (Bardes, Ponce and LeCun 2022, algorithm 1).

    The views agree, each coordinate's standard deviation is at least 1, and no two coordinates say the same.
    """
    total = invariance * mse_loss(a, b)
    for z in (a, b):
        centred = z - z.mean(0)
        deviation = (centred.square().sum(0) / (len(z) - 1) + 1e-4).sqrt()
        matrix = centred.T @ centred / (len(z) - 1)
        apart = matrix.square().sum() - matrix.diagonal().square().sum()
        total = total + variance * (1 - deviation).clamp(min=0).mean() + covariance * apart / z.shape[1]
    return total
