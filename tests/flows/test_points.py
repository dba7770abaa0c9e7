"""Points of the user's own: what a CSV may look like, what is refused, and the kernel estimate."""

import math

import numpy as np
import pytest
import torch

from playground.flows.points import (
    MAX_CSV_BYTES,
    MAX_KERNELS,
    MAX_POINTS,
    density_from_points,
    read_points,
)

THREE = [[0.0, 1.5], [2.0, -3.0], [40.0, 0.25]]


@pytest.mark.parametrize(
    "text",
    [
        "0,1.5\n2,-3\n40,.25",
        "0,1.5\r\n2,-3\r\n40,.25\r\n",
        "x,y\n0,1.5\n2,-3\n40,.25\n",
        "﻿x,y\n0,1.5\n2,-3\n40,.25\n",
        "0, 1.5\n 2 ,-3\n+4e1, 0.25\n",
        "0;1,5\n2;-3\n40;0,25\n",
        "0;1.5\n2;-3\n40;0.25\n",
        "x\ty\n0\t1.5\n2\t-3\n40\t.25\n",
        "0 1.5\n2   -3\n 40 .25\n",
        "# two columns\nx y\n\n0 1.5\n2 -3\n\n40 .25\n",
        '"x","y"\n"0","1.5"\n"2","-3"\n"40",".25"\n',
        "name,x,y,z\nann,0,1.5,9\nbob,2,-3,9\ncy,40,.25,nine\n",
        "ann,0,1.5\nbob,2,-3\n,40,.25\n",
        '"last, first",0,1.5\n"a, b",2,-3\nc,40,.25\n',
    ],
)
def test_every_common_form_of_csv(text):
    for source in (text, text.encode()):
        np.testing.assert_array_equal(read_points(source), THREE)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x,y\n1,2\n3,four\n5,6", "line 3, column 'y': 'four' is not a number"),
        ("1,2\n3,four\n5,6", "line 2, column 2: 'four' is not a number"),
        ("x,y\n\n1,2\n3,\n5,6", "line 4, column 'y': the cell is empty"),
        ("1,2\n3\n5,6", "line 2, column 2: the cell is empty"),
        ("1,2\nnan,4\n5,6", "line 2, column 1: 'nan' is not a finite number"),
        ("1,inf\n3,4\n5,6", "line 1, column 2: 'inf' is not a finite number"),
        ("1,1e999\n3,4\n5,6", "line 1, column 2: '1e999' is not a finite number"),
        ("1,2\n3,1_000\n5,6", "line 2, column 2: '1_000' is not a number"),
        ("1,5 2,5\n3 4\n5 6", "line 1: '5 2' is several numbers in one cell"),
        ("", "the file holds no points"),
        ("x,y\n", "no points below its first line"),
        ("x\n1\n2\n3", "line 2 has 1 numeric column"),
        ("1,2\n3,4", "3 or more distinct points are needed, not 2"),
        ("1,2\n3,4\n3,4\n1,2", "3 or more distinct points are needed, not 2"),
        ("1,2", "3 or more distinct points are needed, not 1"),
        ("1,2\n1,2\n1,2", r"all 3 points lie on one spot, \[1\.0, 2\.0\]"),
        (b"\xff\xfe1\x00,\x002\x00", "not UTF-8 text: save it as CSV"),
        ('1,"2\n3,4\n5,6', "line 1 is not CSV"),
        ("1,2\n" * (MAX_CSV_BYTES // 4 + 1), "5,000,004 bytes, more than the 5,000,000 allowed"),
        ("1,2\n" * (MAX_POINTS + 1), "more than the 200,000 points allowed"),
    ],
)
def test_bad_csv_is_refused_by_line_and_column(source, message):
    with pytest.raises(ValueError, match=message):
        read_points(source)


def test_the_largest_csv_is_read():
    assert len(read_points("".join(f"{i},{i % 7}\n" for i in range(MAX_POINTS)))) == MAX_POINTS


def kernel_estimate(points, std, x):
    """The definition: the mean of the kernels."""
    z = (x[:, None] - points) / std
    return (np.exp(-0.5 * (z**2).sum(-1)) / (2 * math.pi * std**2)).mean(1)


