"""How much each position counted for the one that is read, by attention and its gradient (Chefer et al. 2021).

The paper is "Generic attention-model explainability for interpreting bi-modal and encoder-decoder transformers".

The towers hand their attention to `scaled_dot_product_attention`, which keeps no matrix. A torch function mode writes
it out for the calls within a `with`, on this thread alone: no module is patched, so nothing has to be put back.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["Attentions", "relevance"]


class Attentions(TorchFunctionMode):
    """Within it, attention is softmax(q k^T / sqrt(d)) v, and each matrix (n, heads, length, length) is in `kept`.

    The matrices require gradients, whatever the weights do.
    """

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Tensor] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        call = self.attend if func is F.scaled_dot_product_attention else func
        return call(*args, **(kwargs or {}))

    def attend(self, q: Tensor, k: Tensor, v: Tensor, *, is_causal: bool = False) -> Tensor:
        scores = q @ k.mT * q.shape[-1] ** -0.5  # (n, heads, length, length)
        if is_causal:
            ahead = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
            scores = scores.masked_fill(ahead, float("-inf"))
        return self.keep(scores.softmax(dim=-1)) @ v

    def keep(self, weights: Tensor) -> Tensor:
        if not weights.requires_grad:
            weights.requires_grad_()
        self.kept.append(weights)
        return weights


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
