"""Words as numbers: the same vocabulary, contexts that cross no paragraph, and the n-grams' own perplexity."""

import math

import pytest
import torch

from playground.representations.indexed import IndexedVocabulary, events, perplexity, tell, unigram
from playground.representations.ngram import NGram
from playground.representations.text import END, UNKNOWN, Vocabulary

TEXTS = [["the", "cat", "sat"], ["the", "dog"], ["a", "dog", "sat", "on", "the", "cat"]]


def test_numbers_are_places_among_the_words():
    vocabulary = IndexedVocabulary.of(TEXTS, least=2)
    assert vocabulary.words == Vocabulary.of(TEXTS, least=2).words
    text = ["the", "zebra", "sat"]
    assert vocabulary.known(text) == Vocabulary.of(TEXTS, least=2).known(text)
    assert [vocabulary.words[i] for i in vocabulary.numbers(text)] == vocabulary.known(text)


def test_events_by_hand():
    vocabulary = IndexedVocabulary.of(TEXTS)
    found = events(TEXTS[1:2], vocabulary, 3)
    start, the, dog, end = len(vocabulary.words), *(vocabulary.index[word] for word in ("the", "dog", END))
    assert found.context.tolist() == [[start, start], [start, the], [the, dog]]
    assert found.word.tolist() == [the, dog, end]


def test_a_unigram_by_hand():
    q = unigram(torch.tensor([0, 0, 0, 2]), 3)
    torch.testing.assert_close(q, torch.tensor([3.0, 1.0, 1.0]) / 5)


@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize("smoothing", ["laplace", "kneser_ney"])
def test_perplexity_is_that_of_the_chain_rule(n, smoothing):
    vocabulary = IndexedVocabulary.of(TEXTS, least=2)
    model = NGram(TEXTS, vocabulary, n=n, smoothing=smoothing)
    test = [["the", "cat", "sat", "on", "a", UNKNOWN], ["dog"], ["zebra", "the"]]
    assert perplexity(model, test) == pytest.approx(model.perplexity(test), rel=1e-12)


def test_refusals_of_no_text():
    vocabulary = IndexedVocabulary.of(TEXTS)
    with pytest.raises(ValueError, match="no text to learn from"):
        events([[]], vocabulary, 3)
    with pytest.raises(ValueError, match="n must be 2 or more"):
        events(TEXTS, vocabulary, 1)
    with pytest.raises(ValueError, match="no text to measure"):
        perplexity(NGram(TEXTS, vocabulary, n=2), [])


def test_a_paragraph_by_the_chain_rule():
    model = NGram(TEXTS, IndexedVocabulary.of(TEXTS), n=2)
    found = tell(model, ["the", "cat"])
    product = math.prod(factor.probability for factor in found.factors)
    assert [factor.word for factor in found.factors] == ["the", "cat", END]
    assert sum(found.bits) == pytest.approx(-math.log2(product))
    assert found.log10 == pytest.approx(math.log10(product))
    assert found.perplexity == pytest.approx(model.perplexity([["the", "cat"]]))
