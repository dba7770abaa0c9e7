"""Pictures as the bytes of their files."""

import io

from PIL import Image


def saved(picture: Image.Image, kind: str = "PNG", **options) -> bytes:
    """A file of this kind."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()
