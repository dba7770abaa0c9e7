"""In which contexts a peer is timed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

__all__ = ["medium", "within"]


@contextmanager
def medium() -> Iterator[None]:
    """Float32 products by oneDNN, which takes bfloat16 for them where the processor multiplies it."""
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision("highest")


def within(context: Callable[[], Any], way: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """`way` as it runs in `context`."""

    def run() -> Tensor:
        with context():
            return way()

    return run
