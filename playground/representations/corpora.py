"""Texts to learn a language from: a passage written for this app, and Python's own documentation, read as it runs."""

import ast
import sysconfig
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import torch

from playground.representations.indexed import IndexedVocabulary
from playground.representations.text import paragraphs

__all__ = ["Corpus", "corpus_of", "passage", "python_documentation", "split"]

LARGE = 100_000  # words: from here on a word must occur three times, and a tenth is enough to be tested on
PASSAGES = Path(__file__).parent / "passages"
# Of the standard library: tests, code tables and what a Python may lack, so that the text hardly differs from one to
# the next.
LEFT_OUT = {
    "test", "tests", "idlelib", "lib2to3", "site-packages", "dist-packages", "ensurepip", "pydoc_data", "turtledemo",
    "__pycache__", "tkinter", "encodings", "msilib", "distutils",
}  # fmt: skip


@cache
def passage(language: Literal["en", "zh"]) -> str:
    """About 850 words of English or 1,000 characters of Chinese on a small town, its trains, market and weather.

    Raises `ValueError` for another language.
    """
    if language not in ("en", "zh"):
        raise ValueError(f"no passage is written in {language!r}; choose one of en, zh")
    return (PASSAGES / f"{language}.txt").read_text("utf-8")


@cache
def python_documentation() -> str:
    """What this Python says of itself (PSF licence): the help's topics, where they are installed, and the docstrings.

    Docstrings are of public modules, classes and functions of the standard library; nothing of it is imported or run.
    """
    root = Path(sysconfig.get_paths()["stdlib"])
    found = [text for path in sorted(root.rglob("*.py")) if _public(path.relative_to(root)) for text in _said(path)]
    return "\n\n".join([*_topics(), *found])


def split(texts: Sequence[Sequence[str]], share: float = 0.1, seed: int = 0) -> tuple[list[list[str]], list[list[str]]]:
    """Paragraphs to learn from and a share (0.01..0.5) of them to be tested on, at least one of each, drawn by `seed`.

    Raises `ValueError` for fewer than two paragraphs.
    """
    if len(texts) < 2:
        raise ValueError("the text has one paragraph, and one to learn from and one to test on are needed: leave a "
                         "blank line between paragraphs")  # fmt: skip
    if not 0.01 <= share <= 0.5:
        raise ValueError(f"share must lie between 0.01 and 0.5, not {share}")
    order = torch.randperm(len(texts), generator=torch.Generator().manual_seed(seed)).tolist()
    held = set(order[: max(1, round(share * len(texts)))])
    parts = [[list(text) for i, text in enumerate(texts) if (i in held) is tested] for tested in (False, True)]
    return parts[0], parts[1]


@dataclass(frozen=True, eq=False)
class Corpus:
    """Paragraphs to learn from and to be tested on, none in both, and the vocabulary that every model shares."""

    train: list[list[str]]
    test: list[list[str]]
    vocabulary: IndexedVocabulary

    def frequent(self, most: int = 2000) -> IndexedVocabulary:
        """The most frequent words that occur twice or more: rare ones have no vector worth looking at."""
        return IndexedVocabulary.of([*self.train, *self.test], least=2, most=most)

    def usual(self, count: int = 12, total: int = 400) -> list[int]:
        """How often the most frequent words would occur among `total`: a small vocabulary to try an estimator on."""
        counts = [n for _, n in Counter(word for text in self.train for word in text).most_common(count)]
        return [max(1, round(n * total / sum(counts))) for n in counts]


def corpus_of(text: str, *, seed: int = 0) -> Corpus:
    """A text in paragraphs that are each kept once, then split; rare words become `UNKNOWN`.

    Raises `ValueError` for a text of one paragraph, of more than a million words, and where what is learned from has
    fewer than two that differ: nothing is left to tell.
    """
    parts = paragraphs(text)
    large = sum(map(len, parts)) >= LARGE
    train, test = split(parts, 0.1 if large else 0.25, seed)
    if len({word for part in train for word in part}) < 2:
        raise ValueError("the text needs two different words or more to learn from")
    return Corpus(train, test, IndexedVocabulary.of(train, least=3 if large else 2))


def _topics() -> list[str]:
    """The texts of help("topics"); none in a slim Python, which leaves them out."""
    try:
        from pydoc_data.topics import topics
    except ModuleNotFoundError:
        return []
    return [topics[name] for name in sorted(topics)]


def _public(path: Path) -> bool:
    hidden = any(part.startswith(("_", "config-")) and part != "__init__.py" for part in path.parts)
    return not hidden and not LEFT_OUT & set(path.parts)


def _said(path: Path) -> Iterator[str]:
    """The docstrings of a module and of what is public in it."""
    waiting: list[ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef] = [ast.parse(path.read_bytes())]
    while waiting:
        node = waiting.pop(0)
        if text := ast.get_docstring(node):
            yield text
        inner = (one for one in node.body if isinstance(one, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef))
        waiting += [one for one in inner if not one.name.startswith("_")]
