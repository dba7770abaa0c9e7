"""Joins a component's scripts and style sheet, kept as files beside it, into the one string `gr.HTML` wants."""

import json
from pathlib import Path

from playground.figures.colours import QUALITATIVE, lut_base64

HERE = Path(__file__).parent


def script(*names: str, css: str | None = None, **constants: object) -> str:
    """common.js and the scripts `names`, with the style sheet `css` as CSS and `constants` as JSON, ready for js_on_load."""
    if css is not None:
        constants["CSS"] = (HERE / css).read_text(encoding="utf-8")
    head = [f"const {name} = {json.dumps(text)};" for name, text in constants.items()]
    return "\n".join([*head, *((HERE / name).read_text(encoding="utf-8") for name in ("common.js", *names))])


def colours() -> dict[str, object]:
    """The constants of the scripts that paint densities: the sequential map as base64 and the series' colours."""
    return {"MAP": lut_base64(), "QUALITATIVE": list(QUALITATIVE)}
