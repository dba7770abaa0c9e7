"""The hand-written digits that ship with scikit-learn: 1797 pictures of 8 x 8, in 17 greys, and their split.

They are the test part of "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak 1998, UCI, CC BY 4.0).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["CLASSES", "SIDE", "Pictures", "digits"]

CLASSES, SIDE = 10, 8
HELD_OUT = 500
SPLIT_SEED = 1998


@dataclass(frozen=True, eq=False)
class Pictures:
    """Grey pictures with labels."""

    x: Tensor  # (n, 1, 8, 8) float32 in [-1, 1], ink is 1
    labels: Tensor  # (n,) 0..9

    def __len__(self) -> int:
        return len(self.x)


def digits() -> tuple[Pictures, Pictures]:
    """The training part (1297) and the held-out part (500): always the same, of a seeded permutation."""
    # Here, because it takes a second and only training needs it.
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]  # it ships no types

    data = load_digits()
    x = torch.as_tensor(data.images, dtype=torch.float32)[:, None] / 8 - 1
    labels = torch.as_tensor(data.target, dtype=torch.int64)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(SPLIT_SEED))
    apart, rest = order[:HELD_OUT], order[HELD_OUT:]
    return Pictures(x[rest], labels[rest]), Pictures(x[apart], labels[apart])
