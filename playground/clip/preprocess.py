"""Pictures to the pixels CLIP was trained on: read with care, made square, normalised; Pillow and numpy alone.

The same bits as open_clip's transform of torchvision, whose rounding of sizes and crops differs from transformers'.
"""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from playground.clip.model import Config

__all__ = ["pixels", "placed", "preprocess", "read_image", "to_rgb"]

# Formats that decode in Pillow itself (MPO as JPEG); PostScript, say, would start another program.
FORMATS = ("AVIF", "BMP", "GIF", "ICO", "JPEG", "JPEG2000", "PNG", "PPM", "TGA", "TIFF", "WEBP")
MAX_PIXELS = 89_478_485  # where Pillow begins to warn: a quarter of a gigabyte in RGB
FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


def read_image(source: str | Path | bytes) -> Image.Image:
    """The RGB picture in a file or in bytes, upright, of an animation the first frame; see `to_rgb`.

    Raises `ValueError` for what is no picture, is not all of one, or would fill the memory; `FileNotFoundError`.
    """
    name = "the picture" if isinstance(source, bytes) else str(source)
    content = source if isinstance(source, bytes) else Path(source).read_bytes()
    if not content:
        raise ValueError(f"{name} is empty")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            width, height = picture.size
            fits = width * height <= MAX_PIXELS
            upright = ImageOps.exif_transpose(picture) if fits else picture  # decodes it
    except UnidentifiedImageError as error:
        raise ValueError(f"{name} is no picture of a format that is read here: {', '.join(FORMATS)}") from error
    except Image.DecompressionBombError as error:
        raise ValueError(f"{name} has too many pixels; at most {MAX_PIXELS:,} are read") from error
    except Exception as error:  # a decoder that meets wrong bytes fails in many ways
        raise ValueError(f"{name} is damaged, or not all of it is here ({error})") from error
    if not fits:
        raise ValueError(f"{name} has {width} x {height} pixels; at most {MAX_PIXELS:,} are read")
    return to_rgb(upright)


def to_rgb(picture: Image.Image) -> Image.Image:
    """A picture of any mode as RGB: upright as its EXIF says, what is transparent on white, 16 bits scaled to 8.

    Raises `ValueError` for real numbers, whose range nothing tells.
    """
    picture = ImageOps.exif_transpose(picture)
    if picture.mode == "F":
        raise ValueError("the picture holds real numbers (mode F), and nothing tells their range; save it with 8 bits")
    if picture.mode.startswith("I"):
        values = np.asarray(picture).astype(np.int64).clip(0, 65535)
        picture = Image.fromarray((values // 256).astype(np.uint8))
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return picture.convert("RGB")


def pixels(picture: Image.Image, config: Config) -> np.ndarray:
    """A picture as float32 (3, image_size, image_size), normalised by the configuration's mean and std.

    Raises `ValueError` as `to_rgb` does, and for a picture so long that scaling its shorter side would fill the memory.
    """
    side, rgb = config.image_size, to_rgb(picture)
    square = _squash(rgb, config) if config.resize == "squash" else _crop(rgb, config)
    values = np.asarray(square, dtype=np.float32).transpose(2, 0, 1) / np.float32(255)
    mean, std = (np.array(three, dtype=np.float32).reshape(3, 1, 1) for three in (config.mean, config.std))
    answer = np.ascontiguousarray((values - mean) / std)
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
