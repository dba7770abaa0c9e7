"""What the Stage is fed: the codes lose no more than they say, and wrong input is named."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from playground.figures import stage
from playground.figures.colours import lut, to_oklab


@given(arrays(np.float64, (9, 9), elements=st.floats(-30, 5)))
def test_field_is_within_half_a_step(log_p):
    coded = stage.field(log_p, 3)
    back, top = stage.decode_field(coded), log_p.max()
    assert coded["log_max"] == top
    q = np.rint(255 * np.exp((back - top) / 3))  # -inf is byte 0
    seen = q > 0
    np.testing.assert_array_less(np.abs(back - log_p)[seen], 3 * np.log1p(0.5 / (q[seen] - 0.5)) + 1e-9)
    assert (log_p[~seen] <= top + 3 * np.log(0.5 / 255) + 1e-9).all()


def test_field_on_a_shared_scale():
    coded = stage.field(np.array([[0.0, -math.inf], [-3.0, 2.0]]), 3, log_max=0.0)
    back = stage.decode_field(coded)
    assert back[0, 0] == back[1, 1] == 0, "more than log_max is clipped to it"
    assert back[0, 1] == -math.inf
    assert back[1, 0] == pytest.approx(-3, abs=0.02)
    assert coded["clipped"], "the byte 255 is a bound there"
    assert not stage.field(np.zeros((2, 2)), 3, log_max=0.0)["clipped"]


@given(arrays(np.float64, st.tuples(st.integers(0, 20), st.just(2)), elements=st.floats(-4, 4)))
def test_points_are_within_half_a_step(xy):
    back = stage.decode_points(stage.points(xy, 3))
    inside = xy[(np.abs(xy) <= 3).all(axis=1)]
    np.testing.assert_allclose(back, inside, atol=3 / 65534 * 1.0001)


def test_grid_is_read_like_a_picture():
    xy = stage.grid(2, 3.0)
    np.testing.assert_array_equal(xy, [[-1.5, 1.5], [1.5, 1.5], [-1.5, -1.5], [1.5, -1.5]])


def test_curve_leaves_gaps_and_marks_the_right_axis():
    drawn = stage.curve(
        {"nll": ([1, 2, 3], [2.0, math.nan, 1.0]), "kl": ([1], [0.5])}, x_label="step", y_label="nats", right=["kl"]
    )
    assert [line["y"] for line in drawn["series"]] == [[2.0, None, 1.0], [0.5]]
    assert [line["log"] for line in drawn["series"]] == [False, True]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stage.field(np.zeros((2, 3)), 3), "shape"),
        (lambda: stage.field(np.full((2, 2), np.nan), 3), "4 NaN"),
        (lambda: stage.field(np.full((2, 2), np.inf), 3), "inf"),
        (lambda: stage.field(np.zeros((2, 2)), 0), "extent=0"),
        (lambda: stage.field(np.zeros((2, 2)), 3, math.inf), "log_max"),
        (lambda: stage.points(np.zeros(3), 3), "shape"),
        (lambda: stage.points(np.array([[0, math.nan]]), 3), "1 NaN points of 1"),
        (lambda: stage.curve({"a": ([1], [])}, x_label="", y_label=""), "1 x and 0 y"),
        (lambda: stage.curve({}, x_label="", y_label="", right=["kl"]), "kl"),
        (lambda: stage.value([], status="asleep"), "asleep"),
        (lambda: stage.value([], progress=1.5), "outside 0..1"),
        (lambda: stage.grid(0, 3.0), "n=0"),
        (lambda: stage.decode_field({"n": 3, "q": "AAAA", "log_max": 0}), "3 bytes"),
    ],
)
def test_wrong_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_map_has_equal_steps_from_dark_to_light():
    lab = to_oklab(lut() / 255)
    coarse = np.linalg.norm(np.diff(lab[::15], axis=0), axis=1)  # 17 colours: over the rounding to bytes
    assert coarse.max() / coarse.min() < 1.1
    assert (np.diff(lab[::15, 0]) > 0.02).all(), "more density is lighter, everywhere"
