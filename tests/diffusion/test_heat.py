"""The heat equation and the continuity equation of the noised density, against closed forms and finite differences."""

import math

import numpy as np
import pytest
import torch

from playground import diffusion
from playground.diffusion.heat import continuity, diffuse, heat, reversed_heat

LEVELS = (0.15, 0.3, 0.5, 0.8, 1.2, 2.0)


@pytest.fixture(scope="module")
def mixture():
    means = torch.tensor([[-1.0, 0.0], [1.0, 0.5], [0.0, -1.0]])
    return diffusion.MixtureDenoiser(means, torch.tensor([0.25, 0.3, 0.2]), torch.tensor([0.3, 0.4, 0.3]))


def gaussian(variance, n=160, extent=8.0):
    axis = ((np.arange(n) + 0.5) / n * 2 - 1) * extent
    one = np.exp(-(axis**2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)
    return np.outer(one, one), 2 * extent / n


def test_a_gaussian_spreads_by_its_variance():
    start, spacing = gaussian(0.5)
    end, _ = gaussian(1.5)
    np.testing.assert_allclose(diffuse(start, spacing, 1.0, steps=64), end, atol=2e-4)


def test_heat_is_kept_inside():
    start = np.zeros((24, 24))
    start[3, 20] = 1.0
    end = diffuse(start, 0.5, 400.0, steps=400)
    assert end.sum() == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose(end, 1 / 24**2, rtol=1e-3)


def test_the_error_falls_with_the_square_of_the_spacing():
    errors = []
    for n in (40, 80, 160):
        start, spacing = gaussian(0.5, n)
        end, _ = gaussian(1.0, n)
        errors.append(np.abs(diffuse(start, spacing, 0.5, steps=200) - end).max())
    assert 1.8 < math.log2(errors[0] / errors[1]) < 2.3
    assert 1.8 < math.log2(errors[1] / errors[2]) < 2.3


def test_finite_differences_agree_with_the_exact_density_to_one_percent(mixture):
    frames = list(heat(mixture, LEVELS))
    assert [frame.sigma for frame in frames] == list(LEVELS)
    assert frames[0].error == 0
    assert max(frame.error for frame in frames) < 0.01
    assert all(frame.mass == pytest.approx(1, abs=1e-6) for frame in frames)
    assert min(frame.error for frame in frames[1:]) > 0  # they are two computations


def test_the_particles_have_the_density_of_each_level(mixture):
    for frame in heat(mixture, LEVELS):
        x = torch.from_numpy(frame.particles)
        generator = torch.Generator().manual_seed(1)
        truth = mixture.sample(4000, generator)
        truth = truth + frame.sigma * torch.randn(truth.shape, generator=generator, dtype=truth.dtype)
        chance = 5 / math.sqrt(len(x))  # of a mean in standard deviations
        assert float(((x.mean(0) - truth.mean(0)) / truth.std(0)).abs().max()) < chance
        assert float((x.std(0) / truth.std(0)).log().abs().max()) < chance


def test_the_score_is_the_gradient_of_the_log_density(mixture):
    frame = next(heat(mixture, LEVELS))
    at, step = torch.from_numpy(frame.at), 1e-5
    for axis in range(2):
        move = step * torch.eye(2, dtype=torch.float64)[axis]
        slope = (mixture.log_prob(at + move, frame.sigma) - mixture.log_prob(at - move, frame.sigma)) / (2 * step)
        np.testing.assert_allclose(frame.score[:, axis], slope.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("sigma", [0.1, 0.5, 2.0])
def test_the_continuity_equation(mixture, sigma):
    found = continuity(mixture, sigma)
    assert found.along_paths < 1e-4
    assert found.on_grid < 0.01
    assert found.mass == pytest.approx(1, abs=1e-6)
    coarse = continuity(mixture, sigma, n=96)  # what is left is the grid's
    assert coarse.on_grid > 2.5 * found.on_grid


def test_refusals(mixture):
    with pytest.raises(ValueError, match="sigmas must rise"):
        heat(mixture, [0.5, 0.5])
    with pytest.raises(ValueError, match="n must lie between"):
        heat(mixture, LEVELS, n=4)
    with pytest.raises(ValueError, match="the plane, not in 3 dimensions"):
        heat(diffusion.MixtureDenoiser(torch.zeros(1, 3), torch.ones(1), torch.ones(1)), LEVELS)
    with pytest.raises(ValueError, match="sigma must be positive"):
        continuity(mixture, 0.0)
    with pytest.raises(ValueError, match="must be positive"):
        diffuse(np.ones((4, 4)), 0.0, 1.0)


def test_walkers_have_the_density_of_each_level_and_the_ode_leads_them_home(mixture):
    frames = list(heat(mixture, LEVELS))
    back = reversed_heat(mixture, frames[-1].walkers, LEVELS)
    assert len(back) == len(LEVELS)
    np.testing.assert_array_equal(back[0], frames[-1].walkers)
    for x, frame in [*((frame.walkers, frame) for frame in frames), *zip(back, frames[::-1], strict=True)]:
        generator = torch.Generator().manual_seed(1)
        truth = mixture.sample(4000, generator)
        truth = (truth + frame.sigma * torch.randn(truth.shape, generator=generator, dtype=truth.dtype)).numpy()
        chance = 5 / math.sqrt(len(x))
        assert np.abs((x.mean(0) - truth.mean(0)) / truth.std(0)).max() < chance
        assert np.abs(np.log(x.std(0) / truth.std(0))).max() < chance
    assert np.abs(frames[-1].walkers - frames[-1].particles).max() > 1, "random steps are not the ODE's"
    there = reversed_heat(mixture, frames[-1].particles, LEVELS)[-1]
    np.testing.assert_allclose(there, frames[0].particles, atol=1e-4)
    with pytest.raises(ValueError, match="sigmas must rise"):
        reversed_heat(mixture, frames[0].walkers, [1.0, 0.5])
