"""CapFilt on a small BLIP: all texts and scores, decisions, independence of batches, what cannot be read, refusals."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from small_blip import captioner_and_filter
from small_sets import noise_pictures

from playground import blip

LIMITS = blip.Limits(12, 6)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return captioner_and_filter(tmp_path_factory.mktemp("words"))


def pairs(n, seed=0):
    draw = np.random.default_rng(seed)
    texts = ["A red cube!", "the ball", "a picture of a blue cube", "", "red red red"]
    return [blip.Pair(f"p{i}", *noise_pictures(1, draw, width=40), texts[i % 5]) for i in range(n)]


def test_every_text_with_its_scores(models):
    captioner, judge = models
    decisions = list(blip.capfilt(pairs(7), captioner, judge, candidates=2, limits=LIMITS))
    assert [d.uid for d in decisions] == [f"p{i}" for i in range(7) for _ in range(3)]
    assert [d.source for d in decisions[:3]] == ["web", "written", "written"]
    for pair, own in zip(pairs(7), zip(*[iter(decisions)] * 3, strict=True), strict=True):
        assert own[0].text == pair.text  # as the web has it
        found = blip.match(judge, [pair.image], [d.text for d in own])
        assert_allclose([d.probability for d in own], found.probability[0], atol=1e-5)
        assert_allclose([d.cosine for d in own], found.cosine[0], atol=1e-5)
    assert any(d.kept for d in decisions)
    assert not all(d.kept for d in decisions)
    assert all(d.kept == (d.probability >= 0.5 and d.text != "") for d in decisions)
    assert len({d.text for d in decisions if d.source == "written"}) > 4


def test_a_pair_does_not_depend_on_those_beside_it(models):
    captioner, judge = models
    together = list(blip.capfilt(pairs(9), captioner, judge, limits=LIMITS, batch_size=4))
    alone = [d for pair in reversed(pairs(9)) for d in blip.capfilt([pair], captioner, judge, limits=LIMITS)]
    by_uid = {(d.uid, d.source): d for d in alone}
    for decision in together:
        other = by_uid[decision.uid, decision.source]
        assert decision.text == other.text
        assert decision.probability == pytest.approx(other.probability, abs=1e-5)
    more = list(blip.capfilt(pairs(9), captioner, judge, limits=LIMITS, seed=1))
    assert [d.text for d in more] != [d.text for d in together]


def test_one_model_for_both_sees_a_picture_once(models, monkeypatch):
    captioner, _ = models
    seen = []
    real = type(captioner).see
    monkeypatch.setattr(type(captioner), "see", lambda self, x: seen.append(len(x)) or real(self, x))
    one = list(blip.capfilt(pairs(5), captioner, captioner, limits=LIMITS))
    assert seen == [5]
    assert len(one) == 10


def test_thresholds_are_set_afterwards(models):
    scored = list(blip.score_pairs(pairs(6), *models, limits=LIMITS))
    counts = [sum(blip.decide(one, t).kept for one in scored) for t in (0.0, 0.5, 1.0)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == sum(one.text != "" for one in scored)


def test_what_cannot_be_read_is_told_and_passed_over(models, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"text")
    some = pairs(3)
    some[1:1] = [
        blip.Pair("bad", tmp_path / "bad.png", "a ball"),
        blip.Pair("none", tmp_path / "none.png", "a ball"),
        blip.Pair("empty", b"", "a ball"),
    ]
    decisions = list(blip.capfilt(iter(some), *models, limits=LIMITS, batch_size=2))
    errors = {d.uid: d.error for d in decisions if d.error}
    assert set(errors) == {"bad", "none", "empty"}
    assert "is no picture" in errors["bad"]
    assert not any(d.kept or d.probability is not None for d in decisions if d.error)
    assert len(decisions) == 2 * 3 + 3


def test_long_texts_and_another_scorer(models):
    some = [blip.Pair("long", pairs(1)[0].image, "red cube " * 5000)]
    (web, written) = blip.capfilt(some, *models, limits=LIMITS, scorer=lambda _, texts: np.arange(len(texts)))
    assert web.clip == 0
    assert written.clip == 1
    assert web.text.count("red") == 5000  # as it came


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"threshold": 1.5}, "threshold must lie in"),
        ({"candidates": -1}, "candidates must be at least 0"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
    ],
)
def test_refusals(models, options, words):
    with pytest.raises(ValueError, match=words):
        blip.capfilt(pairs(1), *models, **options)
    with pytest.raises(ValueError, match="can match, and not caption"):
        blip.capfilt(pairs(1), models[1], models[1])
    assert list(blip.capfilt([], *models)) == []
    assert [d.source for d in blip.capfilt(pairs(1), *models, candidates=0)] == ["web"]
