"""The controls of the panel "From n-grams to InfoNCE", and what they may be."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, cast

from playground.representations.ngram import Smoothing
from playground.representations.word_vectors import WordsObjective
from playground.tabs.checks import between, choice, whole
from playground.tabs.representations.panel import PanelSettings

__all__ = ["AMOUNT", "BY", "CORPORA", "SECONDS", "SMOOTHINGS", "N", "Settings"]

CORPORA = ("en", "zh", "python", "own")
SMOOTHINGS: tuple[Smoothing, ...] = ("kneser_ney", "laplace")
BY: tuple[WordsObjective, ...] = ("negative_sampling", "nce")
N, AMOUNT, SECONDS = (1, 6), (0.001, 10.0), (1, 60)
MOST_CHARACTERS = 10_000_000  # of a text of one's own; its words are counted where it is read
LONGEST = {"sentence": 500, "word": 60}  # characters


@dataclass(frozen=True)
class Settings(PanelSettings):
    """The controls."""

    PANEL: ClassVar[str] = "language"

    corpus: str = CORPORA[0]
    text: str = ""
    n: int = 3
    smoothing: str = SMOOTHINGS[0]
    amount: float = 1.0
    sentence: str = ""  # none: the beginning of a held-out paragraph
    objective: str = BY[0]
    word: str = ""
    seconds: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        choice("corpus", self.corpus, CORPORA)
        whole("n", self.n, *N)
        choice("smoothing", self.smoothing, SMOOTHINGS)
        between("amount", self.amount, *AMOUNT)
        choice("objective", self.objective, BY)
        whole("seconds", self.seconds, *SECONDS)
        for name, most in (("text", MOST_CHARACTERS), *LONGEST.items()):
            if len(getattr(self, name)) > most:
                raise ValueError(
                    f"the {name} has {len(getattr(self, name)):,} characters, more than the {most:,} allowed"
                )

    @cached_property
    def source(self) -> tuple[str, str]:
        """What the text is: its name, and a digest of one's own, so that whoever keeps this keeps no text."""
        own = self.text.encode("utf-8", "surrogatepass")
        return self.corpus, hashlib.sha256(own).hexdigest() if self.corpus == "own" else ""

    @property
    def by(self) -> WordsObjective:
        """What word vectors are trained by."""
        return cast(WordsObjective, self.objective)

    @property
    def counted(self) -> tuple[int, Literal["laplace", "kneser_ney"], float]:
        """The n-gram model that is chosen: n, smoothing and, with Laplace, the amount."""
        return self.n, cast(Smoothing, self.smoothing), self.amount if self.smoothing == "laplace" else 1.0
