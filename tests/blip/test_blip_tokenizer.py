"""Texts as ids: BERT's own cutting, the authors' cleaning, padding, what is too long."""

import random

import pytest
import transformers
from small_blip import WORDS, vocabulary

from playground.blip.tokenizer import cleaned, cleaned_question, read_tokenizer


@pytest.fixture
def tokenizer(tmp_path):
    return read_tokenizer(vocabulary(tmp_path), pad=0, end=6)


def test_ids_are_berts(tokenizer, tmp_path):
    theirs = transformers.BertTokenizerFast(str(vocabulary(tmp_path)), do_lower_case=True)
    draw = random.Random(0)
    pieces = ["a", "Red", "CUBES", "café", "ing", "balls", " ", "  ", ",", "!", "'s", "红球", "☃", "\t", "12", "", "-"]
    texts = ["", " ", *(" ".join(draw.choices(pieces, k=draw.randint(1, 12))) for _ in range(500))]
    ids, mask = tokenizer(texts, 5)
    for text, row, real in zip(texts, ids.tolist(), mask, strict=True):
        assert row[: int(real.sum())] == theirs(text)["input_ids"], text
        assert set(row[int(real.sum()) :]) <= {0}
    assert tokenizer.vocab_size == len(WORDS) + 2
    assert tokenizer.backend.token_to_id("[DEC]") == len(WORDS)
    assert tokenizer.decode([8, 9, 10, 11, 12, 17]) == "a picture of red cubes"


def test_length(tokenizer):
    ids, mask = tokenizer(["a red cube", "a"], 5, 4)
    assert ids.tolist() == [[5, 8, 11, 6], [5, 8, 6, 0]]
    assert mask.tolist() == [[True] * 4, [True, True, True, False]]
    ids, _ = tokenizer(["a picture of "], 32, ended=False)
    assert ids.tolist() == [[32, 8, 9, 10]]
    assert tokenizer([], 5)[0].shape == (0, 1)
    with pytest.raises(ValueError, match="not the one string 'a'"):
        tokenizer("a", 5)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ('A "Red"  cube. (large); ~on: the #table*!', "a red cube large on the table"),
        ("  two   words \n", "two words"),
        ("a, b? c-d's", "a, b? c-d's"),
        ("", ""),
        ("w " * 60, " ".join(["w"] * 50)),
    ],
)
def test_cleaning(text, clean):
    assert cleaned(text) == clean


def test_questions_are_cleaned_without_a_space():
    assert cleaned_question("At 9 a.m.?") == "at 9 am?"
    assert cleaned("At 9 a.m.?") == "at 9 a m ?"
    assert cleaned_question("What: is (it)? ") == "what is it?"


def test_what_is_no_tokenizer(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ValueError, match="is no tokenizer"):
        read_tokenizer(tmp_path / "tokenizer.json", pad=0, end=6)
