"""The picture that is rated: an example of the picture world, what is drawn, or a file."""

import io
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from playground import clip, world
from playground.tabs.clip.settings import EXAMPLES, Settings
from playground.tabs.components import Tile
from playground.tabs.drawings import unpack_paint
from playground.world.figures import pictures_of

__all__ = ["LARGE", "example", "example_tiles", "picture"]

LARGE = 256  # pixels a side of an example, to look at
UPLOAD_BYTES = 20_000_000


@lru_cache(maxsize=32)
def example(seed: int, size: int = LARGE) -> Image.Image:
    """The still life of a seed."""
    return pictures_of([world.sample(seed)], size)[0]


def picture(settings: Settings) -> Image.Image:
    """What is to be rated, in RGB. Raises `ValueError` and `FileNotFoundError` for a file that is no picture."""
    if settings.source == "draw":
        painting = unpack_paint(settings.drawing)
        if painting is None:
            raise ValueError("nothing is drawn yet")
        return Image.fromarray(painting).resize((LARGE, LARGE), Image.Resampling.BILINEAR)
    if settings.source == "upload":
        path = Path(settings.upload)
        if path.is_file() and (size := path.stat().st_size) > UPLOAD_BYTES:
            raise ValueError(f"{path.name} has {size / 1e6:.1f} MB, and a picture may have {UPLOAD_BYTES / 1e6:.0f}")
        return clip.read_image(path)
    return example(settings.example)


def example_tiles() -> list[Tile]:
    """The examples with their pictures."""
    return [Tile(str(seed), str(i), _png(example(seed, 96))) for i, seed in enumerate(EXAMPLES, 1)]


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, format="PNG", optimize=True)
    return out.getvalue()


def shown(image: Image.Image, most: int = 512) -> np.ndarray:
    """A picture (h, w, 3) uint8, no side above `most`."""
    small = image.copy()
    small.thumbnail((most, most))
    return np.asarray(small.convert("RGB"))
