"""Our samples out of diffusers' pipelines: `to_diffusers` on a small random UNet, for every schedule and solver."""

import copy
import math

import diffusers
import pytest
import torch
from same_noise import noises, seeded
from small_unet import small_unet

from playground import diffusion

pytestmark = pytest.mark.filterwarnings("ignore:.*__array:DeprecationWarning")  # diffusers' use of numpy

SIZE = (3, 8, 8)
ON_TABLES = ["ddim", "ddpm", "dpm_1", "edm", "dpm_2", "dpmpp_2m", "dpmpp_2m_sde", "unipc", "lms", "pndm"]
ON_EDM = ["ddim", "dpm_1", "dpmpp_2m", "dpmpp_2m_sde"]
HALVED = diffusion.solver("dpmpp_3m", half_curvature=True)


@pytest.fixture(scope="module")
def network():
    """In float64, so that both sides draw the same noise."""
    attention = {"down_block_types": ("DownBlock2D", "AttnDownBlock2D"), "attention_head_dim": 8}
    return small_unet(**attention).double().requires_grad_(False)


class Deaf(torch.nn.Module):
    """A network that always hears the same time."""

    def __init__(self, network):
        super().__init__()
        self.network = copy.deepcopy(network)

    def forward(self, sample, timestep):
        return self.network(sample, 500 * torch.ones_like(timestep))


def noise(n=2, dtype=torch.float64):
    return torch.randn(n, *SIZE, generator=torch.Generator().manual_seed(1), dtype=dtype)


@torch.no_grad()
def pipeline(network, scheduler, schedule, steps, start, *, sigma=None, options=None, draws=None):
    """A diffusers pipeline's loop."""
    latents = diffusion.pipeline_latents(scheduler, start, schedule.sigma_max if sigma is None else sigma)
    if steps is not None:
        scheduler.set_timesteps(**diffusion.pipeline_arguments(schedule, scheduler, steps))
    sample = latents * getattr(scheduler, "init_noise_sigma", 1.0)
    for t in scheduler.timesteps:
        scaled = scheduler.scale_model_input(sample, t) if hasattr(scheduler, "scale_model_input") else sample
        more = dict(options or {}) | ({"variance_noise": next(draws)} if draws else {})
        sample = scheduler.step(network(scaled, t).sample, t, sample, **more).prev_sample
    return sample


def noisy(scheduler, solver):
    """The same noise as ours, by whatever way the scheduler takes it."""
    if not solver.stochastic:
        return {}
    if "variance_noise" in type(scheduler).step.__code__.co_varnames and type(scheduler).__name__.startswith("DPM"):
        return {"draws": noises(noise())}
    return {"options": {"generator": seeded()}}


def compare(network, schedule, solver, steps, *, bound=2e-5, **options):
    path = diffusion.schedule(schedule) if isinstance(schedule, str) else schedule
    method = diffusion.solver(solver) if isinstance(solver, str) else solver
    scheduler = diffusion.to_diffusers(path, method, steps=steps, **options)
    theirs = pipeline(network, scheduler, path, steps, noise(), **noisy(scheduler, method))
    denoiser = diffusion.from_diffusers(network, scheduler)
    ours = diffusion.sample(denoiser, noise(), schedule=path, solver=method, steps=steps, generator=seeded()).x[-1]
    assert ours.std() > 0.1
    gap = ((ours - theirs).abs().max() / (1 + ours.abs().max())).item()
    assert gap < bound, gap
    return scheduler


@pytest.mark.parametrize("schedule", ["ddpm", "scaled_linear", "sigmoid", "cosine"])
@pytest.mark.parametrize("solver", ON_TABLES)
def test_a_pipeline_with_our_scheduler_gives_our_samples(network, schedule, solver):
    compare(network, schedule, solver, 10)


