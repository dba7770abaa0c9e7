"""Our solvers against diffusers' schedulers, step for step, on a random network.

States are compared as x_hat = x / s, relative to 1 + sigma, on the scheduler's own levels.
"""

import diffusers
import pytest
import torch
from diffusers_steps import deviation, noise, random_denoiser, walk
from same_noise import noises, seeded

from playground import diffusion

pytestmark = pytest.mark.filterwarnings("ignore:.*__array:DeprecationWarning")  # diffusers' use of numpy

TRAILING, LEADING, LINSPACE = ({"timestep_spacing": name} for name in ("trailing", "leading", "linspace"))
KARRAS, EXPONENTIAL = {"use_karras_sigmas": True}, {"use_exponential_sigmas": True}
LINEAR = {"beta_start": 1e-4, "beta_end": 0.02}  # HeunDiscrete and KDPM2 have others by default
SCALED = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
COSINE = {"beta_schedule": "squaredcos_cap_v2"}
EPS, V, SAMPLE, FLOW = ({"prediction_type": name} for name in ("epsilon", "v_prediction", "sample", "flow_prediction"))
UNCLIPPED = {"clip_sample": False}
FULL = {"lower_order_final": False}  # else fewer than 15 steps end at lower orders; ours never do
FLOW_PATH = FLOW | {"use_flow_sigmas": True}


def ready(name, config, n, **arguments):
    scheduler = getattr(diffusers, name)(**config)
    scheduler.set_timesteps(**(arguments or {"num_inference_steps": n}))
    return scheduler


def gap(scheduler, solver, *, schedule="edm", generator=None, **walking):
    """The largest deviation of our walk on the scheduler's levels from its own."""
    denoise, start = random_denoiser(), noise()
    theirs, levels = walk(scheduler, denoise, start, **walking)
    path = diffusion.schedule(schedule)
    ours = diffusion.sample(denoise, start, schedule=path, solver=solver, sigmas=levels, generator=generator)
    return deviation(ours.unified(), theirs, levels)


@pytest.mark.parametrize("n", [10, 20])
@pytest.mark.parametrize("config", [TRAILING | EPS, LEADING | V | COSINE, TRAILING | SAMPLE | SCALED])
def test_ddim(config, n):
    """It clips x_0 unless told not to, and stops at the table's first level unless set_alpha_to_one, its default."""
    assert gap(ready("DDIMScheduler", LINEAR | UNCLIPPED | config, n), diffusion.solver("ddim")) < 1e-5


@pytest.mark.parametrize("n", [10, 20])
@pytest.mark.parametrize(
    ("config", "eta"), [(TRAILING | EPS | SCALED, 1.0), (LEADING | V | LINEAR, 1.0), (TRAILING | SAMPLE | COSINE, 0.5)]
)
def test_ddim_with_noise(config, eta, n):
    scheduler = ready("DDIMScheduler", UNCLIPPED | config, n)
    solver = diffusion.solver("ddim", eta=eta)
    assert gap(scheduler, solver, generator=seeded(), step_options={"eta": eta}, variance_noise=noises(noise())) < 1e-5


@pytest.mark.parametrize("n", [10, 20])
@pytest.mark.parametrize("config", [TRAILING | EPS, LEADING | V | SCALED, LINSPACE | SAMPLE | COSINE])
def test_ddpm(config, n):
    """With its default, the smaller variance ("fixed_small"); 1 - alpha_bar loses digits in its float32."""
    scheduler = ready("DDPMScheduler", UNCLIPPED | config, n)
    assert gap(scheduler, diffusion.solver("ddpm"), generator=seeded(), step_options={"generator": seeded()}) < 2e-5


@pytest.mark.parametrize("n", [10, 20])
@pytest.mark.parametrize("config", [LINSPACE | EPS, TRAILING | V | SCALED, LEADING | EPS | COSINE])
def test_euler_ancestral_is_ddpm(config, n):
    scheduler = ready("EulerAncestralDiscreteScheduler", config, n)
    assert gap(scheduler, diffusion.solver("ddpm"), generator=seeded(), step_options={"generator": seeded()}) < 1e-5


