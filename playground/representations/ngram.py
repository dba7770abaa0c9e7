"""n-gram models: the chain rule with a short memory, smoothed by Laplace or by Kneser and Ney."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from playground.representations.text import END, START, Vocabulary

__all__ = ["Factor", "NGram", "Smoothing"]

Smoothing = Literal["laplace", "kneser_ney"]
MOST_N = 8


@dataclass(frozen=True)
class Factor:
    """One factor of the chain rule, p(word | history)."""

    history: tuple[str, ...]
    word: str
    probability: float


class NGram:
    """p(w | the n - 1 words before), of paragraphs with n - 1 starts before and an end behind.

    "laplace" adds `amount` to every count (1 is Laplace's, less is Lidstone's). "kneser_ney" is the interpolated form
    (Kneser and Ney 1995; Chen and Goodman 1999, equations 24 and 25) with one discount an order, n1 / (n1 + 2 n2),
    lower orders counting the different words before instead of occurrences, and the uniform distribution below them.
    """

    def __init__(
        self,
        texts: Sequence[Sequence[str]],
        vocabulary: Vocabulary,
        *,
        n: int = 3,
        smoothing: Smoothing = "kneser_ney",
        amount: float = 1.0,
    ) -> None:
        if not 1 <= n <= MOST_N:
            raise ValueError(f"n must lie between 1 and {MOST_N}, not {n}")
        if smoothing not in ("laplace", "kneser_ney"):
            raise ValueError(f"no smoothing is called {smoothing!r}; choose one of laplace, kneser_ney")
        if not 0 < amount <= 1000:
            raise ValueError(f"amount must be positive and at most 1,000, not {amount}")
        self.n, self.smoothing, self.amount, self.vocabulary = n, smoothing, amount, vocabulary
        self.size = len(vocabulary.words)
        highest: Counter[tuple[str, ...]] = Counter()
        for text in texts:
            line = [START] * (n - 1) + vocabulary.known(text) + [END]
            highest.update(tuple(line[i : i + n]) for i in range(len(line) - n + 1))
        counts = [highest]
        if smoothing == "kneser_ney":
            for _ in range(n - 1):  # how many different words stand before
                counts.insert(0, Counter(gram[1:] for gram in counts[0]))
        # By order (the lowest first): occurrences, their sum a history, and how many different words follow it.
        self.counts = counts
        self.sums: list[dict[tuple[str, ...], int]] = []
        self.kinds: list[dict[tuple[str, ...], int]] = []
        for grams in counts:
            sums: dict[tuple[str, ...], int] = defaultdict(int)
            kinds: dict[tuple[str, ...], int] = defaultdict(int)
            for gram, count in grams.items():
                sums[gram[:-1]] += count
                kinds[gram[:-1]] += 1
            self.sums.append(dict(sums))
            self.kinds.append(dict(kinds))
        self.discounts = [_discount(grams) for grams in counts]

    def probability(self, word: str, history: Sequence[str] = ()) -> float:
        """p(word | history), of which the last n - 1 words count; a shorter one begins at a paragraph's start."""
        word = self.vocabulary.known([word])[0]
        recent = history[max(0, len(history) - self.n + 1) :]
        known = [w if w == START else self.vocabulary.known([w])[0] for w in recent]
        before = (*[START] * (self.n - 1 - len(known)), *known)
        if self.smoothing == "laplace":
            above = self.counts[0][(*before, word)] + self.amount
            return above / (self.sums[0].get(before, 0) + self.amount * self.size)
        p = 1 / self.size
        for order in range(self.n):
            context = before[self.n - 1 - order :]
            total = self.sums[order].get(context, 0)
            if total:
                d = self.discounts[order]
                share = max(self.counts[order][(*context, word)] - d, 0) / total
                p = share + d * self.kinds[order][context] / total * p
        return p

    def chain(self, text: Sequence[str]) -> list[Factor]:
        """The factors whose product is the probability of a paragraph, its end the last."""
        words = [*text, END]
        histories = [tuple(words[max(0, i - self.n + 1) : i]) for i in range(len(words))]
        return [Factor(h, word, self.probability(word, h)) for h, word in zip(histories, words, strict=True)]

    def perplexity(self, texts: Sequence[Sequence[str]]) -> float:
        """exp of the mean -log p of a word, ends included. Raises `ValueError` where there is none."""
        factors = [factor for text in texts for factor in self.chain(text)]
        if not factors:
            raise ValueError("there is no text to measure")
        return math.exp(-sum(math.log(factor.probability) for factor in factors) / len(factors))


def _discount(grams: Counter[tuple[str, ...]]) -> float:
    once, twice = (sum(1 for count in grams.values() if count == k) for k in (1, 2))
    return once / (once + 2 * twice) if once else 0.5
