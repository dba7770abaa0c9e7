"""The film of points: what is joined, ringed and pushed, and the curve beside it."""

from types import SimpleNamespace

import numpy as np
import pytest

from playground.figures import representations_points as figures

LABELS = np.array([0, 1, 0, 0, 1, 0])


def steps(circle, count=5):
    rng = np.random.default_rng(0)
    out = []
    for number in range(count):
        at = rng.normal(size=(6, 2)).astype(np.float32)
        if circle:
            at /= np.linalg.norm(at, axis=1, keepdims=True)
        logits = at @ at.T / 0.5
        own = np.eye(6, dtype=bool) | np.roll(np.eye(6, dtype=bool), 3, 0)
        share = np.where(own, 0, np.exp(logits))
        share = (share / share.sum(1, keepdims=True)).astype(np.float32)
        push = np.full((6, 2), 0.5, np.float32)
        out.append(
            SimpleNamespace(
                number=number, at=at, push=push, alignment=1.0 / (number + 1), uniformity=-float(number),
                hardness=share if circle else None,
            )
        )  # fmt: skip
    return out


def joined(figure):
    return int(np.isnan(figure.data[1].x.astype(float)).sum())


def test_margin_joins_classes_and_rings_a_point():
    some = steps(False)
    figure = figures.film(some, LABELS, margin=0.7, temperature=0.5)
    assert joined(figure) == 7, "6 pairs of four alike and 1 of two"
    ring = np.stack([figure.data[0].x, figure.data[0].y], 1)
    np.testing.assert_allclose(np.linalg.norm(ring - some[0].at[0], axis=1), 0.7, rtol=1e-5)
    assert [frame.name for frame in figure.frames] == ["0", "2", "4"]
    np.testing.assert_array_equal(figure.frames[1].data[3].x, some[2].at[:, 0])


def test_pairs_lie_on_the_curves_of_the_loss():
    some = steps(False)
    figure = figures.film(some, LABELS, margin=1.5, temperature=0.5)
    similar, different = figure.data[5], figure.data[7]
    assert len(similar.x) == 7
    assert len(different.x) == 8
    np.testing.assert_allclose(similar.y, similar.x**2 / 2, rtol=1e-5)
    np.testing.assert_allclose(different.y, np.maximum(1.5 - different.x, 0) ** 2 / 2, atol=1e-6)


def test_nt_xent_joins_partners_on_the_unit_circle():
    some = steps(True)
    figure = figures.film(some, LABELS, margin=0.7, temperature=0.5)
    assert joined(figure) == 3
    np.testing.assert_allclose(np.hypot(figure.data[0].x, figure.data[0].y), 1, rtol=1e-5)
    curve, even, dots = figure.data[4:]
    assert len(dots.x) == 4
    np.testing.assert_allclose(np.interp(dots.x, curve.x, curve.y), dots.y, rtol=0.02)
    assert even.y[0] == pytest.approx(1 / 4)
    assert sum(dots.y) == pytest.approx(1, abs=1e-5)


def test_no_push_at_all_draws():
    some = steps(False)
    for one in some:
        one.push[:] = 0
    assert np.isfinite(figures.film(some, LABELS, margin=1.0, temperature=0.5).data[3].x).all()


def test_courses():
    figure = figures.courses({"margin": steps(False), "nt_xent": steps(True)})
    assert [trace.name for trace in figure.data] == ["Margin", "Margin", "NT-Xent", "NT-Xent"]
    assert list(figure.data[1].y) == [0, -1, -2, -3, -4]
    assert list(figure.data[0].x) == [0, 1, 2, 3, 4]
