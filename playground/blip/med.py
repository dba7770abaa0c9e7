"""MED, the multimodal mixture of encoder and decoder (Li et al. 2022, 3.1): one BERT with three ways to be used.

As a unimodal encoder it reads a text alone; as an image-grounded encoder each layer also looks at the picture; as an
image-grounded decoder it looks at the picture too, and a position sees none behind it. Parameters bear the names of
the authors' code, which are BERT's.
"""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playground.nn.tower import Tower

__all__ = ["Cache", "Decoder", "Med", "Seen"]

PLACES = 20  # that a cache has in hand, so that not every step copies it


@dataclass(frozen=True)
class Seen:
    """What cross-attention looks at: keys and values of every layer, computed once a picture."""

    keys: tuple[Tensor, ...]  # each (m, heads, length, d); m pictures, of which each is seen by n / m texts in a row
    values: tuple[Tensor, ...]
    mask: Tensor | None = None  # (m, length) bool: what is no padding

    def of(self, pictures: Tensor) -> "Seen":
        """The same of pictures (n,), in that order and as often."""
        keys, values = (tuple(one[pictures] for one in some) for some in (self.keys, self.values))
        return Seen(keys, values, None if self.mask is None else self.mask[pictures])


@dataclass
class Cache:
    """Self-attention's keys and values so far, a layer each; grows as a decoder goes on."""

    kept: list[Tensor] = field(default_factory=list)  # (places, 2, n, heads, d), of which the first `length` are filled
    length: int = 0  # positions seen

    def grow(self, layer: int, new: Tensor) -> tuple[Tensor, Tensor]:
        """All keys and values of a layer, each (n, heads, length, d), with `new` (2, n, heads, more, d) ones.

        The layers are to come in their order.
        """
        more = new.shape[3]
        if layer == 0:
            self.length += more
        if layer == len(self.kept):
            self.kept.append(new.new_empty(self.length + PLACES, *new.shape[:3], new.shape[4]))
        elif self.length > len(self.kept[layer]):
            old = self.kept[layer][: self.length - more]
            self.kept[layer] = torch.cat([old, old.new_empty(more + PLACES, *old.shape[1:])])
        kept = self.kept[layer]
        kept[self.length - more : self.length] = new.permute(3, 0, 1, 2, 4)
        k, v = kept[: self.length].permute(1, 2, 3, 0, 4)
        return k, v

    def choose(self, rows: Tensor) -> None:
        """Keep these rows, in this order: beams that go on."""
        for layer, kept in enumerate(self.kept):
            chosen = kept.new_empty(len(kept), 2, len(rows), *kept.shape[3:])
            torch.index_select(kept[: self.length], 2, rows, out=chosen[: self.length])  # not what is still empty
            self.kept[layer] = chosen


class Med(nn.Module):
    """Token ids (n, length) to states (n, length, width)."""

    def __init__(
        self, tower: Tower, *, vocab_size: int, context_length: int, seen_width: int | None, eps: float
    ) -> None:
        super().__init__()
        self.embeddings = Embeddings(tower.width, vocab_size, context_length, eps)
        self.encoder = nn.ModuleDict(
            {"layer": nn.ModuleList(Layer(tower, seen_width, eps) for _ in range(tower.layers))}
        )

    @property
    def layers(self) -> list["Layer"]:
        """The layers, first to last."""
        return [layer for layer in self.encoder["layer"].children() if isinstance(layer, Layer)]

    def look(self, states: Tensor, mask: Tensor | None = None) -> Seen:
        """Keys and values of states (m, length, seen_width) for every layer's cross-attention."""
        made = [layer.crossattention.keys_values(states) for layer in self.layers]
        return Seen(tuple(k for k, _ in made), tuple(v for _, v in made), mask)

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
        """`mask` (n, length) bool says which tokens, of all so far, are no padding. A `cache` goes with causal.

        With `at`, 0 or -1, the states (n, width) at that one position.
        """
        before = cache.length if cache is not None else 0
        x = self.embeddings(ids, before)
        allowed = allowed_keys(mask, before, ids.shape[1], causal, ids.device)
        for i, layer in enumerate(self.layers):
            x = layer(x, i, seen, allowed, cache)
        return x if at is None else x[:, at]


class Embeddings(nn.Module):
    """Words and places, normalised."""

    def __init__(self, width: int, vocab_size: int, context_length: int, eps: float) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(vocab_size, width)
        self.position_embeddings = nn.Embedding(context_length, width)
        self.LayerNorm = nn.LayerNorm(width, eps=eps)

    def forward(self, ids: Tensor, before: int) -> Tensor:
        after = before + ids.shape[1]
        if after > (most := self.position_embeddings.num_embeddings):
            raise ValueError(f"a text has at most {most} tokens, not {after}")
        return self.LayerNorm(self.word_embeddings(ids) + self.position_embeddings.weight[before:after])


