"""A frozen CLIP prepared for encoding on CPU: packed weights, no work on positions that nobody reads."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playground.clip.transformer import ACTIVATIONS, Block, Transformer
from playground.nn.matmul import prepare, probe
from playground.nn.packed import Patches, can_be_packed, stamp

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
    if not can_be_packed(model):
        return model
    activations = {model.config.activation, model.config.text_activation or model.config.activation}
    if model.config.family != "clip" or not activations <= {"gelu", "quick_gelu"}:
        return model
    faster = bfloat16 and probe(torch.bfloat16)[1] < probe(torch.float32)[1]
    dtype = torch.bfloat16 if faster else torch.float32
    for tower in (model.visual, model.text):
        tower.transformer = _Transformer(tower.transformer, dtype)
    if isinstance(model.visual.conv1, nn.Conv2d | Patches):
        model.visual.conv1 = Patches(model.visual.conv1, dtype)
    return model


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
        self.stamp = stamp(self.parameters())

    def forward(self, x: Tensor, at: Tensor | None = None) -> Tensor:
        if self.packed and self.stamp != stamp(self.parameters()):
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
