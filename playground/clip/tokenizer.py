"""OpenAI's byte-pair tokenizer (Radford et al. 2021, section 2.4), from a tokenizer.json or the original's word list.

Cleaning and cutting into pieces are the original's, which transformers leaves out or does by another Unicode table; the
`tokenizers` library merges the pieces.
"""

import gzip
import html
import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import ftfy
import regex
import tokenizers
import torch
from tokenizers import models, pre_tokenizers
from torch import Tensor

__all__ = ["Tokenizer", "clean", "default_tokenizer", "read_backend", "read_tokenizer", "strings", "tokenize"]

WORD_LIST = "bpe_simple_vocab_16e6.txt.gz"
END_OF_WORD = "</w>"
MERGES = 49152 - 256 - 2  # of the word list's lines only so many are in the vocabulary
STARTS = ("<start_of_text>", "<|startoftext|>")  # open_clip's and OpenAI's spelling
ENDS = ("<end_of_text>", "<|endoftext|>")
# A contraction, a run of letters, one digit, or a run of the rest that is no space; and the two marks as one piece.
PIECES = r"{start}|{end}|'s|'t|'re|'ve|'m|'ll|'d|\p{{L}}+|\p{{N}}|[^\s\p{{L}}\p{{N}}]+"
# Of a vocabulary of whole words: the same, but a Chinese character is a word.
WORDS = r"{start}|{end}|\p{{Han}}|(?:(?!\p{{Han}})\p{{L}})+|\p{{N}}|[^\s\p{{L}}\p{{N}}]"


def clean(text: str) -> str:
    """The original's cleaning: mojibake mended, HTML unescaped twice, white space joined, lower case."""
    text = html.unescape(html.unescape(ftfy.fix_text(text)))
    return " ".join(text.split()).lower()


class Tokenizer:
    """Texts to ids. Raises `ValueError` for a vocabulary without a start, or whose end is not its largest id."""

    def __init__(self, backend: tokenizers.Tokenizer) -> None:
        backend.no_padding()
        backend.no_truncation()
        self.backend = backend
        self.start, self.start_id = _mark(backend, STARTS)
        self.end, self.end_id = _mark(backend, ENDS)
        self.vocab_size = backend.get_vocab_size()
        if self.end_id != self.vocab_size - 1:
            raise ValueError(
                f"{self.end} has the id {self.end_id} of {self.vocab_size}; a text is read at its largest id, the end"
            )
        backend.add_special_tokens([self.start, self.end])
        if isinstance(backend.model, models.BPE) and backend.model.end_of_word_suffix == END_OF_WORD:
            backend.normalizer = None
            backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        self.whole_words = isinstance(backend.model, models.WordLevel)
        marks = {"start": regex.escape(self.start), "end": regex.escape(self.end)}
        self._pieces = regex.compile((WORDS if self.whole_words else PIECES).format(**marks), regex.IGNORECASE)

    def unknown(self, texts: Sequence[str]) -> list[str]:
        """The words that a vocabulary of whole words does not have, each once; one of pieces has none such."""
        if not self.whole_words:
            return []
        pieces = dict.fromkeys(piece for text in texts for piece in self._pieces.findall(clean(text)))
        return [piece for piece in pieces if self.backend.token_to_id(piece) is None]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text without start and end, of any length."""
        pieces = [self._pieces.findall(clean(text)) for text in texts]
        found = self.backend.encode_batch(pieces, is_pretokenized=True, add_special_tokens=False)
        return [one.ids for one in found]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where in `clean(text)` each id of `encode` stands: its first letter and the one behind its last.

        Ids that share the bytes of one letter have the same span.
        """
        places = [match.span() for match in self._pieces.finditer(clean(text))]
        pieces = [clean(text)[first:last] for first, last in places]
        found = self.backend.encode_batch([pieces], is_pretokenized=True, add_special_tokens=False)[0]
        starts = [places[piece][0] for piece in found.word_ids if piece is not None]  # None is of marks that it adds
        return [(start + a, start + b) for start, (a, b) in zip(starts, found.offsets, strict=True)]

    def __call__(self, texts: str | Sequence[str], context_length: int = 77) -> Tensor:
        """Ids (n, context_length) of one text or n: start, pieces, end, then zeros.

        A text that is too long is cut, and its last id is the end. Raises `ValueError` for what is no text, and for a
        context_length under 2.
        """
        texts = strings(texts)
        if context_length < 2:
            raise ValueError(f"context_length must be at least 2, for start and end, not {context_length}")
        rows = torch.zeros(len(texts), context_length, dtype=torch.long)
        for row, ids in zip(rows, self.encode(texts), strict=True):
            whole = [self.start_id, *ids[: context_length - 2], self.end_id]
            row[: len(whole)] = torch.tensor(whole)
        return rows


def strings(texts: str | Sequence[str]) -> list[str]:
    """One text or many as a list. Raises `ValueError` naming what is no text."""
    texts = [texts] if isinstance(texts, str) else list(texts)
    if wrong := [text for text in texts if not isinstance(text, str)]:
        raise ValueError(f"texts must be strings, not {wrong[0]!r}")
    return texts


def _mark(backend: tokenizers.Tokenizer, names: tuple[str, ...]) -> tuple[str, int]:
    for name in names:
        if (number := backend.token_to_id(name)) is not None:
            return name, number
    raise ValueError(f"the vocabulary has none of {', '.join(names)}; it is not CLIP's")


def read_tokenizer(path: str | Path) -> Tokenizer:
    """The tokenizer in a file tokenizer.json.

    Raises `FileNotFoundError`, and `ValueError` for what is no tokenizer of CLIP's.
    """
    return Tokenizer(read_backend(path))


def read_backend(path: str | Path) -> tokenizers.Tokenizer:
    """The library's tokenizer in a file tokenizer.json. Raises `FileNotFoundError`, `ValueError` for what is none."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no tokenizer {path}")
    try:
        return tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises this class itself, and none below it
        raise ValueError(f"{path} is no tokenizer: {error}") from error


@cache
def default_tokenizer() -> Tokenizer:
    """OpenAI's tokenizer, made of the word list that open_clip brings; open_clip itself is not imported.

    Raises `FileNotFoundError` where open_clip is not installed.
    """
    package = importlib.util.find_spec("open_clip")
    places = [Path(folder, WORD_LIST) for folder in (package and package.submodule_search_locations) or ()]
    word_list = next((place for place in places if place.is_file()), None)
    if word_list is None:
        raise FileNotFoundError(
            f"{WORD_LIST} is not here: install open_clip_torch, or load a checkpoint with a tokenizer.json"
        )
    lines = gzip.decompress(word_list.read_bytes()).decode("utf-8").split("\n")
    merges = [(first, second) for first, second in (line.split() for line in lines[1 : MERGES + 1])]
    letters = _letters()
    words = [*letters, *(letter + END_OF_WORD for letter in letters), *(first + second for first, second in merges)]
    vocabulary = {word: number for number, word in enumerate([*words, STARTS[0], ENDS[0]])}
    return Tokenizer(tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=merges, end_of_word_suffix=END_OF_WORD)))


def _letters() -> list[str]:
    """The characters that stand for the 256 bytes, in the vocabulary's order: printable ones stand for themselves."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [chr(byte) for byte in printable] + [chr(256 + i) for i in range(256 - len(printable))]


def tokenize(texts: str | Sequence[str], context_length: int = 77) -> Tensor:
    """Ids (n, context_length) by OpenAI's tokenizer; see `Tokenizer`."""
    return default_tokenizer()(texts, context_length)
