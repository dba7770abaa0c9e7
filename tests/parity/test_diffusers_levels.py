"""Our schedules and grids against diffusers' tables and spacings; where those go wrong."""

from types import SimpleNamespace

import diffusers
import numpy as np
import pytest
import torch

from playground import diffusion
from playground.diffusion import grids
from playground.diffusion.diffusers_levels import SCALES, noise_levels, pipeline_arguments, pipeline_latents
from playground.diffusion.schedules import iddpm_levels

pytestmark = pytest.mark.filterwarnings("ignore:.*__array:DeprecationWarning")  # diffusers' use of numpy

SCALED = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
TABLES = {
    "ddpm": {"beta_schedule": "linear"},
    "scaled_linear": SCALED,
    "cosine": {"beta_schedule": "squaredcos_cap_v2"},
    "sigmoid": {"beta_schedule": "sigmoid"},
}


@pytest.mark.parametrize("name", TABLES)
def test_tables(name):
    """All 1000 steps; its float32 loses digits of 1 - alpha_bar at the first."""
    theirs = diffusers.DDPMScheduler(**TABLES[name]).alphas_cumprod.double()
    sigma = diffusion.schedule(name).sigma(torch.arange(1, 1001, dtype=torch.float64) / 1000)
    torch.testing.assert_close(theirs, 1 / (1 + sigma**2), rtol=2e-5, atol=0)
    torch.testing.assert_close((1 / theirs - 1).sqrt(), sigma, rtol=5e-4, atol=0)


def test_the_continuous_vp_is_not_the_table():
    """Up to 4.6% of sigma apart: VP(.1, 20) is the limit of ever more steps."""
    times = torch.arange(1, 1001, dtype=torch.float64) / 1000
    ratio = diffusion.schedule("vp").sigma(times) / diffusion.schedule("ddpm").sigma(times)
    assert 0.03 < (ratio - 1).abs().max() < 0.05


@pytest.mark.parametrize("name", ["ddpm", "scaled_linear", "cosine"])
@pytest.mark.parametrize("n", [1, 4, 10, 20, 50, 1000])
def test_our_steps_are_the_spacing_called_trailing(name, n):
    scheduler = diffusers.EulerDiscreteScheduler(**TABLES[name], timestep_spacing="trailing")
    scheduler.set_timesteps(n)
    ours = diffusion.schedule(name).sigmas(n)
    assert len(noise_levels(scheduler)) == n + 1
    torch.testing.assert_close(scheduler.sigmas.double(), ours, rtol=5e-4, atol=0)
    assert ((scheduler.sigmas - ours).abs() / (1 + ours)).max() < 2e-5


def test_trailing_takes_a_step_too_many_or_a_wrong_one():
    """np.arange(1000, 0, -1000 / n) has n + 1 numbers at n = 61 and 61 others, and rounds a tie wrongly at n = 48."""
    wrong = [n for n in range(1, 1001) if len(np.arange(1000, 0, -1000 / n)) != n]
    assert wrong[:2] == [61, 103]
    assert len(wrong) == 62
    scheduler = diffusers.EulerDiscreteScheduler(timestep_spacing="trailing")
    ours = diffusion.schedule("ddpm")
    scheduler.set_timesteps(61)
    assert scheduler.timesteps[-1] == -1
    scheduler.set_timesteps(48)
    assert ((scheduler.sigmas - ours.sigmas(48)).abs() / (1 + ours.sigmas(48))).max() > 1e-3
    for n in (48, 61):
        scheduler.set_timesteps(**pipeline_arguments(ours, scheduler, n))
        torch.testing.assert_close(noise_levels(scheduler), ours.sigmas(n), rtol=1e-4, atol=0)


def test_ddim_ends_a_level_early_where_its_offset_is_a_whole_step():
    """With steps_offset=1, as Stable Diffusion has it, from 501 steps on: at the end t - 1000 // n is 0, no less."""
    scheduler = diffusers.DDIMScheduler(**SCALED, steps_offset=1, set_alpha_to_one=False)
    scheduler.set_timesteps(500)
    assert noise_levels(scheduler)[-1] > 0
    scheduler.set_timesteps(600)
    with pytest.raises(ValueError, match="does not step to where its next step begins"):
        noise_levels(scheduler)


@pytest.mark.parametrize(
    "ours",
    [
        *(diffusion.schedule(name) for name in ("vp", "iddpm", "sigmoid")),
        diffusion.schedule("cosine", offset=0.02),
        diffusion.schedule("ddpm", beta_max=0.03),
    ],
    ids=lambda schedule: schedule.name,
)
def test_tables_that_diffusers_has_not(ours):
    """Handed over as betas: what a network hears is the number of the step."""
    scheduler = diffusion.to_diffusers(ours, "ddim")
    if ours.name == "iddpm":
        levels = iddpm_levels()[:1000].flip(0)
    else:
        levels = ours.sigma(torch.arange(1, 1001, dtype=torch.float64) / 1000)
    theirs = (1 / scheduler.alphas_cumprod.double() - 1).sqrt()
    assert ((theirs - levels).abs() / (1 + levels)).max() < 3e-5


