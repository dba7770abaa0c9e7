"""Scikit-learn's handwritten digits, and what may be done to one that it stays itself."""

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

__all__ = ["Augmentation", "augment", "digits", "few_labels"]

HELD_OUT = 500


@cache
def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pictures (n, 1, 8, 8) in [0, 1] and labels (n,) to learn from (1,297), and as much to be graded on (500).

    Always the same split. From scikit-learn, offline (UCI's optical digits, test part, CC BY 4.0).
    """
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]  # it ships no types

    bunch = load_digits()
    x = torch.tensor(bunch.images, dtype=torch.float32)[:, None] / 16
    y = torch.tensor(bunch.target)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    train, held = order[HELD_OUT:], order[:HELD_OUT]
    return x[train], y[train], x[held], y[held]


def few_labels(y: Tensor, per_class: int, seed: int = 0) -> Tensor:
    """Indices of so many pictures of each class. Raises `ValueError` where a class has fewer."""
    generator = torch.Generator().manual_seed(seed)
    chosen = []
    for label in y.unique().tolist():
        places = (y == label).nonzero()[:, 0]
        if not 1 <= per_class <= len(places):
            raise ValueError(f"labels a class must lie between 1 and {len(places)}, not {per_class}")
        chosen.append(places[torch.randperm(len(places), generator=generator)[:per_class]])
    return torch.cat(chosen)


@dataclass(frozen=True)
class Augmentation:
    """How far each change may go; 0 leaves it out. No mirror: it makes another digit of 2, 5, 6 and 9."""

    rotate: float = 20.0  # degrees
    scale: float = 0.2
    shear: float = 0.25
    shift: float = 0.25  # of half the width
    gain: float = 0.4
    noise: float = 0.08
    cut: float = 0.5  # probability of a black square, a quarter of the side


def augment(x: Tensor, generator: torch.Generator | None = None, how: Augmentation | None = None) -> Tensor:
    """Pictures (n, 1, h, w), each changed by chance, as far as an `Augmentation` allows (the usual one where None)."""
    how, n = how or Augmentation(), len(x)
    draw = lambda: 2 * torch.rand(n, generator=generator) - 1  # noqa: E731
    angle, size = draw() * math.radians(how.rotate), 1 + draw() * how.scale
    shear, dx, dy = draw() * how.shear, draw() * how.shift, draw() * how.shift
    cos, sin = angle.cos() / size, angle.sin() / size
    matrix = torch.stack(
        [torch.stack([cos, -sin + shear * cos, dx], 1), torch.stack([sin, cos + shear * sin, dy], 1)], 1
    ).to(x)
    out = grid_sample(x, affine_grid(matrix, list(x.shape), align_corners=False), align_corners=False)
    out = out * (1 + how.gain * draw()).to(x)[:, None, None, None]
    out = out + how.noise * torch.randn(out.shape, generator=generator).to(x)
    side = max(1, x.shape[-1] // 4)
    for i in (torch.rand(n, generator=generator) < how.cut).nonzero()[:, 0].tolist():
        top, left = torch.randint(0, x.shape[-1] - side + 1, (2,), generator=generator).tolist()
        out[i, :, top : top + side, left : left + side] = 0
    return out.clamp(0, 1.4)
