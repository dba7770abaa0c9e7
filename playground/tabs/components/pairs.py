"""Cards of a picture with several texts, each with its score and whether it is kept, as HTML; every text is escaped."""

import html
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from playground.tabs.components.grid import data_url

__all__ = ["Card", "Said", "cards"]


class Said(NamedTuple):
    """A text: who said it, its score as it is shown, whether it is kept, and what is known of it ("" for nothing)."""

    source: str
    text: str
    score: str
    kept: bool
    known: str = ""


class Card(NamedTuple):
    """A picture (h, w, 3) uint8, or None where it cannot be read, and its texts."""

    picture: np.ndarray | None
    texts: Sequence[Said]
    title: str = ""


def cards(some: Sequence[Card], empty: str = "") -> str:
    """The cards; `empty` stands where there is none."""
    if not some:
        return f'<p class="pg-hint">{html.escape(empty)}</p>'
    return f'<div class="pg-cards">{"".join(map(_card, some))}</div>'


def _card(card: Card) -> str:
    title = html.escape(card.title, quote=True)
    image = "" if card.picture is None else f'<img src="{data_url(card.picture)}" alt="{title}">'
    rows = "".join(map(_row, card.texts))
    return f'<figure title="{title}">{image}<ul>{rows}</ul></figure>'


def _row(said: Said) -> str:
    head, text, known = (html.escape(one) for one in (f"{said.source} {said.score}", said.text, said.known))
    more = f" <em>{known}</em>" if known else ""
    return f'<li class="{"pg-kept" if said.kept else "pg-dropped"}"><b>{head}</b> <span>{text}</span>{more}</li>'
