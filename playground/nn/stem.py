"""What a small Vision Transformer begins with: convolutions, and places as sines (Xiao et al. 2021)."""

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch import distributed as dist

__all__ = ["BatchNorm", "conv_stem", "recalibrate", "sines"]

MOMENTUM = 0.1  # of running means: the share of the newest batch


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


@torch.no_grad()
def recalibrate(module: nn.Module, looks: Iterable[Callable[[], object]]) -> None:
    """Take what batch norms keep again, as the mean over these looks at batches: after weights have been averaged.

    Between processes of torch.distributed it is the mean over all.
    """
    norms = [one for one in module.modules() if isinstance(one, BatchNorm)]
    if not norms:
        return
    for count, look in enumerate(looks, start=1):
        for norm in norms:
            norm.momentum = 1 / count
        look()
    for norm in norms:
        norm.momentum = MOMENTUM
        if dist.is_initialized():
            for kept in (norm.running_mean, norm.running_var):
                dist.all_reduce(kept)
                kept /= dist.get_world_size()
