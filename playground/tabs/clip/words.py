"""The words of the CLIP tab's figures in the person's language."""

from collections.abc import Mapping

from playground.figures.clip import WORDS
from playground.i18n import TEXTS

__all__ = ["figure_words"]


def figure_words(language: str) -> Mapping[str, str]:
    """What `figures.clip` writes."""
    texts = TEXTS[language]
    return {name: texts[f"clip.figure.{name}"] for name in WORDS}