def test_linspace_is_two_spacings():
    """With n timesteps down to 0 for Euler, with n + 1 without the last for DPM-Solver."""
    euler = diffusers.EulerDiscreteScheduler(timestep_spacing="linspace")
    dpm = diffusers.DPMSolverMultistepScheduler(timestep_spacing="linspace")
    table = diffusion.schedule("ddpm")
    for scheduler, even in ((euler, torch.linspace(999, 0, 10)), (dpm, torch.linspace(999, 0, 11)[:-1].round())):
        scheduler.set_timesteps(10)
        ours = torch.cat([table.sigma((even.double() + 1) / 1000), torch.zeros(1)])
        theirs = noise_levels(scheduler)
        assert theirs.shape == ours.shape
        assert ((theirs - ours).abs() / (1 + ours)).max() < 1e-4


@pytest.mark.parametrize("n", [10, 20])
@pytest.mark.parametrize(("option", "ours"), [("karras", grids.karras), ("exponential", grids.log_uniform)])
def test_spacings_in_sigma(option, ours, n):
    """Between the ends of its table for DPM-Solver."""
    table = diffusion.schedule("scaled_linear")
    scheduler = diffusers.DPMSolverMultistepScheduler(**SCALED, **{f"use_{option}_sigmas": True})
    scheduler.set_timesteps(n)
    expected = ours(n, table.sigma_min, table.sigma_max)
    torch.testing.assert_close(scheduler.sigmas.double(), expected, rtol=1e-4, atol=0)
    edm = diffusers.EDMEulerScheduler(sigma_schedule=option)
    edm.set_timesteps(n)
    torch.testing.assert_close(edm.sigmas.double(), ours(n), rtol=3e-6, atol=0)


def test_timesteps_of_sigma_spacings_are_rounded():
    """DPM-Solver tells the network whole timesteps between which its levels lie: sigma is to be read from sigmas."""
    scheduler = diffusers.DPMSolverMultistepScheduler(**SCALED, use_karras_sigmas=True)
    scheduler.set_timesteps(20)
    told = diffusion.schedule("scaled_linear").sigma((scheduler.timesteps + 1) / 1000)
    ratio = told[:-1] / scheduler.sigmas[:-2].double()
    assert scheduler.timesteps.dtype == torch.int64
    assert (ratio - 1).abs().max() > 1e-3


@pytest.mark.parametrize("n", [10, 20])
@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_flow_match(shift, n):
    """On what the pipelines of Flux and SD3 pass, it walks our levels; alone it shifts its last level twice."""
    ours = diffusion.schedule("sd3", shift=shift).sigmas(n)
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=shift)
    scheduler.set_timesteps(sigmas=np.linspace(1, 1 / n, n))
    torch.testing.assert_close(scheduler.sigmas.double(), ours / (1 + ours), rtol=1e-6, atol=1e-6)
    scheduler.set_timesteps(n)
    once = shift / 1000 / (1 + (shift - 1) / 1000)
    twice = shift * once / (1 + (shift - 1) * once)
    assert scheduler.sigmas[-2].item() == pytest.approx(twice, rel=1e-5)


def test_starts():
    """Whatever a scheduler multiplies the latents by, a pipeline starts with s(sigma) sigma times the noise."""
    noise = torch.ones(1, dtype=torch.float64)
    trailing = diffusers.EulerDiscreteScheduler(timestep_spacing="trailing")
    leading = diffusers.EulerDiscreteScheduler(timestep_spacing="leading")
    dpm = diffusers.DPMSolverMultistepScheduler()
    flow = diffusers.FlowMatchEulerDiscreteScheduler()
    for scheduler in (trailing, leading, dpm):
        scheduler.set_timesteps(10)
    for scheduler, sigma, scale in ((trailing, 157.4, 1.0), (leading, 90.0, 1.0), (dpm, 20.0, 401**-0.5)):
        start = pipeline_latents(scheduler, noise, sigma) * float(scheduler.init_noise_sigma)
        assert start.item() == pytest.approx(scale * sigma, rel=1e-12)
    assert pipeline_latents(flow, noise, 4.0).item() == pytest.approx(0.8)
    # of noisy data it would be the variance: Euler's with leading spacing, and nothing with DPM-Solver
    assert pipeline_latents(leading, noise, leading.sigmas[0].item()).item() < 1 - 1e-5
    assert pipeline_latents(dpm, noise, 20.0).item() < 1 - 1e-3


def test_coordinates_of_schedulers():
    """By a table of classes: these two have s = 1 without being called Euler, Heun, KDPM2 or LMS."""
    noise = torch.ones(1, dtype=torch.float64)
    named = type("DPMSolverSDEScheduler", (SimpleNamespace,), {})  # diffusers' own asks for torchsde
    sde = named(config={}, init_noise_sigma=torch.tensor(14.6))
    assert pipeline_latents(sde, noise, 14.6).item() == pytest.approx(1, rel=1e-6)
    score = diffusers.ScoreSdeVeScheduler()
    assert pipeline_latents(score, noise, 1348.0).item() == pytest.approx(1)
    for name in SCALES:
        assert hasattr(diffusers, name)
    with pytest.raises(ValueError, match="the coordinates of SCMScheduler are not known"):
        pipeline_latents(diffusers.SCMScheduler(), noise, 1.0)
