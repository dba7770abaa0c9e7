"""A frozen CLIP prepared for encoding on CPU: packed weights, no work on positions that nobody reads."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playground.clip.transformer import ACTIVATIONS, Block, Transformer
from playground.nn.matmul import Linear, prepare, probe

if TYPE_CHECKING:
    from playground.clip.model import CLIP

__all__ = ["accelerate"]

ROWS = 800  # positions of pictures at once: a hidden layer of many more leaves the caches
QUICK = 1.702  # of quick_gelu


def accelerate(model: "CLIP", *, bfloat16: bool = False) -> "CLIP":
    """The same model, whose `encode_image` and `encode_text` now run faster on CPU; packing pays from a few calls on.

    For many pictures or prompts on a machine without GPU; a model that answers once is not worth packing. In float32
    the answers change by rounding only. With `bfloat16` matrices are multiplied in it where that is faster here, all
    else staying in float32, as do `state_dict` and what `save` writes; of random ViT-B the cosines to the exact vectors
    are over .9999. The packed weights take as much memory again, or half. Where gradients may be asked for (outside
    torch.no_grad), and for good once weights are loaded into the model, cast or moved, it computes as before. A model
    on another device than the CPU, of another dtype than float32, of SigLIP's family, or with another activation than
    gelu and quick_gelu is left as it is. Raises `ValueError` for a model that is not frozen.
    """
    if any(p.requires_grad for p in model.parameters()):
        raise ValueError("only a frozen model can be accelerated: call eval() and requires_grad_(False) on it first")
    if any(p.device.type != "cpu" or p.dtype != torch.float32 for p in model.parameters()):
        return model
    activations = {model.config.activation, model.config.text_activation or model.config.activation}
    if model.config.family != "clip" or not activations <= {"gelu", "quick_gelu"}:
        return model
    faster = bfloat16 and probe(torch.bfloat16)[1] < probe(torch.float32)[1]
    dtype = torch.bfloat16 if faster else torch.float32
    for tower in (model.visual, model.text):
        tower.transformer = _Transformer(tower.transformer, dtype)
    if isinstance(model.visual.conv1, nn.Conv2d | _Patches):
        model.visual.conv1 = _Patches(model.visual.conv1, dtype)
    return model


def _stamp(module: nn.Module) -> list[tuple[int, int]]:
    """Changes whenever a weight does."""
    return [(p.data_ptr(), 0 if p.is_inference() else p._version) for p in module.parameters()]


class _Packed:
    """The linear layers of a block."""

    def __init__(self, block: Block, dtype: torch.dtype) -> None:
        attn, mlp = block.attn, block.mlp
        quick = mlp.activation is ACTIVATIONS["quick_gelu"]
        scale = QUICK if quick else 1.0  # x sigmoid(1.702 x) = SiLU(1.702 x) / 1.702
        self.norms = block.ln_1, block.ln_2
        self.in_proj = prepare(attn.in_proj_weight, attn.in_proj_bias, dtype=dtype)
        self.out_proj = prepare(attn.out_proj.weight, attn.out_proj.bias, dtype=dtype)
        up, down = mlp.c_fc, mlp.c_proj
        self.up = prepare(scale * up.weight, scale * up.bias, "silu" if quick else "gelu", dtype=dtype)
        self.down = prepare(down.weight / scale, down.bias, dtype=dtype)


class _Transformer(Transformer):
    """A transformer with the same weights under the same names."""

    def __init__(self, plain: Transformer, dtype: torch.dtype) -> None:
        nn.Module.__init__(self)
        self.train(plain.training)
        self.resblocks = plain.resblocks
        self.dtype = dtype
        blocks = [block for block in plain.resblocks if isinstance(block, Block)]
        self.heads, self.causal = blocks[0].attn.heads, blocks[0].attn.causal
        self.packed = [_Packed(block, dtype) for block in blocks]
        self.stamp = _stamp(self)

    def forward(self, x: Tensor, at: Tensor | None = None) -> Tensor:
        if self.packed and self.stamp != _stamp(self):
            self.packed = []
        if at is None or not self.packed or torch.is_grad_enabled():
            return super().forward(x, at)
        if self.causal:
            return self._read(x, at)
        part = max(1, ROWS // x.shape[1])
        return torch.cat([self._read(*some) for some in zip(x.split(part), at.split(part), strict=True)])

    def _read(self, x: Tensor, at: Tensor) -> Tensor:
        """The last block's outputs (n, width) at the positions `at`; a causal one passes over those behind."""
        n, length, width = x.shape
        x, read, spread = x.flatten(0, 1), torch.arange(n) * length + at, None
        if self.causal:
            kept = (torch.arange(length) <= at[:, None]).flatten()
            rows, spread = kept.nonzero().flatten(), kept.cumsum(0) - 1  # what is passed over repeats the one before
            x = x[rows]
        for block in self.packed:
            ln_1, ln_2 = block.norms
            qkv = block.in_proj(ln_1(x).to(self.dtype))
            if spread is not None:
                qkv = qkv[spread]
            q, k, v = qkv.view(n, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal).transpose(1, 2).reshape(-1, width)
            if block is self.packed[-1]:
                x, mixed = x[read if spread is None else spread[read]], mixed[read]
            elif spread is not None:
                mixed = mixed[rows]
            x = x + block.out_proj(mixed)
            x = x + block.down(block.up(ln_2(x).to(self.dtype)))
        return x


class _Patches(nn.Module):
    """A convolution of patches side by side, as one product: (n, 3, side, side) to (n, width, grid, grid)."""

    def __init__(self, plain: "nn.Conv2d | _Patches", dtype: torch.dtype) -> None:
        super().__init__()
        self.weight: Tensor = plain.weight
        self.side, self.dtype = self.weight.shape[-1], dtype
        flat = self.weight.flatten(1)
        self.packed: Linear | None = prepare(flat, flat.new_zeros(len(flat)), dtype=dtype)
        self.stamp = _stamp(self)

    def forward(self, x: Tensor) -> Tensor:
        if self.stamp != _stamp(self):
            self.packed = None
        if self.packed is None or torch.is_grad_enabled():
            return F.conv2d(x, self.weight, stride=self.side)
        n, _, height, width = x.shape
        grid = height // self.side, width // self.side
        patches = x.unflatten(3, (grid[1], self.side)).unflatten(2, (grid[0], self.side)).permute(0, 2, 4, 1, 3, 5)
        made = self.packed(patches.to(self.dtype).reshape(n * grid[0] * grid[1], -1))
        return made.to(x.dtype).view(n, *grid, -1).permute(0, 3, 1, 2)
