"""Tiles: a choice among pictures; a plain `gr.Radio`, so that labels, events and API are Gradio's, dressed by CSS."""

import base64
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from PIL import Image

from playground.figures.colours import lut

__all__ = ["Tile", "thumbnail", "tiles"]

CSS = Path(__file__).with_name("tiles.css")


class Tile(NamedTuple):
    """One choice: the value a handler gets, its label (a text or gr.I18n's marker), its picture (`thumbnail`, PNG)."""

    value: str
    label: Any
    picture: bytes


def thumbnail(shade: np.ndarray) -> bytes:
    """A density (n, n) in [0, 1], row 0 at the top, as a small PNG in the colours of the densities."""
    shade = np.asarray(shade, dtype=np.float64)
    if shade.ndim != 2 or not ((shade >= 0) & (shade <= 1)).all():
        raise ValueError(f"shade has shape {shade.shape} and spans {shade.min()}..{shade.max()}, allowed: (n, n), 0..1")
    image = Image.fromarray(np.rint(shade * 255).astype(np.uint8), mode="P")
    image.putpalette(lut().tobytes())
    out = io.BytesIO()
    image.save(out, format="PNG", optimize=True)
    return out.getvalue()


def tiles(choices: Sequence[Tile], *, elem_id: str, **kwargs: Any) -> gr.Radio:
    """The radio group of `choices`, five a row; `elem_id` ([a-z0-9_-]) joins it to its pictures; `kwargs`: gr.Radio's.

    It also renders an invisible gr.HTML that holds the style sheet. A long word in a label wants a soft hyphen.
    """
    if not re.fullmatch(r"[A-Za-z][\w-]*", elem_id):
        raise ValueError(f"elem_id={elem_id!r} must be letters, digits, - and _")
    encoded = [base64.b64encode(tile.picture).decode() for tile in choices]
    rules = [
        f"#{elem_id} .wrap > label:nth-child({i}){{--picture:url(data:image/png;base64,{text})}}"
        for i, text in enumerate(encoded, 1)
    ]
    gr.HTML(f"<style>{CSS.read_text(encoding='utf-8')}{''.join(rules)}</style>", visible="hidden", js_on_load=None)
    classes = kwargs.pop("elem_classes", None) or []
    classes = [classes] if isinstance(classes, str) else list(classes)
    return gr.Radio(
        [(t.label, t.value) for t in choices], elem_id=elem_id, elem_classes=["pg-tiles", *classes], **kwargs
    )
