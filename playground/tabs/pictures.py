"""The picture that a tab is about: an example of the picture world, what is drawn, or a file."""

import base64
import binascii
import io
import itertools
import textwrap
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import gradio as gr
import numpy as np
from PIL import Image

from playground import world
from playground.i18n import label
from playground.pictures import read_image
from playground.tabs.components import PaintPad, Tile, tiles
from playground.tabs.drawings import unpack_paint
from playground.tabs.files import place
from playground.world.figures import pictures_of

__all__ = [
    "EXAMPLES", "LARGE", "SOURCES", "Chosen", "complete", "decoded", "example", "lay_out", "photograph", "picture",
    "picture_program", "shown",
]  # fmt: skip

SOURCES = ("example", "draw", "upload")
EXAMPLES = tuple(range(900_500_000, 900_500_010))  # seeds of still lifes that no training saw
LARGE = 256  # pixels a side of an example, to look at
UPLOAD_BYTES = 20_000_000
# Of scikit-image's samples those that its package brings; the others it would fetch.
PHOTOGRAPHS = ("chelsea", "coffee", "astronaut", "rocket")
_turn = itertools.count()


class Chosen(Protocol):
    """What a tab's settings say of the picture."""

    @property
    def source(self) -> str: ...  # one of SOURCES
    @property
    def example(self) -> int: ...  # one of EXAMPLES
    @property
    def drawing(self) -> str: ...  # packed by `drawings.pack_paint`
    @property
    def upload(self) -> str: ...  # a file on this machine: in no link


def lay_out(w: SimpleNamespace, tab: str, *, example: int, hint: Any) -> None:
    """The picture's three sources, as tabs; `hint` stands below the pad."""
    with (
        gr.Column(elem_id=f"{tab}-picture"),
        gr.Tabs(elem_id=f"{tab}-source", elem_classes="pg-source") as w.sources,
    ):
        with gr.Tab(label("picture.source.example"), id="example", elem_id=f"{tab}-source-example") as w.tab_example:
            w.example = tiles(
                _tiles(), value=str(example), interactive=True, elem_id=f"{tab}-example",
                label=label("picture.example"), show_label=False,
            )  # fmt: skip
        with gr.Tab(label("picture.source.draw"), id="draw", elem_id=f"{tab}-source-draw") as w.tab_draw:
            w.pad = PaintPad(elem_id=f"{tab}-pad")
            gr.Markdown(hint, elem_classes="pg-hint")
        with gr.Tab(label("picture.source.upload"), id="upload", elem_id=f"{tab}-source-upload") as w.tab_upload:
            w.upload = gr.File(
                label=label("picture.upload"), show_label=False, type="filepath", height=150, interactive=True,
                elem_id=f"{tab}-upload",
            )  # fmt: skip
            gr.Markdown(label("picture.upload.hint"), elem_classes="pg-hint")
            with gr.Row(elem_classes="pg-downloads"):
                w.photos = gr.Button(label("picture.photos"), size="sm", elem_id=f"{tab}-photos")


@lru_cache(maxsize=32)
def example(seed: int, size: int = LARGE) -> Image.Image:
    """The still life of a seed."""
    return pictures_of([world.sample(seed)], size)[0]


def complete(chosen: Chosen) -> bool:
    """Whether there is a picture."""
    return {"example": True, "draw": bool(chosen.drawing), "upload": bool(chosen.upload)}[chosen.source]


def picture(chosen: Chosen) -> Image.Image:
    """The picture, in RGB. Raises `ValueError` and `FileNotFoundError` for a file that is no picture."""
    if chosen.source == "draw":
        painting = unpack_paint(chosen.drawing)
        if painting is None:
            raise ValueError("nothing is drawn yet")
        return Image.fromarray(painting).resize((LARGE, LARGE), Image.Resampling.BILINEAR)
    if chosen.source == "upload":
        path = Path(chosen.upload)
        if path.is_file() and (size := path.stat().st_size) > UPLOAD_BYTES:
            raise ValueError(f"{path.name} has {size / 1e6:.1f} MB, and a picture may have {UPLOAD_BYTES / 1e6:.0f}")
        return read_image(path)
    return example(chosen.example)


def picture_program(chosen: Chosen) -> tuple[list[str], list[str]]:
    """The picture in a tab's program: imports, and the lines that make `image`."""
    if chosen.source == "draw":
        return (
            ["from PIL import Image", "from playground.tabs.drawings import unpack_paint"],
            [
                "packed = (",
                *(f'    "{part}"' for part in textwrap.wrap(chosen.drawing, 96)),
                ")",
                f"image = Image.fromarray(unpack_paint(packed)).resize(({LARGE}, {LARGE}), Image.Resampling.BILINEAR)",
            ],
        )
    if chosen.source == "upload":
        return ["from playground.pictures import read_image"], ['image = read_image("picture.png")  # yours']
    return (
        ["from playground import world", "from playground.world.figures import pictures_of"],
        [f"(image,) = pictures_of([world.sample({chosen.example})], {LARGE})"],
    )


def photograph(folder: Path) -> str:
    """The next sample photograph of scikit-image's, as a file."""
    from skimage import data  # a second, only where it is asked for

    name = PHOTOGRAPHS[next(_turn) % len(PHOTOGRAPHS)]
    path = place(folder, f"{name}.png")
    Image.fromarray(getattr(data, name)()).save(path)
    return str(path)


def decoded(image: str) -> Image.Image:
    """The picture in a data URL or in base64, of at most 20 MB. Raises `ValueError`."""
    text = image.partition(",")[2] if image.startswith("data:") else image
    if len(text) > 28_000_000:
        raise ValueError("the picture is larger than 20 MB")
    try:
        return read_image(base64.b64decode(text, validate=True))
    except binascii.Error as error:
        raise ValueError("image must be a data URL or base64 of a picture file") from error


def shown(image: Image.Image, most: int = 512) -> np.ndarray:
    """A picture (h, w, 3) uint8, no side above `most`."""
    small = image.copy()
    small.thumbnail((most, most))
    return np.asarray(small.convert("RGB"))


def _tiles() -> list[Tile]:
    return [Tile(str(seed), str(i), _png(example(seed, 96))) for i, seed in enumerate(EXAMPLES, 1)]


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, format="PNG", optimize=True)
    return out.getvalue()
