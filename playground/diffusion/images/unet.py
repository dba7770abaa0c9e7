"""A small class-conditional U-Net under EDM's preconditioning (Ho et al. 2020; Karras et al. 2022), plain PyTorch.

Two levels, 8 x 8 and 4 x 4, of residual blocks; every block hears the noise level, the label and, in training, how the
picture was augmented (EDM's non-leaking augmentation, Appendix F.2).
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from playground.diffusion.level import read_level
from playground.diffusion.preconditioning import preconditioning

__all__ = ["AUGMENTATIONS", "UNet"]

AUGMENTATIONS = 4  # turn, zoom, shift right, shift down
FREQUENCIES = 16


class UNet(nn.Module):
    """D(x, sigma, labels) for pictures (n, 1, side, side), `side` even; the label `classes` stands for "any".

    The network is float32; the answer has the dtype of x.
    """

    def __init__(self, *, channels: int = 36, side: int = 8, classes: int = 10, sigma_data: float = 0.75) -> None:
        super().__init__()
        if not (4 <= channels <= 512 and channels % 4 == 0):
            raise ValueError(f"channels must be a multiple of 4 between 4 and 512, not {channels}")
        if not (2 <= side <= 64 and side % 2 == 0):
            raise ValueError(f"side must be even and lie between 2 and 64, not {side}")
        if not 1 <= classes <= 1000:
            raise ValueError(f"classes must lie between 1 and 1000, not {classes}")
        self.config: dict[str, Any] = {
            "channels": channels,
            "side": side,
            "classes": classes,
            "sigma_data": sigma_data,
        }
        self.side, self.classes = side, classes
        self.row = preconditioning("edm", sigma_data=sigma_data)
        wide, heard = 2 * channels, 4 * channels
        self.level = nn.Linear(2 * FREQUENCIES, heard)
        self.label = nn.Embedding(classes + 1, heard)
        self.augmented = nn.Linear(AUGMENTATIONS, heard, bias=False)
        self.hear = nn.Linear(heard, heard)
        self.enter = nn.Conv2d(2, channels, 3, padding=1)  # the picture, and ones: they show where the edge is
        self.down = nn.ModuleList([Block(channels, channels, heard), Block(channels, channels, heard)])
        self.shrink = nn.Conv2d(channels, wide, 3, stride=2, padding=1)
        self.deep = nn.ModuleList(
            [
                Block(wide, wide, heard),
                Attention(wide),
                Block(wide, wide, heard),
                Attention(wide),
                Block(wide, wide, heard),
            ]
        )
        self.grow = nn.Conv2d(wide, channels, 3, padding=1)
        self.up = nn.ModuleList([Block(2 * channels, channels, heard), Block(2 * channels, channels, heard)])
        self.norm = nn.GroupNorm(4, channels)
        self.leave = nn.Conv2d(channels, 1, 3, padding=1)
        for last in self.leave.parameters():
            nn.init.zeros_(last)  # D starts as c_skip x

    def forward(self, x: Tensor, sigma: Tensor | float, labels: Tensor, augmented: Tensor | None = None) -> Tensor:
        """The denoised x_0 of x (n, 1, side, side) at sigma (), (n,) or (n, 1, 1, 1), for `labels` (n,).

        Raises `ValueError` for a sigma of another shape, or not positive.
        """
        level = read_level(sigma, x)
        skip, out, in_ = (c(level).to(x.dtype) for c in (self.row.c_skip, self.row.c_out, self.row.c_in))
        return skip * x + out * self.predict(in_ * x, self.row.c_noise(level), labels, augmented).to(x.dtype)

    def predict(self, x: Tensor, c_noise: Tensor, labels: Tensor, augmented: Tensor | None = None) -> Tensor:
        """EDM's F (n, 1, side, side) for c_in x and c_noise (), or (n, 1, 1, 1); float32."""
        x = x.to(self.leave.weight.dtype)
        angle = c_noise.reshape(-1, 1).to(x) * (2 * math.pi * _frequencies(x))
        heard = self.level(torch.cat([angle.cos(), angle.sin()], 1)) + self.label(labels)
        if augmented is not None:
            heard = heard + self.augmented(augmented)
        heard = functional.silu(self.hear(functional.silu(heard)))
        h = self.enter(torch.cat([x, torch.ones_like(x)], 1))
        kept = []
        for block in self.down:
            h = block(h, heard)
            kept.append(h)
        h = self.shrink(h)
        for block in self.deep:
            h = block(h, heard)
        h = self.grow(functional.interpolate(h, scale_factor=2, mode="nearest"))
        for block in self.up:
            h = block(torch.cat([h, kept.pop()], 1), heard)
        return self.leave(functional.silu(self.norm(h)))


class Block(nn.Module):
    """Two convolutions around a shift and a scale by what is heard, and a way past them."""

    def __init__(self, channels: int, out: int, heard: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(4, channels), nn.GroupNorm(4, out)
        self.conv1, self.conv2 = nn.Conv2d(channels, out, 3, padding=1), nn.Conv2d(out, out, 3, padding=1)
        self.film = nn.Linear(heard, 2 * out)
        self.past = nn.Conv2d(channels, out, 1) if channels != out else nn.Identity()
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor, heard: Tensor) -> Tensor:
        """(n, channels, h, w) to (n, out, h, w)."""
        h = self.conv1(functional.silu(self.norm1(x)))
        scale, shift = self.film(heard)[:, :, None, None].chunk(2, 1)
        h = self.conv2(functional.silu(self.norm2(h) * (1 + scale) + shift))
        return (self.past(x) + h) * math.sqrt(0.5)  # the variance stays


class Attention(nn.Module):
    """Self-attention over the pixels, four heads; it hears nothing."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(4, channels)
        self.qkv, self.out = nn.Conv2d(channels, 3 * channels, 1), nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor, heard: Tensor) -> Tensor:  # noqa: ARG002  # it stands among blocks that hear
        """(n, channels, h, w) to the same."""
        n, c, h, w = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(n, 3, 4, c // 4, h * w).mT.unbind(1)  # each (n, 4, h w, c / 4)
        y = functional.scaled_dot_product_attention(q, k, v).mT.reshape(n, c, h, w)
        return x + self.out(y)


def _frequencies(like: Tensor) -> Tensor:
    """From a tenth of a turn to four turns per unit of c_noise = ln(sigma) / 4."""
    return torch.logspace(-1, math.log10(4), FREQUENCIES, dtype=like.dtype, device=like.device)
