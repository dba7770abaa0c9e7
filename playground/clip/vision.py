"""CLIP's picture tower: a Vision Transformer (Dosovitskiy et al. 2021) with a LayerNorm before the first block."""

import torch
from torch import Tensor, nn

from playground.clip.transformer import Activation, Transformer
from playground.nn.stem import conv_stem, sines
from playground.nn.tower import Tower

__all__ = ["VisionTransformer"]

PLACES = 0.3  # size of the sines that the positions behind a convolutional stem begin with


class VisionTransformer(nn.Module):
    """Pixels (n, 3, side, side) to embeddings (n, embed_dim), read at the class token."""

    def __init__(
        self,
        tower: Tower,
        *,
        image_size: int,
        patch_size: int,
        embed_dim: int,
        activation: Activation,
        stem: str = "patch",
    ) -> None:
        super().__init__()
        self.image_size = image_size
        scale, grid = tower.width**-0.5, image_size // patch_size
        self.conv1: nn.Module = (
            nn.Conv2d(3, tower.width, patch_size, stride=patch_size, bias=False)
            if stem == "patch"
            else conv_stem(tower.width, patch_size)
        )
        self.class_embedding = nn.Parameter(scale * torch.randn(tower.width))
        self.positional_embedding = nn.Parameter(scale * torch.randn(grid**2 + 1, tower.width))
        if stem == "conv":
            self.positional_embedding.data[1:] = PLACES * sines(grid, tower.width)
        self.ln_pre = nn.LayerNorm(tower.width)
        self.transformer = Transformer(tower, activation, causal=False)
        self.ln_post = nn.LayerNorm(tower.width)
        self.proj = nn.Parameter(scale * torch.randn(tower.width, embed_dim))

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.embedded(pixels)
        first = torch.zeros(len(x), dtype=torch.long, device=x.device)
        return self.ln_post(self.transformer(x, at=first)) @ self.proj

    def project(self, states: Tensor) -> Tensor:
        """The embeddings of what `states` gives."""
        return self.ln_post(states[:, 0]) @ self.proj

    def states(self, pixels: Tensor) -> Tensor:
        """The last block's outputs (n, 1 + patches, width), the class token's first."""
        return self.transformer(self.embedded(pixels))

    def embedded(self, pixels: Tensor) -> Tensor:
        """The first block's inputs (n, 1 + patches, width)."""
        side = self.image_size
        if pixels.shape[1:] != (3, side, side):
            raise ValueError(f"pixels must have the shape (n, 3, {side}, {side}), not {tuple(pixels.shape)}")
        patches = self.conv1(pixels.to(self.proj.dtype)).flatten(2).transpose(1, 2)  # (n, patches, width)
        first = self.class_embedding.expand(len(patches), 1, -1)
        x = torch.cat([first, patches], dim=1) + self.positional_embedding
        return self.ln_pre(x)
