"""Joins a component's scripts and style sheet, kept as files beside it, into the one string `gr.HTML` wants."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from playground.figures.colours import QUALITATIVE, lut_base64

HERE = Path(__file__).parent


def script(*names: str, css: str | None = None, **constants: object) -> str:
    """common.js and the scripts `names` for js_on_load, after the style sheet `css` as CSS and `constants` as JSON."""
    if css is not None:
        constants["CSS"] = (HERE / css).read_text(encoding="utf-8")
    head = [f"const {name} = {json.dumps(text)};" for name, text in constants.items()]
    return "\n".join([*head, *((HERE / name).read_text(encoding="utf-8") for name in ("common.js", *names))])


def colours() -> dict[str, object]:
    """The constants of the scripts that paint densities: the sequential map as base64 and the series' colours."""
    return {"MAP": lut_base64(), "QUALITATIVE": list(QUALITATIVE)}


def plain(value: Any, where: str = "value") -> Any:
    """`value` with numpy's scalars as Python's: Gradio's stream would send them as strings, which no script draws.

    Raises ValueError, naming the place, for a number that is not finite and for a type that JSON does not know.
    """
    if isinstance(value, Mapping):
        return {key: plain(part, f"{where}[{key!r}]") for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part, f"{where}[{i}]") for i, part in enumerate(value)]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where} is {value}, allowed are finite numbers and None")
    if value is not None and not isinstance(value, str | int | float):
        raise ValueError(f"{where} is a {type(value).__name__}, allowed is what JSON knows")
    return value
