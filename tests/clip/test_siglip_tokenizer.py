"""SigLIP's tokenizer by itself: canonical texts, which marks end and pad, how long texts are cut."""

import pytest
import tokenizers
import torch
from small_vocabularies import gemma_like, t5_like
from tokenizers import models

from playground.clip.siglip_tokenizer import SiglipTokenizer, canonical, read_siglip_tokenizer


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A photo of  a_cat's Hat!", "a photo of a cats hat"),
        ("\tx -- y \n", "x y"),
        ("__init__", "init"),
        ("«ÉCOLE» — “Straße”…", "«école» — “straße”…"),  # only ASCII's punctuation goes
        ("<eos></s><pad>", "eosspad"),
        ("!?", ""),
    ],
)
def test_canonical_texts(text, expected):
    assert canonical(text) == expected


@pytest.mark.parametrize(("make", "end", "padding"), [(t5_like, 1, 1), (gemma_like, 1, 0)])
def test_end_and_padding(make, end, padding):
    words = SiglipTokenizer(make())
    rows = words(["A red cube!", "", "red " * 40], 16)
    assert rows.dtype == torch.long
    assert rows.shape == (3, 16)
    assert words("a_red: cube", 16).equal(rows[:1])
    pieces = words.encode(["a red cube"])[0]
    spelt = "".join(words.backend.id_to_token(piece) for piece in pieces)
    assert spelt.replace("▁", " ").strip() == "a red cube"
    assert rows[0].tolist() == [*pieces, end] + [padding] * (15 - len(pieces))
    assert rows[1].tolist() == [end] + [padding] * 15
    assert rows[2].tolist() == [*words.encode(["red " * 40])[0][:15], end]
    assert words("a", 1).tolist() == [[end]]
    assert words([]).shape == (0, 64)
    assert words.vocab_size == words.backend.get_vocab_size()
    assert not set(words("</s> <pad> <eos>")[0, :-50].tolist()) & {0} - {padding}


def test_what_the_file_says_of_lengths_is_not_heard(tmp_path):
    backend = t5_like()
    expected = SiglipTokenizer(tokenizers.Tokenizer.from_str(backend.to_str()))(["a red cube", "red " * 40], 16)
    backend.enable_padding(length=9)
    backend.enable_truncation(5)
    backend.save(str(tmp_path / "tokenizer.json"))
    assert read_siglip_tokenizer(tmp_path / "tokenizer.json")(["a red cube", "red " * 40], 16).equal(expected)


def test_what_is_refused(tmp_path):
    with pytest.raises(ValueError, match="neither <eos> with <pad> nor </s>"):
        SiglipTokenizer(tokenizers.Tokenizer(models.WordLevel({"a": 0, "<eos>": 1}, unk_token="a")))
    words = SiglipTokenizer(t5_like())
    with pytest.raises(ValueError, match="texts must be strings, not 3"):
        words(["a", 3])
    with pytest.raises(ValueError, match="context_length must be at least 1"):
        words("a", 0)
    with pytest.raises(FileNotFoundError, match="there is no tokenizer"):
        read_siglip_tokenizer(tmp_path / "tokenizer.json")
