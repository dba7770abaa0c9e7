"""Pictures read with care: any format and mode that people have, to upright RGB; what would fill memory is refused."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

__all__ = ["FORMATS", "MAX_PIXELS", "normalised", "read_image", "to_rgb"]

# Formats that decode in Pillow itself (MPO as JPEG); PostScript, say, would start another program.
FORMATS = ("AVIF", "BMP", "GIF", "ICO", "JPEG", "JPEG2000", "PNG", "PPM", "TGA", "TIFF", "WEBP")
MAX_PIXELS = 89_478_485  # where Pillow begins to warn: a quarter of a gigabyte in RGB


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


def normalised(picture: Image.Image, mean: tuple[float, float, float], std: tuple[float, float, float]) -> np.ndarray:
    """An RGB picture as float32 (3, h, w): values in [0, 1], less the mean and by the std of each colour."""
    values = np.asarray(picture, dtype=np.float32).transpose(2, 0, 1) / np.float32(255)
    centre, spread = (np.array(three, dtype=np.float32).reshape(3, 1, 1) for three in (mean, std))
    return np.ascontiguousarray((values - centre) / spread)
