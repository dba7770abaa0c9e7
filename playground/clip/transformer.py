"""The pre-LN transformer that both of CLIP's towers stack (Radford et al. 2021, section 2.4), with OpenAI's names."""

from collections.abc import Callable
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playground.nn.tower import Tower

__all__ = ["ACTIVATIONS", "Activation", "Mlp", "Transformer"]

Activation = Literal["quick_gelu", "gelu", "gelu_tanh"]


def quick_gelu(x: Tensor) -> Tensor:
    """x sigmoid(1.702 x), OpenAI's approximation of GELU."""
    return x * torch.sigmoid(1.702 * x)


def gelu_tanh(x: Tensor) -> Tensor:
    """GELU by the hyperbolic tangent (Hendrycks and Gimpel 2016), which JAX means by gelu."""
    return F.gelu(x, approximate="tanh")


ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = dict(
    zip(get_args(Activation), (quick_gelu, F.gelu, gelu_tanh), strict=True)
)


class Transformer(nn.Module):
    """A stack of blocks, (n, length, width) to the same; a causal one lets a position see itself and those before.

    With `at` (n,), the outputs (n, width) at one position of each.
    """

    def __init__(self, tower: Tower, activation: Activation, *, causal: bool, eps: float = 1e-5) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(Block(tower, activation, causal=causal, eps=eps) for _ in range(tower.layers))
        for block in self.resblocks:
            _initialise(block, tower)

    def forward(self, x: Tensor, at: Tensor | None = None) -> Tensor:
        for block in self.resblocks:
            x = block(x)
        return x if at is None else x[torch.arange(len(x), device=x.device), at]


class Block(nn.Module):
    """x + attention(LN x), then x + MLP(LN x)."""

    def __init__(self, tower: Tower, activation: Activation, *, causal: bool, eps: float) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(tower.width, eps=eps)
        self.attn = Attention(tower.width, tower.heads, causal=causal)
        self.ln_2 = nn.LayerNorm(tower.width, eps=eps)
        self.mlp = Mlp(tower.width, tower.hidden, activation)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Attention(nn.Module):
    """Multi-head self-attention with q, k and v from one matrix."""

    def __init__(self, width: int, heads: int, *, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = qkv.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # each (n, heads, length, width/heads)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Two layers with the activation between; the wrong activation fits the weights and spoils the answers."""

    def __init__(self, width: int, hidden: int, activation: Activation) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, hidden)
        self.c_proj = nn.Linear(hidden, width)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        return self.c_proj(self.activation(self.c_fc(x)))


def _initialise(block: nn.Module, tower: Tower) -> None:
    """Deviations of Radford et al. 2021's code: into the residual path they shrink with the depth."""
    assert isinstance(block, Block)
    into, out = tower.width**-0.5, (2 * tower.layers * tower.width) ** -0.5
    nn.init.normal_(block.attn.in_proj_weight, std=into)
    nn.init.normal_(block.attn.out_proj.weight, std=out)
    nn.init.normal_(block.mlp.c_fc.weight, std=(2 * tower.width) ** -0.5)
    nn.init.normal_(block.mlp.c_proj.weight, std=out)
    for bias in (block.attn.out_proj.bias, block.mlp.c_fc.bias, block.mlp.c_proj.bias):
        nn.init.zeros_(bias)
