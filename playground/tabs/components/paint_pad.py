"""PaintPad: the sketch pad in colours; it sends 64 x 64 x 3 bytes, red, green and blue over its ground."""

import base64
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playground.tabs.components.sketch_pad import SIDE, WORDS, SketchPad, decode

__all__ = ["GROUND", "PALETTE", "Ground", "PaintPad", "bare"]

Ground = str | tuple[str, str]
GROUND = ("#c9ccd3", "#a3a3a6")  # like the picture world's: sky above, table below
PALETTE: Mapping[str, str] = {  # the colours of the picture world's solids in its even light
    "red": "#d7373e",
    "orange": "#e1832b",
    "yellow": "#dfc934",
    "green": "#41a647",
    "cyan": "#41bec4",
    "blue": "#3e59cd",
    "purple": "#9244bc",
    "gray": "#878787",
}
COLOURS = {  # names of swatches; a name that stands in neither this nor `words` is shown as it is
    "red": {"en": "Red", "zh-CN": "红色"},
    "orange": {"en": "Orange", "zh-CN": "橙色"},
    "yellow": {"en": "Yellow", "zh-CN": "黄色"},
    "green": {"en": "Green", "zh-CN": "绿色"},
    "cyan": {"en": "Cyan", "zh-CN": "青色"},
    "blue": {"en": "Blue", "zh-CN": "蓝色"},
    "purple": {"en": "Purple", "zh-CN": "紫色"},
    "gray": {"en": "Gray", "zh-CN": "灰色"},
    "white": {"en": "White", "zh-CN": "白色"},
    "black": {"en": "Black", "zh-CN": "黑色"},
}
TRAY = {"en": "Colours", "zh-CN": "颜色"}


class PaintPad(SketchPad):
    """A painting as (64, 64, 3) uint8, RGB, row 0 at the top; None where nothing is painted over the ground.

    palette: name -> "#rrggbb", the first is chosen at the start. ground: "#rrggbb", or one above and one below with a
    soft passage between them; the eraser brings it back, and a painting that equals it is none. `bare` is the ground
    as a painting. words: as the sketch pad's, besides them `colours` (of the row of swatches) and any name in the
    palette. In the page, each swatch has data-colour, its name in the palette, and aria-pressed.
    """

    def __init__(
        self,
        value: NDArray[np.uint8] | None = None,
        *,
        palette: Mapping[str, str] = PALETTE,
        ground: Ground = GROUND,
        words: Mapping[str, str | Mapping[str, str]] | None = None,
        **kwargs: Any,
    ) -> None:
        if not palette:
            raise ValueError("a palette needs at least one colour")
        for name, colour in palette.items():
            _rgb(colour, f"the palette's {name}")
        words = dict(words or {})
        if unknown := set(words) - {*WORDS, "colours", *palette}:
            raise ValueError(f"words names {sorted(unknown)}, allowed: {sorted({*WORDS, 'colours', *palette})}")
        self.palette = dict(palette)
        self.bare = bare(ground)
        self.ground: Ground = ground if isinstance(ground, str) else (ground[0], ground[1])
        names: dict[str, str | Mapping[str, str]] = {"colours": TRAY, **COLOURS, **words}
        self._labels = {name: names.get(name, name) for name in ("colours", *palette)}
        super().__init__(value, words={name: text for name, text in words.items() if name in WORDS}, **kwargs)

    def _medium(self) -> tuple[list[str], dict[str, object]]:
        paints = [{"name": n, "colour": c, "label": self._labels[n]} for n, c in self.palette.items()]
        rows = base64.b64encode(self.bare[:, 0].tobytes()).decode()
        ends = [self.ground] * 2 if isinstance(self.ground, str) else list(self.ground)
        return ["paint.js"], {"PALETTE": paints, "TRAY": self._labels["colours"], "GROUND": rows, "ENDS": ends}

    def preprocess(self, payload: Any) -> NDArray[np.uint8] | None:
        """The painting sent by the browser. Raises gr.Error where it is none, as the API allows to send anything."""
        if not payload:
            return None
        painting = np.frombuffer(decode(payload, channels=3), dtype=np.uint8).reshape(SIDE, SIDE, 3)
        return None if (painting == self.bare).all() else painting.copy()

    def postprocess(self, value: NDArray[np.uint8] | None) -> dict[str, Any]:
        """Puts a painting (64, 64, 3) uint8 on the pad; None clears it. ValueError for another shape or type."""
        if value is None:
            return {}
        painting = np.asarray(value)
        if painting.shape != (SIDE, SIDE, 3):
            raise ValueError(f"a painting has shape {painting.shape}, allowed is {(SIDE, SIDE, 3)}")
        if painting.dtype != np.uint8:  # floats in [0, 1] would come out black
            raise ValueError(f"a painting holds {painting.dtype}, allowed is uint8")
        if (painting == self.bare).all():
            return {}
        return {"n": SIDE, "c": 3, "b64": base64.b64encode(painting.tobytes()).decode()}

    def api_info(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {"n": {"const": SIDE}, "c": {"const": 3}, "b64": {"type": "string"}},
            "description": f"{SIDE} x {SIDE} x 3 bytes in base64, RGB, row 0 at the top; null for an empty pad",
        }


def bare(ground: Ground = GROUND) -> NDArray[np.uint8]:
    """A ground as a painting (64, 64, 3): one colour, or from the first above to the second below."""
    if not isinstance(ground, str) and len(ground) != 2:
        raise ValueError(f'a ground is "#rrggbb" or two of them, not {ground!r}')
    ends = (ground, ground) if isinstance(ground, str) else ground
    top, bottom = (np.array(_rgb(end, "the ground"), dtype=float) for end in ends)
    down = (np.arange(SIDE)[:, None] + 0.5) / SIDE  # the middle of each row
    rows = np.rint(top + (bottom - top) * down).astype(np.uint8)  # (64, 3)
    return np.repeat(rows[:, None], SIDE, axis=1)


def _rgb(colour: str, what: str) -> tuple[int, ...]:
    if not isinstance(colour, str) or not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        raise ValueError(f'{what} is {colour!r}, allowed is "#rrggbb"')
    return tuple(bytes.fromhex(colour[1:]))
