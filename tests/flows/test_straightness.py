"""Straightness, length, energy and crossings of paths whose figures are known."""

import math

import pytest
import torch

from playground.flows.straightness import crossings, path_energy, path_length_ratio, straightness


def test_straight_paths_at_an_even_pace():
    start, move = torch.randn(20, 2), torch.randn(20, 2)
    paths = torch.stack([start + k / 8 * move for k in range(9)])
    assert straightness(paths) == pytest.approx(0, abs=1e-10)
    assert path_length_ratio(paths) == pytest.approx(1, abs=1e-5)
    assert path_energy(paths, float(move.square().sum(1).mean().sqrt())) == pytest.approx(0, abs=1e-5)


def test_half_circles():
    """Of radius 1 at the speed pi: chords of 2, E |v|^2 = pi^2, S = pi^2 - 4, the length pi / 2 of the chord's."""
    angle = torch.linspace(0, math.pi, 2001, dtype=torch.float64)
    paths = torch.stack([-angle.cos(), angle.sin()], 1)[:, None]
    assert straightness(paths) == pytest.approx(math.pi**2 - 4, rel=1e-5)
    assert path_length_ratio(paths) == pytest.approx(math.pi / 2, rel=1e-5)
    assert path_energy(paths, 2.0) == pytest.approx((math.pi**2 - 4) / 4, rel=1e-5)


def test_crossings():
    start = torch.tensor([[-1.0, -1.0], [-1.0, 1.0], [-1.0, 5.0], [-0.5, -2.0]])
    end = torch.tensor([[1.0, 1.0], [1.0, -1.0], [1.0, 5.0], [-0.5, 2.0]])
    assert crossings(start, end).tolist() == [2, 2, 0, 2]  # the two diagonals, and the upright through both
    touching = crossings(torch.tensor([[0.0, 0.0], [1.0, -1.0]]), torch.tensor([[1.0, 0.0], [1.0, 1.0]]))
    assert touching.tolist() == [0, 0]
