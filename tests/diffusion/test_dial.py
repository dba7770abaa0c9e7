"""The dial from ODE to SDE: the marginals stay where the steps are small, and where they are not it is seen."""

import math

import numpy as np
import pytest
import torch

from playground import diffusion
from playground.diffusion import DIALS, dial


def last(frames):
    *_, end = frames
    return end


@pytest.mark.parametrize("kind", DIALS)
@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_marginals_stay(kind, strength):
    run = last(dial(diffusion.target("eight_gaussians"), kind=kind, strength=strength, steps=150))
    assert len(run.marginals) == 4
    assert max(look.distance for look in run.marginals) < run.chance
    for look in run.marginals:
        width = np.diff(look.edges)
        assert 0.95 < (look.histogram * width).sum() <= 1 + 1e-9
        expected = np.interp((look.edges[1:] + look.edges[:-1]) / 2, look.x, look.exact)
        error = np.sqrt(expected * width * 4000) / (4000 * width) * 4.5 + 0.01  # counts are nearly Poisson
        assert (np.abs(look.histogram - expected) < error).mean() > 0.95


def test_too_large_steps_are_seen():
    run = last(dial(diffusion.target("eight_gaussians"), strength=1.0, steps=6))
    assert max(look.distance for look in run.marginals) > 2 * run.chance


def test_exact_samples_are_below_chance_as_often_as_it_says():
    """The same statistics on exact draws: about 95 of 100 times all four are below."""
    from playground.diffusion.dial import look

    target, below = diffusion.target("moons"), 0
    chance = last(dial(target, steps=4, samples=400)).chance
    for seed in range(100):
        generator = torch.Generator().manual_seed(seed)
        looks = []
        for sigma in (10.0, 1.5, 0.4, 0.0):
            x = target.sample(400, generator)
            x = x + sigma * torch.randn(x.shape, generator=generator, dtype=x.dtype)
            looks.append(look(target, x[:, 0].numpy(), sigma, 0).distance)
        below += max(looks) < chance
    assert 88 <= below <= 100


def test_strength_0_is_the_ode():
    target = diffusion.target("moons")
    run = last(dial(target, strength=0, steps=20, samples=50, seed=3))
    noise = torch.randn(50, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    ode = diffusion.sample(
        target, noise, schedule=diffusion.schedule("edm"), solver="ddim", sigmas=diffusion.GRIDS["karras"](20)
    )
    np.testing.assert_allclose(run.paths, ode.x[:, :10].numpy(), rtol=1e-12)
    assert run.nfe == 20


def test_churn_is_a_share_of_the_most_that_the_algorithm_adds():
    target, grid = diffusion.target("moons"), diffusion.GRIDS["karras"](20)
    run = last(dial(target, kind="edm", strength=0.3, steps=20, samples=50, seed=3))
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn(50, 2, generator=generator, dtype=torch.float64)
    method = diffusion.solver("edm", S_churn=0.3 * (math.sqrt(2) - 1) * 20)
    own = diffusion.sample(
        target, noise, schedule=diffusion.schedule("edm"), solver=method, sigmas=grid, generator=generator
    )
    np.testing.assert_allclose(run.paths, own.x[:, :10].numpy(), rtol=1e-12)


def test_more_strength_is_rougher():
    target = diffusion.target("moons")
    rough = [
        np.abs(np.diff(last(dial(target, strength=s, steps=40, samples=50)).paths, n=2, axis=0))[-20:].mean()
        for s in (0.0, 0.5, 1.0)
    ]
    assert rough[0] < rough[1] / 2 < rough[2]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "magic"}, "no dial is called"),
        ({"strength": 1.5}, "between 0 and 1"),
        ({"strength": math.nan}, "between 0 and 1"),
        ({"steps": 1}, "between 2 and 1000"),
        ({"samples": 1}, "between 10 and 100,000"),
    ],
)
def test_wrong_settings(wrong, message):
    with pytest.raises(ValueError, match=message):
        last(dial(diffusion.target("moons"), **wrong))
