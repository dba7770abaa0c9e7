"""Networks of n-grams: normalised by explicit sums, at their objectives' optima, and a training that can be stopped."""

import math

import pytest
import torch

from playground.representations import neural_ngram
from playground.representations.corpora import passage, split
from playground.representations.indexed import IndexedVocabulary, events, unigram
from playground.representations.neural_ngram import (
    GROUP,
    LANGUAGE_OBJECTIVES,
    NeuralNGram,
    fit_language_model,
    multiply_adds,
    read_language_model,
)
from playground.representations.text import paragraphs

TRAIN, TEST = split(paragraphs(passage("en")), 0.25)
VOCABULARY = IndexedVocabulary.of(TRAIN)
SIZE = len(VOCABULARY.words)


def fit(objective="softmax", **options):
    return fit_language_model(TRAIN, TEST, VOCABULARY, objective=objective, **{"batch": 64, "steps": 20, **options})


def test_perplexity_and_log_z_are_explicit_sums():
    torch.manual_seed(0)
    test = events(TEST, VOCABULARY, 3)
    network = NeuralNGram(torch.randn(SIZE), n=3, dim=4, hidden=6)
    found = read_language_model(network, test, words=10_000)
    log_p, log_z = [], []
    for context, word in zip(test.context, test.word, strict=True):
        e = torch.cat([network.before.weight[i] for i in context])
        h = torch.tanh(network.hidden.weight @ e + network.hidden.bias)
        s = [float((network.after[w] @ h + network.bias[w]).detach()) for w in range(SIZE)]
        log_z.append(math.log(sum(map(math.exp, s))))
        log_p.append(s[word] - log_z[-1])
    assert found.words == len(test.word)
    assert found.perplexity == pytest.approx(math.exp(-sum(log_p) / len(log_p)), rel=1e-4)
    mean = sum(log_z) / len(log_z)
    assert found.log_z_mean == pytest.approx(mean, abs=1e-4)
    assert found.log_z_sd == pytest.approx(math.sqrt(sum((z - mean) ** 2 for z in log_z) / len(log_z)), abs=1e-4)


def test_a_network_without_weights_is_the_unigram():
    """s = log q after every context: its perplexity is the unigram's and Z is 1."""
    learned, test = events(TRAIN, VOCABULARY, 3), events(TEST, VOCABULARY, 3)
    q = unigram(learned.word, SIZE)
    network = NeuralNGram(q.log(), n=3, dim=4, hidden=6)
    torch.nn.init.zeros_(network.after)
    found = read_language_model(network, test)
    assert found.perplexity == pytest.approx(math.exp(-float(q[test.word].log().mean())), rel=1e-4)
    assert (found.log_z_mean, found.log_z_sd) == pytest.approx((0, 0), abs=1e-5)


def test_scores_of_some_words_are_those_of_all():
    network = NeuralNGram(torch.randn(SIZE), n=3, dim=4, hidden=6)
    generator = torch.Generator().manual_seed(0)
    context, true = (torch.randint(SIZE, shape, generator=generator) for shape in ((2 * GROUP, 2), (2 * GROUP,)))
    noise = torch.randint(SIZE, (2, 3), generator=generator)
    every = network(context)
    one, others = network.some(network.summary(context), true, noise)
    torch.testing.assert_close(one, every.gather(1, true[:, None])[:, 0], atol=1e-5, rtol=0)
    torch.testing.assert_close(others, every.gather(1, noise.repeat_interleave(GROUP, 0)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("objective", LANGUAGE_OBJECTIVES)
def test_training_knows_more_than_the_unigram_and_is_repeatable(objective):
    first = list(fit(objective, steps=60))
    again = list(fit(objective, steps=60))
    assert [one.loss for one in first] == [one.loss for one in again]
    last, begun = first[-1], first[0].reading
    assert last.reading == again[-1].reading
    assert last.progress == 1
    assert last.step == 60
    assert last.reading.perplexity < 0.75 * begun.perplexity
    assert last.match.scores.shape == (len(last.match.contexts), len(last.match.words))
    assert len(set(last.match.words)) == len(last.match.words) > 4
    assert list(fit(objective, steps=60, seed=1))[-1].loss != last.loss


def test_the_last_reading_is_of_every_word_and_glances_are_of_the_same(monkeypatch):
    monkeypatch.setattr(neural_ngram, "GLANCE", 50)
    steps = [one for one in fit() if one.reading is not None]
    assert {one.glance.words for one in steps} == {50}
    assert [one.reading.words for one in steps[:-1]] == [50] * (len(steps) - 1)
    assert steps[-1].reading.words == sum(len(text) + 1 for text in TEST)
    assert steps[-1].reading.perplexity != steps[-1].glance.perplexity


def test_nce_normalises_itself_and_negative_sampling_does_not():
    found = {name: list(fit(name, steps=150, k=50))[-1].reading for name in ("nce", "info_nce", "negative_sampling")}
    assert abs(found["nce"].log_z_mean) < 0.4
    assert found["nce"].log_z_sd < found["info_nce"].log_z_sd
    assert abs(found["negative_sampling"].log_z_mean) > 1
    assert found["negative_sampling"].perplexity > found["nce"].perplexity


def test_a_training_given_seconds_ends_with_them_and_can_be_stopped():
    ticks = iter(range(10**6))
    steps = list(fit(steps=None, seconds=20, clock=lambda: next(ticks)))
    assert steps[-1].progress == 1
    assert 20 <= steps[-1].seconds <= 30
    watched = fit("nce")
    next(watched)
    watched.close()


def test_what_a_word_costs():
    """An embedding of 2 x 64 through 128 units, then 128 a score: 4,000 of them, or 26."""
    assert multiply_adds("softmax", size=4000) == 2 * 64 * 128 + 4000 * 128
    assert {multiply_adds(name, size=4000) for name in LANGUAGE_OBJECTIVES[1:]} == {2 * 64 * 128 + 26 * 128}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"objective": "hope"}, "no objective is called 'hope'"),
        ({"seconds": 1}, "exactly one of seconds and steps"),
        ({"n": 1}, "n must lie between 2 and 8, not 1"),
        ({"k": 0}, "k must lie between 1 and 5,000, not 0"),
        ({"batch": 50}, "batch must be a multiple of 16, not 50"),
    ],
)
def test_refusals_of_networks(options, said):
    with pytest.raises(ValueError, match=said):
        fit(**options)


def test_no_text_for_networks():
    with pytest.raises(ValueError, match="no text to learn from"):
        fit_language_model([], TEST, VOCABULARY, steps=1)
