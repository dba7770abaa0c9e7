"""Draw the weights of a new network from a seed, and leave the caller's random numbers alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["seeded"]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the CPU's global generator, from which nn.Linear draws, and put its state back at the end.

    `torch.manual_seed` would seed every accelerator too, and nothing puts those back.
    """
    before = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(before)
