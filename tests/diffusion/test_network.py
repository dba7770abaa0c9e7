"""Learned denoisers of points: the preconditioning's formula, what training reaches, what is kept, what is refused."""

import itertools
import json
import math

import numpy as np
import pytest
import torch

from playground import diffusion
from playground.diffusion.training import _points
from playground.nn.adam import AVERAGE, BETA1, BETA2, EPSILON, Weights
from playground.nn.seeded import seeded

ROWS = list(diffusion.PRECONDITIONINGS)


def flat(model):
    return torch.cat([p.detach().clone().flatten() for p in model.parameters()])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def rms_between(model, exact, sigma, n=2000):
    x = exact.sample(n, generator(5)) + sigma * torch.randn(n, exact.dim, generator=generator(6), dtype=torch.float64)
    with torch.no_grad():
        return float((model(x, sigma) - exact(x, sigma)).square().mean().sqrt())


@pytest.mark.parametrize("row", ROWS)
def test_denoiser_is_the_row_s_formula_around_the_network(row):
    model = diffusion.build_denoiser(row, width=16, sigma_data=0.7, seed=3)
    p = diffusion.preconditioning(row, **({"sigma_data": 0.7} if row == "edm" else {}))
    sigma = torch.tensor([0.05, 0.4, 3.0, 30.0], dtype=torch.float64)
    x = torch.randn(4, 2, generator=generator(), dtype=torch.float64) * (1 + sigma[:, None])
    s = sigma[:, None]
    with torch.no_grad():
        F = model.predict(p.c_in(s) * x, p.c_noise(s))
        got = model(x, sigma)
    assert F.dtype == torch.float32
    assert float(F.abs().min()) > 0
    torch.testing.assert_close(got, p.c_skip(s) * x + p.c_out(s) * F.double(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("row", ROWS)
def test_noise_level_is_heard_all_over_the_range_of_training(row):
    """Two levels that a row's network meets in training, a quarter apart in probability, are not alike to it."""
    model = diffusion.build_denoiser(row, width=32, seed=1)
    sigma = model.row.noise.quantile(torch.tensor([0.01, 0.25, 0.5, 0.75, 0.99], dtype=torch.float64))
    with torch.no_grad():
        F = model.predict(torch.ones(5, 2), model.row.c_noise(sigma)[:, None])
    gaps = (F[1:] - F[:-1]).abs().amax(1)
    assert float(gaps.min()) > 1e-3


@pytest.mark.parametrize("shape", [(), (5,), (5, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_answer_has_the_dtype_of_x_for_every_shape_of_sigma(shape, dtype):
    model = diffusion.build_denoiser("edm", width=8)
    x = torch.randn(5, 2, generator=generator(), dtype=dtype)
    with torch.no_grad():
        got = model(x, torch.full(shape, 0.3, dtype=dtype))
        one = torch.cat([model(part, 0.3) for part in x.split(1)])
    assert got.dtype == dtype
    torch.testing.assert_close(got, one, rtol=1e-5, atol=1e-6)


def test_gradient_reaches_every_weight():
    model = diffusion.build_denoiser("edm", width=16)
    sigma = torch.linspace(0.1, 5, 64, dtype=torch.float64)
    model(torch.randn(64, 2, generator=generator(), dtype=torch.float64), sigma).square().sum().backward()
    for name, p in model.named_parameters():
        assert p.grad is not None, name
        assert bool((p.grad != 0).any()), name


def test_adam_and_the_average_are_the_published_ones():
    model = torch.nn.Linear(3, 1, bias=False)
    other = torch.nn.Linear(3, 1, bias=False)
    other.load_state_dict(model.state_dict())
    reference = torch.optim.Adam(other.parameters(), lr=0.03, betas=(BETA1, BETA2), eps=EPSILON)
    weights = Weights(model)
    x = torch.randn(16, 3, generator=generator())
    iterates = []
    for _ in range(5):
        weights.update((model(x) - 1).square().mean(), 0.03)
        reference.zero_grad()
        (other(x) - 1).square().mean().backward()
        reference.step()
        iterates.append(flat(other))
        torch.testing.assert_close(weights.value, iterates[-1], rtol=1e-5, atol=1e-7)
    average = iterates[0]
    for t, w in enumerate(iterates[1:], start=2):  # equation (6) of Shamir and Zhang
        average = (1 - (AVERAGE + 1) / (t + AVERAGE)) * average + (AVERAGE + 1) / (t + AVERAGE) * w
    weights.release()
    torch.testing.assert_close(flat(model), average, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("row", ROWS)
def test_every_row_comes_near_the_exact_denoiser(row):
    exact = diffusion.target("eight_gaussians")
    model = diffusion.build_denoiser(row, width=64, depth=2)
    records = list(diffusion.fit_denoiser(model, exact, steps=400, batch=256))
    first, last = records[0].errors, records[-1].errors
    seen = (first.sigma > 0.05) & (first.sigma < 2.0)
    assert np.sqrt((last.model_error[seen] ** 2).mean()) < 0.15
    assert (last.model_error[seen] < first.model_error[seen]).all()
    # the record says what is so
    i = 8
    assert last.model_error[i] == pytest.approx(rms_between(model, exact, float(last.sigma[i])), rel=0.15)
    # an error beside the optimum's: E|D - x_0|^2 = E|D* - x_0|^2 + E|D - D*|^2, to the noise of 512 points
    np.testing.assert_allclose(last.loss, last.optimum + last.model_error**2, rtol=0.05, atol=2e-3)


def test_loss_is_the_row_s_weighted_error():
    """The yielded loss, with the network at its first weights, is lambda |D - x_0|^2 on the training noise."""
    exact = diffusion.target("moons")
    model = diffusion.build_denoiser("v", width=16)
    x0 = exact.sample(200_000, generator(1))
    sigma = model.row.sample_sigma(200_000, generator(2))[:, None]
    x = x0 + sigma * torch.randn(x0.shape, generator=generator(3), dtype=torch.float64)
    with torch.no_grad():
        expected = (model.row.weight(sigma) * (model(x, sigma) - x0).square()).mean()
    first = next(diffusion.fit_denoiser(model, exact, steps=1, batch=65536, lr=1e-9))
    assert first.loss == pytest.approx(float(expected), rel=0.02)


def test_weighting_and_noise_of_another_row_or_given():
    def losses(**options):
        model = diffusion.build_denoiser("edm", width=8)
        return [r.loss for r in diffusion.fit_denoiser(model, diffusion.target("moons"), steps=3, **options)]

    flow = diffusion.preconditioning("flow")
    assert losses(weighting="flow", noise="flow") == losses(weighting=flow.weight, noise=flow.noise)
    assert len({tuple(losses()), tuple(losses(weighting="flow")), tuple(losses(noise="flow"))}) == 3


def test_the_models_own_row_by_name_is_its_own():
    """With its own sigma_data, 1, and not the paper's 0.5."""

    def losses(**options):
        model = diffusion.build_denoiser("edm", width=8)
        return [r.loss for r in diffusion.fit_denoiser(model, diffusion.target("moons"), steps=3, **options)]

    assert losses(weighting="edm", noise="edm") == losses()


def test_the_judges_levels_are_those_of_a_coordinates_spread():
    """Neither of where the coordinates' means are, nor of the held-out point alone."""
    points = torch.randn(10, 2, generator=generator(), dtype=torch.float64)
    model = diffusion.build_denoiser("edm", width=8)
    first = next(diffusion.fit_denoiser(model, points + torch.tensor([0.0, 100.0]), steps=1, batch=4))
    spread = float(points.var(0).mean().sqrt())
    np.testing.assert_allclose(first.errors.sigma[[0, -1]], [0.01 * spread, 40 * spread])


def test_the_callers_random_numbers_are_left_alone(monkeypatch):
    """Those of accelerators too: nobody would put them back."""
    expected = torch.randn(5, generator=torch.default_generator.manual_seed(3))
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda _: pytest.fail("an accelerator was seeded"))
    with seeded(8):
        drawn = torch.randn(3)
    torch.testing.assert_close(drawn, torch.randn(3, generator=generator(8)), rtol=0, atol=0)
    torch.default_generator.manual_seed(3)
    with pytest.raises(RuntimeError), seeded(8):
        raise RuntimeError
    diffusion.build_denoiser("edm", width=8)
    torch.testing.assert_close(torch.randn(5), expected, rtol=0, atol=0)


def test_the_configuration_comes_back_as_it_was(tmp_path):
    model = diffusion.build_denoiser("flow", width=8, options={"shift": 3.0, "logit_normal": (0.0, 1.0)})
    diffusion.save_denoiser(model, tmp_path)
    assert diffusion.load_denoiser(tmp_path).config == model.config


def test_same_seed_and_steps_give_the_same_weights_whatever_is_seen_between():
    exact, made = diffusion.target("moons"), []
    for seed in (0, 0, 1):
        model = diffusion.build_denoiser("edm", width=8)
        for _ in diffusion.fit_denoiser(model, exact, steps=12, seed=seed):
            torch.randn(3)  # a caller may use the global generator
        made.append(flat(model))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_the_average_is_shown_at_every_yield_and_kept_on_close():
    model = diffusion.build_denoiser("edm", width=8)
    run = diffusion.fit_denoiser(model, diffusion.target("moons"), steps=100, lr=0.05)
    shown = [(next(run), flat(model))[1] for _ in range(10)]
    run.close()
    assert torch.equal(flat(model), shown[-1])
    assert all(p.grad is None for p in model.parameters())
    assert len({p.untyped_storage().data_ptr() for p in model.parameters()}) == len(list(model.parameters()))


class Poisoned:
    """A standard normal that gives NaN from its draw number `until` on."""

    def __init__(self, until):
        self.until, self.draws = until, 0

    def sample(self, n, generator=None):
        self.draws += 1
        x = torch.randn(n, 2, generator=generator, dtype=torch.float64)
        return x if self.draws < self.until else x * math.nan


def test_a_loss_that_is_not_finite_stops_the_run_with_the_last_good_average():
    model = diffusion.build_denoiser("edm", width=8)
    run = diffusion.fit_denoiser(model, Poisoned(3), steps=10, batch=65536)  # a draw a step, after the held-out one
    seen = [(record.step, flat(model)) for record in itertools.islice(run, 1)]
    with pytest.raises(FloatingPointError, match="at step 2 the loss was nan"):
        next(run)
    assert torch.equal(flat(model), seen[-1][1])
    assert bool(flat(model).isfinite().all())


def test_a_budget_of_seconds_is_kept_by_the_clock_given():
    now = itertools.count()
    model = diffusion.build_denoiser("edm", width=8)
    records = list(
        diffusion.fit_denoiser(model, diffusion.target("moons"), seconds=100, clock=lambda: float(next(now)))
    )
    assert records[-1].progress == 1
    assert [r.progress for r in records] == sorted(r.progress for r in records)
    assert 100 <= records[-1].seconds <= 105
    assert records[-1].errors is not None


def test_points_are_learned_and_a_tenth_is_held_out():
    exact = diffusion.target("moons")
    points = exact.sample(900, generator())
    draw, apart = _points(points, seed=4)
    drawn = draw(20_000, generator())
    assert len(apart) == 90
    assert len(drawn.unique(dim=0)) == 810
    assert float(torch.cdist(drawn, apart).min()) > 0  # no held-out point is learned
    model = diffusion.build_denoiser("edm", width=32, depth=2)
    before = rms_between(model, exact, 0.5)
    last = list(diffusion.fit_denoiser(model, points.numpy(), steps=300, batch=128, seed=4))[-1].errors
    assert last.optimum is None
    assert last.model_error is None
    assert rms_between(model, exact, 0.5) < 0.5 * before
    # what it says of the held-out points is so
    noisy = apart + float(last.sigma[7]) * torch.randn(90, 2, generator=generator(8), dtype=torch.float64)
    with torch.no_grad():
        loss = float((model(noisy, float(last.sigma[7])) - apart).square().mean())
    assert loss == pytest.approx(last.loss[7], rel=0.3)


def test_model_error_and_solver_error_are_taken_apart():
    exact = diffusion.target("eight_gaussians")
    noise = torch.randn(256, 2, generator=generator(), dtype=torch.float64)
    edm = diffusion.schedule("edm")
    (same,) = diffusion.split_errors(exact, exact, noise, schedule=edm, steps=[10], fine=100)
    assert same.model_rms == 0
    assert same.solver_rms == same.total_rms > 0.01

    def moved(x, sigma):  # a model that is wrong by a shift of the data
        return exact(x - 0.25, sigma) + 0.25

    few, many = diffusion.split_errors(moved, exact, noise, schedule=edm, steps=(5, 80), fine=100)
    assert few.model_rms == many.model_rms
    assert few.model_median == pytest.approx(0.25, abs=0.02)
    assert few.solver_rms > 20 * many.solver_rms
    assert many.total_median == pytest.approx(many.model_median, rel=0.05)
    assert (few.nfe, many.nfe) == (9, 159)

    def flipped(x, sigma):  # one point of 256 ends far away
        return torch.where(torch.arange(256)[:, None] == 7, 100.0, exact(x, sigma))

    (outlier,) = diffusion.split_errors(flipped, exact, noise, schedule=edm, steps=[10], fine=50)
    assert outlier.model_median == 0
    assert outlier.model_rms == pytest.approx(100 / 16, rel=0.05)


def test_saved_is_loaded_bit_for_bit(tmp_path):
    model = diffusion.build_denoiser("iddpm", dim=3, width=24, depth=2, seed=7)
    diffusion.save_denoiser(model, tmp_path)
    again = diffusion.load_denoiser(tmp_path)
    assert again.config == model.config
    x = torch.randn(9, 3, generator=generator(), dtype=torch.float64)
    assert torch.equal(again(x, 0.7), model(x, 0.7))


def damage(folder, how):
    weights = folder / "model.safetensors"
    config = json.loads((folder / "config.json").read_text())
    if how == "pickled":
        torch.save(diffusion.build_denoiser().state_dict(), weights)
    elif how == "truncated":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif how == "empty":
        weights.write_bytes(b"")
    elif how == "missing":
        weights.unlink()
    elif how == "no denoiser":
        config["kind"] = "flow"
    elif how == "other sizes":
        config["width"] += 1
    elif how == "unknown option":
        config["heads"] = 2
    elif how == "not a number":
        config["width"] = "wide"
    elif how == "nan":
        model = diffusion.load_denoiser(folder)
        torch.nn.init.constant_(model.last.bias, math.nan)
        diffusion.save_denoiser(model, folder)
        return
    elif how == "no configuration":
        (folder / "config.json").write_text("[]")
        return
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("pickled", "is no safetensors file"),
        ("truncated", "is no safetensors file"),
        ("empty", "is no safetensors file"),
        ("missing", "holds no model.safetensors"),
        ("no denoiser", "no denoiser of points"),
        ("other sizes", "not those of its config"),
        ("unknown option", "describes no denoiser"),
        ("not a number", "describes no denoiser"),
        ("nan", "not finite"),
        ("no configuration", "config.json"),
    ],
)
def test_what_is_no_denoiser_is_refused(how, words, tmp_path):
    diffusion.save_denoiser(diffusion.build_denoiser(width=8), tmp_path)
    damage(tmp_path, how)
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        diffusion.load_denoiser(tmp_path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "exactly one of seconds and steps"),
        ({"seconds": 1, "steps": 1}, "exactly one of seconds and steps"),
        ({"steps": 0}, "steps must lie"),
        ({"seconds": 0}, "seconds must lie"),
        ({"seconds": math.nan}, "seconds must lie"),
        ({"steps": 1, "batch": 1}, "batch must lie"),
        ({"steps": 1, "lr": 0}, "lr must be positive"),
        ({"steps": 1, "lr": math.inf}, "lr must be positive"),
        ({"steps": 1, "weighting": "none"}, "no preconditioning is called 'none'"),
        ({"steps": 1, "noise": "none"}, "no preconditioning is called 'none'"),
    ],
)
def test_impossible_settings_of_training_are_refused_at_the_call(options, words):
    with pytest.raises(ValueError, match=words):
        diffusion.fit_denoiser(diffusion.build_denoiser(width=8), diffusion.target("moons"), **options)


@pytest.mark.parametrize(
    "data", [torch.zeros(9, 2), torch.zeros(20), torch.full((20, 2), math.inf), torch.zeros(20, 3)]
)
def test_points_that_do_not_fit_are_refused(data):
    with pytest.raises(ValueError, match="points"):
        diffusion.fit_denoiser(diffusion.build_denoiser(width=8), data, steps=1)


def test_a_frozen_network_is_refused():
    model = diffusion.build_denoiser(width=8).requires_grad_(False)
    with pytest.raises(ValueError, match="frozen"):
        next(diffusion.fit_denoiser(model, diffusion.target("moons"), steps=1))


@pytest.mark.parametrize(
    "options", [{"preconditioning": "gan"}, {"dim": 0}, {"width": 0}, {"depth": 33}, {"sigma_data": 0.0}]
)
def test_impossible_networks_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        diffusion.build_denoiser(**options)


@pytest.mark.parametrize(
    ("x", "sigma", "words"),
    [
        (torch.zeros(4, 3), 1.0, r"shape \(n, 2\)"),
        (torch.zeros(2), 1.0, r"shape \(n, 2\)"),
        (torch.zeros(4, 2), torch.ones(3), "sigma must have the shape"),
        (torch.zeros(4, 2), 0.0, "sigma must be positive"),
        (torch.zeros(4, 2), math.nan, "sigma must be positive"),
    ],
)
def test_impossible_calls_are_refused(x, sigma, words):
    with pytest.raises(ValueError, match=words):
        diffusion.build_denoiser(width=8)(x, sigma)
