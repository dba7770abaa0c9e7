"""Text as words: tokens of Latin script and of Chinese, paragraphs that occur once, and a vocabulary."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

__all__ = ["END", "MOST_WORDS", "START", "UNKNOWN", "Vocabulary", "count_words", "paragraphs", "split_words"]

START, END, UNKNOWN = "<s>", "</s>", "<unk>"
MOST_WORDS = 1_000_000
# A Latin word with its apostrophe, a number, one Chinese character, or one mark.
TOKEN = re.compile(r"[^\W\d_\u4e00-\u9fff]+(?:['’][^\W\d_\u4e00-\u9fff]+)*|\d+|[\u4e00-\u9fff]|[.,;:!?。，；：！？、]")


def split_words(text: str) -> list[str]:
    """The tokens of a text in lower case. Raises `ValueError` for more than a million."""
    words = TOKEN.findall(text.lower())
    if len(words) > MOST_WORDS:
        raise ValueError(f"the text has {len(words):,} words, more than the {MOST_WORDS:,} allowed: shorten it")
    return words


def count_words(text: str) -> int:
    """How many tokens a text of any length has, none of them kept."""
    return sum(1 for _ in TOKEN.finditer(text.lower()))


def paragraphs(text: str) -> list[list[str]]:
    """The tokens of each paragraph (between blank lines), each paragraph once: repeats would be tested on as learned.

    Raises `ValueError` for a text without two words, and for one that is too long.
    """
    seen: dict[tuple[str, ...], None] = {}
    total = 0
    for part in re.split(r"\n\s*\n", text):
        words = split_words(part)
        total += len(words)
        if total > MOST_WORDS:
            raise ValueError(f"the text has more than the {MOST_WORDS:,} words allowed: shorten it")
        if words:
            seen.setdefault(tuple(words))
    if sum(map(len, seen)) < 2:
        raise ValueError("the text needs two words or more")
    return [list(words) for words in seen]


@dataclass(frozen=True)
class Vocabulary:
    """The words that occur often enough; every other is `UNKNOWN`. A paragraph's end is a word, its start is none."""

    words: tuple[str, ...]

    @classmethod
    def of(cls, texts: Iterable[Sequence[str]], *, least: int = 1, most: int = 20_000) -> "Vocabulary":
        """Words that occur `least` times, the `most` frequent of them; `END` and `UNKNOWN` come first."""
        counts = Counter(word for text in texts for word in text)
        kept = [word for word, count in counts.most_common(most) if count >= least]
        return cls((END, UNKNOWN, *kept))

    @cached_property
    def inside(self) -> frozenset[str]:
        """The words, to be looked up at once."""
        return frozenset(self.words)

    def known(self, text: Sequence[str]) -> list[str]:
        """The text with what is not in here as `UNKNOWN`."""
        return [word if word in self.inside else UNKNOWN for word in text]
