"""A small decoder that learns to say what the picture tower sees, beside the contrast and thrown away after it.

To tell a picture's text from a few dozen others, colours and sizes are enough for long; to say every word of it, all is
needed at once. So a small CLIP learns from a hundredth of the pictures (CoCa, Yu et al. 2022; VirTex, Desai and
Johnson 2021).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Captioner"]


class Captioner(nn.Module):
    """Mean cross-entropy, in nats a word, of captions (n, length) given the tower's states (n, m, width)."""

    def __init__(self, width: int, *, vocab_size: int, context_length: int, layers: int = 2, heads: int = 4) -> None:
        super().__init__()
        self.words = nn.Embedding(vocab_size, width)
        self.places = nn.Parameter(0.02 * torch.randn(context_length, width))
        block = nn.TransformerDecoderLayer(width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.norm = nn.LayerNorm(width)
        self.decoder = nn.TransformerDecoder(block, layers, nn.LayerNorm(width))
        nn.init.normal_(self.words.weight, std=0.02)

    def forward(self, states: Tensor, captions: Tensor) -> Tensor:
        """The end token is the largest id of a caption; what stands behind it is padding."""
        length = int(captions.argmax(dim=1).max()) + 1
        captions = captions[:, :length]
        said, next_word = captions[:, :-1], captions[:, 1:]
        ahead = torch.ones(length - 1, length - 1, dtype=torch.bool, device=captions.device).triu(1)
        x = self.words(said) + self.places[: length - 1]
        logits = self.decoder(x, self.norm(states), tgt_mask=ahead, tgt_is_causal=True) @ self.words.weight.T
        padding = next_word.new_full((), -100)
        target = torch.where(
            torch.arange(1, length, device=captions.device) > captions.argmax(1)[:, None], padding, next_word
        )
        each = F.cross_entropy(logits.transpose(1, 2).float(), target, reduction="none")  # (n, length - 1)
        return (each.sum(1) / (target != padding).sum(1)).mean()
