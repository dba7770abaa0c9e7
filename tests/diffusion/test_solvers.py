"""Every solver's measured order of convergence against the one it declares; stochastic ones against the marginals."""

import itertools
import math
from functools import lru_cache

import numpy as np
import pytest
import torch

from playground import diffusion
from playground.diffusion.exact import exact_ode
from playground.diffusion.solvers import SOLVERS
from playground.diffusion.solvers.runge_kutta import TABLEAUS

close = torch.testing.assert_close
ODE = [name for name in SOLVERS if name not in ("ddpm", "dpmpp_2m_sde", "dpmpp_sde", "rk45")]
HIGH, LOW = 8.0, 0.3


def mixture():
    return diffusion.MixtureDenoiser([[-1.2, 0.3], [0.9, -0.4], [0.2, 1.1]], [0.6, 0.5, 0.7], [0.3, 0.4, 0.3])


def noise(n=16):
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@lru_cache
def reference():
    return exact_ode(mixture(), HIGH * noise(), HIGH, end=LOW, steps=2000)


def error(solver, steps, schedule, grid):
    sigmas = grid(steps)
    run = diffusion.sample(mixture(), noise(), schedule=diffusion.schedule(schedule), solver=solver, sigmas=sigmas)
    return float((run.unified()[-1] - reference()).square().mean().sqrt())


def log_grid(steps):
    return torch.logspace(math.log10(HIGH), math.log10(LOW), steps + 1, dtype=torch.float64)


def log_levels(high, low, steps):
    return torch.logspace(math.log10(high), math.log10(low), steps + 1, dtype=torch.float64).tolist()


def slow_start(steps):
    """The same with a first step of many that double: multistep methods begin with a low order, and that would show."""
    even = log_grid(steps)
    part = torch.cat([torch.zeros(1), 2.0 ** torch.arange(-14, 1)]).double()
    first = even[0] * (even[1] / even[0]) ** part
    return torch.cat([first, even[2:]])


@pytest.mark.parametrize(
    ("name", "schedule"),
    [*((name, "edm") for name in ODE), *itertools.product(TABLEAUS, ["vp", "flow", "cosine"])],
)
def test_order_of_convergence(name, schedule):
    """The slope of ln error over ln steps; Runge-Kutta methods integrate in the schedule's time, so in several."""
    solver = diffusion.solver(name)
    steps = np.array([40, 80, 160])
    grid = slow_start if name in ("dpmpp_3m", "unipc", "deis", "lms", "theta_ab") else log_grid
    errors = [error(solver, int(n), schedule, grid) for n in steps]
    slope = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope > solver.order - 0.25, f"{name}: {slope:.2f}"
    extra = 1 if name == "unipc" else 0  # its corrector adds one
    assert slope < solver.order + extra + 0.6, f"{name} is better than it says: {slope:.2f}"


@pytest.mark.parametrize(
    ("name", "orders"),
    [(name, (1, 2, 3, 4)) for name in ("lms", "deis", "theta_ab")] + [("unipc", (1, 2, 3)), ("ipndm", (1,))],
)
def test_lower_orders_converge_as_they_say(name, orders):
    for order in orders:
        solver = diffusion.solver(name, order=order)
        errors = [error(solver, n, "edm", slow_start) for n in (60, 120)]
        slope = math.log2(errors[0] / errors[1])
        assert solver.order == order
        least = order + (name == "unipc" and order < 3)  # the corrector adds one
        assert slope > least - 0.35, f"{name}, order {order}: {slope:.2f}"
        assert slope < least + 0.6 + (name == "unipc"), f"{name}, order {order}, is better than it says: {slope:.2f}"


def test_equal_weights_converge_where_the_steps_are_equal():
    """iPNDM's and PNDM's weights belong to equal steps; their starts leave order 2."""
    even = lambda n: torch.linspace(HIGH, LOW, n + 1, dtype=torch.float64)  # noqa: E731
    for name, order in (("ipndm", 2), ("pndm", 2)):  # both begin with steps of lower order
        assert diffusion.solver(name).order == order
        errors = [error(diffusion.solver(name), n, "edm", even) for n in (200, 400)]
        assert math.log2(errors[0] / errors[1]) > order - 0.2


def test_half_the_curvature_costs_an_order():
    errors = [error(diffusion.solver("dpmpp_3m", half_curvature=True), n, "edm", slow_start) for n in (160, 320)]
    assert math.log2(errors[0] / errors[1]) < 2.5


