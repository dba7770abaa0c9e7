"""The texts of the panel "From n-grams to InfoNCE" and what is counted of them, kept by a digest of one's own text."""

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from playground.representations.corpora import Corpus, corpus_of, passage, python_documentation
from playground.representations.indexed import perplexity
from playground.representations.ngram import NGram, Smoothing
from playground.representations.text import count_words
from playground.tabs.representations.language_settings import Settings

__all__ = ["MOST_OWN", "corpus", "held_out", "model", "read_already", "score"]

MOST_OWN = 300_000  # words of one's own text: a model of n = 6 of so many takes a third of a gigabyte
Made = TypeVar("Made")


class Bounded(Generic[Made]):
    """What was made lately, by key; what was asked for longest ago leaves first."""

    def __init__(self, most: int) -> None:
        self.most, self.found, self.lock = most, dict[Hashable, Made](), threading.Lock()

    def __contains__(self, key: Hashable) -> bool:
        return key in self.found

    def get(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What is kept under `key`, made where it is not."""
        with self.lock:
            if key in self.found:
                self.found[key] = self.found.pop(key)
                return self.found[key]
        made = make()  # two threads may make the same: better than one waiting for another's text
        with self.lock:
            self.found[key] = made
            while len(self.found) > self.most:
                del self.found[next(iter(self.found))]
        return made


_corpora: Bounded[Corpus] = Bounded(5)
_models: Bounded[NGram] = Bounded(1)
_scores: Bounded[float] = Bounded(512)


def read_already(settings: Settings) -> bool:
    """Whether the text has been read: reading a large one takes seconds."""
    return settings.source in _corpora


def corpus(settings: Settings) -> Corpus:
    """The text that is chosen, split. Raises `ValueError` for a text of one's own that is too short or too long."""
    return _corpora.get(settings.source, lambda: _read(settings))


def held_out(settings: Settings) -> int:
    """How many words perplexities are of: those of the held-out paragraphs and their ends."""
    return sum(len(text) + 1 for text in corpus(settings).test)


def model(settings: Settings) -> NGram:
    """The n-gram model that is chosen."""
    return _models.get((settings.source, *settings.counted), lambda: _count(settings, *settings.counted))


def score(settings: Settings, n: int, smoothing: Smoothing) -> float:
    """A model's perplexity on the held-out paragraphs; the model, tens of megabytes of counts or more, is not kept."""
    amount = settings.amount if smoothing == "laplace" else 1.0

    def measure() -> float:
        return perplexity(_count(settings, n, smoothing, amount), corpus(settings).test)

    return _scores.get((settings.source, n, smoothing, amount), measure)


def _read(settings: Settings) -> Corpus:
    if settings.corpus == "python":
        return corpus_of(python_documentation())
    if settings.corpus != "own":
        return corpus_of(passage("zh" if settings.corpus == "zh" else "en"))
    if (count := count_words(settings.text)) > MOST_OWN:
        raise ValueError(
            f"your own text has {count:,} words, more than the {MOST_OWN:,} that this page takes: shorten it"
        )
    return corpus_of(settings.text)


def _count(settings: Settings, n: int, smoothing: Smoothing, amount: float) -> NGram:
    text = corpus(settings)
    return NGram(text.train, text.vocabulary, n=n, smoothing=smoothing, amount=amount)
