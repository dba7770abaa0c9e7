"""A word as a density: the pixels that Pillow's built-in font gives it, each uniform."""

import math

import numpy as np
import torch

from playground.flows.pixels import Pixels

__all__ = ["MAX_LETTERS", "letters"]

MAX_LETTERS = 12
PIXELS = 160  # of the longer side
REACH = 2.6  # data units: no ink lies farther from the centre on either axis


def letters(*, text: str = "flow") -> Pixels:
    """The word `text`, centred, of unit standard deviation unless that would carry it beyond [-2.6, 2.6].

    Raises `ValueError` for a word that is blank, longer than `MAX_LETTERS` or not in the font (basic Latin).
    """
    ink = _raster(text)
    rows, columns = ink.shape
    p = ink / ink.sum()
    x, y = np.arange(columns) + 0.5, rows - np.arange(rows) - 0.5  # pixel centres from the lower left corner
    mean_x, mean_y = float(p.sum(0) @ x), float(p.sum(1) @ y)
    variance = float(p.sum(0) @ (x - mean_x) ** 2 + p.sum(1) @ (y - mean_y) ** 2) / 2 + 1 / 12
    farthest = max(mean_x, columns - mean_x, mean_y, rows - mean_y)
    unit = min(1 / math.sqrt(variance), REACH / farthest)  # data units a pixel
    centre = (unit * (columns / 2 - mean_x), unit * (rows / 2 - mean_y))
    return Pixels("letters", torch.from_numpy(ink), (unit * columns, unit * rows), centre)


def _raster(text: str) -> np.ndarray:
    """Coverage (h, w) float64 in [0, 1] of a word, cropped to its ink, about `PIXELS` on the longer side."""
    from PIL import Image, ImageDraw, ImageFont  # here: Pillow would cost every start of the app

    if not text.strip() or len(text) > MAX_LETTERS:
        raise ValueError(f"the text must have 1 to {MAX_LETTERS} characters that leave ink, not {text!r}")
    trial = ImageFont.load_default(size=100)
    missing = bytes(trial.getmask("\uffff"))  # the box that a font draws for what it lacks
    for character in text:
        if not character.isprintable() or bytes(trial.getmask(character)) == missing:
            raise ValueError(f"the built-in font has no {character!r}, only basic Latin: draw the word instead")
    left, top, right, bottom = trial.getbbox(text)
    font = ImageFont.load_default(size=100 * PIXELS / max(right - left, bottom - top))
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("L", (math.ceil(right - left) + 2, math.ceil(bottom - top) + 2))
    ImageDraw.Draw(image).text((1 - left, 1 - top), text, fill=255, font=font)
    return np.asarray(image.crop(image.getbbox())).astype(np.float64) / 255
