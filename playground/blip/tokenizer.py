"""Texts as BLIP reads them: cleaned as its authors do, cut into BERT's WordPieces, the token of their use first."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tokenizers
import torch
from torch import Tensor

__all__ = ["Tokenizer", "cleaned", "cleaned_question", "read_tokenizer"]

DROPPED = re.compile(r"[.!\"()*#:;~]")
MOST_WORDS = 50
HAN = r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]"  # with its punctuation
BETWEEN_HAN = re.compile(rf"(?<={HAN})\s+(?={HAN})")
SPECIALS = ("[DEC]", "[ENC]")  # the authors' tokens beyond BERT's, in the order of their ids


def cleaned(text: str, most: int = MOST_WORDS) -> str:
    """The text in lower case, without some of the punctuation, at most so many words (`pre_caption` of BLIP's code)."""
    text = re.sub(r"\s{2,}", " ", DROPPED.sub(" ", text.lower())).rstrip("\n").strip(" ")
    return " ".join(text.split(" ")[:most])


def cleaned_question(text: str, most: int = MOST_WORDS) -> str:
    """The same for a question, whose punctuation leaves no space (`pre_question`)."""
    return " ".join(DROPPED.sub("", text.lower()).rstrip(" ").split(" ")[:most])


@dataclass(frozen=True)
class Tokenizer:
    """Texts to ids; `pad`, `end` and the first token are the model's."""

    backend: tokenizers.Tokenizer
    pad: int
    end: int

    @property
    def vocab_size(self) -> int:
        """Tokens, special ones too."""
        return self.backend.get_vocab_size()

    def __call__(
        self, texts: Sequence[str], first: int, most: int = 512, *, ended: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Ids (n, length), each a text's behind `first`, and which are no padding (n, length) bool.

        A longer text than `most` tokens loses its end, and keeps the end token; `ended` False leaves that out, for a
        text that is to go on. Raises `ValueError` for one string instead of several.
        """
        if isinstance(texts, str):
            raise ValueError(f"texts must be a list of strings, not the one string {texts!r}")
        rows = []
        for encoding in self.backend.encode_batch(list(texts), add_special_tokens=False):
            row = [first, *encoding.ids]
            rows.append([*row[: most - 1], self.end] if ended else row[:most])
        length = max((len(row) for row in rows), default=1)
        ids = torch.tensor([row + [self.pad] * (length - len(row)) for row in rows], dtype=torch.long)
        mask = torch.tensor([[True] * len(row) + [False] * (length - len(row)) for row in rows], dtype=torch.bool)
        return ids.view(-1, length), mask.view(-1, length)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, special ones left out, and no spaces between Chinese characters."""
        return BETWEEN_HAN.sub("", self.backend.decode(list(ids)).strip())


def read_tokenizer(path: Path, *, pad: int, end: int) -> Tokenizer:
    """BERT's tokenizer of a tokenizer.json or a vocab.txt, with BLIP's two tokens. Raises `ValueError`."""
    try:
        if path.suffix == ".json":
            backend = tokenizers.Tokenizer.from_file(str(path))
        else:
            bert = tokenizers.BertWordPieceTokenizer(str(path), lowercase=True)
            backend = bert._tokenizer
    except Exception as error:  # the library raises bare Exception for what it cannot read
        raise ValueError(f"{path} is no tokenizer ({error})") from error
    if backend.token_to_id("[SEP]") is not None:
        backend.add_special_tokens([one for one in SPECIALS if backend.token_to_id(one) is None])
    backend.no_padding()
    backend.no_truncation()
    return Tokenizer(backend, pad, end)
