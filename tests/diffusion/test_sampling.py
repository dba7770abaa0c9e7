"""The sampling loop: its steps, its start, what it refuses and how it fails."""

import math

import pytest
import torch

from playground import diffusion

close = torch.testing.assert_close


def noise(n=8, seed=0):
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("schedule", diffusion.SCHEDULES)
def test_steps_are_states_in_the_schedules_coordinates(schedule):
    s, D = diffusion.schedule(schedule), diffusion.target("moons")
    run = list(diffusion.steps(D, noise(), schedule=s, solver="ddim", steps=6))
    sigmas = s.sigmas(6)
    assert [step.i for step in run] == list(range(7))
    assert run[0].denoised is None
    close(run[0].x, noise().double() * (s.scale_at(sigmas[0]) * sigmas[0]), rtol=1e-9, atol=1e-9)
    for step, sigma in zip(run, sigmas.tolist(), strict=True):
        assert step.sigma == sigma
        assert step.scale == pytest.approx(float(s.scale_at(sigma)))
        assert step.nfe == step.i
        assert step.x.dtype == torch.float64
    close(run[1].denoised, D(run[0].x / run[0].scale, sigmas[0]))
    close(run[-1].x, run[-1].denoised)  # the step to no noise is the denoised itself
    whole = diffusion.sample(D, noise(), schedule=s, solver="ddim", steps=6)
    close(whole.x, torch.stack([step.x for step in run]))
    close(whole.unified()[3], run[3].x / run[3].scale)


def test_a_seed_means_the_same_samples():
    D, s = diffusion.target("moons"), diffusion.schedule("edm")
    draw = lambda seed: diffusion.sample(  # noqa: E731
        D, noise(), schedule=s, solver="ddpm", steps=6, generator=torch.Generator().manual_seed(seed)
    ).x[-1]
    close(draw(1), draw(1), rtol=0, atol=0)
    assert not torch.allclose(draw(1), draw(2))


def test_pictures_are_sampled_as_points_are():
    pictures = torch.rand(5, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    D = diffusion.DataDenoiser(pictures)
    start = torch.randn(3, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    x = diffusion.sample(D, start, schedule=diffusion.schedule("edm"), solver="heun", steps=12).x[-1]
    nearest = (x[:, None] - pictures).flatten(2).norm(dim=2).min(1).values
    assert float(nearest.max()) < 1e-3  # it can only give back what it remembers


def test_what_is_absurd_is_refused_before_any_call():
    D, s = diffusion.target("moons"), diffusion.schedule("edm")
    for options, match in (
        ({"steps": 0}, "steps must lie"),
        ({"steps": -3}, "steps must lie"),
        ({"steps": 10**9}, "steps must lie"),
        ({"sigmas": [1.0]}, "at least two"),
        ({"sigmas": [1.0, 2.0, 0.0]}, "fall"),
        ({"sigmas": [2.0, math.nan, 0.0]}, "fall"),
        ({"sigmas": [math.inf, 1.0, 0.0]}, "finite"),
        ({"sigmas": [2.0, 0.0], "steps": 3}, "not both"),
        ({"solver": "magic"}, "no solver"),
    ):
        with pytest.raises(ValueError, match=match):
            diffusion.steps(D, noise(), schedule=s, **options)
    with pytest.raises(ValueError, match="noise must have"):
        diffusion.steps(D, torch.zeros(2), schedule=s)


def test_samples_that_are_not_finite_stop_the_run_and_say_where():
    s = diffusion.schedule("edm", sigma_min=1.0, sigma_max=16.0, rho=1.0)  # levels 16, 11, 6, 1, 0

    def broken(x, sigma):
        return x * (math.nan if sigma < 10 else 0.5)

    run = diffusion.steps(broken, noise(), schedule=s, solver="ddim", steps=4)
    assert [next(run).i for _ in range(3)] == [0, 1, 2]  # what was sampled before is not lost
    with pytest.raises(FloatingPointError, match=r"not finite at sigma 1 \(step 3 of 4, ddim\)"):
        next(run)
