"""CLIP's picture tower: a Vision Transformer (Dosovitskiy et al. 2021) with a LayerNorm before the first block."""

import torch
from torch import Tensor, nn

from playground.clip.transformer import Activation, Tower, Transformer

__all__ = ["VisionTransformer"]


class VisionTransformer(nn.Module):
    """Pixels (n, 3, side, side) to embeddings (n, embed_dim), read at the class token."""

    def __init__(
        self, tower: Tower, *, image_size: int, patch_size: int, embed_dim: int, activation: Activation
    ) -> None:
        super().__init__()
        self.image_size = image_size
        scale = tower.width**-0.5
        self.conv1 = nn.Conv2d(3, tower.width, patch_size, stride=patch_size, bias=False)
        self.class_embedding = nn.Parameter(scale * torch.randn(tower.width))
        self.positional_embedding = nn.Parameter(scale * torch.randn((image_size // patch_size) ** 2 + 1, tower.width))
        self.ln_pre = nn.LayerNorm(tower.width)
        self.transformer = Transformer(tower, activation, causal=False)
        self.ln_post = nn.LayerNorm(tower.width)
        self.proj = nn.Parameter(scale * torch.randn(tower.width, embed_dim))

    def forward(self, pixels: Tensor) -> Tensor:
        side = self.image_size
        if pixels.shape[1:] != (3, side, side):
            raise ValueError(f"pixels must have the shape (n, 3, {side}, {side}), not {tuple(pixels.shape)}")
        patches = self.conv1(pixels.to(self.proj.dtype)).flatten(2).transpose(1, 2)  # (n, patches, width)
        first = self.class_embedding.expand(len(patches), 1, -1)
        x = torch.cat([first, patches], dim=1) + self.positional_embedding
        x = self.transformer(self.ln_pre(x))
        return self.ln_post(x[:, 0]) @ self.proj
