"""The words of the BLIP tab's figures in the person's language."""

from collections.abc import Mapping

from playground.figures.blip import WORDS
from playground.i18n import TEXTS

__all__ = ["figure_words"]


def figure_words(language: str) -> Mapping[str, str]:
    """What `figures.blip` writes."""
    texts = TEXTS[language]
    return {name: texts[f"blip.figure.{name}"] for name in WORDS}
