import json
import math
import time
from itertools import pairwise

import numpy as np
import pytest
import torch

from playground import diffusion
from playground.diffusion.arena import Arena, best
from playground.diffusion.distill import LINEAR, distill
from playground.diffusion.exact import exact_ode
from playground.diffusion.fitting import Layout, Task, descend
from playground.diffusion.linear_solver import LinearForm, LinearSolver, linear_form
from playground.diffusion.tangents import tangents

EDM = diffusion.schedule("edm")


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def finished(*args, **options):
    *_, last = distill(*args, **({"clock": time.process_time} | options))
    assert last.phase == "done"
    return last.solver


def uneven():
    """A mixture of round Gaussians of different widths and weights."""
    return diffusion.MixtureDenoiser(2 * normal(4, 3), [0.2, 0.5, 0.8, 1.1], [0.1, 0.2, 0.3, 0.4])


@pytest.fixture(scope="module")
def six():
    """Eight Gaussians in six calls."""
    return finished(diffusion.target("eight_gaussians"), nfe=6, seconds=2.5)


def test_one_call_solves_one_gaussian():
    denoiser = diffusion.MixtureDenoiser(torch.zeros(1, 2), torch.tensor([2.0]))
    solver = finished(denoiser, nfe=1, seconds=0.5, noises=64, held_out=16)
    noise = normal(50, 2, seed=9)
    x = diffusion.sample(denoiser, noise, schedule=EDM, solver=solver.solver(), sigmas=solver.sigmas).x[-1]
    exact = noise * 80 * 2 / math.hypot(2, 80)  # the ODE only scales a Gaussian
    torch.testing.assert_close(
        x, exact, rtol=1e-4, atol=1e-5
    )  # as near as the Runge-Kutta solution that it is fitted to
    assert solver.held_out_error < 1e-5


def test_distilled_is_ahead_of_every_free_choice_on_noises_kept_apart(six):
    arena = Arena(diffusion.target("eight_gaussians"), noises=128, seed=77, fine=150)
    free = best(list(arena.points(6)))
    error = arena.error(six.solver(), sigmas=six.sigmas)
    assert error.nfe == free.nfe == 6
    assert error.rms < free.rms / 4
    assert not six.diverged
    assert error.rms < 2.5 * six.held_out_error  # which it states itself
    assert six.free_error < 2 * free.rms
    assert six.fitted_to in six.label


def test_json_keeps_every_bit(six):
    again = LinearSolver.from_json(six.to_json())
    assert again == six
    noise, D = normal(32, 2), diffusion.target("eight_gaussians")
    runs = [diffusion.sample(D, noise, schedule=EDM, solver=s.solver(), sigmas=s.sigmas).x for s in (six, again)]
    assert torch.equal(*runs)


def broken(**changes):
    """A file of a two-step solver with some of it changed; None leaves it out."""
    data = {
        "format": "playground-linear-solver-1",
        "sigmas": [80.0, 1.0, 0.0],
        "carry": [0.0125, 0.0],
        "weights": [[0.9875], [1.0, 0.0]],
        "fitted_to": "moons",
        "method": "by hand",
        "noises": 1,
        **dict.fromkeys(("train_error", "held_out_error", "held_out_median", "free_error", "free_median"), 0.5),
        "free": "ddim, by hand",
    }
    return json.dumps({k: v for k, v in (data | changes).items() if v != "left out"})


def test_the_file_that_the_broken_ones_come_from_is_whole():
    solver = LinearSolver.from_json(broken(held_out_error=None))
    assert solver.nfe == 2
    assert solver.held_out_error == math.inf
    assert solver.diverged
    assert "diverged" in solver.label
    assert LinearSolver.from_json(solver.to_json()) == solver


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import os", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "not a solver"),
        (broken(format="pickle"), "not a solver"),
        (broken(sigmas=[80.0, 90.0, 0.0]), "fall"),
        (broken(sigmas=[80.0, 0.0]), "one row of weights a step"),
        (broken(carry=[0.1]), "one row of weights a step"),
        (broken(weights=[[0.5], [1.0, 0.0, 0.0]]), "step 1 can weigh 1 to 2"),
        (broken(weights=[[], [1.0]]), "step 0 can weigh"),
        (broken(weights=[0.5, 1.0]), "weights must be a list"),
        (broken(weights="left out"), "weights must be a list"),
        (broken(carry=[math.nan, 0.0]), "carry must be a finite number"),
        (broken(carry=[1e12, 0.0]), "coefficients must be finite"),
        (broken(carry=["1", 0.0]), "carry must be a finite number"),
        (broken(sigmas=[True, 0.5, 0.0]), "sigmas must be a finite number"),
        (broken(noises=0), "at least one noise"),
        (broken(held_out_error=-1.0), "from 0 on"),
        (broken(free_error="left out"), "free_error must be a finite number"),
        (broken(fitted_to=3), "fitted_to must be a text"),
        (broken(fitted_to="x" * 1000), "fitted_to must be a text"),
    ],
)
def test_broken_files_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        LinearSolver.from_json(text)


