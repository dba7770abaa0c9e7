"""Word vectors: pairs by hand, negative sampling's optimum by an exhaustive sum, neighbours, and Python's own words."""

import math
import random
from collections import Counter

import numpy as np
import pytest
import torch

from playground.representations import word_vectors
from playground.representations.indexed import IndexedVocabulary
from playground.representations.nce import negative_sampling_loss
from playground.representations.word_vectors import SkipGram, fit_words, neighbours, skip_pairs

TEXTS = [["a", "b", "c"], ["d", "a"]]


def test_pairs_by_hand():
    """With a window of 1 every word of a frequent few stays, and no pair goes from one paragraph to the next."""
    vocabulary = IndexedVocabulary.of(TEXTS)
    before, word_vectors.RARE = word_vectors.RARE, 1.0
    try:
        found = skip_pairs(TEXTS, vocabulary, window=1, generator=torch.Generator().manual_seed(0))
    finally:
        word_vectors.RARE = before
    named = Counter((vocabulary.words[a], vocabulary.words[b]) for a, b in found.tolist())
    both = [("a", "b"), ("b", "c"), ("d", "a")]
    assert named == Counter([*both, *((b, a) for a, b in both)])


def test_a_wide_window_takes_near_words_more_often():
    text = [[f"w{chr(97 + i)}" for i in range(20)] * 200]
    vocabulary = IndexedVocabulary.of(text)
    before, word_vectors.RARE = word_vectors.RARE, 1.0
    try:
        found = skip_pairs(text, vocabulary, window=4, generator=torch.Generator().manual_seed(0))
    finally:
        word_vectors.RARE = before
    gaps = Counter(min((b - a) % 20, (a - b) % 20) for a, b in (found - 2).tolist())
    for distance in range(1, 5):  # a width of 1..4, each as likely: so many of them reach the distance
        assert gaps[distance] / 8000 == pytest.approx((5 - distance) / 4, abs=0.05)


def test_frequent_words_are_left_out_by_the_square_root():
    """A word that is f of the text stays with sqrt(RARE / f)."""
    text = [random.Random(0).choices(["often", "x"], [3, 1], k=200_000)]
    vocabulary = IndexedVocabulary.of(text)
    found = skip_pairs(text, vocabulary, window=1, generator=torch.Generator().manual_seed(0))
    ratio = (found[:, 0] == vocabulary.index["often"]).sum() / (found[:, 0] == vocabulary.index["x"]).sum()
    assert float(ratio) == pytest.approx(3 * math.sqrt(1 / 3), rel=0.1)


def test_the_optimum_is_pointwise_information_less_log_k():
    """Every pair and every noise word summed with its probability; vectors wide enough to hold any matrix."""
    joint = torch.tensor([[0.20, 0.05, 0.05], [0.05, 0.25, 0.05], [0.05, 0.05, 0.25]], dtype=torch.float64)
    k, q = 2, joint.sum(0)
    torch.manual_seed(0)
    network = SkipGram(torch.zeros(3), 3, bias=False).double()
    torch.nn.init.normal_(network.near, generator=torch.Generator().manual_seed(0))
    middle, near = (one.flatten() for one in torch.meshgrid(torch.arange(3), torch.arange(3), indexing="ij"))
    optimizer = torch.optim.LBFGS(
        [network.middle, network.near], max_iter=100, tolerance_grad=1e-9, line_search_fn="strong_wolfe"
    )

    def closure():
        optimizer.zero_grad()
        total = torch.zeros((), dtype=torch.float64)
        for i in range(9):
            true, false = network(middle[i : i + 1], near[i : i + 1], torch.arange(3)[None])
            for a in range(3):
                for b in range(3):
                    weight = joint[middle[i], near[i]] * q[a] * q[b]
                    total = total + weight * negative_sampling_loss(true, false[:, [a, b]])
        total.backward()
        return total

    optimizer.step(closure)
    expected = (joint / joint.sum(1)[:, None] / q).log() - math.log(k)
    torch.testing.assert_close(network.middle @ network.near.T, expected, atol=1e-4, rtol=0)


def test_neighbours_by_hand():
    vectors = np.array([[1, 0], [2, 0.1], [0, 1], [-1, 0]], dtype=np.float32)
    found = neighbours(vectors, ["a", "b", "c", "d"], "a", 2)
    assert [one.word for one in found] == ["b", "c"]
    assert found[0].cosine == pytest.approx(2 / math.hypot(2, 0.1))
    with pytest.raises(ValueError, match="the word 'e' is not among the 4 of the vocabulary"):
        neighbours(vectors, ["a", "b", "c", "d"], "e")


@pytest.mark.parametrize("objective", ["negative_sampling", "nce"])
def test_words_of_one_kind_come_together(objective):
    """Two sets of words that never meet: the nearest of each are its own."""
    rng = random.Random(0)
    text = [rng.choices(kind, k=8) for kind in (["red", "green", "blue"], ["one", "two", "three"]) for _ in range(300)]
    vocabulary = IndexedVocabulary.of(text)
    options = {"objective": objective, "dim": 8, "steps": 150, "batch": 256, "k": 5}
    steps, again = list(fit_words(text, vocabulary, **options)), list(fit_words(text, vocabulary, **options))
    assert [one.loss for one in steps] == [one.loss for one in again]
    np.testing.assert_array_equal(steps[-1].vectors, again[-1].vectors)
    assert steps[-1].progress == 1
    near = {one.word for one in neighbours(steps[-1].vectors, vocabulary.words, "red", 2)}
    assert near == {"green", "blue"}


def test_words_given_seconds():
    ticks = iter(range(10**6))
    vocabulary = IndexedVocabulary.of(TEXTS)
    steps = list(fit_words(TEXTS * 50, vocabulary, seconds=12, batch=16, clock=lambda: next(ticks)))
    assert steps[-1].progress == 1
    assert len(steps) == 12
    assert steps[-1].vectors is not None
    watched = fit_words(TEXTS * 50, vocabulary, steps=5, batch=16)
    next(watched)
    watched.close()


@pytest.mark.parametrize(
    ("texts", "options", "said"),
    [
        ([], {}, "no text to learn from"),
        ([["a"]], {}, "no two words of the vocabulary"),
        (TEXTS, {"objective": "hope"}, "no objective is called 'hope'"),
        (TEXTS, {"dim": 1}, "dim must lie between 2 and 500, not 1"),
        (TEXTS, {"batch": 17}, "batch must be a multiple of 16"),
        (TEXTS, {"seconds": 2}, "exactly one of seconds and steps"),
    ],
)
def test_refusals_of_words(texts, options, said):
    with pytest.raises(ValueError, match=said):
        fit_words(texts, IndexedVocabulary.of(TEXTS), **{"steps": 1, **options})
