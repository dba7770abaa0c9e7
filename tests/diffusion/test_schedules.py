"""Schedules against their closed forms and published ranges, their inverses, and the noise they are trained on."""

import math

import pytest
import torch

from playground import diffusion
from playground.diffusion.schedules import beta_table, cosine, iddpm_levels

close = torch.testing.assert_close


@pytest.mark.parametrize("name", diffusion.SCHEDULES)
def test_time_is_the_inverse_of_sigma(name):
    s = diffusion.schedule(name)
    t = torch.linspace(s.t_min, min(s.t_max, s.time(1e4).item()), 101, dtype=torch.float64)
    close(s.time(s.sigma(t)), t, rtol=1e-11, atol=1e-12)
    assert (s.sigma(t).diff() > 0).all()


@pytest.mark.parametrize("name", diffusion.SCHEDULES)
@pytest.mark.parametrize("n", [1, 2, 10, 50])
def test_a_grid_falls_from_the_most_noise_to_none(name, n):
    s = diffusion.schedule(name)
    sigmas = s.sigmas(n)
    assert sigmas.shape == (n + 1,)
    assert sigmas.dtype == torch.float64
    close(sigmas[0].item(), s.sigma_max, rtol=1e-9, atol=0)
    assert sigmas[-1] == 0
    assert (sigmas.diff() < 0).all()


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("ddpm", 0.0100, 157.41),
        ("scaled_linear", 0.0292, 14.615),
        ("cosine", 0.00643, 20291),
        ("vp", 0.01049, 152.17),
        ("ve", 0.02, 100),
        ("edm", 0.002, 80),
        ("iddpm", 0.00643, 80.2),
    ],
)
def test_published_ranges(name, least, most):
    s = diffusion.schedule(name)
    assert s.sigma_min == pytest.approx(least, rel=1e-2)
    assert s.sigma_max == pytest.approx(most, rel=1e-3)


@pytest.mark.parametrize("name", ["ddpm", "scaled_linear", "sigmoid"])
def test_a_table_is_the_product_of_its_betas(name):
    limits = (0.00085, 0.012) if name == "scaled_linear" else (1e-4, 0.02)
    kind = "linear" if name == "ddpm" else name
    betas = beta_table(kind, beta_min=limits[0], beta_max=limits[1])
    alpha_bar = (1 - betas).cumprod(0)
    s = diffusion.schedule(name)
    t = torch.arange(1, 1001, dtype=torch.float64) / 1000
    close(s.sigma(t), ((1 - alpha_bar) / alpha_bar).sqrt(), rtol=1e-9, atol=0)
    close(s.scale(t), alpha_bar.sqrt(), rtol=1e-9, atol=0)
    close(s.snr(t), alpha_bar / (1 - alpha_bar), rtol=1e-9, atol=0)


def test_vp_is_its_closed_form():
    s = diffusion.schedule("vp")
    t = torch.linspace(0.001, 1, 50, dtype=torch.float64)
    exponent = 0.5 * 19.9 * t**2 + 0.1 * t
    close(s.sigma(t), (exponent.exp() - 1).sqrt(), rtol=1e-10, atol=0)
    close(s.scale(t), (-0.5 * exponent).exp(), rtol=1e-10, atol=0)


def test_cosine_is_its_closed_form_and_its_cap():
    s = diffusion.schedule("cosine")
    t = torch.linspace(0.0, 0.999, 50, dtype=torch.float64)
    f = lambda t: torch.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2  # noqa: E731
    alpha_bar = f(t) / f(torch.zeros(()).double())
    close(s.scale(t), alpha_bar.sqrt(), rtol=1e-9, atol=0)
    close(s.sigma(1.0) ** 2 + 1, (s.sigma(0.999) ** 2 + 1) * 1000, rtol=1e-9, atol=0)  # beta of the last step is .999
    assert s.sigma(0.0) == 0


def test_the_other_closed_forms():
    t = torch.linspace(0.01, 0.99, 25, dtype=torch.float64)
    flow, sd3, trig, ve = (diffusion.schedule(name) for name in ("flow", "sd3", "trig", "ve"))
    close(flow.scale(t), 1 - t)
    close(flow.scale(t) * flow.sigma(t), t)
    shifted = 3 * t / (1 + 2 * t)
    close(sd3.scale(t), 1 - shifted)
    close(sd3.scale(t) * sd3.sigma(t), shifted)
    close(trig.scale(t), t.cos())
    close(trig.scale(t) * trig.sigma(t), t.sin())
    close(ve.sigma(t), t.sqrt())
    close(ve.scale(t), torch.ones_like(t))
    u = iddpm_levels()
    assert u[-1] == 0
    assert len(u) == 1001
    # u_j are the cosine schedule's sigmas: alpha_bar of table 1 counts from the other end
    cosine_bar = (math.pi / 2 * torch.arange(1001) / 1000 / 1.008).sin().square()
    j = torch.arange(1, 1000)
    close(u[j], (cosine_bar[1000] / cosine_bar[j] - 1).clamp_min(0).double().sqrt(), rtol=2e-3, atol=2e-3)


