"""BLIP's picture tower: a Vision Transformer (Dosovitskiy et al. 2021) with timm's names, whose states are all read."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playground.nn.stem import conv_stem, sines
from playground.nn.tower import Tower

__all__ = ["VisionTransformer", "resized"]

PLACES = 0.3  # size of the sines that the positions behind a convolutional stem begin with


class VisionTransformer(nn.Module):
    """Pixels (n, 3, side, side) to states (n, 1 + patches, width), the class token's first."""

    def __init__(self, tower: Tower, *, image_size: int, patch_size: int, eps: float, stem: str = "patch") -> None:
        super().__init__()
        self.image_size = image_size
        grid = image_size // patch_size
        self.cls_token = nn.Parameter(0.02 * torch.randn(1, 1, tower.width))
        self.pos_embed = nn.Parameter(0.02 * torch.randn(1, 1 + grid**2, tower.width))
        self.patch_embed = nn.ModuleDict({"proj": _patches(tower.width, patch_size, stem)})
        if stem == "conv":
            self.pos_embed.data[0, 1:] = PLACES * sines(grid, tower.width)
        self.blocks = nn.Sequential(*(Block(tower, eps) for _ in range(tower.layers)))
        self.norm = nn.LayerNorm(tower.width, eps=eps)

    def forward(self, pixels: Tensor) -> Tensor:
        side = self.image_size
        if pixels.shape[1:] != (3, side, side):
            raise ValueError(f"pixels must have the shape (n, 3, {side}, {side}), not {tuple(pixels.shape)}")
        patches = self.patch_embed["proj"](pixels.to(self.cls_token.dtype)).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], dim=1) + self.pos_embed
        return self.norm(self.blocks(x))


class Block(nn.Module):
    """x + attention(LN x), then x + MLP(LN x)."""

    def __init__(self, tower: Tower, eps: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(tower.width, eps=eps)
        self.attn = Attention(tower)
        self.norm2 = nn.LayerNorm(tower.width, eps=eps)
        self.mlp = Mlp(tower)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Attention(nn.Module):
    """Multi-head self-attention with q, k and v from one matrix."""

    def __init__(self, tower: Tower) -> None:
        super().__init__()
        self.heads = tower.heads
        self.qkv = nn.Linear(tower.width, 3 * tower.width)
        self.proj = nn.Linear(tower.width, tower.width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # each (n, heads, length, d)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Two layers with GELU between."""

    def __init__(self, tower: Tower) -> None:
        super().__init__()
        self.fc1 = nn.Linear(tower.width, tower.hidden)
        self.fc2 = nn.Linear(tower.hidden, tower.width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


def _patches(width: int, patch_size: int, stem: str) -> nn.Module:
    return conv_stem(width, patch_size) if stem == "conv" else nn.Conv2d(3, width, patch_size, stride=patch_size)


def resized(places: Tensor, grid: int) -> Tensor:
    """Positions (1, 1 + g * g, width) for a grid of another side, the class token's kept (bicubic, as BLIP's code).

    Raises `ValueError` where they are no class token and a square.
    """
    old = round((places.shape[1] - 1) ** 0.5)
    if old**2 + 1 != places.shape[1]:
        raise ValueError(f"positions {tuple(places.shape)} are not those of a class token and a square of patches")
    square = places[:, 1:].unflatten(1, (old, old)).permute(0, 3, 1, 2)
    square = F.interpolate(square, (grid, grid), mode="bicubic", align_corners=False)
    return torch.cat([places[:, :1], square.flatten(2).transpose(1, 2)], dim=1)
