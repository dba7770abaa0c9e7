"""A small convolutional encoder of digits: a map of local features, and one vector of the whole."""

from torch import Tensor, nn

from playground.nn.seeded import seeded

__all__ = ["Encoder", "build_encoder"]


class Encoder(nn.Module):
    """Three convolutions with batch normalisation, (n, 1, 8, 8) -> map (n, c, 4, 4) -> vector (n, d)."""

    def __init__(self, dim: int = 64, channels: int = 64) -> None:
        super().__init__()
        self.dim, self.channels = dim, channels
        self.local = nn.Sequential(
            *_block(1, channels // 2, stride=1), *_block(channels // 2, channels, stride=2),
            *_block(channels, channels, stride=1),
        )  # fmt: skip
        self.whole = nn.Linear(channels * 16, dim)

    def map(self, x: Tensor) -> Tensor:
        """Local features (n, c, 4, 4)."""
        answer: Tensor = self.local(x)
        return answer

    def vector(self, features: Tensor) -> Tensor:
        """The embedding (n, d) of a map."""
        answer: Tensor = self.whole(features.flatten(1))
        return answer

    def forward(self, x: Tensor) -> Tensor:
        """Embeddings (n, d) of pictures (n, 1, 8, 8)."""
        return self.vector(self.map(x))


def _block(before: int, after: int, *, stride: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()


def build_encoder(dim: int = 64, *, channels: int = 64, seed: int = 0) -> Encoder:
    """A new encoder, weights drawn from `seed`. Raises `ValueError` for sizes outside 2..1,024."""
    for name, value in (("dim", dim), ("channels", channels)):
        if not 2 <= value <= 1024:
            raise ValueError(f"{name} must lie between 2 and 1,024, not {value}")
    with seeded(seed):
        return Encoder(dim, channels)