def test_rk45_keeps_its_tolerance():
    for tolerance in (1e-4, 1e-8):
        solver = diffusion.solver("rk45", rtol=tolerance, atol=tolerance)
        run = diffusion.sample(
            mixture(), noise(), schedule=diffusion.schedule("edm"), solver=solver, sigmas=[HIGH, 1.0, LOW]
        )
        assert float((run.x[-1] - reference()).abs().max()) < 30 * tolerance


def test_rk45_stops_where_a_denoiser_is_not_finite():
    """And at once: no step is short enough."""
    calls = 0

    def broken(x, sigma):
        nonlocal calls
        calls += 1
        return mixture()(x, sigma) if sigma > 2 else x * math.nan

    with pytest.raises(FloatingPointError, match=r"not finite at sigma [2-8]\."):
        diffusion.sample(broken, noise(), schedule=diffusion.schedule("edm"), solver="rk45", sigmas=[HIGH, 1.0, LOW])
    assert calls < 500


def four(schedule, solver, steps):
    """Four points of the mixture, drawn."""
    generator = torch.Generator().manual_seed(1)
    path = diffusion.schedule(schedule)
    return diffusion.sample(mixture(), noise(4), schedule=path, solver=solver, steps=steps, generator=generator)


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("steps", [1, 2])
def test_a_flow_starts_at_the_noise_itself(name, steps):
    """From sigma 1e8 to 2 at most: the squares of the two levels share no digit."""
    run = four("flow", name, steps)
    assert run.x[-1].isfinite().all()
    if name in ("ddpm", "ddim", "dpmpp_sde"):
        assert float(run.x[-1].abs().max()) < 10


