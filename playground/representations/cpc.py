"""Contrastive predictive coding (van den Oord et al. 2018): a context tells the future's embedding from all others."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

__all__ = ["Predictor", "info_nce_loss", "row_shares"]


def info_nce_loss(scores: Tensor) -> Tensor:
    """Mean of -log softmax of the diagonal (n, n): what is said of row i is in column i. I >= log n - loss."""
    return cross_entropy(scores, torch.arange(len(scores), device=scores.device))


def row_shares(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Softmax of each row (n, m): how InfoNCE shares out its belief, as if these were all there is."""
    shares: NDArray[np.float32] = np.exp(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True))
    return shares


class Predictor(nn.Module):
    """Scores z_{t+k}^T W_k c_t (equation 3) of every context with every future, one W a distance k."""

    def __init__(self, context: int, latent: int, steps: int) -> None:
        super().__init__()
        self.w = nn.ModuleList([nn.Linear(context, latent, bias=False) for _ in range(steps)])

    def forward(self, context: Tensor, future: Tensor, k: int) -> Tensor:
        """Scores (n, n) of contexts (n, c) with futures (n, z), k = 1 for the next."""
        answer: Tensor = self.w[k - 1](context) @ future.T
        return answer
