"""The modality gap of two rings on a sphere, whose means and cosines are known, and its map."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from playground import clip

ANGLE, COUNT = 0.5, 7


def ring(axis, count=COUNT, d=6):
    """Unit vectors at ANGLE from the axis, evenly around it in the plane of the last two coordinates."""
    turns = 2 * np.pi * np.arange(count) / count
    vectors = np.zeros((count, d))
    vectors[:, axis] = np.cos(ANGLE)
    vectors[:, -2], vectors[:, -1] = np.sin(ANGLE) * np.cos(turns), np.sin(ANGLE) * np.sin(turns)
    return vectors


def test_two_rings():
    gap = clip.modality_gap(ring(0), ring(1), paired=True)
    assert gap.distance == pytest.approx(np.cos(ANGLE) * np.sqrt(2))
    assert_allclose(gap.direction, np.array([1, -1, 0, 0, 0, 0]) / np.sqrt(2), atol=1e-12)
    within = (COUNT * np.cos(ANGLE) ** 2 - 1) / (COUNT - 1)  # the ring's sum has the length COUNT cos(ANGLE)
    assert gap.image_cosine == pytest.approx(within)
    assert gap.text_cosine == pytest.approx(within)
    cosines = (ring(0) @ ring(0).T)[~np.eye(COUNT, dtype=bool)]
    assert gap.image_cosine == pytest.approx(cosines.mean())
    assert gap.pair_cosine == pytest.approx(np.sin(ANGLE) ** 2)
    more = clip.modality_gap(ring(0), ring(1, 5))
    assert more.pair_cosine is None
    assert more.distance == pytest.approx(gap.distance)
    assert np.isnan(clip.modality_gap(ring(0), ring(1)[:1]).text_cosine)


def test_moving_along_the_gap():
    images, texts = ring(0), ring(1)
    gap = clip.modality_gap(images, texts, paired=True)
    met = gap.shifted(1)
    assert_allclose(met[0], met[1], atol=1e-12)
    unshifted = gap.shifted(0)
    assert_allclose(unshifted[0], images, atol=1e-12)
    assert_allclose(unshifted[1], texts, atol=1e-12)
    distances = []
    for amount in (-1, -0.5, 0, 0.5, 1):
        x, y = gap.shifted(amount)
        for vectors in (x, y):
            assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-12)
        distances.append(clip.modality_gap(x, y).distance)
    assert distances == sorted(distances, reverse=True)
    half = clip.modality_gap(*gap.shifted(0.5))
    # cos(ANGLE) (e0 - e1) is halved, e0 + e1 stays; then the vectors, all of one length, are made unit vectors.
    length = np.sqrt(np.cos(ANGLE) ** 2 * (0.75**2 + 0.25**2) + np.sin(ANGLE) ** 2)
    assert half.distance == pytest.approx(0.5 * gap.distance / length)
    assert np.array_equal(images, ring(0)), "new arrays: the old ones stay"
    same = clip.modality_gap(images, images)
    assert same.distance == 0
    assert_allclose(same.shifted(0.7)[0], images, atol=1e-12)
    single = clip.modality_gap(images.astype(np.float32), texts.astype(np.float32)).shifted(0.5)
    assert single[0].dtype == single[1].dtype == np.float32


def cloud(n, seed):
    """Unit vectors around a circle in four dimensions of twelve, with axes of unequal width."""
    points = np.random.default_rng(seed).standard_normal((n, 4)) * [4, 2, 1, 0.01]
    vectors = np.pad(points, ((0, 0), (0, 8)))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_map_keeps_what_three_dimensions_hold():
    images, texts = cloud(40, 0), cloud(30, 1)
    found = clip.map3d(images, texts)
    both = np.concatenate([images, texts])
    assert found.shape == (70, 3)
    assert_allclose(found.mean(0), 0, atol=1e-12)
    apart, wanted = (np.linalg.norm(x[:, None] - x[None], axis=-1) for x in (found, both))
    assert_allclose(apart, wanted, atol=0.05)  # the fourth axis is that wide
    values = np.linalg.eigvalsh(np.cov(both.T))[::-1]
    assert_allclose(found.var(0, ddof=1), values[:3], rtol=1e-9)


def test_the_map_is_the_same_again():
    images, texts = cloud(40, 0), cloud(30, 1)
    found = clip.map3d(images, texts)
    assert_allclose(clip.map3d(images, texts), found, atol=0)
    order = np.random.default_rng(2).permutation(40)
    assert_allclose(clip.map3d(images[order], texts)[:40], found[order], atol=1e-9)
    # A mirrored cloud is mirrored on the map: the sign hangs on the axes, not on the solver.
    assert_allclose(clip.map3d(-images, -texts), -found, atol=1e-9)
    vectors = np.random.default_rng(3).standard_normal((2000, 300))  # large enough for the randomised solver
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert_allclose(clip.map3d(vectors, vectors[:5], seed=4), clip.map3d(vectors, vectors[:5], seed=4), atol=0)


def test_a_map_of_few():
    found = clip.map3d(np.array([[1.0, 0]]), np.array([[0, 1.0]]))
    assert_allclose(np.abs(found[:, 0]), np.sqrt(0.5))
    assert_allclose(found[:, 1:], 0, atol=1e-12)


def test_refusals():
    for images, texts in ((ring(0)[:0], ring(1)), (ring(0), ring(1)[:, :5]), (ring(0)[0], ring(1))):
        with pytest.raises(ValueError, match=r"images and texts must have the shapes \(n, d\) and \(m, d\)"):
            clip.modality_gap(images, texts)
    with pytest.raises(ValueError, match="texts must be unit vectors, and one is 2 long"):
        clip.map3d(ring(0), 2 * ring(1))
    with pytest.raises(ValueError, match="images must be unit vectors, and one is nan long"):
        clip.modality_gap(ring(0) * np.nan, ring(1))
    with pytest.raises(ValueError, match="pairs need as many pictures as texts, not 7 and 5"):
        clip.modality_gap(ring(0), ring(1, 5), paired=True)
    with pytest.raises(ValueError, match="amount must be finite, not nan"):
        clip.modality_gap(ring(0), ring(1)).shifted(float("nan"))
