"""How much each position counted for the one that is read, by attention and its gradient (Chefer et al. 2021).

The paper is "Generic attention-model explainability for interpreting bi-modal and encoder-decoder transformers".
"""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["relevance"]


def relevance(attentions: Sequence[Tensor], gradients: Sequence[Tensor], position: int) -> Tensor:
    """How much each position (length,) counted for the one that is read; float32, on it the rule's own 1.

    Equations 5 and 6: A_bar = mean over heads of relu(grad A * A), R = R + A_bar R from R = I, first block to last; A
    and its gradient are (1, heads, length, length). Only the row R[position] is wanted, so it is carried from the last
    block to the first. All blocks count: what an early one has read, the last ones no longer look at.
    """
    r = torch.zeros(attentions[0].shape[-1], device=attentions[0].device)
    r[position] = 1
    for A, dA in zip(reversed(attentions), reversed(gradients), strict=True):
        A_bar = (dA.float() * A.detach().float()).clamp(min=0)[0].mean(dim=0)
        r = r + r @ A_bar
    return r