@pytest.mark.parametrize(
    ("schedule", "solver"),
    [(schedule, solver) for schedule in ("edm", "ve") for solver in [*ON_EDM, HALVED]]
    + [(schedule, solver) for schedule in ("flow", "sd3") for solver in ("ddim", "dpm_1", "euler")]
    + [(schedule, solver) for schedule in ("vp", "iddpm") for solver in ("ddim", "dpm_1")]
    + [("edm", "euler"), ("ddpm", HALVED), ("scaled_linear", diffusion.solver("unipc", order=2))],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_other_paths(network, schedule, solver):
    compare(network, schedule, solver, 10)


@pytest.mark.parametrize("schedule", ["ddpm", "cosine", "vp", "sd3"])
@pytest.mark.parametrize("steps", [1, 18, 61])
def test_any_number_of_steps(network, schedule, steps):
    """DDIM, for which there is always a scheduler, on numbers at which some spacings of diffusers go wrong."""
    compare(network, schedule, "ddim", steps)


@pytest.mark.parametrize("solver", ["ddpm", "edm", "dpmpp_2m", HALVED], ids=["ddpm", "edm", "dpmpp_2m", "dpmpp_3m"])
def test_timesteps_are_given_where_the_spacing_misses_ours(network, solver):
    scheduler = compare(network, "scaled_linear", solver, 48)
    assert "timesteps" in diffusion.pipeline_arguments(diffusion.schedule("scaled_linear"), scheduler, 48)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("solver", ["ddim", "ddpm", "edm", "dpmpp_2m", "unipc", "lms"])
def test_predictions(network, solver, prediction):
    scheduler = compare(network, "scaled_linear", solver, 10, prediction=prediction)
    assert scheduler.config.prediction_type == prediction


@pytest.mark.parametrize("solver", ["dpm_1", "dpmpp_2m"])
def test_edm_with_its_sign_turned(network, solver):
    compare(network, "edm", solver, 10, prediction="v_prediction", sigma_data=1.0)


@pytest.mark.parametrize(
    ("schedule", "solver", "scheduler"),
    [
        ("ddpm", "ddim", "EulerDiscreteScheduler"),
        ("ddpm", "ddim", "DPMSolverMultistepScheduler"),
        ("ddpm", "ddpm", "EulerAncestralDiscreteScheduler"),
    ],
)
def test_a_scheduler_can_be_asked_for_by_name(network, schedule, solver, scheduler):
    assert type(compare(network, schedule, solver, 18, scheduler=scheduler)).__name__ == scheduler


def test_ddim_between_the_ode_and_ddpm(network):
    """eta is the pipeline's argument, as in diffusers."""
    path, solver = diffusion.schedule("ddpm"), diffusion.solver("ddim", eta=0.3)
    scheduler = diffusion.to_diffusers(path, solver, steps=10)
    theirs = pipeline(network, scheduler, path, 10, noise(), options={"eta": 0.3, "generator": seeded()})
    denoiser = diffusion.from_diffusers(network, scheduler)
    ours = diffusion.sample(denoiser, noise(), schedule=path, solver=solver, steps=10, generator=seeded()).x[-1]
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("schedule", "solver", "scheduler", "steps"),
    [
        ("ddpm", diffusion.solver("deis", order=2), "DEISMultistepScheduler", 10),
        ("scaled_linear", "dpmpp_2s", "DPMSolverSinglestepScheduler", 11),
        ("flow", "heun", "FlowMatchHeunDiscreteScheduler", 10),
        ("sd3", "heun", "FlowMatchHeunDiscreteScheduler", 10),
        ("flow", "dpmpp_2m", "DPMSolverMultistepScheduler", 10),
        ("sd3", diffusion.solver("unipc", order=2), "UniPCMultistepScheduler", 10),
    ],
)
def test_levels_of_its_own(network, schedule, solver, scheduler, steps):
    """Refused unless asked for by name; then our sampler takes the scheduler's levels.

    Some of these tell the network timesteps cut to whole numbers: here it listens to none.
    """
    path = diffusion.schedule(schedule)
    with pytest.raises(ValueError, match=f"{scheduler} takes the steps of .* ask for it by name"):
        diffusion.to_diffusers(path, solver, steps=steps)
    made = diffusion.to_diffusers(path, solver, steps=steps, scheduler=scheduler)
    levels = diffusion.noise_levels(made)
    deaf, start = Deaf(network).float(), noise(dtype=torch.float32)
    theirs = pipeline(deaf, made, path, None, start, sigma=levels[0].item())
    denoiser = diffusion.from_diffusers(deaf, made)
    ours = diffusion.sample(denoiser, start.double(), schedule=path, solver=solver, sigmas=levels).x[-1]
    assert ((ours - theirs).abs().max() / (1 + ours.abs().max())).item() < 5e-5


