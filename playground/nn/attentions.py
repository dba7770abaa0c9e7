"""Attention matrices of a network that hands its attention to `scaled_dot_product_attention`, which keeps none.

A torch function mode writes it out for the calls within a `with`, on this thread alone: no module is patched, so
nothing has to be put back.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["Attentions"]


class Attentions(TorchFunctionMode):
    """Within it, attention is softmax(q k^T / sqrt(d)) v, and each matrix (n, heads, queries, keys) is in `kept`.

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

    def attend(
        self, q: Tensor, k: Tensor, v: Tensor, attn_mask: Tensor | None = None, *, is_causal: bool = False
    ) -> Tensor:
        scores = q @ k.mT * q.shape[-1] ** -0.5  # (n, heads, queries, keys)
        if attn_mask is not None:
            scores = scores.masked_fill(~attn_mask, float("-inf"))
        if is_causal:
            ahead = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
            scores = scores.masked_fill(ahead, float("-inf"))
        return self.keep(scores.softmax(dim=-1)) @ v

    def keep(self, weights: Tensor) -> Tensor:
        if not weights.requires_grad:
            weights.requires_grad_()
        self.kept.append(weights)
        return weights
