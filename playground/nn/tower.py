"""The sizes of a transformer."""

from dataclasses import dataclass

__all__ = ["Tower"]


@dataclass(frozen=True)
class Tower:
    """The sizes of one transformer; `hidden` is the width inside a block's MLP. Raises `ValueError` for wrong ones."""

    width: int
    layers: int
    heads: int
    hidden: int

    def __post_init__(self) -> None:
        if min(self.width, self.layers, self.heads, self.hidden) < 1:
            raise ValueError(f"the sizes of a tower must be positive, not {self}")
        if self.width % self.heads:
            raise ValueError(f"{self.heads} heads do not divide the width {self.width}")
