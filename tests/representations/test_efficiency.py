"""Few labels: the probe against scikit-learn's own, draws that are the same for all, intervals, and fine-tuning."""

import copy
import math

import numpy as np
import pytest
import torch

from playground.representations import efficiency
from playground.representations.digits import augment, digits, few_labels
from playground.representations.efficiency import (
    Labelled,
    Score,
    fine_tune,
    interval,
    label_efficiency,
    linear_probe,
)
from playground.representations.encoder import build_encoder, features, settle

DATA = Labelled(*digits())


@pytest.fixture(scope="module")
def encoder():
    made = build_encoder(16, channels=16)
    settle(made, DATA.x)
    return made


def grade(encoders, **settings):
    return list(label_efficiency(encoders, DATA, view=augment, **{"counts": (1, 5), "draws": 3, **settings}))


def test_the_probe_is_logistic_regression_on_what_all_rows_standardise(encoder):
    from sklearn.linear_model import LogisticRegression

    seen, held = features(encoder, DATA.x).numpy(), features(encoder, DATA.held_x).numpy()
    y, labels = DATA.y.numpy(), DATA.held_y.numpy()
    mean, deviation = seen.mean(0), seen.std(0)
    for draw in range(4):  # of one label a class: ten rows alone would standardise otherwise
        rows = few_labels(DATA.y, 1, draw).numpy()
        model = LogisticRegression(max_iter=2000).fit((seen[rows] - mean) / deviation, y[rows])
        expected = (model.predict((held - mean) / deviation) == labels).mean()
        assert expected > 0.3
        assert linear_probe(seen, y, held, labels, rows) == pytest.approx(expected, abs=0.003)
        scaled = linear_probe(seen * 100 + 7, y, held * 100 + 7, labels, rows)  # units do not matter
        assert scaled == pytest.approx(expected, abs=0.003)


def test_the_probe_sees_the_labels_of_the_chosen_rows_alone(encoder):
    seen, held = features(encoder, DATA.x).numpy(), features(encoder, DATA.held_x).numpy()
    y, labels, rows = DATA.y.numpy(), DATA.held_y.numpy(), few_labels(DATA.y, 3).numpy()
    other = np.where(np.isin(np.arange(len(y)), rows), y, 9 - y)
    assert linear_probe(seen, other, held, labels, rows) == linear_probe(seen, y, held, labels, rows)


def test_draws_are_the_same_for_every_encoder(encoder, monkeypatch):
    asked = []

    def noted(seen, y, held, labels, chosen):
        asked.append((seen.shape[1], tuple(chosen.tolist())))
        return linear_probe(seen, y, held, labels, chosen)

    monkeypatch.setattr(efficiency, "linear_probe", noted)
    scores = grade({"one": encoder, "two": copy.deepcopy(encoder), "pixels": None})
    one, two, pixels = asked[:6], asked[6:12], asked[12:]
    assert one == two
    assert [rows for _, rows in pixels] == [rows for _, rows in one]
    assert {width for width, _ in pixels} == {64}
    assert len({rows for _, rows in one}) == 6
    assert [s.accuracies for s in scores[:2]] == [s.accuracies for s in scores[2:4]]
    for _, rows in one:
        assert np.unique(np.bincount(DATA.y[list(rows)])).tolist() in ([1], [5])
    assert scores[-1].progress == 1.0


def test_ways_are_paired_too_and_pixels_are_only_probed(encoder, monkeypatch):
    tuned = []

    def noted(encoder, x, y, **settings):
        tuned.append((x, y, settings["classes"]))
        return torch.nn.Sequential(encoder, torch.nn.Linear(16, 10))

    monkeypatch.setattr(efficiency, "fine_tune", noted)
    scores = grade({"pixels": None, "one": encoder}, ways=("probe", "fine_tune"), counts=(2,), seed=4)
    assert [(s.name, s.way) for s in scores] == [("pixels", "probe"), ("one", "probe"), ("one", "fine_tune")]
    for i, (x, y, classes) in enumerate(tuned):
        rows = few_labels(DATA.y, 2, 4 + i)
        assert torch.equal(x, DATA.x[rows])
        assert torch.equal(y, DATA.y[rows])
        assert classes == 10


def test_the_interval_is_student_s():
    """Three values 0.1 apart: deviation 0.1, t of two degrees of freedom 4.302653, by a table."""
    assert interval([0.5, 0.6, 0.7]) == pytest.approx(4.302653 * 0.1 / math.sqrt(3), rel=1e-6)
    score = Score("a", "probe", 1, (0.5, 0.6, 0.7), 1.0)
    assert score.mean == pytest.approx(0.6)
    assert score.half == interval(score.accuracies)
    assert interval([0.5]) == 0.0


def test_fine_tuning_learns_digits_and_leaves_the_encoder_alone():
    encoder = build_encoder(32, channels=24)
    settle(encoder, DATA.x)
    before = copy.deepcopy(encoder.state_dict())
    rows = few_labels(DATA.y, 50)
    model = fine_tune(encoder, DATA.x[rows], DATA.y[rows], view=augment, classes=10)
    assert (features(model, DATA.held_x).argmax(1) == DATA.held_y).float().mean() > 0.9
    for name, tensor in encoder.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert not model.training


def test_the_same_seed_tunes_to_the_same_weights(encoder):
    rows = few_labels(DATA.y, 1)
    one, two, other = (
        fine_tune(encoder, DATA.x[rows], DATA.y[rows], view=augment, classes=10, seed=seed) for seed in (0, 0, 1)
    )
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert not torch.equal(one[1].weight, other[1].weight)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ways": ("guess",)}, "no way is called 'guess'"),
        ({"draws": 0}, "draws must lie between 1 and 50"),
        ({"draws": 51}, "draws must lie between 1 and 50"),
        ({"counts": ()}, "one count of labels or more"),
        ({"counts": (500,)}, "labels a class must lie between 1 and"),
    ],
)
def test_what_cannot_be_graded(encoder, settings, words):
    with pytest.raises(ValueError, match=words):
        grade({"one": encoder}, **settings)


def test_a_growing_score_comes_after_every_draw():
    encoders = {"pixels": None}
    whole = list(label_efficiency(encoders, DATA, view=augment, counts=(1, 2), draws=3))
    growing = list(label_efficiency(encoders, DATA, view=augment, counts=(1, 2), draws=3, growing=True))
    assert [len(score.accuracies) for score in growing] == [1, 2, 3, 1, 2, 3]
    assert [score.accuracies for score in growing[2::3]] == [score.accuracies for score in whole]
    shares = [score.progress for score in growing]
    assert shares == sorted(shares)
    assert shares[-1] == 1
