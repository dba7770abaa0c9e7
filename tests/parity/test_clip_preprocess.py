"""Pixels against open_clip's transform of torchvision, bit by bit."""

import numpy as np
import pytest
from PIL import Image
from small_clip import small_config

from playground.clip.preprocess import pixels

DRAW = np.random.default_rng(0)
SIZES = [(1, 1), (224, 224), (225, 224), (224, 227), (33, 500), (500, 33), (1, 40), (1023, 767), (448, 449)]
SIZES += [tuple(int(side) for side in DRAW.integers(20, 700, 2)) for _ in range(40)]


def picture(size, mode="RGB"):
    """Noise: every rounding shows."""
    channels = {"L": (), "RGB": (3,)}[mode]
    return Image.fromarray(np.random.default_rng(size).integers(0, 256, (size[1], size[0], *channels), dtype=np.uint8))


@pytest.mark.parametrize(
    ("resize", "interpolation", "side", "mean", "std"),
    [
        ("shortest", "bicubic", 224, (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
        ("squash", "bicubic", 256, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        ("shortest", "bilinear", 96, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
        ("squash", "bilinear", 64, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ],
)
def test_the_same_bits_as_open_clip(resize, interpolation, side, mean, std):
    from open_clip.transform import image_transform

    peer = image_transform(side, False, mean=mean, std=std, resize_mode=resize, interpolation=interpolation)
    config = small_config(
        image_size=side, patch_size=32, resize=resize, interpolation=interpolation, mean=mean, std=std
    )
    for mode in ("RGB", "L"):
        for size in SIZES if mode == "RGB" else SIZES[:12]:
            ours, expected = pixels(picture(size, mode), config), peer(picture(size, mode)).numpy()
            assert ours.dtype == expected.dtype == np.float32
            assert np.array_equal(ours, expected), (mode, size)
