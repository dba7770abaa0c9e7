"""The tokenizer by itself: known ids, what it refuses, and that open_clip is never imported."""

import subprocess
import sys

import pytest
import tokenizers
from tokenizers import models

from playground.clip import tokenizer
from playground.clip.tokenizer import Tokenizer, clean, read_tokenizer, tokenize


def test_known_ids():
    """OpenAI's own example: "hello world!" is 3306 1002 256."""
    assert tokenize("hello world!", 8).tolist() == [[49406, 3306, 1002, 256, 49407, 0, 0, 0]]
    assert tokenize(["", "a " * 100], 4).tolist() == [[49406, 49407, 0, 0], [49406, 320, 320, 49407]]
    assert tokenize([], 4).shape == (0, 4)
    assert tokenize("x").shape == (1, 77)


def test_cleaning():
    assert clean("  It&amp;#39;s\n the  CAFÃ©\t") == "it's the café"


def test_a_file_reads_what_was_written(tmp_path):
    default = tokenizer.default_tokenizer()
    default.backend.save(str(tmp_path / "tokenizer.json"))
    texts = ["Two dogs aren't <end_of_text> !<start_of_text> 3 cats", "红色的猫 🐈", "\U00016eb2x"]
    assert read_tokenizer(tmp_path / "tokenizer.json")(texts).equal(default(texts))


def test_padding_and_cutting_in_a_file_are_not_followed(tmp_path):
    """Hub repositories save them with their tokenizers; both would put ids where zeros or words belong."""
    default = tokenizer.default_tokenizer()
    backend = tokenizers.Tokenizer.from_str(default.backend.to_str())
    backend.enable_padding(length=9, pad_id=49407)
    backend.enable_truncation(3)
    backend.save(str(tmp_path / "tokenizer.json"))
    texts = ["a cat", "two dogs and a cat on a mat"]
    assert read_tokenizer(tmp_path / "tokenizer.json")(texts).equal(default(texts))


def test_a_small_vocabulary_of_words(tmp_path):
    words = ["red", "ball", "?", "<start_of_text>", "<end_of_text>"]
    backend = tokenizers.Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="?"))
    backend.save(str(tmp_path / "tokenizer.json"))
    assert read_tokenizer(tmp_path / "tokenizer.json")(["A RED ball"], 6).tolist() == [[3, 2, 0, 1, 4, 0]]


def test_refusals(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="texts must be strings, not 3"):
        tokenize(["a", 3])
    with pytest.raises(ValueError, match="context_length must be at least 2"):
        tokenize("a", 1)
    with pytest.raises(FileNotFoundError, match="there is no tokenizer"):
        read_tokenizer(tmp_path / "none.json")
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ValueError, match="is no tokenizer"):
        read_tokenizer(tmp_path / "tokenizer.json")
    with pytest.raises(ValueError, match="the vocabulary has none of <start_of_text>"):
        Tokenizer(tokenizers.Tokenizer(models.WordLevel({"a": 0}, unk_token="a")))
    wrong = {"<end_of_text>": 0, "<start_of_text>": 1}
    with pytest.raises(ValueError, match="has the id 0 of 2; a text is read at its largest id"):
        Tokenizer(tokenizers.Tokenizer(models.WordLevel(wrong, unk_token="<end_of_text>")))
    monkeypatch.setattr(tokenizer.importlib.util, "find_spec", lambda _: None)
    tokenizer.default_tokenizer.cache_clear()
    with pytest.raises(FileNotFoundError, match="install open_clip_torch"):
        tokenizer.default_tokenizer()


def test_peers_are_not_imported():
    program = (
        "import sys; from playground import clip; clip.tokenize('x'); "
        "print(sorted({'open_clip', 'transformers', 'torchvision', 'timm', 'gradio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"
