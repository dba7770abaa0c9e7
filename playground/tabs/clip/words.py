"""The words of the CLIP tab's figures in the person's language."""

import re
from collections.abc import Mapping

from playground.figures.clip import WORDS
from playground.i18n import TEXTS

__all__ = ["figure_words", "literal"]


def figure_words(language: str) -> Mapping[str, str]:
    """What `figures.clip` writes."""
    texts = TEXTS[language]
    return {name: texts[f"clip.figure.{name}"] for name in WORDS}


def literal(text: str) -> str:
    """A person's words, to stand in Markdown as they are: a link's label may not load a picture from elsewhere."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~$&])", r"\\\1", text)
