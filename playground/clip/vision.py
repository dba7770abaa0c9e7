"""CLIP's picture tower: a Vision Transformer (Dosovitskiy et al. 2021) with a LayerNorm before the first block."""

import math

import torch
from torch import Tensor, nn

from playground.clip.transformer import Activation, Tower, Transformer

__all__ = ["BatchNorm", "VisionTransformer"]

MOMENTUM = 0.1  # of running means: the share of the newest batch

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


def conv_stem(width: int, patch_size: int) -> nn.Sequential:
    """Convolutions of 3 x 3 that halve the picture until a patch is one pixel, two a size.

    Channels double up to the width. In training they are normalised over the batch, so a picture's embedding then
    depends on those beside it. Raises `ValueError` for a patch size that is no power of two.
    """
    halvings = patch_size.bit_length() - 1
    if patch_size != 1 << halvings or halvings < 1:
        raise ValueError(f"a convolutional stem halves the picture; {patch_size} is no power of two from 2 on")
    layers: list[nn.Module] = []
    before = 3
    for i in reversed(range(halvings)):
        wide = max(width >> i, 8)
        layers += _convolution(before, wide, stride=2)
        if i:
            layers += _convolution(wide, wide, stride=1)
        before = wide
    return nn.Sequential(*layers, nn.Conv2d(before, width, 1))


def _convolution(before: int, after: int, *, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False), BatchNorm(after), nn.GELU()]


class BatchNorm(nn.Module):
    """Each channel of (n, channels, h, w) normalised over the batch in training, by running means after it (Ioffe and
    Szegedy 2015); unlike PyTorch's it keeps no count of batches, so that weights are numbers alone."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.momentum = MOMENTUM
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        kept = self.running_mean, self.running_var
        return nn.functional.batch_norm(x, *kept, self.weight, self.bias, self.training, self.momentum)


def sines(grid: int, width: int) -> Tensor:
    """Places (grid * grid, width) as sines and cosines of row and column (Vaswani et al. 2017, in two dimensions)."""
    quarter = width // 4
    frequency = torch.exp(-math.log(100.0) * torch.arange(quarter) / quarter)  # a grid's side is tens, not thousands
    waves = torch.arange(grid)[:, None] * frequency
    line = torch.cat([waves.sin(), waves.cos()], dim=1)  # (grid, width / 2)
    places = torch.cat([line.repeat_interleave(grid, 0), line.repeat(grid, 1)], dim=1)
    return nn.functional.pad(places, (0, width - places.shape[1]))