ON_TABLES = [TRAILING | EPS, LINSPACE | V | SCALED, KARRAS | EPS | SCALED, EXPONENTIAL | V]


@pytest.mark.parametrize("n", [10, 20])
@pytest.mark.parametrize("config", [*ON_TABLES, LEADING | SAMPLE | COSINE])
def test_euler_is_ddim(config, n):
    assert gap(ready("EulerDiscreteScheduler", config, n), diffusion.solver("ddim")) < 1e-5


@pytest.mark.parametrize("n", [10, 20])
@pytest.mark.parametrize("config", [*ON_TABLES, LEADING | SAMPLE | COSINE])
def test_heun_is_edm_without_churn(config, n):
    """Heun in sigma, whatever the schedule; its last step is Euler's, as is ours."""
    assert gap(ready("HeunDiscreteScheduler", LINEAR | config, n), diffusion.solver("edm")) < 1e-5


@pytest.mark.parametrize("n", [10, 20])
@pytest.mark.parametrize("config", [*ON_TABLES, LEADING | EPS | COSINE])
def test_kdpm2_is_dpm_solver_2(config, n):
    """Its midpoint is the geometric mean."""
    assert gap(ready("KDPM2DiscreteScheduler", LINEAR | config, n), diffusion.solver("dpm_2")) < 1e-5


@pytest.mark.parametrize("n", [10, 20])
@pytest.mark.parametrize("config", [*ON_TABLES, LEADING | SAMPLE | COSINE])
def test_lms(config, n):
    """Order 4; it integrates its polynomials numerically."""
    assert gap(ready("LMSDiscreteScheduler", config, n), diffusion.solver("lms")) < 1e-5


MULTISTEP = [*ON_TABLES, TRAILING | SAMPLE | COSINE, FLOW_PATH, FLOW_PATH | {"flow_shift": 3.0}]


@pytest.mark.parametrize("n", [10, 20])
@pytest.mark.parametrize("config", MULTISTEP)
@pytest.mark.parametrize(("order", "solver"), [(1, "ddim"), (2, "dpmpp_2m")])
def test_dpm_solver_multistep(config, order, solver, n):
    scheduler = ready("DPMSolverMultistepScheduler", config | FULL | {"solver_order": order}, n)
    assert gap(scheduler, diffusion.solver(solver)) < 1e-5


@pytest.mark.parametrize("n", [10, 20])
@pytest.mark.parametrize("config", MULTISTEP)
def test_dpm_solver_multistep_3_halves_the_second_difference(config, n):
    """Half of the curvature term is missing there, so its order is 2; ours has it unless asked to halve it."""
    config = config | FULL | {"solver_order": 3}
    halved = diffusion.solver("dpmpp_3m", half_curvature=True)
    assert gap(ready("DPMSolverMultistepScheduler", config, n), halved) < 1e-5
    assert gap(ready("DPMSolverMultistepScheduler", config, n), diffusion.solver("dpmpp_3m")) > 1e-3


@pytest.mark.parametrize("n", [10, 20])
@pytest.mark.parametrize("config", MULTISTEP)
def test_dpm_solver_multistep_sde(config, n):
    """The same noise, which it draws in float32."""
    config = config | FULL | {"algorithm_type": "sde-dpmsolver++"}
    scheduler = ready("DPMSolverMultistepScheduler", config, n)
    solver = diffusion.solver("dpmpp_2m_sde")
    assert gap(scheduler, solver, generator=seeded(), variance_noise=noises(noise())) < 1e-5


def test_dpm_solver_multistep_lowers_its_last_orders_below_15_steps():
    """Its default; on 20 steps it does not."""
    config = TRAILING | EPS | {"solver_order": 3}
    halved = diffusion.solver("dpmpp_3m", half_curvature=True)
    assert gap(ready("DPMSolverMultistepScheduler", config, 10), halved) > 1e-3
    assert gap(ready("DPMSolverMultistepScheduler", config, 20), halved) < 1e-5


@pytest.mark.parametrize("n", [11, 21])
@pytest.mark.parametrize("config", [EPS, V | SCALED, SAMPLE | SCALED])
def test_dpm_solver_singlestep(config, n):
    """Its midpoints are on its grid: on an exponential one they are the geometric means that ours takes.

    With an odd number of levels; with an even number its last but one step is of order 1.
    """
    config = config | EXPONENTIAL | {"lower_order_final": True}
    assert gap(ready("DPMSolverSinglestepScheduler", config, n), diffusion.solver("dpmpp_2s")) < 1e-5


