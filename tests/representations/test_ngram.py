"""n-grams: distributions that sum to one, counts by hand, the chain rule, and what text is taken for."""

import math
import random
import time

import pytest

from playground.representations.ngram import NGram
from playground.representations.text import END, UNKNOWN, Vocabulary, count_words, paragraphs, split_words

TEXT = "the cat sat on the mat.\n\nthe dog sat on the log.\n\nthe cat saw the dog, and the dog saw the cat.\n\na dog."


def texts():
    return paragraphs(TEXT)


def model(n, smoothing="kneser_ney", **options):
    return NGram(texts(), Vocabulary.of(texts()), n=n, smoothing=smoothing, **options)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("smoothing", ["laplace", "kneser_ney"])
def test_every_history_has_a_distribution(n, smoothing):
    lm, rng = model(n, smoothing), random.Random(0)
    words = list(lm.vocabulary.words)
    histories = [[], ["the"], ["sat", "on"], *(rng.choices(words, k=3) for _ in range(5)), ["zebra", "the"]]
    for history in histories:
        total = sum(lm.probability(word, history) for word in words)
        assert total == pytest.approx(1), history
        assert all(lm.probability(word, history) > 0 for word in words), "nothing is impossible"


def test_laplace_by_hand():
    lm = model(2, "laplace")
    size = len(lm.vocabulary.words)
    assert lm.probability("cat", ["the"]) == pytest.approx((3 + 1) / (8 + size))  # 8 times "the", 3 of them "the cat"
    assert lm.probability("zebra", ["the"]) == lm.probability(UNKNOWN, ["the"]) == pytest.approx(1 / (8 + size))
    assert model(2, "laplace", amount=0.01).probability("cat", ["the"]) > lm.probability("cat", ["the"])


def test_kneser_ney_by_hand():
    """p(w | h) = max(c - d, 0) / c(h) + d kinds / c(h) p'(w), p' by how many words stand before w."""
    lm = model(2)
    before = {}
    for text in texts():
        for a, b in zip(["<s>", *text], [*text, END], strict=True):
            before.setdefault(b, set()).add(a)
    pairs = sum(map(len, before.values()))
    ones = [sum(1 for s in before.values() if len(s) == k) for k in (1, 2)]
    d_low = ones[0] / (ones[0] + 2 * ones[1])
    low = max(len(before["cat"]) - d_low, 0) / pairs + d_low * len(before) / pairs / len(lm.vocabulary.words)
    d = lm.discounts[1]
    kinds = len({b for text in texts() for a, b in zip(text, [*text[1:], END], strict=True) if a == "the"})
    assert lm.probability("cat", ["the"]) == pytest.approx((3 - d) / 8 + d * kinds / 8 * low)


def test_the_chain_rule():
    lm = model(3)
    text = ["the", "cat", "sat"]
    factors = lm.chain(text)
    assert [factor.word for factor in factors] == [*text, END]
    assert factors[3].history == ("cat", "sat")
    product = math.prod(factor.probability for factor in factors)
    assert lm.perplexity([text]) == pytest.approx(product ** (-1 / 4))


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("smoothing", ["laplace", "kneser_ney"])
def test_the_chain_looks_at_the_last_words_alone(n, smoothing):
    """From a paragraph's start on, a factor is what the whole history gives, and what is before it changes nothing."""
    lm, words = model(n, smoothing), ["the", "cat", "zebra", "on", "the", "mat", ".", END]
    for i, factor in enumerate(lm.chain(words[:-1])):
        assert factor.probability == lm.probability(words[i], words[:i])
        if i >= n - 1:
            assert factor.probability == lm.probability(words[i], ["log", "dog", *words[:i]])
    padded = ["<s>"] * (n - 1)
    assert lm.chain(words[:-1])[0].probability == lm.probability(words[0], padded)


def test_a_long_sentence_is_told_at_once():
    """3,000 words with a vocabulary of 20,000: it was quadratic in one and linear in the other."""
    vocabulary = Vocabulary((END, UNKNOWN, *(f"word{i}" for i in range(20_000))))
    text = [f"word{i % 20_000}" for i in range(0, 21_000, 7)]
    lm = NGram([text[:100]], vocabulary, n=3)
    begun = time.perf_counter()
    factors = lm.chain(text)
    assert time.perf_counter() - begun < 0.5
    assert len(factors) == 3001
    assert factors[-1].history == tuple(text[-2:])


def test_a_model_without_knowledge_has_the_vocabularys_perplexity():
    lm = model(2, "laplace", amount=1000.0)
    assert lm.perplexity(texts()) == pytest.approx(len(lm.vocabulary.words), rel=0.02)


def test_a_longer_memory_knows_its_own_text_better():
    assert model(3).perplexity(texts()) < model(2).perplexity(texts()) < model(1).perplexity(texts())


def test_words_of_two_scripts():
    assert split_words("Don't panic: 42 cats!") == ["don't", "panic", ":", "42", "cats", "!"]
    assert split_words("猫坐在垫子上。The cat") == [*"猫坐在垫子上。", "the", "cat"]


def test_paragraphs_occur_once():
    assert paragraphs("one two\n\none two\n \nthree") == [["one", "two"], ["three"]]


def test_a_vocabulary_keeps_what_is_frequent():
    kept = Vocabulary.of([["a", "a", "b", "b", "c"]], least=2)
    assert kept.words == (END, UNKNOWN, "a", "b")
    assert kept.known(["a", "c"]) == ["a", UNKNOWN]


def test_words_are_counted_as_they_are_split():
    text = "Don't panic: 42 cats! 猫坐"
    assert count_words(text) == len(split_words(text)) == 8
    assert count_words("a " * 1_000_001) == 1_000_001, "of any length"


@pytest.mark.parametrize("text", ["", "\n\n", "word", "…"])
def test_too_little_text(text):
    with pytest.raises(ValueError, match="two words or more"):
        paragraphs(text)


def test_too_much_text():
    with pytest.raises(ValueError, match="more than the 1,000,000"):
        paragraphs("a " * 1_000_001)


def test_refusals():
    with pytest.raises(ValueError, match="n must lie between 1 and 8"):
        model(9)
    with pytest.raises(ValueError, match="no smoothing"):
        model(2, "hope")
    with pytest.raises(ValueError, match="amount must be positive"):
        model(2, "laplace", amount=0)
    with pytest.raises(ValueError, match="no text to measure"):
        model(2).perplexity([])