def test_it_takes_its_own_grid_and_number_of_steps_only():
    solver = LinearSolver.from_json(broken())
    D, noise = diffusion.target("moons"), normal(4, 2)
    with pytest.raises(ValueError, match="takes 2 steps, not 18"):
        diffusion.sample(D, noise, schedule=EDM, solver=solver.solver())
    with pytest.raises(ValueError, match=r"1 where 1\.1 is given"):
        diffusion.sample(D, noise, schedule=EDM, solver=solver.solver(), sigmas=[80.0, 1.1, 0.0])
    run = diffusion.sample(D, noise, schedule=EDM, solver=solver.solver(), sigmas=[80.0, 1.0, 0.0])
    ddim = diffusion.sample(D, noise, schedule=EDM, solver="ddim", sigmas=[80.0, 1.0, 0.0])
    torch.testing.assert_close(run.x, ddim.x, rtol=1e-12, atol=1e-12)
    assert run.nfe == solver.nfe


@pytest.mark.parametrize("name", LINEAR)
def test_the_linear_form_of_a_method_is_the_method(name):
    solver, sigmas = diffusion.FREE_SOLVERS[name](), diffusion.GRIDS["karras"](9, 0.02, 80.0)
    form = linear_form(solver, sigmas.tolist(), EDM)
    D, noise = uneven(), normal(8, 3)
    expected = diffusion.sample(D, noise, schedule=EDM, solver=solver, sigmas=sigmas).x[-1]
    *_, (x, _) = form.run(lambda at, sigma: D(at, sigma), noise * 80)
    torch.testing.assert_close(x, expected, rtol=1e-9, atol=1e-9)
    layout = Layout(9, 9, 80.0)
    again = layout.unpack(layout.pack(form))  # the vector that is fitted loses nothing either
    torch.testing.assert_close(torch.tensor(again.carry), torch.tensor(form.carry))
    for row, same in zip(form.weights, again.weights, strict=True):
        torch.testing.assert_close(torch.tensor(row), torch.tensor(same))


@pytest.mark.parametrize("name", ["heun", "ddpm", "pndm"])
def test_what_is_no_linear_method_of_one_call_has_no_form(name):
    with pytest.raises(ValueError, match=r"not a linear method|stochastic|called the denoiser"):
        linear_form(diffusion.solver(name), [80.0, 1.0, 0.5, 0.0], EDM)


@pytest.mark.parametrize("sigma", [0.05, 0.7, 20.0])
def test_derivatives_in_closed_form_and_by_differences(sigma):
    D, x = uneven(), uneven().sample(6, torch.Generator().manual_seed(3)) + sigma * normal(6, 3)
    dx, dlog = normal(6, 3, 5, seed=1) * (1 + sigma), normal(5, seed=2)
    closed, how = tangents(D)
    assert how == "closed form"
    denoised, moved = closed(x, sigma, dx, dlog)
    torch.testing.assert_close(denoised, D(x, sigma))
    h = 1e-6
    for i in range(5):
        ends = [D(x + s * h * dx[..., i], sigma * math.exp(s * h * dlog[i])) for s in (1, -1)]
        torch.testing.assert_close(moved[..., i], (ends[0] - ends[1]) / (2 * h), rtol=1e-5, atol=1e-6)
    pushed, how = tangents(lambda at, level: D(at, level))
    assert how == "differences"
    torch.testing.assert_close(pushed(x, sigma, dx, dlog)[1], moved, rtol=0.01, atol=0.01)


