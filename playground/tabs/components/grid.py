"""A grid of small pictures with a line under each, as HTML; every text is escaped."""

import base64
import html
import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

__all__ = ["Cell", "data_url", "grid"]


class Cell(NamedTuple):
    """A picture (h, w, 3) uint8, what stands below it, and what its hover says."""

    picture: np.ndarray
    caption: str
    title: str = ""
    best: bool = False


def data_url(picture: np.ndarray) -> str:
    """A picture (h, w, 3) uint8 as a WebP in an address."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, format="WEBP", quality=85)
    return "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode()


def grid(cells: Sequence[Cell], empty: str = "") -> str:
    """The grid; `empty` stands where there is no picture."""
    if not cells:
        return f'<p class="pg-hint">{html.escape(empty)}</p>'
    figures = (
        f'<figure{" class=pg-best" if cell.best else ""} title="{html.escape(cell.title, quote=True)}">'
        f'<img src="{data_url(cell.picture)}" alt="{html.escape(cell.title or cell.caption, quote=True)}">'
        f"<figcaption>{html.escape(cell.caption)}</figcaption></figure>"
        for cell in cells
    )
    return f'<div class="pg-grid">{"".join(figures)}</div>'
