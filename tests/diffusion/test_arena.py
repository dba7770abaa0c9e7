import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from playground import diffusion
from playground.diffusion.arena import FREE_GRIDS, FREE_SOLVERS, Arena, Point, best, free_sigmas
from playground.diffusion.solvers import Solver


@pytest.fixture(scope="module")
def arena():
    return Arena(diffusion.target("eight_gaussians"), noises=64, seed=1, fine=150)


def test_the_error_of_ddim_on_a_gaussian_in_closed_form():
    """Denoiser and ODE scale a Gaussian of variance 4, so DDIM's error is a number times the noise."""
    sigmas = [80.0, 3.0, 0.5, 0.0]
    arena = Arena(diffusion.MixtureDenoiser(torch.zeros(1, 2), torch.tensor([2.0])), noises=50, fine=800)
    factor = 80.0
    for sigma, after in pairwise(sigmas):
        kept = 4 / (4 + sigma**2)  # D = kept x
        factor *= kept + after / sigma * (1 - kept)
    gap = abs(factor - 80 * 2 / math.hypot(2, 80)) / 2  # in standard deviations
    size = arena.noise.square().mean(1).sqrt()
    error = arena.error("ddim", sigmas=sigmas)
    assert error.rms == pytest.approx(gap * float(size.square().mean().sqrt()), rel=1e-6)
    assert error.median == pytest.approx(gap * float(size.quantile(0.5)), rel=1e-6)
    assert error.nfe == 3
    np.testing.assert_allclose(error.samples, (factor * arena.noise).numpy(), rtol=1e-9)


def test_a_fine_solution_has_no_error(arena):
    assert arena.error(diffusion.solver("rk45", rtol=1e-9, atol=1e-9), steps=4).rms < 1e-4
    assert arena.error("dpmpp_2m", steps=400).rms < 1e-3 < arena.error("dpmpp_2m", steps=10).rms


def test_the_schedules_grid_starts_at_the_arenas_level(arena):
    error = arena.error("ddim", schedule=diffusion.schedule("ddpm"), steps=10)  # its own first level is 157
    assert 0 < error.rms < 1
    assert error.nfe == 10
    with pytest.raises(ValueError, match="start at sigma_max = 80"):
        arena.error("ddim", sigmas=[70.0, 1.0, 0.0])
    with pytest.raises(ValueError, match="not both"):
        arena.error("ddim", sigmas=[80.0, 0.0], steps=3)


def test_samples_that_are_not_finite_are_an_infinite_error(arena):
    def run(problem, x):
        for sigma, _ in problem.steps():
            yield x / 0.0, problem.denoise(x, sigma)

    error = arena.error(Solver("broken", 1, run, lambda steps: steps), steps=3)
    assert error.rms == error.median == math.inf
    assert error.nfe == 1  # it was stopped at once
    assert np.isnan(error.samples).all()


def test_a_seed_means_the_same_noise():
    D = diffusion.target("moons")
    first, same, other = (Arena(D, noises=8, seed=s, fine=20) for s in (1, 1, 2))
    assert torch.equal(first.noise, same.noise)
    assert torch.equal(first.end, same.end)
    assert not torch.equal(first.noise, other.noise)
    assert first.error("ddpm", steps=5, seed=3).rms == same.error("ddpm", steps=5, seed=3).rms


def test_every_free_choice_keeps_within_its_calls(arena):
    points = list(arena.points(5))
    assert {p.solver for p in points} == {name for name in FREE_SOLVERS if FREE_SOLVERS[name]().calls(1) <= 5}
    assert {p.grid for p in points} == set(FREE_GRIDS)
    assert all(p.nfe <= 5 and p.rms > 0 and p.seconds >= 0 for p in points)
    assert {p.nfe for p in points if p.solver == "ddim"} == {5}
    two_calls = [p for p in points if p.solver == "heun"]
    assert {p.nfe for p in two_calls} == {5}
    top = best(points)
    assert top.rms == min(p.rms for p in points)
    repeated = arena.error(FREE_SOLVERS[top.solver](), sigmas=free_sigmas(top.grid, 5, 80.0))
    assert repeated.rms == pytest.approx(top.rms, rel=1e-12)


def test_points_come_one_by_one(arena):
    run = arena.points(6, solvers=["ddim", "heun"], grids=["ramp 1", "karras to 0.002"])
    assert isinstance(next(run), Point)
    run.close()
    assert next(run, None) is None
    named = list(arena.points(6, solvers=["ddim", "heun"], grids=["ramp 1", "karras to 0.002"]))
    assert [(p.solver, p.grid) for p in named] == [
        (s, g) for s in ("ddim", "heun") for g in ("ramp 1", "karras to 0.002")
    ]


@pytest.mark.parametrize("name", FREE_GRIDS)
def test_a_free_grid_falls_from_sigma_max_to_zero(name):
    for steps in (1, 2, 7, 20):
        sigmas = free_sigmas(name, steps, 80.0)
        if sigmas is None:
            assert name.startswith("ramp")  # its second level may lie above sigma_max in many steps
            continue
        assert len(sigmas) == steps + 1
        assert sigmas[0] == 80.0
        assert sigmas[-1] == 0
        assert (sigmas.diff() < 0).all()


def test_a_best_by_the_median():
    points = [Point("a", "g", 4, 1.0, 0.1, 0.0), Point("b", "g", 4, 0.5, 0.2, 0.0)]
    assert best(points).solver == "b"
    assert best(points, by="median").solver == "a"
    with pytest.raises(ValueError, match="no point"):
        best([])
    with pytest.raises(ValueError, match="rms or median"):
        best(points, by="mean")


@pytest.mark.parametrize(
    ("options", "message"),
    [({"sigma_max": 0.0}, "sigma_max"), ({"noises": 0}, "noises"), ({"fine": 0}, "steps must be at least 1")],
)
def test_an_arena_out_of_range_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Arena(diffusion.target("moons"), **options)
    with pytest.raises(ValueError, match="shape of one sample"):
        Arena(lambda x, _: x)


def test_unknown_choices_are_refused(arena):
    with pytest.raises(ValueError, match="'nothing'"):
        arena.points(4, solvers=["nothing"])
    with pytest.raises(ValueError, match="nfe must be at least 1"):
        arena.points(0)
