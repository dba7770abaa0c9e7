"""Deep InfoMax looked at while it learns, few labels compared on the same draws, and embeddings in the plane."""

import numpy as np
import pytest
import torch

from playground.representations import (
    Augmentation,
    Recipe,
    compare_methods,
    digits,
    plane_of,
    views_of,
    watch_infomax,
)
from playground.representations.encoder import build_encoder, features, settle
from playground.representations.watching import MAPPED, SHOWN, merit


@pytest.fixture(scope="module")
def looks():
    return list(watch_infomax(Recipe("dim"), steps=12, batch=64, seed=0))


def test_before_and_after_are_graded_and_between_is_not(looks):
    assert looks[0].step == 0
    assert looks[-1].step == 12
    assert looks[-1].progress == 1
    assert looks[0].merit is not None
    assert looks[-1].merit is not None
    assert all(look.merit is None for look in looks[1:-1])
    assert len(looks[-1].losses) == 12
    assert [step for step, _ in looks[-1].accuracy] == [look.step for look in looks]


def test_a_digit_is_its_own_nearest_and_beliefs_are_a_softmax_over_pictures(looks):
    look = looks[-1]
    assert look.neighbours[:, 0].tolist() == list(range(SHOWN))
    assert look.labels[:SHOWN].tolist() == list(range(10))
    np.testing.assert_allclose(look.beliefs.sum(1), 1, atol=1e-5)
    assert look.places.shape == (MAPPED, 2)


def test_a_short_training_beats_random_weights_at_one_label(looks):
    *_, last = watch_infomax(Recipe("dim"), steps=100, batch=64, seed=0)
    assert last.merit.one_label > looks[0].merit.one_label + 0.05
    assert last.agreement > 20 * looks[0].agreement


def test_merit_is_what_it_says():
    encoder = build_encoder(seed=3)
    settle(encoder, digits()[0])
    found = merit(encoder, seed=1)
    held = features(encoder, digits()[2])
    z = torch.nn.functional.normalize(held, dim=1).double()
    apart = torch.triu_indices(len(z), len(z), offset=1)
    expected = (-2 * (z[apart[0]] - z[apart[1]]).square().sum(1)).exp().mean().log()
    assert found.uniformity == pytest.approx(float(expected), abs=1e-4)
    assert 0.3 < found.one_label < found.neighbours < 1
    assert found.alignment > 0.1


def test_other_methods_are_not_watched():
    with pytest.raises(ValueError, match="must be dim or dim_one_view, not 'moco'"):
        watch_infomax(Recipe("moco"), steps=1)
    with pytest.raises(ValueError, match="needs the local or the global part"):
        Recipe("dim", local=0)


def test_the_plane_keeps_the_widest_directions_and_does_not_jump():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 6)) * [5, 3, 0.1, 0.1, 0.1, 0.1]
    y = plane_of(x)
    assert abs(np.corrcoef(y[:, 0], x[:, 0])[0, 1]) > 0.99
    assert (y**2).sum(1).mean() == pytest.approx(1, abs=1e-5)
    turned = plane_of(x[:, [1, 0, 2, 3, 4, 5]] * [-1, 1, 1, 1, 1, 1] + rng.normal(size=x.shape) * 0.01, y)
    assert np.abs(turned - y).max() < 0.05
    assert np.isfinite(plane_of(x[:, :1])).all()
    with pytest.raises(ValueError, match="not finite"):
        plane_of(np.full((4, 2), np.nan))
    with pytest.raises(ValueError, match="n >= 3"):
        plane_of(x[:2])


def test_views_are_the_digit_and_its_changes():
    still = Augmentation(rotate=0, scale=0, shear=0, shift=0, gain=0, noise=0, cut=0)
    pictures = views_of(3, 2, still)
    assert pictures.shape == (3, 3, 8, 8)
    np.testing.assert_allclose(pictures[:, 1], pictures[:, 0], atol=1e-6)
    assert np.abs(views_of(3, 2)[:, 1] - pictures[:, 0]).max() > 0.1


def test_pixels_and_a_random_network_always_stand_beside_on_the_same_draws():
    frames = list(compare_methods(["nt_xent"], seconds=0.4, ways=("probe", "fine_tune"), counts=(1, 2), draws=2))
    shares = [frame.progress for frame in frames]
    assert shares == sorted(shares)
    assert frames[-1].stage == "done"
    assert {"pretrain", "grade"} <= {frame.stage for frame in frames}
    keys = [(score.name, score.way, score.per_class) for score in frames[-1].scores]
    assert keys == [
        (name, way, count)
        for name in ("pixels", "random", "nt_xent")
        for way in ("probe", "fine_tune")[: 1 if name == "pixels" else 2]
        for count in (1, 2)
    ]
    assert list(frames[-1].maps) == ["random", "nt_xent"]
    *_, again = compare_methods([], counts=(1, 2), draws=2)
    assert again.scores[0].accuracies == frames[-1].scores[0].accuracies
    assert all(len(score.accuracies) == 2 for score in frames[-1].scores)


def test_an_experiment_refuses_before_it_trains():
    with pytest.raises(ValueError, match="no method is called 'magic'"):
        compare_methods(["magic"])
    with pytest.raises(ValueError, match="no way is called 'guess'"):
        compare_methods([], ways=("guess",))
    with pytest.raises(ValueError, match="seconds must lie"):
        compare_methods([], seconds=0)
