"""A frozen BLIP prepared for computing on CPU: packed weights, attention by plain products, no work that nobody reads.

A decoder takes a token at a time, and all its weights come from memory for each: so what counts is their bytes, and how
few operations stand between two products.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playground.blip.med import Cache, Decoder, Layer, Med, Output, Predictions, Seen, allowed_keys
from playground.blip.vision import Block
from playground.nn.matmul import Linear, PostOp, Rows, prepare, probe
from playground.nn.packed import Patches, can_be_packed, stamp

if TYPE_CHECKING:
    from playground.blip.model import BLIP

__all__ = ["accelerate"]

Pack = Callable[..., Linear]  # nn.Linear layers side by side, as one product


def accelerate(model: "BLIP", *, bfloat16: bool = False) -> "BLIP":
    """The same model, which now captions, matches and answers faster on CPU; packing pays from a few calls on.

    In float32 the answers change by rounding only. With `bfloat16` matrices are multiplied in it where that is faster
    here, all else staying in float32, as do `state_dict` and what `save` writes. The packed weights take as much memory
    again, or half. Where gradients may be asked for (outside torch.no_grad), and for good once weights are loaded into
    the model, cast or moved, it computes as before. A model on another device than the CPU or of another dtype than
    float32 is left as it is. Raises `ValueError` for a model that is not frozen.
    """
    if not can_be_packed(model):
        return model
    faster = bfloat16 and probe(torch.bfloat16, "few")[1] < probe(torch.float32, "few")[1]
    dtype = torch.bfloat16 if faster else torch.float32
    pack = _packer(dtype)
    visual = model.visual_encoder
    as_plain = dtype == torch.float32 and probe(dtype, "many")[0] == "torch"  # whose products are what is there anyway
    visual.blocks = nn.Sequential(*visual.blocks) if as_plain else _Blocks(visual.blocks, dtype, pack)
    if isinstance(visual.patch_embed["proj"], nn.Conv2d | Patches):
        visual.patch_embed["proj"] = Patches(visual.patch_embed["proj"], dtype, "many")
    if model.config.encodes:
        model.text_encoder = _Med(model.text_encoder, dtype, pack)
    if model.config.decodes:
        decoder = model.text_decoder
        decoder.bert = _Med(decoder.bert, dtype, pack)
        decoder.cls["predictions"] = _Predictions(decoder, dtype, pack)
    return model


def _packer(dtype: torch.dtype) -> Pack:
    """Packs each layer once, though encoder and decoder share it."""
    made: dict[tuple[nn.Linear, ...], Linear] = {}

    def pack(*layers: nn.Linear, after: PostOp = "none", rows: Rows = "few") -> Linear:
        if layers not in made:
            weight, bias = torch.cat([one.weight for one in layers]), torch.cat([one.bias for one in layers])
            made[layers] = prepare(weight, bias, after, dtype=dtype, rows=rows)
        return made[layers]

    return pack


class _Blocks(nn.Sequential):
    """The blocks of a Vision Transformer, with the same weights under the same names; a picture at a time."""

    def __init__(self, plain: nn.Sequential, dtype: torch.dtype, pack: Pack) -> None:
        super().__init__(*plain)
        self.train(plain.training)
        self.dtype = dtype
        self.packed = [_PackedBlock(block, pack) for block in plain if isinstance(block, Block)]
        self.stamp = stamp(self.parameters())

    def forward(self, x: Tensor) -> Tensor:
        if self.packed and self.stamp != stamp(self.parameters()):
            self.packed = []
        if not self.packed or torch.is_grad_enabled():
            return super().forward(x)
        return torch.stack([self._one(states) for states in x]) if len(x) else x

    def _one(self, x: Tensor) -> Tensor:
        """States (length, width): those of several pictures would leave the caches."""
        for block in self.packed:
            qkv = block.qkv(block.norm1(x).to(self.dtype))
            q, k, v = qkv.unflatten(-1, (3, block.heads, -1)).permute(1, 2, 0, 3)[:, None]  # each (1, heads, length, d)
            x = x + block.proj(F.scaled_dot_product_attention(q, k, v)[0].transpose(0, 1).flatten(1))
            x = x + block.down(block.up(block.norm2(x).to(self.dtype)))
        return x


class _PackedBlock:
    def __init__(self, block: Block, pack: Pack) -> None:
        self.norm1, self.norm2, self.heads = block.norm1, block.norm2, block.attn.heads
        self.qkv, self.proj = pack(block.attn.qkv, rows="many"), pack(block.attn.proj, rows="many")
        self.up, self.down = pack(block.mlp.fc1, after="gelu", rows="many"), pack(block.mlp.fc2, rows="many")


class _Med(Med):
    """A MED with the same weights under the same names."""

    def __init__(self, plain: Med, dtype: torch.dtype, pack: Pack) -> None:
        nn.Module.__init__(self)
        self.train(plain.training)
        self.embeddings, self.encoder = plain.embeddings, plain.encoder
        self.dtype = dtype
        self.packed = [_PackedLayer(layer, pack) for layer in plain.layers]
        self.stamp = stamp(self.parameters())

    def look(self, states: Tensor, mask: Tensor | None = None) -> Seen:
        if not self._is_packed():
            return super().look(states, mask)
        m, length, width = states.shape
        flat = states.reshape(-1, width).to(self.dtype)
        keys, values = [], []
        for layer in self.packed:
            k, v = (made(flat).view(m, length, layer.heads, -1).transpose(1, 2) for made in (layer.key, layer.value))
            across = self.dtype == torch.float32  # as its products read it
            keys.append(k.mT.contiguous().mT if across else k.contiguous())
            values.append(v.contiguous())
        return Seen(tuple(keys), tuple(values), mask)

    def forward(
        self,
        ids: Tensor,
        seen: Seen | None = None,
        *,
        mask: Tensor | None = None,
        causal: bool = False,
        cache: Cache | None = None,
        at: int | None = None,
    ) -> Tensor:
        (n, length), before = ids.shape, cache.length if cache is not None else 0
        if not self._is_packed(check=not before):  # a text is not gone on with by other weights
            seen = _in(seen, self.embeddings.LayerNorm.weight.dtype)
            return super().forward(ids, seen, mask=mask, causal=causal, cache=cache, at=at)
        x, seen = self.embeddings(ids, before).to(self.dtype).flatten(0, 1), _in(seen, self.dtype)  # rows of width
        allowed = allowed_keys(mask, before, length, causal, ids.device)
        unpadded = None if seen is None or seen.mask is None else seen.mask[:, None, None]
        attend = F.scaled_dot_product_attention if cache is None else _attend
        for i, layer in enumerate(self.packed):
            qkv = layer.qkv(x).view(n, length, 3, layer.heads, -1).permute(2, 0, 3, 1, 4)
            q, k, v = qkv if cache is None else (qkv[0], *cache.grow(i, qkv[1:]))  # each (n, heads, length, d)
            if at is not None and layer is self.packed[-1]:
                x, q = x.view(n, length, -1)[:, at], q[:, :, at, None]
                if allowed is not None and causal:
                    allowed = allowed[:, :, at, None]
            x = layer.out(_rows(F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)), x)
            if seen is not None:
                keys, values = seen.keys[i], seen.values[i]
                q = layer.query(x).view(len(keys), -1, layer.heads, keys.shape[3]).transpose(1, 2)
                x = layer.seen_out(_rows(attend(q, keys, values, unpadded)), x)
            x = layer.down(layer.up(x), x)
        return (x if at is not None else x.view(n, length, -1)).float()

    def _is_packed(self, *, check: bool = True) -> bool:
        if check and self.packed and self.stamp != stamp(self.parameters()):
            self.packed = []
        return bool(self.packed) and not torch.is_grad_enabled()


class _PackedLayer:
    def __init__(self, layer: Layer, pack: Pack) -> None:
        own, self.heads = layer.attention, layer.attention.heads
        self.qkv = pack(own.self["query"], own.self["key"], own.self["value"])
        self.out = _output(own.output, pack)
        if hasattr(layer, "crossattention"):
            cross = layer.crossattention
            self.query, self.seen_out = pack(cross.self["query"]), _output(cross.output, pack)
            self.key, self.value = pack(cross.self["key"], rows="many"), pack(cross.self["value"], rows="many")
        self.up, self.down = pack(layer.intermediate["dense"], after="gelu"), _output(layer.output, pack)


def _output(output: Output, pack: Pack) -> Callable[[Tensor, Tensor], Tensor]:
    """LN(dense(x) + before), of rows."""
    dense, norm = pack(output.dense, after="add"), output.LayerNorm
    shape, weight, bias, eps = norm.normalized_shape, norm.weight, norm.bias, norm.eps
    return lambda x, before: torch.layer_norm(dense(x, before), shape, weight, bias, eps)


def _attend(q: Tensor, k: Tensor, v: Tensor, allowed: Tensor | None) -> Tensor:
    """scaled_dot_product_attention of few queries, for which two plain products are faster but of one in bfloat16."""
    (m, heads, length, d), places = q.shape, k.shape[2]
    if length == 1 and q.dtype == torch.bfloat16:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
    scores = torch.bmm(q.reshape(-1, length, d) * d**-0.5, k.transpose(2, 3).reshape(-1, d, places))
    if allowed is not None:
        scores = scores.view(m, heads, length, places).masked_fill(~allowed, -torch.inf).flatten(0, 1)
    return torch.bmm(scores.softmax(-1), v.reshape(-1, places, d)).view(m, heads, length, d)


def _rows(mixed: Tensor) -> Tensor:
    """(m, heads, length, d) to (m * length, heads * d)."""
    m, heads, length, d = mixed.shape
    return mixed.transpose(1, 2).reshape(m * length, heads * d)


def _in(seen: Seen | None, dtype: torch.dtype) -> Seen | None:
    if seen is None or not seen.keys or seen.keys[0].dtype == dtype:
        return seen
    return Seen(tuple(k.to(dtype) for k in seen.keys), tuple(v.to(dtype) for v in seen.values), seen.mask)


class _Predictions(Predictions):
    """The head over words with the same weights under the same names."""

    def __init__(self, decoder: Decoder, dtype: torch.dtype, pack: Pack) -> None:
        nn.Module.__init__(self)
        plain, words = decoder.cls["predictions"], decoder.bert.embeddings.word_embeddings.weight
        assert isinstance(plain, Predictions)
        self.train(plain.training)
        self.bias, self.transform = plain.bias, plain.transform
        self.dtype = dtype
        self.packed: tuple[Linear, Linear] | None = (
            pack(plain.transform["dense"], after="gelu"),
            prepare(words, plain.bias, dtype=dtype, rows="few"),
        )
        self.stamp = stamp([*self.parameters(), words])

    def forward(self, states: Tensor, words: Tensor) -> Tensor:
        if self.packed is not None and self.stamp != stamp([*self.parameters(), words]):
            self.packed = None
        if self.packed is None or torch.is_grad_enabled():
            return super().forward(states, words)
        dense, head = self.packed
        x = self.transform["LayerNorm"](dense(states.flatten(0, -2).to(self.dtype)))
        return head(x).to(states.dtype).view(*states.shape[:-1], -1)
