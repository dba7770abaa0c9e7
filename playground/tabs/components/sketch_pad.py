"""SketchPad: a square to draw on at once, with brush, eraser and undo; it sends its 64 x 64 bytes while one draws."""

import base64
import binascii
from collections.abc import Mapping
from functools import update_wrapper
from typing import Any

import gradio as gr
import numpy as np

from playground.tabs.components.asset import colours, script

__all__ = ["SIDE", "WORDS", "SketchPad", "decode"]

SIDE = 64
WORDS = {
    "clear": {"en": "Clear", "zh-CN": "清空"},
    "undo": {"en": "Undo", "zh-CN": "撤销"},
    "erase": {"en": "Eraser", "zh-CN": "橡皮"},
    "size": {"en": "Brush size", "zh-CN": "笔刷大小"},
    "hint": {"en": "Draw here", "zh-CN": "在此绘制"},
}


class SketchPad(gr.HTML):
    """A drawing as (64, 64) float32 in [0, 1], row 0 at the top, 1 = ink; None where nothing is drawn.

    `pad.input(fn, pad, out)` runs every 120 ms while one draws and once at the end; a state that comes while `fn` runs
    is kept until it is done (Gradio would drop it). words: what of clear, undo, erase, size and hint shall read
    otherwise, each a string or {"en": ..., "zh-CN": ...}. In the page, `.pg-pad` carries data-sent (drawings sent) and
    data-strokes (what Undo can take back), the buttons and the slider data-act: undo, clear, erase, size.
    """

    def __init__(
        self,
        value: np.ndarray | None = None,
        *,
        words: Mapping[str, str | Mapping[str, str]] | None = None,
        **kwargs: Any,
    ) -> None:
        if unknown := set(words or {}) - set(WORDS):
            raise ValueError(f"words names {sorted(unknown)}, allowed: {sorted(WORDS)}")
        # The words stand in the script: gr.HTML's own `props` are lost by an update before the component is first seen.
        medium, constants = self._medium()
        super().__init__(
            value=value,
            html_template='<div class="pg-pad" data-sent="0" data-strokes="0"></div>',
            js_on_load=script(
                *medium,
                "sketch_pad.js",
                css="sketch_pad.css",
                SIDE=SIDE,
                WORDS={**WORDS, **(words or {})},
                **constants,
            ),
            apply_default_css=False,
            **kwargs,
        )

    def _medium(self) -> tuple[list[str], dict[str, object]]:
        """The scripts that say what is drawn with, and their constants."""
        return ["palette.js", "ink.js"], colours()

    def input(self, *args: Any, trigger_mode: str = "always_last", **kwargs: Any) -> Any:
        """Gradio's `input` with another default."""
        return gr.HTML.input(self, *args, trigger_mode=trigger_mode, **kwargs)

    def preprocess(self, payload: Any) -> np.ndarray | None:
        """The drawing sent by the browser. Raises gr.Error where it is none, as the API allows to send anything."""
        if not payload:
            return None
        ink = np.frombuffer(decode(payload), dtype=np.uint8)
        return ink.reshape(SIDE, SIDE).astype(np.float32) / 255 if ink.any() else None

    def postprocess(self, value: np.ndarray | None) -> dict[str, Any]:
        """Puts a drawing (64, 64) in [0, 1] on the pad; None clears it. ValueError for another shape or value."""
        if value is None:
            return {}
        ink = np.asarray(value, dtype=np.float64)
        if ink.shape != (SIDE, SIDE):
            raise ValueError(f"a drawing has shape {ink.shape}, allowed is {(SIDE, SIDE)}")
        if not ((ink >= 0) & (ink <= 1)).all():
            raise ValueError(f"a drawing holds {int((~((ink >= 0) & (ink <= 1))).sum())} values outside [0, 1]")
        return {"n": SIDE, "b64": base64.b64encode(np.rint(255 * ink).astype(np.uint8).tobytes()).decode()}

    def api_info(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {"n": {"const": SIDE}, "b64": {"type": "string"}},
            "description": f"{SIDE} x {SIDE} bytes in base64, row 0 at the top, 255 = ink; null for an empty pad",
        }


update_wrapper(SketchPad.input, gr.HTML.input)  # Gradio keeps the event's name and settings on the function


def decode(payload: Any, channels: int = 1) -> bytes:
    """The 64 * 64 * channels bytes that a pad sent, c in the payload if there are several channels; else gr.Error."""
    form = {"n": SIDE, "c": channels} if channels > 1 else {"n": SIDE}
    right = isinstance(payload, dict) and all(payload.get(key) == number for key, number in form.items())
    if not right or not isinstance(payload.get("b64"), str):
        shape = ", ".join(f'"{key}": {number}' for key, number in form.items())
        raise gr.Error(f'A drawing is {{{shape}, "b64": ...}}: clear the pad and draw again.', print_exception=False)
    try:
        raw = base64.b64decode(payload["b64"], validate=True)
    except (binascii.Error, ValueError):
        raise gr.Error("The drawing is not base64: clear the pad and draw again.", print_exception=False) from None
    size = SIDE * SIDE * channels
    if len(raw) != size:
        raise gr.Error(
            f"A drawing has {size} bytes and this one {len(raw)}: clear the pad and draw again.",
            print_exception=False,
        )
    return raw
