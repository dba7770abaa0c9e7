"""Texts to learn from: what they hold, that nothing of them is run, and that no test paragraph was learned from."""

import sys
from pathlib import Path

import pytest

from playground.representations import corpora
from playground.representations.text import paragraphs, split_words


@pytest.mark.parametrize(("language", "least", "most"), [("en", 500, 1100), ("zh", 900, 1300)])
def test_passages_are_paragraphs_that_repeat_their_phrases(language, least, most):
    text = corpora.passage(language)
    words = split_words(text)
    assert least <= len(words) <= most
    assert len(paragraphs(text)) == 12, "every paragraph once"
    grams = [tuple(words[i : i + 4]) for i in range(len(words) - 3)]
    assert len(set(grams)) < 0.9 * len(grams), "phrases come again"


def test_no_such_passage():
    with pytest.raises(ValueError, match="no passage is written in 'fr'; choose one of en, zh"):
        corpora.passage("fr")


def test_pythons_documentation():
    before = set(sys.modules)
    corpora.python_documentation.cache_clear()
    text = corpora.python_documentation()
    assert not {name for name in set(sys.modules) - before if not name.startswith("pydoc_data")}, "nothing was imported"
    assert len(split_words(text)) > 150_000
    assert 'The "with" statement is used to wrap the execution' in text, "a topic of help()"
    assert "Return a shallow copy" in text, "a docstring"


def test_a_slim_python_has_docstrings_alone(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    assert corpora._topics() == []


def test_docstrings_are_of_what_is_public(tmp_path):
    source = """'''A module.'''
def _hidden():
    'Not this.'
def seen():
    'A function.'
    def inner():
        'Of a function within.'
class Seen:
    'A class.'
    def method(self):
        'A method.'
raise SystemExit
"""
    (tmp_path / "one.py").write_text(source, "utf-8")
    found = list(corpora._said(tmp_path / "one.py"))
    assert found == ["A module.", "A function.", "A class.", "Of a function within.", "A method."]


@pytest.mark.parametrize(
    ("path", "public"),
    [("json/decoder.py", True), ("json/__init__.py", True), ("_pydecimal.py", False), ("test/x.py", False)],
)
def test_modules_that_are_read(path, public):
    assert corpora._public(Path(path)) is public


def test_a_split_has_no_leak():
    texts = paragraphs("\n\n".join([*(f"word{chr(97 + i)} and more" for i in range(20)), "wordb and more"]))
    train, test = corpora.split(texts, 0.25)
    assert (len(train), len(test)) == (15, 5)
    assert sorted(map(tuple, train + test)) == sorted(map(tuple, texts))
    assert not set(map(tuple, train)) & set(map(tuple, test))
    assert corpora.split(texts, 0.25) == (train, test), "the same seed, the same split"
    assert corpora.split(texts, 0.25, seed=1) != (train, test)


def test_at_least_one_paragraph_of_each():
    assert [len(part) for part in corpora.split([["a"], ["b"]], 0.01)] == [1, 1]


@pytest.mark.parametrize("text", ["bread bread\n\nbread bread bread", "bread bread\n\ncake"])
def test_nothing_to_tell_apart(text):
    """In the second, too: whichever paragraph is held out, one word is left to learn from."""
    with pytest.raises(ValueError, match="the text needs two different words or more to learn from"):
        corpora.corpus_of(text)


def test_refused_splits():
    with pytest.raises(ValueError, match=r"one paragraph.*blank line"):
        corpora.split([["a", "b"]])
    with pytest.raises(ValueError, match=r"share must lie between 0.01 and 0.5, not 0.7"):
        corpora.split([["a"], ["b"]], 0.7)