@pytest.mark.parametrize("n", [10, 20])
@pytest.mark.parametrize("config", [*MULTISTEP, TRAILING | V | SCALED])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_unipc(config, order, n):
    """In float32, where alone it runs: it solves a float32 system with float64 states."""
    scheduler = ready("UniPCMultistepScheduler", config | {"solver_order": order}, n)
    assert gap(scheduler, diffusion.solver("unipc", order=order), dtype=torch.float32) < 1e-5


@pytest.mark.parametrize("n", [10, 20])
@pytest.mark.parametrize("config", [TRAILING | EPS, LINSPACE | V | SCALED])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_unipc_bh1(config, order, n):
    """Down to its table's first level: to 0 it gives NaN with B(h) = h."""
    config = config | {"solver_order": order, "solver_type": "bh1"}
    solver = diffusion.solver("unipc", order=order, variant="bh1")
    scheduler = ready("UniPCMultistepScheduler", config | FULL | {"final_sigmas_type": "sigma_min"}, n)
    assert gap(scheduler, solver, dtype=torch.float32) < 2e-5
    theirs, _ = walk(ready("UniPCMultistepScheduler", config, n), random_denoiser(), noise(), dtype=torch.float32)
    assert theirs[-1].isnan().all()


@pytest.mark.parametrize("n", [10, 20])
@pytest.mark.parametrize("config", [TRAILING | EPS, LINSPACE | V | SCALED, LEADING | SAMPLE | SCALED])
@pytest.mark.parametrize(("order", "bound"), [(1, 1e-5), (2, 1e-5), (3, 1e-4)])
def test_deis(config, order, bound, n):
    """It stops at its table's first level; the coefficients of order 3 lose digits in its float32."""
    scheduler = ready("DEISMultistepScheduler", config | FULL | {"solver_order": order}, n)
    assert gap(scheduler, diffusion.solver("deis", order=order)) < bound


def test_deis_loses_digits_from_far_away():
    """From the cosine table's sigma of 20,291 it takes differences of large numbers in float32, at order 1 already."""
    scheduler = ready("DEISMultistepScheduler", TRAILING | COSINE | FULL | {"solver_order": 1}, 10)
    assert 1e-4 < gap(scheduler, diffusion.solver("deis", order=1)) < 1e-2


TO_ZERO = {"skip_prk_steps": True, "set_alpha_to_one": True}


@pytest.mark.parametrize("n", [10, 20])
@pytest.mark.parametrize(
    "config",
    [LEADING | TO_ZERO, LEADING | SCALED | TO_ZERO, TRAILING | TO_ZERO, TRAILING | SCALED | {"skip_prk_steps": True}],
)
def test_pndm(config, n):
    """Without its Runge-Kutta start. By default it stops at its table's first level (set_alpha_to_one is False)."""
    assert gap(ready("PNDMScheduler", EPS | config, n), diffusion.solver("pndm")) < 1e-5


def test_pndm_mixes_v_as_if_it_were_epsilon():
    """Of v it makes the mean over its last steps first, and epsilon of that mean: another method."""
    assert gap(ready("PNDMScheduler", TRAILING | V | TO_ZERO, 20), diffusion.solver("pndm")) > 1e-2


@pytest.mark.parametrize("spacing", [LINSPACE, TRAILING])
def test_pndm_and_ddim_step_past_their_next_timestep(spacing):
    """They step to t - 1000 // n, which is the next timestep only with leading spacing, or where n divides 1000."""
    for name, config in (("PNDMScheduler", {"skip_prk_steps": True}), ("DDIMScheduler", UNCLIPPED)):
        scheduler = ready(name, spacing | config, 18)
        with pytest.raises(ValueError, match="does not step to where its next step begins"):
            walk(scheduler, random_denoiser(), noise())
        walk(ready(name, LEADING | config, 18), random_denoiser(), noise())


