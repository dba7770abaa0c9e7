"""A small convolutional encoder of pictures: a map of 4 x 4 local features, and one vector of the whole."""

import math

import torch
from torch import Tensor, nn

from playground.nn.seeded import seeded

__all__ = ["MAP", "Encoder", "build_encoder", "features", "settle"]

MAP = 4  # a side of the map of local features
BATCH = 500  # pictures at once where nothing is learned


class Encoder(nn.Module):
    """Three convolutions with batch normalisation, (n, k, s, s) -> map (n, c, 4, 4) -> vector (n, d)."""

    def __init__(self, dim: int = 64, channels: int = 64, *, side: int = 8, colours: int = 1) -> None:
        super().__init__()
        self.dim, self.channels, self.side, self.colours = dim, channels, side, colours
        halvings = int(math.log2(side // MAP))  # at most one a convolution, of the last ones
        strides = [(2 if i < halvings else 1) for i in range(3)] if halvings != 1 else [1, 2, 1]
        widths = [colours, channels // 2, channels, channels]
        self.local = nn.Sequential(
            *(
                layer
                for before, after, stride in zip(widths, widths[1:], strides, strict=False)
                for layer in _block(before, after, stride=stride)
            )
        )
        self.whole = nn.Linear(channels * MAP * MAP, dim)

    def map(self, x: Tensor) -> Tensor:
        """Local features (n, c, 4, 4)."""
        answer: Tensor = self.local(x)
        return answer

    def vector(self, features: Tensor) -> Tensor:
        """The embedding (n, d) of a map."""
        answer: Tensor = self.whole(features.flatten(1))
        return answer

    def forward(self, x: Tensor) -> Tensor:
        """Embeddings (n, d) of pictures (n, k, s, s)."""
        return self.vector(self.map(x))


def _block(before: int, after: int, *, stride: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()


def build_encoder(dim: int = 64, *, channels: int = 64, side: int = 8, colours: int = 1, seed: int = 0) -> Encoder:
    """A new encoder of pictures `side` pixels wide, weights drawn from `seed`.

    Raises `ValueError` for sizes outside 2..1,024 and a side that is not 4, 8, 16 or 32.
    """
    for name, value in (("dim", dim), ("channels", channels)):
        if not 2 <= value <= 1024:
            raise ValueError(f"{name} must lie between 2 and 1,024, not {value}")
    if side not in (4, 8, 16, 32):
        raise ValueError(f"side must be 4, 8, 16 or 32, not {side}")
    with seeded(seed):
        return Encoder(dim, channels, side=side, colours=colours)


@torch.no_grad()
def settle(encoder: nn.Module, x: Tensor) -> None:
    """Make the batch normalisations' averages those of pictures x under the weights as they are now.

    Averages gathered while the weights changed belong to none of them.
    """
    norms = [layer for layer in encoder.modules() if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm1d)]
    momenta = [layer.momentum for layer in norms]
    for layer in norms:
        layer.reset_running_stats()
        layer.momentum = None  # a plain average over the batches
    encoder.train()
    for part in x.tensor_split(math.ceil(len(x) / BATCH)):  # even parts, for each weighs the same
        encoder(part)
    for layer, momentum in zip(norms, momenta, strict=True):
        layer.momentum = momentum
    encoder.eval()


@torch.no_grad()
def features(encoder: nn.Module, x: Tensor) -> Tensor:
    """Embeddings (n, d) of pictures, by an encoder that has settled."""
    encoder.eval()
    return torch.cat([encoder(part) for part in x.split(BATCH)])
