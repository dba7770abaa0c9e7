"""The noise of one seed: a generator for our solvers, and what they draw from it for steps that take it as given."""

from collections.abc import Iterator

import torch


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(7)


def noises(like: torch.Tensor) -> Iterator[torch.Tensor]:
    """The noise that our solvers draw from `seeded()`, step by step, for samples of this shape."""
    generator = seeded()
    while True:
        yield torch.randn(like.shape, generator=generator, dtype=torch.float64)
