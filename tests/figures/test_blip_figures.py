"""Figures of the BLIP tab: what stands where."""

import numpy as np
from numpy.testing import assert_array_equal

from playground.figures import blip as figures


def test_light_falls_where_the_heat_is():
    white = np.full((40, 60, 3), 200, np.uint8)
    heat = np.zeros((4, 6))
    heat[1, 4] = 0.3
    lit = figures.spotlight(white, heat)
    assert lit.shape == white.shape
    assert lit.dtype == np.uint8
    brightest = np.unravel_index(lit[..., 0].argmax(), lit.shape[:2])
    assert (brightest[0] // 10, brightest[1] // 10) == (1, 4)
    assert lit.max() > 195
    assert lit[-1, 0, 0] == round(200 * figures.DARK)
    assert figures.spotlight(white, heat, most=1.0).max() < lit.max()  # beside a word that looked harder


def test_a_tree_keeps_the_likeliest_on_top_and_marks_what_was_taken():
    figure = figures.tree(
        [None, None, 0, 1, 0], [0, 0, 1, 1, 1], ["a", "the", "cube", "ball", "cone"], [-0.1, -2.0, -0.5, -2.5, -3.0],
        [0, 2],
    )  # fmt: skip
    others, taken, nodes = figure.data
    assert list(nodes.y) == [0, 1, 0, 1, 2]
    assert list(taken.x) == [0, 1, None]
    assert list(taken.y) == [0, 0, None]
    assert len(others.x) == 3 * 2
    assert list(nodes.text) == ["a", "the", "cube", "ball", "cone"]
    assert nodes.marker.color[0] != nodes.marker.color[1]


def test_matches_and_answers():
    texts = ["a red cube", "a very long text that no axis has the room to show in one line"]
    figure = figures.matches(texts, np.array([0.3, -0.1]), np.array([0.9, 0.1]))
    cosine, match = figure.data
    assert list(match.text) == ["90.0%", "10.0%"]
    assert list(cosine.text) == ["0.300", "-0.100"]
    assert figure.layout.yaxis.ticktext[1].endswith("…")
    asked = figures.answers(["how many?", "what?"], [[("2", 0.8), ("3", 0.1)], []])
    assert list(asked.data[0].hovertext) == ["2", "3"]
    assert list(asked.data[0].text) == ["80.0%", "10.0%"]


def test_a_histogram_counts_both_sources():
    figure = figures.histogram(np.array([0.02, 0.97, 0.98]), np.array([0.99]), 0.5)
    web, written = figure.data
    assert (web.y[0], web.y[-1], written.y[-1], sum(web.y)) == (1, 2, 1, 3)
    assert figure.layout.shapes[0].x0 == 0.5


def test_truth_and_arms():
    thresholds = np.linspace(0, 1, 3)
    figure = figures.truth(thresholds, {"precision": np.array([0.5, 0.8, 1.0]), "recall": np.array([1, 0.9, 0.1])}, 0.4)
    assert [one.name for one in figure.data] == ["precision", "recall"]
    shown = figures.arms(["noisy", "both"], {"AUC": np.array([[0.6, 0.7], [0.8, 0.9]])})
    bars, dots = shown.data
    assert_array_equal(np.round(bars.x, 3), [0.65, 0.85])
    assert_array_equal(dots.y, [0, 0, 1, 1])
