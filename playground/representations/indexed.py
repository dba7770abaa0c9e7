"""A corpus closed over a vocabulary: its words as numbers, every word with those before it, and how often each is."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from playground.representations.ngram import Factor, NGram
from playground.representations.text import END, START, UNKNOWN, Vocabulary

__all__ = ["Events", "IndexedVocabulary", "Told", "events", "perplexity", "tell", "unigram"]


@dataclass(frozen=True)
class IndexedVocabulary(Vocabulary):
    """A vocabulary that finds a word's number at once."""

    @classmethod
    def of(cls, texts: Iterable[Sequence[str]], *, least: int = 1, most: int = 20_000) -> "IndexedVocabulary":
        """Words that occur `least` times, the `most` frequent of them; `END` and `UNKNOWN` come first."""
        return cls(Vocabulary.of(texts, least=least, most=most).words)

    @cached_property
    def index(self) -> dict[str, int]:
        """The number of each word."""
        return {word: i for i, word in enumerate(self.words)}

    def known(self, text: Sequence[str]) -> list[str]:
        """The text with what is not in here as `UNKNOWN`."""
        return [word if word in self.index else UNKNOWN for word in text]

    def numbers(self, text: Sequence[str]) -> list[int]:
        """The text as numbers, what is not in here as that of `UNKNOWN`; a start has the one after the last word."""
        last = self.index[UNKNOWN]
        return [len(self.words) if word == START else self.index.get(word, last) for word in text]


@dataclass(frozen=True, eq=False)
class Events:
    """Every word of some paragraphs, ends included, with the words before it."""

    context: Tensor  # (m, n - 1), oldest first
    word: Tensor  # (m,)


def events(texts: Sequence[Sequence[str]], vocabulary: IndexedVocabulary, n: int) -> Events:
    """What a model of n-grams learns from, in numbers. Raises `ValueError` where there is no text, and for n < 2."""
    if n < 2:
        raise ValueError(f"n must be 2 or more where words are told by those before, not {n}")
    if not any(texts):
        raise ValueError("there is no text to learn from")
    parts = [torch.tensor(vocabulary.numbers([*[START] * (n - 1), *text, END])).unfold(0, n, 1) for text in texts]
    rows = torch.cat(parts)
    return Events(rows[:, :-1], rows[:, -1])


def unigram(word: Tensor, size: int) -> Tensor:
    """How often each of `size` words is among (m,), as a distribution (size,); what never is counts as once."""
    counts = torch.bincount(word, minlength=size).clamp(min=1).float()
    return counts / counts.sum()


def perplexity(model: NGram, texts: Sequence[Sequence[str]]) -> float:
    """`NGram.perplexity` in one pass: each word is told by the n - 1 words before it and no more is looked at.

    Raises `ValueError` where there is no text.
    """
    n, total, count = model.n, 0.0, 0
    for text in texts:
        line = [*[START] * (n - 1), *text, END]
        for i in range(n - 1, len(line)):
            total -= math.log(model.probability(line[i], line[i - n + 1 : i]))
        count += len(line) - n + 1
    if not count:
        raise ValueError("there is no text to measure")
    return math.exp(total / count)


@dataclass(frozen=True)
class Told:
    """A paragraph by the chain rule."""

    factors: tuple[Factor, ...]
    bits: tuple[float, ...]  # -log2 of each
    log10: float  # of their product
    perplexity: float  # 2 to the mean of the bits


def tell(model: NGram, text: Sequence[str]) -> Told:
    """What a model says of a paragraph word by word, its end the last."""
    factors = model.chain(text)
    bits = [-math.log2(factor.probability) for factor in factors]
    return Told(tuple(factors), tuple(bits), -sum(bits) * math.log10(2), 2 ** (sum(bits) / len(bits)))