class Layer(nn.Module):
    """Self-attention, cross-attention where there is something to look at, an MLP; each normalised after its sum."""

    def __init__(self, tower: Tower, seen_width: int | None, eps: float) -> None:
        super().__init__()
        self.attention = Attention(tower, tower.width, eps)
        if seen_width is not None:
            self.crossattention = Attention(tower, seen_width, eps)
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(tower.width, tower.hidden)})
        self.output = Output(tower.hidden, tower.width, eps)

    def forward(self, x: Tensor, number: int, seen: Seen | None, allowed: Tensor | None, cache: Cache | None) -> Tensor:
        k, v = self.attention.keys_values(x)
        if cache is not None:
            k, v = cache.grow(number, torch.stack([k, v]))
        x = self.attention(x, k, v, allowed)
        if seen is not None:
            mask = None if seen.mask is None else seen.mask[:, None, None]
            x = self.crossattention(x, seen.keys[number], seen.values[number], mask)
        return self.output(F.gelu(self.intermediate["dense"](x)), x)


class Attention(nn.Module):
    """Multi-head attention with BERT's residual norm; `self` and `output` as its authors call them."""

    def __init__(self, tower: Tower, seen_width: int, eps: float) -> None:
        super().__init__()
        self.heads = tower.heads
        self.self = nn.ModuleDict(
            {
                "query": nn.Linear(tower.width, tower.width),
                "key": nn.Linear(seen_width, tower.width),
                "value": nn.Linear(seen_width, tower.width),
            }
        )
        self.output = Output(tower.width, tower.width, eps)

    def keys_values(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values (n, heads, length, d)."""
        k, v = (self.self[name](states).unflatten(-1, (self.heads, -1)).transpose(1, 2) for name in ("key", "value"))
        return k, v

    def forward(self, x: Tensor, k: Tensor, v: Tensor, allowed: Tensor | None) -> Tensor:
        """Texts (n, length, width) over keys of m pictures, each seen by n / m texts in a row: as one long query."""
        n, length = x.shape[:2]
        q = self.self["query"](x).unflatten(-1, (self.heads, -1))  # (n, length, heads, d)
        q = q.unflatten(0, (len(k), -1)).flatten(1, 2).transpose(1, 2)  # (m, heads, n / m * length, d)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
        mixed = mixed.transpose(1, 2).reshape(n, length, -1)
        return self.output(mixed, x)


class Output(nn.Module):
    """LN(dense(x) + before)."""

    def __init__(self, width: int, out: int, eps: float) -> None:
        super().__init__()
        self.dense = nn.Linear(width, out)
        self.LayerNorm = nn.LayerNorm(out, eps=eps)

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        return self.LayerNorm(self.dense(x) + before)


class Decoder(nn.Module):
    """A MED with a head over words, whose matrix is that of the embeddings."""

    def __init__(
        self, tower: Tower, *, vocab_size: int, context_length: int, seen_width: int | None, eps: float
    ) -> None:
        super().__init__()
        self.bert = Med(tower, vocab_size=vocab_size, context_length=context_length, seen_width=seen_width, eps=eps)
        self.cls = nn.ModuleDict({"predictions": Predictions(tower.width, vocab_size, eps)})

    def look(self, states: Tensor, mask: Tensor | None = None) -> Seen:
        """As `Med.look`."""
        return self.bert.look(states, mask)

    def forward(
        self, ids: Tensor, seen: Seen, *, mask: Tensor | None = None, cache: Cache | None = None, last: bool = False
    ) -> Tensor:
        """Logits (n, length, vocab_size) of the next tokens, or (n, vocab_size) of the `last` alone."""
        states = self.bert(ids, seen, mask=mask, causal=True, cache=cache, at=-1 if last else None)
        words = self.bert.embeddings.word_embeddings.weight
        answer: Tensor = self.cls["predictions"](states, words)
        return answer


class Predictions(nn.Module):
    """States to logits over words (n, ..., vocab_size)."""

    def __init__(self, width: int, vocab_size: int, eps: float) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(vocab_size))
        self.transform = nn.ModuleDict({"dense": nn.Linear(width, width), "LayerNorm": nn.LayerNorm(width, eps=eps)})

    def forward(self, states: Tensor, words: Tensor) -> Tensor:
        x = self.transform["LayerNorm"](F.gelu(self.transform["dense"](states)))
        return F.linear(x, words, self.bias)


def allowed_keys(mask: Tensor | None, before: int, length: int, causal: bool, device: torch.device) -> Tensor | None:
    """Which keys (., 1, queries, keys) a query may see; None for all."""
    if causal and length > 1:
        here = torch.ones(length, before + length, dtype=torch.bool, device=device).tril(before)[None, None]
        return here if mask is None else here & mask[:, None, None]
    return None if mask is None else mask[:, None, None]