def test_config_round_trip(network, tmp_path):
    """scheduler_config.json alone gives the same samples."""
    for schedule, solver in (("cosine", "dpmpp_2m"), ("sigmoid", "unipc"), ("edm", HALVED), ("sd3", "euler")):
        path = diffusion.schedule(schedule)
        made = diffusion.to_diffusers(path, solver, steps=10)
        made.save_pretrained(tmp_path / schedule)
        again = type(made).from_pretrained(tmp_path / schedule)
        assert again is not made
        first, second = (pipeline(network, each, path, 10, noise()) for each in (made, again))
        torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_ddpm_pipeline_itself(network):
    """The class, not our loop: it clamps its pictures to [0, 1] and draws the first noise itself."""
    path = diffusion.schedule("ddpm")
    scheduler = diffusion.to_diffusers(path, "ddpm", steps=20, prediction="sample")
    pipe = diffusers.DDPMPipeline(network, scheduler)
    pipe.set_progress_bar_config(disable=True)
    picture = pipe(batch_size=2, num_inference_steps=20, generator=seeded(), output_type="np").images
    generator = seeded()
    start = torch.randn(2, *SIZE, generator=generator, dtype=torch.float64)
    start = start * math.hypot(1, path.sigma_max) / path.sigma_max  # a pipeline starts as noisy data would
    denoiser = diffusion.from_diffusers(network, scheduler)
    ours = diffusion.sample(denoiser, start, schedule=path, solver="ddpm", steps=20, generator=generator).x[-1]
    expected = (ours / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
    torch.testing.assert_close(torch.from_numpy(picture).double(), expected, rtol=0, atol=2e-5)
    assert ((expected > 0) & (expected < 1)).double().mean() > 0.5, "most is clamped"


@pytest.mark.parametrize("name", ["trig", "drawn"])
def test_schedules_without_counterpart(name):
    path = diffusion.schedule("trig") if name == "trig" else diffusion.drawn([0.0, 1.0], [0.1, 10.0])
    with pytest.raises(ValueError, match=r"diffusers has no scheduler|make the schedule"):
        diffusion.to_diffusers(path, "ddim")


@pytest.mark.parametrize(
    ("schedule", "solver", "words"),
    [
        ("ddpm", "euler", "no scheduler that does euler"),  # in the schedule's time, not in sigma
        ("ddpm", "heun", "there are: ddim, ddpm"),
        ("ve", "euler", "no scheduler"),
        ("ddpm", "dpmpp_3m", "half_curvature"),
        ("ddpm", diffusion.solver("dpmpp_2m_sde", eta=0.5), "no scheduler"),
        ("ddpm", diffusion.solver("edm", S_churn=10), "S_churn"),
        ("ddpm", diffusion.solver("unipc", variant="bh1"), "bh1"),
        ("ddpm", diffusion.solver("lms", order=3), "lms"),
        ("edm", "unipc", "unipc"),
        ("ddpm", "theta_ab", "theta_ab"),
        ("ddpm", "rk45", "rk45"),
        ("ddpm", "ipndm", "ipndm"),
    ],
)
def test_solvers_without_counterpart(schedule, solver, words):
    with pytest.raises(ValueError, match=words):
        diffusion.to_diffusers(schedule, solver)


def test_what_cannot_be_given():
    with pytest.raises(ValueError, match="in 18 steps; it can be in a number of steps that divides 1000"):
        diffusion.to_diffusers("cosine", "dpmpp_2m", steps=18)
    with pytest.raises(ValueError, match="PNDMScheduler cannot be given the noise levels of ddpm in 18 steps"):
        diffusion.to_diffusers("ddpm", "pndm", steps=18)
    with pytest.raises(ValueError, match="takes epsilon of the network, not 'v_prediction'"):
        diffusion.to_diffusers("ddpm", "pndm", prediction="v_prediction")
    with pytest.raises(ValueError, match="takes epsilon or v_prediction of the network, not 'sample'"):
        diffusion.to_diffusers("ddpm", "dpm_2", prediction="sample")
    with pytest.raises(ValueError, match="has no KarrasVeScheduler that does ddim"):
        diffusion.to_diffusers("ddpm", "ddim", scheduler="KarrasVeScheduler")
    with pytest.raises(ValueError, match="steps must lie between 1 and"):
        diffusion.to_diffusers("edm", "ddim", steps=0)
