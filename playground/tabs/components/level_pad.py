"""LevelPad: noise levels as handles on a log axis, one a point, to be dragged up and down; sends while one drags."""

import sys
from collections.abc import Mapping, Sequence
from functools import update_wrapper
from itertools import pairwise
from typing import Any

import gradio as gr
import numpy as np

from playground.tabs.components.asset import script

__all__ = ["COUNT", "LevelPad"]

COUNT = (2, 65)  # how many levels there may be
WORDS = {
    "hint": {"en": "No levels yet", "zh-CN": "还没有噪声水平"},
    "level": {"en": "Noise level", "zh-CN": "噪声水平"},
}


class LevelPad(gr.HTML):
    """Levels as list[float], 2 to 65, strictly falling (or rising) from left to right; None where there is none.

    low, high: the ends of the axis, between which a level is moved; one outside stands at the edge until it is.
    fixed_first: the first cannot be moved. words: what of hint and level (a handle's name) shall read otherwise.
    `pad.input(fn, pad, out)` runs every 120 ms while one drags and once at the end; a state that comes while `fn` runs
    is kept until it is done. From the first move on all levels but a fixed one and those outside have 4 digits. What
    the app sets during a drag is shown, and sent, after it; a late echo of what was sent here is left aside.
    In the page, `.pg-level` carries data-sent (states sent) and data-count, each handle role="slider" and data-index.
    """

    def __init__(
        self,
        value: Sequence[float] | None = None,
        *,
        low: float,
        high: float,
        falling: bool = True,
        fixed_first: bool = False,
        words: Mapping[str, str | Mapping[str, str]] | None = None,
        container: bool = True,
        **kwargs: Any,
    ) -> None:
        if unknown := set(words or {}) - set(WORDS):
            raise ValueError(f"words names {sorted(unknown)}, allowed: {sorted(WORDS)}")
        if not 0 < low < high <= sys.float_info.max:
            raise ValueError(f"0 < low < high is needed, not low = {low}, high = {high}")
        self.falling = falling
        self.ends = (float(high), float(low)) if falling else (float(low), float(high))
        box = " pg-level-boxed" if container else ""
        constants = {"LOW": float(low), "HIGH": float(high), "FALLING": falling, "FIXED": fixed_first}
        super().__init__(
            value=value,
            html_template=f'<div class="pg-level{box}" data-sent="0" data-count="0"></div>',
            js_on_load=script("level_pad.js", css="level_pad.css", WORDS={**WORDS, **(words or {})}, **constants),
            apply_default_css=False,
            container=container,
            **kwargs,
        )

    def input(self, *args: Any, trigger_mode: str = "always_last", **kwargs: Any) -> Any:
        """Gradio's `input` with another default."""
        return gr.HTML.input(self, *args, trigger_mode=trigger_mode, **kwargs)

    def preprocess(self, payload: Any) -> list[float] | None:
        """The levels sent by the browser. Raises gr.Error where they are none, as the API allows to send anything."""
        try:
            return _levels(payload, self.falling) if payload else None
        except ValueError as error:
            sentence = f"{error}."
            raise gr.Error(sentence[0].upper() + sentence[1:], print_exception=False) from None

    def postprocess(self, value: Sequence[float] | np.ndarray | None) -> list[float]:
        """Puts levels on the pad; None empties it. ValueError for what is no 2 to 65 levels in order."""
        return (
            [] if value is None else _levels(value.tolist() if isinstance(value, np.ndarray) else value, self.falling)
        )

    def api_info(self) -> dict[str, Any]:
        order = "falling" if self.falling else "rising"
        words = f"{COUNT[0]} to {COUNT[1]} noise levels, strictly {order}; null for none"
        return {"type": "array", "items": {"type": "number"}, "description": words}

    def example_payload(self) -> list[float]:
        return list(self.ends)

    def example_value(self) -> list[float]:
        return list(self.ends)


update_wrapper(LevelPad.input, gr.HTML.input)  # Gradio keeps the event's name and settings on the function


def _levels(value: Any, falling: bool) -> list[float]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"noise levels come as a list of numbers, not as {type(value).__name__}")
    if not COUNT[0] <= len(value) <= COUNT[1]:
        raise ValueError(f"there must be {COUNT[0]} to {COUNT[1]} noise levels, not {len(value)}")
    levels = [level.item() if isinstance(level, np.generic) else level for level in value]
    for level in levels:
        if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level <= sys.float_info.max:
            raise ValueError(f"each noise level must be a finite number above 0, not {repr(level)[:40]}")
    for before, after in pairwise(levels):
        if falling and not after < before:
            raise ValueError(f"each noise level must lie below the one before: {after} follows {before}")
        if not falling and not after > before:
            raise ValueError(f"each noise level must lie above the one before: {after} follows {before}")
    return [float(level) for level in levels]
