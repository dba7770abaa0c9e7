"""SigLIP's tokenizer, a SentencePiece vocabulary in a tokenizer.json, with the original's canonical texts before it.

Without them a checkpoint loses up to twelve points of accuracy in silence (open_clip #903, big_vision #166); they are
those of big_vision's prompt_engineering.py (Zhai et al. 2023).
"""

import string
from collections.abc import Sequence
from pathlib import Path

import tokenizers
import torch
from torch import Tensor

from playground.clip.tokenizer import read_backend, strings

__all__ = ["SiglipTokenizer", "canonical", "read_siglip_tokenizer"]

# End and padding. The C4 vocabularies of SigLIP have a <pad>, yet it was trained with their </s> as padding
# (open_clip #940); Gemma's, of SigLIP 2, have a </s> too, yet their end is <eos>.
MARKS = (("<eos>", "<pad>"), ("</s>", "</s>"))
SPACES = str.maketrans("_", " ", string.punctuation.replace("_", ""))


def canonical(text: str) -> str:
    """The text in lower case without ASCII punctuation, an underscore a space, white space joined.

    >>> canonical("A photo of  a_cat's Hat!")
    'a photo of a cats hat'
    """
    return " ".join(text.translate(SPACES).lower().split())


class SiglipTokenizer:
    """Texts to ids. Raises `ValueError` for a vocabulary that has neither <eos> with <pad> nor </s>."""

    def __init__(self, backend: tokenizers.Tokenizer) -> None:
        backend.no_padding()
        backend.no_truncation()
        self.backend = backend
        self.vocab_size = backend.get_vocab_size(with_added_tokens=False)
        for end, padding in MARKS:
            end_id, padding_id = backend.token_to_id(end), backend.token_to_id(padding)
            if end_id is not None and padding_id is not None:
                self.end_id, self.padding_id = end_id, padding_id
                return
        raise ValueError("the vocabulary has neither <eos> with <pad> nor </s>; it is not SigLIP's")

    def unknown(self, texts: Sequence[str]) -> list[str]:  # noqa: ARG002
        """No words: pieces and bytes spell any."""
        return []

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text without the end, of any length."""
        found = self.backend.encode_batch([canonical(text) for text in texts], add_special_tokens=False)
        return [one.ids for one in found]

    def __call__(self, texts: str | Sequence[str], context_length: int = 64) -> Tensor:
        """Ids (n, context_length) of one text or n: pieces, end, then padding.

        A text that is too long is cut, and its last id is the end. Raises `ValueError` for what is no text, and for a
        context_length under 1.
        """
        texts = strings(texts)
        if context_length < 1:
            raise ValueError(f"context_length must be at least 1, for the end, not {context_length}")
        rows = torch.full((len(texts), context_length), self.padding_id)
        for row, ids in zip(rows, self.encode(texts), strict=True):
            whole = [*ids[: context_length - 1], self.end_id]
            row[: len(whole)] = torch.tensor(whole)
        return rows


def read_siglip_tokenizer(path: str | Path) -> SiglipTokenizer:
    """The tokenizer in a file tokenizer.json.

    Raises `FileNotFoundError`, and `ValueError` for what is no tokenizer of SigLIP's.
    """
    return SiglipTokenizer(read_backend(path))