@pytest.mark.parametrize("cut", [math.inf, 0.3])
def test_the_slope_of_the_squared_error(cut):
    """J^T W r is the gradient of half the squared error, in every number of the vector; W = 1 where nothing is cut."""
    D = uneven()
    x = normal(7, 3)
    task = Task(D, tangents(D)[0], 80 * x, exact_ode(D, 80 * x, 80.0), 1.0, cut)
    layout = Layout(4, 2, 80.0)
    values = layout.pack(linear_form(diffusion.solver("ipndm", order=2), [80.0, 5.0, 1.0, 0.3, 0.0], EDM))
    values = values + 0.05 * normal(len(values), seed=4)

    def half(at):
        return task.error(layout.unpack(at)) ** 2 * 7 * 3 / 2  # of seven noises, RMS over three coordinates

    square, slope = task.normal(layout, values)
    for i, unit in enumerate(1e-5 * torch.eye(len(values), dtype=torch.float64)):
        assert float(slope[i]) == pytest.approx((half(values + unit) - half(values - unit)) / 2e-5, rel=1e-5, abs=1e-5)
    assert float(torch.linalg.eigvalsh(square)[0]) > -1e-9 * float(square.diagonal().max())


def test_in_many_dimensions_a_noise_in_another_basin_does_not_spoil_the_rest():
    """The median is far below the best free method's; least squares on all gaps lost it to the few that flip."""
    *_, last = diffusion.distill(diffusion.target("high"), nfe=6, seconds=10, clock=time.process_time)
    assert last.solver.held_out_median < last.solver.free_median / 3


def test_each_step_lowers_the_error():
    D = diffusion.target("eight_gaussians")
    x = normal(64, 2)
    task = Task(D, tangents(D)[0], 80 * x, exact_ode(D, 80 * x, 80.0, steps=100), 1.0)
    layout = Layout(4, 4, 80.0)
    form = linear_form(diffusion.solver("ddim"), diffusion.GRIDS["karras"](4, 0.1, 80.0).tolist(), EDM)
    errors = [task.error(form)]
    for (error, values), _ in zip(descend(task, layout, layout.pack(form)), range(30), strict=False):
        errors.append(error)
        assert task.error(layout.unpack(values)) == pytest.approx(error)
    assert all(later < sooner for sooner, later in pairwise(errors))
    assert errors[-1] < errors[0] / 10


def test_a_denoiser_without_derivatives_is_fitted_by_differences():
    D = diffusion.target("eight_gaussians")

    class Box:
        """No mixture to look into; answers in float32, as a network does."""

        def __call__(self, x, sigma):
            return D(x, sigma).float().to(x)

    solver = finished(Box(), nfe=4, seconds=4.0, noises=64, held_out=64, shape=(2,), name="a box")
    assert solver.method.endswith("differences")
    assert solver.fitted_to == "a box"
    assert solver.held_out_error < solver.free_error / 2


def test_frames_tell_the_progress_and_can_be_left():
    phases, before = [], None
    for frame in distill(diffusion.target("moons"), nfe=5, seconds=1.5, noises=128, clock=time.process_time):
        if before is not None:
            assert frame.progress >= before.progress
            assert frame.seconds >= before.seconds
            assert frame.evaluations >= before.evaluations
        phases.append(frame.phase)
        before = frame
        assert (frame.solver is not None) == (frame.phase == "done")
    assert list(dict.fromkeys(phases)) == ["reference", "choices", "starts", "fit", "done"]
    assert before.progress == 1.0
    assert before.seconds < 2.5
    assert len(phases) > 20
    assert np.all(np.diff(before.sigmas) < 0)
    run = distill(diffusion.target("moons"), nfe=5)
    next(run)
    run.close()
    assert next(run, None) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nfe": 0}, "nfe must lie"),
        ({"nfe": 1000}, "nfe must lie"),
        ({"nfe": 4, "seconds": 0}, "seconds"),
        ({"nfe": 4, "sigma_max": -1.0}, "sigma_max"),
        ({"nfe": 4, "noises": 0}, "noises"),
        ({"nfe": 4, "history": 0}, "history"),
    ],
)
def test_settings_out_of_range_are_refused_at_once(options, message):
    with pytest.raises(ValueError, match=message):
        distill(diffusion.target("moons"), **options)
    with pytest.raises(ValueError, match="shape of one sample"):
        distill(lambda x, _: x, nfe=4)


def test_a_form_is_checked():
    with pytest.raises(ValueError, match="finite"):
        LinearForm((80.0, 0.0), (math.inf,), ((1.0,),))
