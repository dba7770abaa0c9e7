"""Pictures and drawings as densities: the darkness of a picture, or the light of a sketch, as piecewise uniform."""

import io
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from playground.flows.pixels import Pixels
from playground.flows.plane import check_between

if TYPE_CHECKING:
    from PIL import Image  # imported where used: Pillow would cost the start of the app more than this whole package

__all__ = ["MAX_IMAGE_PIXELS", "density_from_drawing", "density_from_image", "read_image"]

MAX_IMAGE_PIXELS = 25_000_000
FILL = 5.2  # data units: the longer side of a picture covers [-2.6, 2.6]
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")  # Pillow would start other programs for some, Ghostscript for EPS
PAPER = 0.02  # darkness up to here is the paper, not the ink; JPEG leaves as much around every line
MIN_INK = 3  # pixels

Array = NDArray[Any]


def read_image(source: str | Path | bytes) -> Array:
    """The picture of a file or its bytes: (h, w, 3 or 4) uint8, or (h, w) float32 in [0, 1] if it has 16-bit greys.

    The size is read from the header, before anything is decoded; a camera's rotation (EXIF) is applied.
    Raises `ValueError` for more than `MAX_IMAGE_PIXELS` and for what is no PNG, JPEG, WebP, BMP or GIF, or damaged.
    """
    from PIL import Image

    with io.BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb") as stream:
        try:
            with Image.open(stream, formats=FORMATS) as image:
                _check_size(*image.size)
                image.load()
                return _to_array(image)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise ValueError(f"the picture has more than the {MAX_IMAGE_PIXELS:,} pixels allowed: shrink it") from error
        except (OSError, SyntaxError, EOFError, IndexError, struct.error, zlib.error) as error:  # what decoders raise
            raise ValueError("not a picture, or a damaged one: save it again as PNG or JPEG") from error


def density_from_image(picture: "Image.Image | Array", *, size: int = 128) -> Pixels:
    """The density proportional to the darkness of a picture, exact, piecewise uniform on at most size x size pixels.

    A Pillow image of any mode, or an array (h, w), (h, w, 3) or (h, w, 4) of uint8 or of floats in [0, 1]. Colours
    count by their luma, transparent is white, and what is at most 2 % dark is paper. The longer side covers
    [-2.6, 2.6]; row 0 is at the top, at y > 0. Raises `ValueError` for NaN, wrong shapes and a picture without ink.
    """
    if not isinstance(picture, np.ndarray):
        _check_size(*picture.size)
        picture = _to_array(picture)
    dark = _darkness(picture)
    dark[dark <= PAPER] = 0
    return _density("picture", dark, size, "the picture is white everywhere: its darkness is the density, so use one")


def density_from_drawing(drawing: Array, *, size: int = 128) -> Pixels:
    """As `density_from_image`, but light is ink: (h, w) floats in [0, 1], the strokes of a sketch pad on a dark ground.

    Every positive value counts; there is no paper to discount.
    """
    light = _unit(drawing)
    if light.ndim != 2:
        raise ValueError(f"a drawing must be (h, w), not {drawing.shape}")
    return _density("drawing", light, size, "the drawing is empty: draw something first, or choose a density")


def _density(name: str, ink: Array, size: int, empty: str) -> Pixels:
    """The density of ink (h, w) >= 0, reduced by averaging so that neither side exceeds `size`."""
    from PIL import Image

    check_between("size", size, 2, 512)
    rows, columns = ink.shape
    dots = int(np.count_nonzero(ink))
    if dots == 0:
        raise ValueError(empty + " with something dark on it" if name == "picture" else empty)
    if dots < MIN_INK:
        raise ValueError(f"the {name} has only {dots} pixel{'s' * (dots > 1)} of ink: it needs {MIN_INK} or more")
    longer = max(rows, columns)
    if longer > size:
        target = (max(1, round(columns * size / longer)), max(1, round(rows * size / longer)))
        ink = np.asarray(Image.fromarray(ink).resize(target, Image.Resampling.BOX))
    return Pixels(name, torch.from_numpy(ink.copy()), (FILL * columns / longer, FILL * rows / longer))


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_IMAGE_PIXELS:
        raise ValueError(
            f"the picture has {width:,} x {height:,} pixels, more than the {MAX_IMAGE_PIXELS:,} allowed: shrink it"
        )


def _to_array(image: "Image.Image") -> Array:
    """A Pillow image as `read_image` returns it."""
    from PIL import ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        return np.asarray(image)
    if image.mode.startswith("I"):  # convert() would clip these at 255: nearly every 16-bit picture would be white
        return np.asarray(image).astype(np.float32) / 65535
    try:
        return np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))
    except ValueError as error:
        raise ValueError(f"a picture of mode {image.mode} cannot be read: save it as RGB") from error


def _unit(array: Array) -> Array:
    """A picture's values as a new float32 array in [0, 1]; raises `ValueError` for what is no picture."""
    if array.size == 0:
        raise ValueError(f"the picture has no pixels: its shape is {array.shape}")
    if array.ndim >= 2:
        _check_size(array.shape[1], array.shape[0])
    if array.dtype == np.uint8:
        return array.astype(np.float32) / 255
    if array.dtype == np.bool_:
        return array.astype(np.float32)
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"a picture must be uint8, or floats in [0, 1], not {array.dtype}")
    if not np.isfinite(array).all():
        raise ValueError("the picture holds NaN or infinite values: replace them by numbers in [0, 1]")
    if array.min() < 0 or array.max() > 1:
        raise ValueError(f"a picture of floats must lie in [0, 1], not in [{array.min():.4g}, {array.max():.4g}]")
    return array.astype(np.float32)


def _darkness(array: Array) -> Array:
    """1 - luma (ITU-R 601) over white paper, (h, w) float32 in [0, 1]."""
    values = _unit(array)
    if values.ndim == 2:
        return 1 - values
    if values.ndim != 3 or values.shape[2] not in (3, 4):
        raise ValueError(f"a picture must be (h, w), (h, w, 3) or (h, w, 4), not {array.shape}")
    dark = 1 - (0.299 * values[..., 0] + 0.587 * values[..., 1] + 0.114 * values[..., 2])
    return dark * values[..., 3] if values.shape[2] == 4 else dark
