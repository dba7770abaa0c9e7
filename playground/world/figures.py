"""Figures of a card, measured on pictures that no training sees."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from PIL import Image

from playground.world.render import render_all
from playground.world.scene import Scene

__all__ = ["Figure", "pictures_of", "table"]


@dataclass(frozen=True)
class Figure:
    """One figure of a card."""

    name: str
    value: float  # part of the answers that are right, 0 to 1
    chance: float
    count: int  # pictures


def table(figures: Iterable[Figure]) -> Iterator[str]:
    """The lines of a card's table."""
    yield "| what | right | chance |"
    yield "|---|---|---|"
    for figure in figures:
        yield f"| {figure.name} | {figure.value:.1%} | {figure.chance:.1%} |"


def pictures_of(scenes: Sequence[Scene], size: int = 64) -> list[Image.Image]:
    """The scenes' pictures as Pillow's."""
    pixels = (render_all(scenes, size).permute(0, 2, 3, 1) * 255).round().byte().numpy()
    return [Image.fromarray(one) for one in pixels]
