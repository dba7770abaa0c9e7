"""From DDPM to the ODE: what is random goes, what is distributed stays; with a network as with the exact denoiser."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from playground import diffusion


@pytest.fixture(scope="module")
def milestones():
    return list(diffusion.road(diffusion.target("eight_gaussians"), steps=100))


def test_the_spread_goes_and_the_marginals_stay(milestones):
    assert [one.eta for one in milestones] == [*diffusion.ETAS, 0.0]
    spreads = [one.spread for one in milestones]
    assert all(a >= b - 0.02 for a, b in pairwise(spreads))
    assert spreads[0] > 1
    assert spreads[-2:] == pytest.approx([0, 0], abs=1e-9)
    assert all(one.distance < one.chance for one in milestones)


def test_all_begin_at_the_same_points_and_the_last_is_the_ode(milestones):
    starts = [one.paths[0] for one in milestones]
    assert all(np.array_equal(starts[0], start) for start in starts)
    noise = torch.from_numpy(starts[0]) / 80
    exact = diffusion.exact_ode(diffusion.target("eight_gaussians"), 80 * noise, 80.0)
    errors = [np.abs(one.paths[-1] - exact.numpy()).mean() for one in milestones]
    assert errors[-1] < 0.5 * errors[-2] < errors[0]
    assert milestones[-1].paths.shape == milestones[0].paths.shape
    assert [one.progress for one in milestones][-1] == 1
    assert milestones[0].nfe == 100


def test_the_dial_calls_the_network_that_is_given():
    target = diffusion.target("moons")

    class Shifted:
        calls = 0

        def __call__(self, x, sigma):
            self.calls += 1
            return target(x, sigma) + 1.0

    shifted = Shifted()
    *_, run = diffusion.dial(target, denoiser=shifted, strength=0.5, steps=30, samples=500)
    assert shifted.calls == run.nfe == 30
    assert run.marginals[-1].distance > 3 * run.chance, "the marginals are those of the mixture itself"
    *_, last = diffusion.road(target, denoiser=shifted, steps=10, samples=200)
    assert last.distance > 2 * last.chance


def test_a_network_that_learned_the_noise_has_the_same_marginals_at_every_eta():
    target = diffusion.target("moons")
    network = diffusion.build_denoiser("eps", width=64)
    for _ in diffusion.fit_denoiser(network, target, steps=1500):
        pass
    found = list(diffusion.road(target, denoiser=network, steps=64))
    assert found[0].spread > 1
    assert found[-1].spread < 1e-6
    assert max(one.distance for one in found) < 2.5 * found[0].chance


def test_wrong_settings():
    with pytest.raises(ValueError, match="between 2 and 1000"):
        diffusion.road(diffusion.target("moons"), steps=1)
    with pytest.raises(ValueError, match="between 10 and 100,000"):
        diffusion.road(diffusion.target("moons"), samples=1)
