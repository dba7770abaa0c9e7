"""Linear probes against closed forms, and the draws behind the few-shot curve."""

import math

import numpy as np
import pytest

from playground import clip
from playground.clip import probe


def two_clouds(n, distance=2.0, seed=0, d=3):
    """Unit Gaussians whose means lie `distance` apart along the first axis."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(["cat", "dog"], n)
    features = generator.standard_normal((2 * n, d))
    features[:, 0] += np.where(labels == "dog", distance / 2, -distance / 2)
    return features, labels


@pytest.mark.parametrize("distance", [1.0, 2.0, 3.0])
def test_the_best_accuracy_of_two_gaussians(distance):
    """Phi(distance / 2): no classifier is better, and logistic regression with many pictures gets there."""
    best = 0.5 * (1 + math.erf(distance / 2 / math.sqrt(2)))
    found = clip.linear_probe(*two_clouds(4000, distance, 0), *two_clouds(20_000, distance, 1))
    assert found == pytest.approx(best, abs=0.006)  # three standard errors of 40,000 test pictures


def test_c_is_the_inverse_penalty():
    """With the weights held at 0 only the intercept is left, and the larger class wins."""
    features, labels = two_clouds(100, 6.0)
    few = np.r_[0:100, 100:140]
    test = two_clouds(500, 6.0, 1)
    assert clip.linear_probe(features[few], labels[few], *test, c=1e-9) == 0.5
    assert clip.linear_probe(features[few], labels[few], *test) > 0.98


def test_the_curve_rises_from_zero_shot():
    test = two_clouds(2000, 4.0, 1, d=16)
    curve = list(clip.few_shot_curve(*two_clouds(200, 4.0, d=16), *test, shots=(1, 8, 64), seeds=5, zero_shot=0.9))
    assert curve[0] == clip.Shot(0, 0.9, 0.0, 1)
    assert [point.shots for point in curve] == [0, 1, 8, 64]
    assert [point.count for point in curve[1:]] == [5, 5, 5]
    assert curve[1].accuracy + 0.05 < curve[2].accuracy < curve[3].accuracy
    assert curve[1].deviation > curve[3].deviation
    assert clip.few_shot_curve(*two_clouds(20), *two_clouds(20), shots=(1,)).__next__().shots == 1


def test_draws_are_balanced_nested_and_repeat(monkeypatch):
    """Each row is its own feature, so a probe that is looked into shows what was drawn."""
    labels = np.array([0] * 40 + [1] * 7 + [2] * 23)
    rows = np.arange(70.0)[:, None]
    seen = []

    def looked_into(features, drawn, *_, c):
        assert c == 0.5
        seen.append((features[:, 0].astype(int), drawn))
        return len(seen) / 10

    monkeypatch.setattr(probe, "linear_probe", looked_into)
    points = list(clip.few_shot_curve(rows, labels, rows, labels, shots=(2, 5), seeds=3, c=0.5))
    for number, (some, drawn) in enumerate(seen):
        assert np.array_equal(labels[some], drawn)
        assert len(set(some)) == len(some)
        assert np.bincount(drawn).tolist() == [2 if number < 3 else 5] * 3
    for small, large in zip(seen[:3], seen[3:], strict=True):
        assert set(small[0]) < set(large[0])
    assert len({tuple(sorted(some)) for some, _ in seen[:3]}) == 3
    assert (points[0].accuracy, points[1].accuracy) == (pytest.approx(0.2), pytest.approx(0.5))
    assert points[0].deviation == pytest.approx(0.1 * math.sqrt(2 / 3))
    first, seen[:] = [some.tolist() for some, _ in seen], []
    list(clip.few_shot_curve(rows, labels, rows, labels, shots=(2, 5), seeds=3, c=0.5))
    assert [some.tolist() for some, _ in seen] == first


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shots": (1, 8)}, "8 shots need as many pictures of each class, and 'dog' has 5"),
        ({"shots": ()}, "shots must be one or more positive numbers"),
        ({"shots": (0, 1)}, r"shots must be one or more positive numbers, not \(0, 1\)"),
        ({"seeds": 0}, "seeds must be at least 1, not 0"),
        ({"zero_shot": 90.0}, r"zero_shot must be an accuracy in \[0, 1\], not 90.0"),
        ({"c": 0.0}, "c must be positive, not 0.0"),
    ],
)
def test_a_curve_is_refused_before_its_first_point(changes, words):
    features, labels = two_clouds(10)
    few = slice(0, 15)
    with pytest.raises(ValueError, match=words):
        clip.few_shot_curve(features[few], labels[few], features, labels, **({"shots": (1,)} | changes))


def test_refusals():
    features, labels = two_clouds(10)
    with pytest.raises(ValueError, match=r"features and labels must have .* not \(20, 3\) and \(19,\)"):
        clip.linear_probe(features, labels[1:], features, labels)
    with pytest.raises(ValueError, match=r"test_features and test_labels must have .* not \(0, 3\) and \(0,\)"):
        clip.linear_probe(features, labels, features[:0], labels[:0])
    with pytest.raises(ValueError, match="test_features must have 3 columns, not 2"):
        clip.linear_probe(features, labels, features[:, :2], labels)
    with pytest.raises(ValueError, match=r"a probe needs two classes or more, not \['cat'\]"):
        clip.linear_probe(features[:10], labels[:10], features, labels)
