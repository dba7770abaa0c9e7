"""What the figures of the MMBench tab share: rows with their names, also on a phone, and texts that fit."""

from collections.abc import Mapping, Sequence
from html import escape
from textwrap import wrap
from typing import Any, Protocol

import plotly.graph_objects as go

from playground.figures.colours import QUALITATIVE

__all__ = ["MIDDLE", "QUIET", "THICK", "ShareView", "broken", "called", "rows", "run_colour", "short"]

QUIET = QUALITATIVE[6]
THICK, MIDDLE = 0.42, 0.15  # of a row: what its bar takes, and how far below its middle; a phone writes names above
CJK = 0x2E7F  # signs beyond are twice as wide
ROOM = {"showarrow": False, "xref": "paper", "xanchor": "left", "yanchor": "middle", "align": "left"}


class ShareView(Protocol):
    """A `playground.mmbench.Share`."""

    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def run_colour(place: int) -> str:
    """The colour of the run that stands `place`-th, the same in every figure."""
    return QUALITATIVE[place % len(QUALITATIVE)]


def short(text: str, most: int) -> str:
    """A text of `most` characters at most, for plotly, whose texts may hold tags; a Chinese one is as wide as two."""
    kept, width = list[str](), 0
    for sign in text:
        width += _width(sign)
        if width > most:
            return escape("".join(kept[:-1]) + "…", quote=False)
        kept.append(sign)
    return escape(text, quote=False)


def broken(text: str, most: int, lines: int = 3) -> str:
    """A text in a few lines of `most` characters at most, joined as plotly breaks them."""
    roomy = text.replace("(", " (").replace("  (", " (")  # a Chinese name may break nowhere else
    parts = wrap(roomy, max(2, most // 2 if _width(text) > len(text) else most)) or [""]
    if len(parts) > lines:
        parts = [*parts[: lines - 1], " ".join(parts[lines - 1 :])]
    return "<br>".join(short(part, most) for part in parts)


def rows(
    figure: go.Figure,
    labels: Sequence[str],
    notes: Sequence[Mapping[str, Any]] = (),
    *,
    middle: float = 0.0,
    least: int = 3,
    bold: Sequence[int] = (),
) -> None:
    """Labels the rows 0, 1, ... from the top: at the left, `middle` below each, and on a phone above what is there."""
    texts = [f"<b>{name}</b>" if i in bold else name for i, name in enumerate(labels)]
    low = max(len(labels), least) - 0.5
    figure.update_yaxes(
        range=[low, -0.5], tickvals=[i + middle for i in range(len(labels))], ticktext=texts, ticklabelstandoff=8,
        showgrid=False,
    )  # fmt: skip
    above = [{**ROOM, "text": text, "x": 0, "y": i - 0.33, "font": {"size": 12}} for i, text in enumerate(texts)]
    figure.update_layout(annotations=[*notes], margin={"t": 12, "b": 76}, meta={"narrow": {
        "annotations": [*above, *notes], "margin": {"l": 4},
        "yaxis": {"showticklabels": False, "range": [low + 0.1, -0.6]},
    }})  # fmt: skip


def called(names: Mapping[str, str], name: str) -> str:
    """What a name of a file is called, as it is where nothing is known of it."""
    return escape(names.get(name, name), quote=False)


def _width(text: str) -> int:
    return sum(2 if ord(sign) > CJK else 1 for sign in text)