def test_density_is_the_kernel_estimate_of_the_standardised_points():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(64, 2)) * [1000.0, 0.01] + [5.0, 7.0]
    d = density_from_points(points)
    std = 64 ** (-1 / 6)  # 1/2
    shrink = 1 / math.sqrt(1 + std**2)
    z = (points - points.mean(0)) / points.std(0) * shrink
    x = rng.normal(size=(50, 2))
    expected = torch.from_numpy(kernel_estimate(z, std * shrink, x))
    torch.testing.assert_close(d.log_prob(torch.from_numpy(x)).exp(), expected, rtol=1e-9, atol=1e-12)
    s = d.sample(200_000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(s.std(0), torch.ones(2), atol=0.01, rtol=0)
    surprise = -d.log_prob(s)
    assert abs(surprise.mean() - d.entropy) < 4 * surprise.std() / math.sqrt(len(s))


def test_bandwidth_and_huge_values():
    points = np.array(THREE) * 1e200
    narrow = density_from_points(points, bandwidth=0.05)
    assert math.isclose(narrow.entropy, math.log(3 * 2 * math.pi * math.e * narrow.std**2), abs_tol=1e-6)
    for bandwidth in (0.0, 2.0, math.nan):
        with pytest.raises(ValueError, match=r"bandwidth must lie between 0\.05 and 1\.0"):
            density_from_points(points, bandwidth=bandwidth)


def test_columns_of_very_different_size():
    """Unix milliseconds beside shares: each column has its own scale, however large what it shares."""
    rng = np.random.default_rng(0)
    points = np.stack([1.7e12 + rng.uniform(0, 1e9, 60), rng.uniform(0, 1, 60)], axis=1)
    small = (points - points.mean(0)) / points.std(0)
    torch.testing.assert_close(density_from_points(points).means, density_from_points(small).means, atol=1e-6, rtol=0)


def test_columns_at_the_ends_of_the_range():
    points = np.array([[1e308, 2.0], [-1e308, 4.0], [5.0, 6.0], [1e307, -1.0]])
    assert density_from_points(points).log_prob(torch.zeros(1, 2)).isfinite().all()


def test_a_long_cell_is_quoted_in_part():
    with pytest.raises(ValueError, match="is not a number") as raised:
        read_points("x,y\n1,2\n3," + "9" * 50_000 + "z\n")
    assert len(str(raised.value)) < 120


def test_many_points_are_drawn_from_with_a_seed():
    points = np.random.default_rng(1).normal(size=(MAX_KERNELS + 1000, 2))
    first = density_from_points(points)
    assert len(first.means) == MAX_KERNELS
    assert len(torch.unique(first.means, dim=0)) == MAX_KERNELS  # without replacement
    assert torch.equal(first.means, density_from_points(points).means)
    assert not torch.equal(first.means, density_from_points(points, seed=1).means)
    assert len(density_from_points(points[:MAX_KERNELS]).means) == MAX_KERNELS


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([[1.0, 2.0, 3.0]] * 3, r"points must be \(n, 2\), not \(3, 3\)"),
        ([1.0, 2.0], r"points must be \(n, 2\), not \(2,\)"),
        ([[0.0, 0.0], [1.0, math.nan], [2.0, 1.0]], r"point 1 is \[1\.0, nan\]: every coordinate must be a finite"),
        ([[0.0, 0.0], [math.inf, 1.0], [2.0, 1.0]], r"point 1 is \[inf, 1\.0\]"),
        (np.zeros((0, 2)), "3 or more distinct points are needed, not 0"),
        ([[1.0, 2.0]], "3 or more distinct points are needed, not 1"),
        ([[1.0, 2.0]] * 5, "all 5 points lie on one spot"),
        ([[0.0, 0.0]] * 5, r"all 5 points lie on one spot, \[0\.0, 0\.0\]"),
        ([[1.0, 2.0], [1.0, 3.0], [1.0, 4.0]], "column 1 has the same value in every row"),
        (np.zeros((MAX_POINTS + 1, 2)), "200,001 points, more than the 200,000 allowed"),
    ],
)
def test_bad_points_are_refused(points, message):
    with pytest.raises(ValueError, match=message):
        density_from_points(points)
