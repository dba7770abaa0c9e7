"""DDPM, score matching, flow matching, EDM are one family: one curve, one first-order step, one likelihood."""

import math
from functools import lru_cache

import pytest
import torch

from playground import diffusion
from playground.diffusion.exact import exact_ode, log_likelihood

close = torch.testing.assert_close


TWO = diffusion.MixtureDenoiser([[-1.0, 0.2], [0.8, -0.5]], [0.4, 0.5], [0.4, 0.6])


@lru_cache
def fine():
    return exact_ode(TWO, 80 * noise(), 80.0, end=0.05, steps=2000)


def noise(n=24, seed=0):
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def run(schedule, solver, sigmas, D):
    return diffusion.sample(D, noise(), schedule=diffusion.schedule(schedule), solver=solver, sigmas=sigmas).unified()


@pytest.mark.parametrize("target", ["eight_gaussians", "moons"])
def test_ddim_flow_euler_and_edm_euler_are_one_step(target):
    D = diffusion.target(target)
    sigmas = diffusion.schedule("edm").sigmas(18)
    edm = run("edm", "euler", sigmas, D)
    for schedule, solver in (("ddpm", "ddim"), ("flow", "euler"), ("sd3", "euler"), ("cosine", "ddim")):
        assert float((run(schedule, solver, sigmas, D) - edm).abs().max()) < 1e-12 * (1 + 80)
        assert float((run(schedule, solver, sigmas, D) - edm)[1:].abs().max()) < 1e-12


def test_euler_sees_coordinates_that_are_not_affine():
    """Neither VP's time nor the angle gives s and s sigma affine in t: Euler's step is another one there."""
    D = diffusion.target("eight_gaussians")
    sigmas = diffusion.schedule("edm").sigmas(18)
    edm = run("edm", "euler", sigmas, D)
    for schedule in ("vp", "trig", "cosine"):
        assert float((run(schedule, "euler", sigmas, D) - edm).abs().max()) > 1e-3


def test_heun_differs_by_coordinates():
    D = diffusion.target("eight_gaussians")
    sigmas = diffusion.schedule("edm").sigmas(18)
    assert float((run("flow", "heun", sigmas, D) - run("edm", "heun", sigmas, D)).abs().max()) > 1e-4


@pytest.mark.parametrize("schedule", ["vp", "cosine", "ve", "flow", "sd3", "trig"])
def test_every_schedules_fine_solution_is_the_same_curve(schedule):
    """Each in its own time and scale, by a method of order 4; they meet at 1e-9."""
    sigmas = torch.logspace(math.log10(80), math.log10(0.05), 1301, dtype=torch.float64)
    native = run(schedule, "rk4", sigmas, TWO)[-1]
    assert float((native - fine()).abs().max()) < 1e-9


def test_sd3s_shift_multiplies_sigma():
    t = torch.linspace(0.01, 0.99, 50, dtype=torch.float64)
    for k in (0.5, 3.0, 7.0):
        close(diffusion.schedule("sd3", shift=k).sigma(t), k * t / (1 - t))
    close(diffusion.schedule("flow").sigma(t), t / (1 - t))


def test_cosine_at_uniform_times_is_a_uniform_angle():
    angle = diffusion.schedule("cosine", offset=0).sigmas(20)[1:].atan()  # the first is capped
    close(angle.diff(), torch.full((19,), -math.pi / 40, dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize("target", ["eight_gaussians", "moons", "checkerboard"])
def test_the_odes_likelihood_is_the_mixtures(target):
    D = diffusion.target(target)
    x = D.sample(40, torch.Generator().manual_seed(1))
    close(log_likelihood(D, x, sigma_min=0.05, steps=400), D.log_prob(x, 0.05), rtol=0, atol=1e-4)


def test_the_likelihood_of_any_denoiser_by_autograd():
    """The same for a denoiser that knows no divergence of its own."""
    mean, tau = torch.tensor([0.5, -1.0], dtype=torch.float64), 0.7

    def denoiser(x, sigma):
        return (sigma**2 * mean + tau**2 * x) / (sigma**2 + tau**2)

    x = mean + tau * noise(20)
    total = tau**2 + 0.01**2
    exact = -0.5 * ((x - mean).square().sum(1) / total + 2 * math.log(2 * math.pi * total))
    found = log_likelihood(denoiser, x, sigma_max=2000.0, steps=400)
    close(found, exact, rtol=0, atol=1e-4)


def test_the_exact_ode_is_solved_in_float64():
    assert exact_ode(TWO, 80 * noise().float(), 80.0, steps=100).dtype == torch.float64


def test_likelihood_refuses_what_it_cannot_do():
    D = diffusion.target("moons")
    memory = diffusion.DataDenoiser(noise())
    for blind in (memory, diffusion.GuidedDenoiser(memory, D, 2.0)):
        with pytest.raises(ValueError, match="Denoiser gives no gradients"):
            log_likelihood(blind, noise())
    for steps in (0, -3):
        with pytest.raises(ValueError, match="steps must be at least 1"):
            log_likelihood(D, noise(), steps=steps)
    with pytest.raises(ValueError, match="sigma_min"):
        log_likelihood(D, noise(), sigma_min=1.0, sigma_max=0.5)
    with pytest.raises(ValueError, match="shape"):
        log_likelihood(D, torch.zeros(3))
    with pytest.raises(ValueError, match="end"):
        exact_ode(D, noise(), 1.0, end=2.0)
    with pytest.raises(ValueError, match="steps"):
        exact_ode(D, noise(), 1.0, steps=0)
