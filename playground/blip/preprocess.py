"""Pictures to the pixels BLIP was trained on: both sides scaled to the square, bicubic; no torchvision."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from playground.blip.model import Config
from playground.pictures import normalised, to_rgb

__all__ = ["preprocess"]


def preprocess(pictures: Sequence[Image.Image], config: Config) -> Tensor:
    """Pictures as one float32 tensor (n, 3, image_size, image_size). Raises `ValueError` as `to_rgb` does."""
    side = config.image_size
    if not pictures:
        return torch.zeros(0, 3, side, side)
    squares = [to_rgb(picture).resize((side, side), Image.Resampling.BICUBIC) for picture in pictures]
    return torch.from_numpy(np.stack([normalised(square, config.mean, config.std) for square in squares]))
