"""Pictures of the mini benchmark that the picture world has not: spoilt ones, other styles, charts, signs, digits."""

import random
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

__all__ = ["QUALITIES", "STYLES", "bar_chart", "handwritten", "sign"]

INKS = {"red": "#c9352b", "blue": "#2f5fc4", "green": "#2f8f4e", "orange": "#e08a1e"}


def _noisy(picture: Image.Image, draw: random.Random) -> Image.Image:
    generator = np.random.default_rng(draw.randrange(2**32))
    grains = np.asarray(picture, dtype=np.float32) + generator.normal(0, 55, (*picture.size[::-1], 3))
    return Image.fromarray(grains.clip(0, 255).astype(np.uint8))


def _blurred(picture: Image.Image, _: random.Random) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(picture.width / 26))


def _dark(picture: Image.Image, _: random.Random) -> Image.Image:
    return ImageEnhance.Brightness(picture).enhance(0.22)


def _as_it_is(picture: Image.Image, _: random.Random) -> Image.Image:
    return picture


def _mosaic(picture: Image.Image, _: random.Random) -> Image.Image:
    small = picture.resize((14, 14), Image.Resampling.BOX)
    return small.resize(picture.size, Image.Resampling.NEAREST)


def _grey(picture: Image.Image, _: random.Random) -> Image.Image:
    return ImageOps.grayscale(picture).convert("RGB")


def _lines(picture: Image.Image, _: random.Random) -> Image.Image:
    edges = ImageOps.grayscale(picture).filter(ImageFilter.FIND_EDGES)
    return ImageOps.autocontrast(ImageOps.invert(edges)).convert("RGB")


QUALITIES = {"sharp": _as_it_is, "blurred": _blurred, "noisy": _noisy, "dark": _dark}
STYLES = {"colour": _as_it_is, "grey": _grey, "lines": _lines, "mosaic": _mosaic}


def bar_chart(heights: Mapping[str, int], side: int) -> Image.Image:
    """Bars of these heights, 1 to 9, in the colour that each is called, with their numbers above."""
    picture = Image.new("RGB", (side, side), "#f7f5ef")
    draw = ImageDraw.Draw(picture)
    width, ground = side / len(heights), side * 0.92
    draw.line([(0, ground), (side, ground)], fill="#333333", width=2)
    for i, (name, height) in enumerate(heights.items()):
        top = ground - height / 9 * side * 0.74
        draw.rectangle([(i + 0.2) * width, top, (i + 0.8) * width, ground], fill=INKS[name])
        draw.text(((i + 0.5) * width, top - 2), str(height), fill="#222222", font=_font(side / 11), anchor="mb")
    return picture


def sign(word: str, side: int, draw: random.Random) -> Image.Image:
    """A word on a board, a little turned."""
    picture = Image.new("RGB", (side, side), draw.choice(["#d9d4c7", "#c9d6df", "#dcd3e2"]))
    board = Image.new("RGBA", (round(side * 0.86), round(side * 0.34)), draw.choice(["#23395d", "#5b2333", "#234d3a"]))
    pen = ImageDraw.Draw(board)
    size = side * 0.26
    while pen.textlength(word, font=_font(size)) > board.width * 0.9:
        size *= 0.92
    pen.text((board.width / 2, board.height / 2), word, fill="#fdf8ea", font=_font(size), anchor="mm")
    turned = board.rotate(draw.uniform(-9, 9), Image.Resampling.BICUBIC, expand=True)
    picture.paste(turned, ((side - turned.width) // 2, (side - turned.height) // 2), turned)
    return picture


def handwritten(digits: Sequence[np.ndarray], side: int) -> Image.Image:
    """Handwritten digits (8, 8) in [0, 1] side by side, dark on light."""
    row = Image.fromarray((255 * (1 - np.concatenate(list(digits), 1))).astype(np.uint8))
    wide = row.resize((side, round(side / len(digits))), Image.Resampling.BICUBIC)
    picture = Image.new("RGB", (side, side), "white")
    picture.paste(wide, (0, (side - wide.height) // 2))
    return picture


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)
