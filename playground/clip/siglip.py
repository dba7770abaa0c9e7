"""SigLIP's two towers (Zhai et al. 2023; SigLIP 2: Tschannen et al. 2025), of pictures of one fixed size."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playground.clip.text import check_ids
from playground.clip.transformer import Activation, Mlp, Transformer
from playground.nn.tower import Tower

__all__ = ["AttentionPool", "SiglipText", "SiglipVision"]

EPS = 1e-6  # of every norm; CLIP's is 1e-5


class SiglipVision(nn.Module):
    """Pixels (n, 3, side, side) to embeddings (n, width): no class token, the patches are pooled by attention."""

    def __init__(self, tower: Tower, *, image_size: int, patch_size: int, activation: Activation) -> None:
        super().__init__()
        self.image_size = image_size
        self.conv1 = nn.Conv2d(3, tower.width, patch_size, stride=patch_size)
        patches = (image_size // patch_size) ** 2
        self.positional_embedding = nn.Parameter(tower.width**-0.5 * torch.randn(patches, tower.width))
        self.transformer = Transformer(tower, activation, causal=False, eps=EPS)
        self.ln_post = nn.LayerNorm(tower.width, eps=EPS)
        self.pool = AttentionPool(tower, activation)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.project(self.states(pixels))

    def project(self, states: Tensor) -> Tensor:
        """The embeddings of what `states` gives."""
        return self.pool(self.ln_post(states))

    def states(self, pixels: Tensor) -> Tensor:
        """The last block's outputs (n, patches, width)."""
        side = self.image_size
        if pixels.shape[1:] != (3, side, side):
            raise ValueError(f"pixels must have the shape (n, 3, {side}, {side}), not {tuple(pixels.shape)}")
        patches = self.conv1(pixels.to(self.conv1.weight.dtype)).flatten(2).transpose(1, 2)  # (n, patches, width)
        return self.transformer(patches + self.positional_embedding)


class AttentionPool(nn.Module):
    """Tokens (n, length, width) to (n, width): a probe attends to all of them, then x + MLP(LN x).

    Multi-head attention pooling (Zhai et al. 2022, Scaling Vision Transformers, section 3.2).
    """

    def __init__(self, tower: Tower, activation: Activation) -> None:
        super().__init__()
        self.heads, width = tower.heads, tower.width
        self.probe = nn.Parameter(width**-0.5 * torch.randn(1, 1, width))
        self.in_proj_weight = nn.Parameter(width**-0.5 * torch.randn(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        self.ln_2 = nn.LayerNorm(width, eps=EPS)
        self.mlp = Mlp(width, tower.hidden, activation)

    def forward(self, tokens: Tensor) -> Tensor:
        width = tokens.shape[-1]
        one, two = self.in_proj_weight.split((width, 2 * width))
        one_bias, two_bias = self.in_proj_bias.split((width, 2 * width))
        q = F.linear(self.probe, one, one_bias).expand(len(tokens), 1, width)  # the same question to every picture
        q = q.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (n, heads, 1, width/heads)
        k, v = F.linear(tokens, two, two_bias).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        x = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(1)  # (n, width)
        x = self.out_proj(x)
        return x + self.mlp(self.ln_2(x))


class SiglipText(nn.Module):
    """Token ids (n, context_length) to embeddings (n, embed_dim), read at the last position.

    Nothing masks the padding, every position attends to it: a text that is padded to another length, or cut behind its
    end as CLIP's may be, has another embedding, so other lengths are refused.
    """

    def __init__(
        self, tower: Tower, *, vocab_size: int, context_length: int, embed_dim: int, activation: Activation
    ) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(vocab_size, tower.width)
        self.positional_embedding = nn.Parameter(torch.empty(context_length, tower.width))
        self.transformer = Transformer(tower, activation, causal=False, eps=EPS)
        self.ln_final = nn.LayerNorm(tower.width, eps=EPS)
        self.text_projection = nn.Linear(tower.width, embed_dim)
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.positional_embedding, std=0.01)

    def forward(self, tokens: Tensor) -> Tensor:
        length = len(self.positional_embedding)
        if tokens.ndim != 2 or tokens.shape[1] != length or tokens.is_floating_point():
            raise ValueError(
                f"tokens must be ids (n, {length}), not {tokens.dtype} {tuple(tokens.shape)}: "
                f"SigLIP reads texts padded to {length} ids, for nothing masks the padding"
            )
        check_ids(tokens, self.token_embedding.num_embeddings)
        x = self.transformer(self.token_embedding(tokens) + self.positional_embedding)
        return self.text_projection(self.ln_final(x[:, -1]))
