"""Pictures to the pixels CLIP was trained on: made square, normalised; Pillow and numpy alone.

The same bits as open_clip's transform of torchvision, whose rounding of sizes and crops differs from transformers'.
"""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from playground.clip.model import Config
from playground.pictures import MAX_PIXELS, normalised, to_rgb

__all__ = ["pixels", "placed", "preprocess"]

FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


def pixels(picture: Image.Image, config: Config) -> np.ndarray:
    """A picture as float32 (3, image_size, image_size), normalised by the configuration's mean and std.

    Raises `ValueError` as `to_rgb` does, and for a picture so long that scaling its shorter side would fill the memory.
    """
    side, rgb = config.image_size, to_rgb(picture)
    square = _squash(rgb, config) if config.resize == "squash" else _crop(rgb, config)
    answer = normalised(square, config.mean, config.std)
    assert answer.shape == (3, side, side)
    return answer


def _squash(picture: Image.Image, config: Config) -> Image.Image:
    return picture.resize((config.image_size, config.image_size), FILTERS[config.interpolation])


def placed(size: tuple[int, int], side: int) -> tuple[int, int, int, int]:
    """Width and height that a picture of `size` is scaled to, and left and top of the square of `side` cut from it.

    The shorter side becomes `side`, the longer one is rounded down; the crop's offset is rounded half to even.
    """
    short = min(size)
    width, height = (side if length == short else int(side * length / short) for length in size)
    return width, height, round((width - side) / 2), round((height - side) / 2)


def _crop(picture: Image.Image, config: Config) -> Image.Image:
    side = config.image_size
    width, height, left, top = placed(picture.size, side)
    if width * height > MAX_PIXELS:  # a line of pixels grows to a square's height, and to gigabytes
        raise ValueError(f"a picture of {picture.width} x {picture.height} pixels is too long to crop its centre")
    picture = picture.resize((width, height), FILTERS[config.interpolation])
    return picture.crop((left, top, left + side, top + side))


def preprocess(pictures: Sequence[Image.Image], config: Config) -> Tensor:
    """Pictures as one float32 tensor (n, 3, image_size, image_size)."""
    if not pictures:
        return torch.zeros(0, 3, config.image_size, config.image_size)
    return torch.from_numpy(np.stack([pixels(picture, config) for picture in pictures]))
