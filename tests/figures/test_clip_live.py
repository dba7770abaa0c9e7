"""The figure of a CLIP that learns: what is where, what a phone changes, words of another language."""

import base64
import io
import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from playground.figures.clip_live import POINTS, WORDS, learning

M, STEPS = 3, 1000


def glimpse(step=0):
    rng = np.random.default_rng(0)
    loss = np.linspace(3.4, 1, step, dtype=np.float32)
    measured = np.arange(0, step + 1, 100)
    skills = [
        SimpleNamespace(name=name, chance=chance, accuracy=np.full(len(measured), chance, np.float32))
        for name, chance in (("color", 1 / 8), ("size", 1 / 2), ("shape", 1 / 5))
    ]
    return SimpleNamespace(
        steps=STEPS, loss=loss, smooth=loss, guess=3.4, temperature=loss / 50, measured=measured, skills=skills,
        similarity=np.arange(M * M, dtype=np.float32).reshape(M, M) / 10,
        pictures=rng.integers(0, 255, (M, 8, 8, 3)).astype(np.uint8),
        captions=("a red cube", "a small thing with very many words", "a blue cone"),
    )  # fmt: skip


def of(figure, axis):
    return [trace for trace in figure.data if trace.type == "scatter" and trace.yaxis == axis]


@pytest.mark.parametrize("step", [0, 1, 900])
def test_curves(step):
    figure = learning(glimpse(step))
    raw, smooth, guess = of(figure, "y2")
    assert len(raw.x) == len(smooth.x) <= POINTS
    if step:
        assert smooth.x[-1] == step
        assert smooth.y[-1] == pytest.approx(glimpse(step).loss[-1])
    assert list(guess.y) == [3.4, 3.4]
    assert figure.layout.yaxis2.range[1] > 3.4
    accuracies = of(figure, "y4")
    assert [trace.name for trace in accuracies[::2]] == ["colour", "size", "shape"]
    assert [trace.y[0] for trace in accuracies[1::2]] == [1 / 8, 1 / 2, 1 / 5]
    assert all(a.line.color == b.line.color for a, b in zip(accuracies[::2], accuracies[1::2], strict=True))


def test_pictures_stand_under_their_columns():
    view = glimpse()
    figure = learning(view)
    heat = figure.data[0]
    assert heat.z[2][0] == pytest.approx(view.similarity[0, 2]), "column 0 is picture 0, row 2 is text 2"
    assert list(heat.customdata[2][0]) == [view.captions[0], view.captions[2]]
    assert [image.x for image in figure.layout.images] == [0, 1, 2]
    assert {image.y for image in figure.layout.images} == {M}
    low, high = figure.layout.yaxis.range
    assert low > M + 0.5 > high, "row 0 on top, the pictures below the last"
    data = base64.b64decode(figure.layout.images[1].source.partition(",")[2])
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), view.pictures[1])
    assert figure.layout.yaxis.ticktext[0] == "a red cube"
    assert figure.layout.yaxis.ticktext[1].endswith("…")
    assert len(figure.layout.yaxis.ticktext[1]) <= 26


def test_nothing_overlaps_on_a_phone():
    figure = learning(glimpse(10))
    narrow = figure.layout.meta["narrow"]
    heights = sorted((narrow[f"yaxis{i}"]["domain"] for i in ("", 2, 3, 4)), key=lambda domain: domain[0])
    assert all(below[1] + 0.05 < above[0] for below, above in itertools.pairwise(heights))
    assert len(narrow["annotations"]) == len(figure.layout.annotations) == 4


def test_words_can_be_replaced():
    figure = learning(glimpse(10), words={"color": "颜色", "matrix": "余弦"})
    assert "颜色" in [trace.name for trace in figure.data]
    texts = [note.text for note in figure.layout.annotations]
    assert texts == ["余弦", WORDS["loss"], WORDS["temperature"], WORDS["accuracy"]]