def test_edm_steps_are_equation_5():
    i = torch.arange(18, dtype=torch.float64)
    expected = (80 ** (1 / 7) + i / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    close(diffusion.schedule("edm").sigmas(18)[:-1], expected)


@pytest.mark.parametrize("name", diffusion.SCHEDULES)
def test_the_noise_of_training_has_the_density_it_says(name):
    """Its integral over ln sigma is one, and what is drawn falls where it says."""
    s = diffusion.schedule(name)
    drawn = s.sample_sigma(20_000, torch.Generator().manual_seed(0)).log()
    low, high = drawn.min().item() - 1e-6, drawn.max().item() + 1e-6
    x = torch.linspace(low, high, 40_001, dtype=torch.float64)
    density = s.noise.density(x.exp())
    mass = torch.cumulative_trapezoid(density, x)
    assert mass[-1].item() == pytest.approx(1, abs=5e-3)
    for q in (0.1, 0.5, 0.9):
        here = mass[torch.searchsorted(x, drawn.quantile(q).reshape(1)).clamp(max=len(mass) - 1)].item()
        assert here == pytest.approx(q, abs=0.012)  # three standard errors of 20,000 draws


def test_a_drawn_schedule_passes_its_knots_and_must_rise():
    s = diffusion.drawn([0.0, 0.3, 1.0], [0.01, 1.0, 50.0], scale="vp")
    close(s.sigma([0.0, 0.3, 1.0]), torch.tensor([0.01, 1.0, 50.0], dtype=torch.float64))
    close(s.sigma(0.65).item(), math.exp(0.5 * (math.log(1.0) + math.log(50.0))))
    assert s.sigmas(5)[-2].item() == pytest.approx(0.01)
    with pytest.raises(ValueError, match="rises"):
        diffusion.drawn([0.0, 0.5, 1.0], [0.01, 2.0, 1.0])
    with pytest.raises(ValueError, match="rises"):
        diffusion.drawn([0.0, 0.5, 0.5], [0.01, 1.0, 2.0])
    with pytest.raises(ValueError, match="finite"):
        diffusion.drawn([0.0, 1.0], [0.0, 2.0])
    with pytest.raises(ValueError, match="as many times"):
        diffusion.drawn([0.0], [1.0])
    with pytest.raises(ValueError, match="no scale"):
        diffusion.drawn([0.0, 1.0], [0.1, 2.0], scale="nothing")


@pytest.mark.parametrize("first", [0.0, 0.1])
def test_a_drawn_schedule_has_an_inverse_below_its_first_knot(first):
    s = diffusion.drawn([first, 0.3, 1.0], [0.01, 1.0, 50.0])
    levels = torch.logspace(-5, 3, 33, dtype=torch.float64)
    close(s.sigma(s.time(levels)), levels)
    assert (s.time(levels).diff() > 0).all()
    assert s.sigma(s.time(0.0)) == 0


@pytest.mark.parametrize("sigma_data", [0.5, 1.0])
def test_trigs_training_noise_is_its_papers(sigma_data):
    """ln(sigma_data tan theta) ~ N(-1, 1.4^2), and x / cos theta = x_0 + sigma_data tan theta n."""
    s = diffusion.schedule("trig", sigma_data=sigma_data)
    theta = s.time(s.sample_sigma(40_000, torch.Generator().manual_seed(0)))
    tau = (sigma_data * theta.tan()).log()
    assert float(tau.median()) == pytest.approx(-1, abs=0.03)
    assert float(tau.std()) == pytest.approx(1.4, rel=0.02)


def test_a_ramp_that_would_rise_is_refused():
    ramp = diffusion.GRIDS["ramp"]
    assert (ramp(125).diff() < 0).all()
    with pytest.raises(ValueError, match=r"ramp of 126 steps rises from 80 to 80\.2"):
        ramp(126)


@pytest.mark.parametrize("grid", diffusion.GRIDS)
def test_grids_fall_between_their_ends(grid):
    sigmas = diffusion.GRIDS[grid](9, 0.01, 50.0)
    assert sigmas.shape == (10,)
    assert sigmas[0] == 50
    assert sigmas[-1] == 0
    assert (sigmas.diff() < 0).all()
    if grid != "ramp":
        assert sigmas[-2].item() == pytest.approx(0.01)


def test_what_is_absurd_is_refused():
    with pytest.raises(ValueError, match="no schedule"):
        diffusion.schedule("linear-ish")
    with pytest.raises(ValueError, match="sigma_min"):
        diffusion.schedule("edm", sigma_min=80.0, sigma_max=80.0)
    with pytest.raises(ValueError, match="sigma_min"):
        diffusion.GRIDS["karras"](10, 2.0, 1.0)
    with pytest.raises(ValueError, match="steps"):
        diffusion.schedule("edm").sigmas(0)
    with pytest.raises(ValueError, match="1000 steps"):
        diffusion.schedule("ddpm").sigmas(1001)
    with pytest.raises(ValueError, match="shift"):
        diffusion.schedule("sd3", shift=0)
    with pytest.raises(ValueError, match="offset"):
        cosine(offset=-1)