@pytest.mark.parametrize("n", [10, 20])
def test_ipndm(n):
    """On its own ramp, sin^2(pi/2 t) the noise's share, from an infinite sigma, where it forgets the denoised; of v."""
    scheduler = ready("IPNDMScheduler", {}, n)
    levels = (scheduler.betas / scheduler.alphas).double()
    assert levels[0] > 1e6
    levels[0] = 1e8
    denoise, start = random_denoiser(), noise()
    forgetful = lambda x, sigma: denoise(x, sigma) * (sigma < 1e7)  # noqa: E731
    sample, states = start, [start * levels[0]]
    for t, sigma, after in zip(scheduler.timesteps, levels[:-1], levels[1:], strict=True):
        x_hat = sample * (1 + sigma**2).sqrt()
        output = diffusion.Prediction("x0", denoise(x_hat, sigma), x_hat, sigma).to("v").value
        sample = scheduler.step(output, t, sample).prev_sample
        states.append(sample * (1 + after**2).sqrt())
    ours = diffusion.sample(forgetful, start, schedule=diffusion.schedule("edm"), solver="ipndm", sigmas=levels)
    assert deviation(ours.unified(), torch.stack(states), levels) < 1e-5


EDM = [
    EPS,
    V,
    {"sigma_schedule": "exponential"},
    {"sigma_data": 1.0, "sigma_min": 0.02, "sigma_max": 100.0, "rho": 5.0},
]


@pytest.mark.parametrize("n", [10, 20])
@pytest.mark.parametrize("config", EDM)
@pytest.mark.parametrize("solver", ["euler", "ddim"])
def test_edm_euler(config, solver, n):
    """Of an EDM network it takes F, which it calls epsilon, or -F, which it calls v_prediction."""
    assert gap(ready("EDMEulerScheduler", config, n), diffusion.solver(solver)) < 1e-5


@pytest.mark.parametrize("n", [10, 20])
@pytest.mark.parametrize("config", EDM)
@pytest.mark.parametrize(
    ("order", "solver"),
    [
        (1, diffusion.solver("ddim")),
        (2, diffusion.solver("dpmpp_2m")),
        (3, diffusion.solver("dpmpp_3m", half_curvature=True)),
    ],
    ids=["1", "2", "3"],
)
def test_edm_dpm_solver_multistep(config, order, solver, n):
    """Its order 3 halves the second difference too."""
    scheduler = ready("EDMDPMSolverMultistepScheduler", config | FULL | {"solver_order": order}, n)
    assert gap(scheduler, solver) < 1e-5


@pytest.mark.parametrize("n", [10, 20])
@pytest.mark.parametrize("config", EDM)
def test_edm_dpm_solver_multistep_sde(config, n):
    config = config | FULL | {"algorithm_type": "sde-dpmsolver++"}
    scheduler = ready("EDMDPMSolverMultistepScheduler", config, n)
    solver = diffusion.solver("dpmpp_2m_sde")
    assert gap(scheduler, solver, generator=seeded(), step_options={"generator": seeded()}) < 1e-5


@pytest.mark.parametrize("n", [10, 20])
@pytest.mark.parametrize("shift", [1.0, 3.0])
@pytest.mark.parametrize("solver", ["euler", "ddim"])
@pytest.mark.parametrize("given", [True, False])
def test_flow_match_euler(solver, shift, given, n):
    """On the levels the pipelines of Flux and SD3 pass, and on its own, which end near t = 1/1000."""
    levels = {"sigmas": [1 - i / n for i in range(n)]} if given else {}
    scheduler = ready("FlowMatchEulerDiscreteScheduler", {"shift": shift}, n, **levels)
    assert gap(scheduler, diffusion.solver(solver), schedule="flow") < 1e-5


@pytest.mark.parametrize("n", [10, 20])
@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_flow_match_heun(shift, n):
    """The trapezoid in t, which is not Heun in sigma."""
    config = {"shift": shift}
    scheduler = ready("FlowMatchHeunDiscreteScheduler", config, n)
    assert gap(scheduler, diffusion.solver("heun"), schedule="flow") < 1e-5
    again = ready("FlowMatchHeunDiscreteScheduler", config, n)
    assert gap(again, diffusion.solver("edm"), schedule="flow") > 1e-3
