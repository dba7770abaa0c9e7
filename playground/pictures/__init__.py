"""Picture files as people have them: found in folders, zips and lists, and read with care."""

from playground.pictures.files import PictureFile, Pictures, find_pictures
from playground.pictures.reading import FORMATS, MAX_PIXELS, normalised, read_image, to_rgb

__all__ = [
    "FORMATS", "MAX_PIXELS", "PictureFile", "Pictures", "find_pictures", "normalised", "read_image", "to_rgb",
]  # fmt: skip
