"""CLIP's text tower: a causal transformer read at the end token (Radford et al. 2021, section 2.4)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from playground.clip.transformer import Activation, Transformer
from playground.nn.tower import Tower

__all__ = ["TextTransformer", "check_ids", "encode_by_length"]


class TextTransformer(nn.Module):
    """Token ids (n, length) to embeddings (n, embed_dim), read at the first largest id, which is the end token.

    What follows the end cannot reach it through a causal mask, so the batch is cut behind its last end: exact, and for
    short prompts an order of magnitude less work than all 77 positions.
    """

    def __init__(
        self, tower: Tower, *, vocab_size: int, context_length: int, embed_dim: int, activation: Activation
    ) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(vocab_size, tower.width)
        self.positional_embedding = nn.Parameter(torch.empty(context_length, tower.width))
        self.transformer = Transformer(tower, activation, causal=True)
        self.ln_final = nn.LayerNorm(tower.width)
        self.text_projection = nn.Parameter(torch.empty(tower.width, embed_dim))
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.positional_embedding, std=0.01)
        nn.init.normal_(self.text_projection, std=tower.width**-0.5)

    def forward(self, tokens: Tensor) -> Tensor:
        vocab_size, longest = self.token_embedding.num_embeddings, len(self.positional_embedding)
        if tokens.ndim != 2 or not 1 <= tokens.shape[1] <= longest or tokens.is_floating_point():
            raise ValueError(f"tokens must be ids (n, 1..{longest}), not {tokens.dtype} {tuple(tokens.shape)}")
        if not len(tokens):
            return self.text_projection.new_zeros(0, self.text_projection.shape[1])
        check_ids(tokens, vocab_size)
        end = tokens.argmax(dim=-1)  # (n,); the first of equals
        length = int(end.max()) + 1
        x = self.token_embedding(tokens[:, :length]) + self.positional_embedding[:length]
        return self.ln_final(self.transformer(x, at=end)) @ self.text_projection


def check_ids(tokens: Tensor, vocab_size: int) -> None:
    """Raises `ValueError` for ids outside 0..vocab_size - 1, which on a GPU would break the process."""
    if not tokens.numel():
        return
    low, high = int(tokens.min()), int(tokens.max())
    if low < 0 or high >= vocab_size:
        raise ValueError(f"ids must lie in 0..{vocab_size - 1}, not {low if low < 0 else high}")


def encode_by_length(encode: Callable[[Tensor], Tensor], tokens: Tensor, part: int = 64) -> Tensor:
    """Texts encoded with others of their length, in parts, and given back in their order: short ones stay cheap."""
    if len(tokens) <= part:
        return encode(tokens)
    order = tokens.argmax(dim=1).argsort(stable=True)
    made = torch.cat([encode(tokens[some]) for some in order.split(part)])
    return made[order.argsort()]
