"""Figures of the road from n-grams to InfoNCE: what is drawn is what was given, in words of either language."""

from dataclasses import dataclass

import numpy as np
import pytest

from playground.figures import representations_language as figures
from playground.figures import representations_worlds as worlds


@dataclass
class Factor:
    history: tuple
    word: str
    probability: float


@dataclass
class Approach:
    k: int
    gap: float
    log_z: float


@dataclass
class Match:
    contexts: tuple
    words: tuple
    shares: np.ndarray


@dataclass
class Patches:
    pictures: np.ndarray
    shares: np.ndarray


def test_a_bar_a_word_with_its_bits_and_history():
    factors = [Factor((), "the", 0.5), Factor(("the",), "cat", 0.125), Factor(("the", "cat"), "</s>", 0.25)]
    bars = figures.chain(factors, [1.0, 3.0, 2.0], ending="</s>").data[0]
    assert list(bars.y) == [1.0, 3.0, 2.0]
    assert [list(one) for one in bars.customdata] == [
        ["the start", "the", "0.5"], ["the", "cat", "0.125"], ["the cat", "end", "0.25"],
    ]  # fmt: skip


def test_a_long_sentence_is_cut():
    factors = [Factor((), "x", 0.5)] * 100
    assert len(figures.chain(factors, [1.0] * 100, ending="</s>").data[0].y) == figures.MOST


def test_a_line_a_smoothing_and_a_ring():
    found = {"kneser_ney": {1: 300.0, 2: 90.0}, "laplace": {1: 301.0, 2: 120.0}}
    figure = figures.curve(found, chosen=("laplace", 2))
    assert [list(trace.y) for trace in figure.data] == [[300.0, 90.0], [301.0, 120.0], [120.0]]
    assert figure.layout.yaxis.type == "log"
    assert len(figures.curve(found, chosen=("laplace", 5)).data) == 2, "what is not counted yet has no ring"


def test_perplexities_in_order_and_in_two_kinds():
    figure = figures.perplexities([("a", 50.0, False), ("b", 20.0, True), ("c", 90.0, False)])
    assert list(figure.layout.yaxis.categoryarray) == ["c", "a", "b"], "drawn from below, so that the best is above"
    assert [dict(zip(trace.y, trace.x, strict=True)) for trace in figure.data] == [{"c": 90.0, "a": 50.0}, {"b": 20.0}]


def test_noise_that_grows_beside_its_rates():
    figure = figures.approach([Approach(1, 0.4, 0.09), Approach(4, 0.2, 0.02)])
    gap, root, log_z, whole = figure.data
    assert list(gap.y) == [0.4, 0.2]
    assert list(root.y) == pytest.approx([0.4, 0.2])
    assert list(log_z.y) == [0.09, 0.02]
    assert list(whole.y) == pytest.approx([0.09, 0.0225])


def test_a_running_mean_by_hand():
    figure = worlds.learning([(i, float(i)) for i in range(1, 41)])
    raw, smooth = figure.data
    assert list(raw.y[:3]) == [1, 2, 3]
    assert list(smooth.y[:3]) == [1, 1.5, 2.5]  # a twentieth of 40: two


def test_words_at_their_places():
    trace = worlds.word_map(np.array([[0.0, 1.0], [2.0, 3.0]]), ["cat", "dog"], marked=["dog"]).data[0]
    assert list(trace.text) == ["cat", "dog"]
    assert (list(trace.x), list(trace.y)) == ([0, 2], [1, 3])
    assert trace.textfont.color[0] != trace.textfont.color[1]


def test_two_worlds():
    match = Match(("a b", "c d"), ("e", "f"), np.array([[0.9, 0.1], [0.3, 0.7]]))
    patches = Patches(np.zeros((2, 8, 8)), np.array([[0.6, 0.4], [0.2, 0.8]]))
    figure = worlds.worlds(match, patches)
    np.testing.assert_allclose(figure.data[0].z, match.shares, atol=1e-6)
    np.testing.assert_allclose(figure.data[1].z, patches.shares, atol=1e-6)
    assert len(figure.layout.images) == 4, "an upper and a lower half of each"
    assert list(figure.layout.xaxis.ticktext) == ["e", "f"]
    assert len(worlds.worlds(match, None).data) == 1
    alone = worlds.worlds(None, patches)
    assert any(note.text == worlds.WORDS["none"] for note in alone.layout.annotations)


def test_bounds_stay_under_their_line():
    figure = worlds.bounds([1.0, 0.5], 1.2, 4.85)
    assert list(figure.data[0].y) == [1.0, 0.5, 1.2]
    assert figure.layout.shapes[0].y0 == 4.85
    assert figure.layout.yaxis.range[1] > 4.85


def test_words_of_another_language():
    words = {name: f"<{name}>" for name in (*figures.WORDS, *worlds.WORDS)}
    assert figures.curve({}, chosen=("laplace", 2), words=words).layout.xaxis.title.text == "<n>"
    assert worlds.bounds([1.0], 1.0, 4.0, words=words).layout.xaxis.title.text == "<distance>"
