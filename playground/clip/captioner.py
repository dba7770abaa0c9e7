"""A small decoder that learns to say what the picture tower sees, beside the contrast and thrown away after it.

To tell a picture's text from a few dozen others, colours and sizes are enough for long; to say every word of it, all is
needed at once. So a small CLIP learns from a hundredth of the pictures (CoCa, Yu et al. 2022; VirTex, Desai and
Johnson 2021).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Captioner", "Reader"]

PADDING = -100  # a target that counts for nothing
VIEWS = 8  # states that an embedding is unfolded to
LOUD = 3.0  # times a unit vector's entries, which are small


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
        behind = torch.arange(1, length, device=captions.device) > captions.argmax(1)[:, None]  # the end
        target = next_word.masked_fill(behind, PADDING)
        each = F.cross_entropy(logits.transpose(1, 2).float(), target, ignore_index=PADDING, reduction="none")
        return (each.sum(1) / (~behind).sum(1)).mean()  # each is (n, length - 1), 0 behind the end


class Reader(nn.Module):
    """A captioner that is shown embeddings alone: what it is to say of a picture and of a text, they must hold.

    A contrast learns which of two things stands left only where both towers hold it already: the score is a product,
    and while one factor is nothing the other has no gradient. One decoder that says both, the picture's description
    from its embedding and the text's words from its, brings them to hold it, and in the same way.
    """

    def __init__(self, captioner: Captioner, embed_dim: int) -> None:
        super().__init__()
        self.captioner = captioner
        width = captioner.words.embedding_dim
        self.unfold = nn.Linear(embed_dim, VIEWS * width)
        self.kinds = nn.Parameter(0.1 * torch.randn(2, 1, width))  # of a picture, of a text

    def forward(self, images: Tensor, texts: Tensor, captions: Tensor, said: Tensor) -> Tensor:
        """Mean nats a word of captions (n, length) given `images` (n, embed_dim), plus those of `said` given `texts`,
        both of the same shapes."""
        total = torch.zeros((), device=images.device)
        for kind, vectors, words in zip(self.kinds, (images, texts), (captions, said), strict=True):
            states = LOUD * self.unfold(vectors).unflatten(1, (VIEWS, -1)) + kind
            total = total + self.captioner(states, words)
        return total