@pytest.mark.parametrize("name", SOLVERS)
def test_every_solver_samples_under_a_drawn_schedule(name):
    """And its last step, to sigma 0, is the denoised, as under EDM's; but for what LMS and theta-AB remember."""
    D, solver = diffusion.target("eight_gaussians"), diffusion.solver(name)
    row = diffusion.Row("drawn", "edm", name, levels=(0.002, 0.03, 0.2, 0.7, 2.5, 12, 80))
    start = torch.randn(64, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    run = diffusion.sample(
        D, start, schedule=row.make_schedule(), solver=solver, steps=60, generator=torch.Generator().manual_seed(1)
    )
    off = torch.cdist(run.x[-1], D.means).amin(1).square().mean().sqrt()
    assert float(off) == pytest.approx(math.sqrt(2 * float(D.variances[0])), rel=0.3)
    if not solver.stochastic:
        assert float((run.x[-1] - exact_ode(D, 80 * start, 80.0)).square().mean().sqrt()) < 0.15
    assert float(run.sigmas[-2]) == pytest.approx(0.002)
    close(run.x[-1], D(run.x[-2], 0.002), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", TABLEAUS)
def test_a_drawn_schedule_is_integrated_below_its_first_knot(name):
    """Whose time is 0: the levels below it have times of their own."""
    D = diffusion.target("eight_gaussians")
    path = diffusion.Row("drawn", "edm", name, levels=(0.5, 2.5, 80)).make_schedule()
    start = torch.randn(64, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    run = diffusion.sample(D, start, schedule=path, solver=name, sigmas=[*log_levels(80, 0.002, 240), 0.0])
    assert float((run.x[-1] - exact_ode(D, 80 * start, 80.0)).square().mean().sqrt()) < 0.05


def test_churn_leaves_order_1():
    assert diffusion.solver("edm").order == 2
    assert diffusion.solver("edm", S_churn=20.0).order == 1
    assert [diffusion.solver("ipndm", order=order).order for order in (1, 2, 3, 4)] == [1, 2, 2, 2]


def test_heun_without_churn_is_algorithm_1():
    run = lambda solver: diffusion.sample(  # noqa: E731
        mixture(), noise(), schedule=diffusion.schedule("edm"), solver=solver, steps=12
    )
    a, b = run("heun"), run("edm")
    close(a.x, b.x, rtol=1e-12, atol=1e-12)
    assert a.nfe == b.nfe == 23


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_calls_are_counted_and_foretold(name, steps):
    solver = diffusion.solver(name)
    run = four("edm", solver, steps)
    assert run.x.shape == (steps + 1, 4, 2)
    if name == "rk45":
        assert run.nfe >= solver.calls(steps)
    else:
        assert run.nfe == solver.calls(steps)
        assert solver.steps_within(run.nfe) == steps


@pytest.mark.parametrize("name", ["ddpm", "dpmpp_sde"])
def test_noise_is_added_after_the_steepest_step_too(name):
    """Flow matching begins at sigma 1e8: the variance that stays, a difference of nearly equal ones, was negative."""
    noise = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
    flow = diffusion.schedule("flow")
    generator = torch.Generator().manual_seed(1)
    run = diffusion.sample(mixture(), noise, schedule=flow, solver=name, steps=2, generator=generator)
    assert run.x.isfinite().all()


def test_steps_within_a_budget():
    assert diffusion.solver("heun").steps_within(10) == 5
    assert diffusion.solver("ddim").steps_within(10) == 10
    with pytest.raises(ValueError, match="at least 1"):
        diffusion.solver("dpm_3").steps_within(0)


# name and options: each must give N(0, tau^2 + sigma^2) at the end when it starts there
STOCHASTIC = [
    ("ddpm", {}),
    ("ddim", {"eta": 0.5}),
    ("edm", {"S_churn": 40.0}),
    ("dpmpp_2m_sde", {}),
    ("dpmpp_sde", {}),
    ("dpmpp_sde", {"eta": 0.5}),
]


@pytest.mark.parametrize(("name", "options"), STOCHASTIC)
def test_noise_that_is_added_leaves_the_marginals(name, options):
    tau, low = 0.8, 0.5
    D = diffusion.MixtureDenoiser([[0.0, 0.0]], [tau])
    start = torch.randn(40_000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    start *= math.sqrt(1 + tau**2 / HIGH**2)
    sigmas = torch.logspace(math.log10(HIGH), math.log10(low), 121, dtype=torch.float64)
    run = diffusion.sample(
        D,
        start,
        schedule=diffusion.schedule("edm"),
        solver=diffusion.solver(name, **options),
        sigmas=sigmas,
        generator=torch.Generator().manual_seed(1),
    )
    for i in (40, 80, 120):
        assert run.x[i].std().item() == pytest.approx(math.sqrt(tau**2 + float(sigmas[i]) ** 2), rel=0.015)
    # and noise was added: without it each point would end where its start says
    ode = diffusion.sample(D, start, schedule=diffusion.schedule("edm"), solver="ddim", sigmas=sigmas)
    assert np.corrcoef(run.x[-1][:, 0], ode.x[-1][:, 0])[0, 1] < 0.95


@pytest.mark.parametrize("name", [name for name in SOLVERS if name not in TABLEAUS])
@pytest.mark.parametrize("schedule", ["vp", "flow", "trig"])
def test_the_others_work_in_sigma_whatever_the_schedule(name, schedule):
    draw = lambda path: diffusion.sample(  # noqa: E731
        mixture(), noise(), schedule=diffusion.schedule(path), solver=name, sigmas=log_grid(9),
        generator=torch.Generator().manual_seed(1),
    ).unified()  # fmt: skip
    close(draw(schedule), draw("edm"), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "option"), [("ddim", "eta"), ("dpmpp_2m_sde", "eta"), ("dpmpp_sde", "eta"), ("edm", "S_churn")]
)
def test_the_seed_matters_where_noise_is_added_and_only_there(name, option):
    def draw(strength, seed):
        return diffusion.sample(
            mixture(), noise(), schedule=diffusion.schedule("edm"),
            solver=diffusion.solver(name, **{option: strength}), steps=9,
            generator=torch.Generator().manual_seed(seed),
        ).x  # fmt: skip

    close(draw(0.0, 1), draw(0.0, 2), rtol=0, atol=0)
    assert not torch.allclose(draw(0.5, 1), draw(0.5, 2))
    for strength in (0.0, 0.5):
        assert diffusion.solver(name, **{option: strength}).stochastic is (strength > 0)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ddim", {"eta": 1.5}),
        ("edm", {"S_churn": -1.0}),
        ("edm", {"S_min": 2.0, "S_max": 1.0}),
        ("unipc", {"order": 4}),
        ("unipc", {"variant": "bh3"}),
        ("lms", {"order": 5}),
        ("theta_ab", {"order": 0}),
        ("theta_ab", {"sigma_data": 0.0}),
        ("rk45", {"rtol": 0.0}),
        ("dpmpp_sde", {"eta": -0.1}),
        ("nothing", {}),
    ],
)
def test_absurd_options_are_refused(name, options):
    with pytest.raises(ValueError, match=r"must|needed|orders|variants|no solver"):
        diffusion.solver(name, **options)
