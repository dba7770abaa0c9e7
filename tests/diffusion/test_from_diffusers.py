"""diffusers' networks as denoisers, whatever they predict and however they hear the noise level."""

import math
from types import SimpleNamespace

import diffusers
import pytest
import torch
from small_unet import picture, small_unet

from playground import diffusion

pytestmark = pytest.mark.filterwarnings("ignore:.*__array:DeprecationWarning")  # diffusers' use of numpy

MEAN, STD = 0.7, 0.4  # of the Gaussian data whose exact denoiser is known


class GaussianNetwork(torch.nn.Module):
    """What a perfect network says to (s x_hat, timestep): `says` makes it of x_hat, sigma and E[x_0 | x_hat]."""

    def __init__(self, level, scale, says):
        super().__init__()
        self.level, self.scale, self.says = level, scale, says

    def forward(self, sample, timestep):
        sigma = self.level(timestep.double()).reshape(-1, 1, 1, 1)
        x_hat = sample / self.scale(sigma)
        return SimpleNamespace(sample=self.says(x_hat, sigma, exact(x_hat, sigma)))


def exact(x_hat, sigma):
    return (sigma**2 * MEAN + STD**2 * x_hat) / (sigma**2 + STD**2)


def vp(sigma):
    return 1 / (1 + sigma**2).sqrt()


SAYS = {
    "epsilon": lambda x, s, d: (x - d) / s,
    "sample": lambda _, __, d: d,
    "v_prediction": lambda x, s, d: ((x - d) / s - s * d) * vp(s),
    "flow_prediction": lambda x, s, d: (x - d) / s - d,
}


def agree(network, scheduler, sigmas, **tolerance):
    denoiser = diffusion.from_diffusers(network, scheduler)
    for sigma in (sigmas, sigmas.reshape(-1, 1, 1, 1), sigmas[0], sigmas[-1].item()):
        level = torch.as_tensor(sigma, dtype=torch.float64).reshape(-1, 1, 1, 1)
        x_hat = picture() * (1 + level)
        torch.testing.assert_close(denoiser(x_hat, sigma), exact(x_hat, level), **tolerance)


@pytest.mark.parametrize("prediction", ["epsilon", "sample", "v_prediction"])
@pytest.mark.parametrize("name", ["DDPMScheduler", "UniPCMultistepScheduler", "EulerDiscreteScheduler"])
@pytest.mark.parametrize("betas", ["linear", "scaled_linear", "squaredcos_cap_v2", "trained"])
def test_tables(name, betas, prediction):
    given = {"trained_betas": [0.01, 0.02, 0.05, 0.1] * 10, "num_train_timesteps": 40}
    config = given if betas == "trained" else {"beta_schedule": betas}
    scheduler = getattr(diffusers, name)(**config, prediction_type=prediction)
    table = (1 / scheduler.alphas_cumprod.double() - 1).sqrt()
    network = GaussianNetwork(lambda t: table[t.long()], vp, SAYS[prediction])
    last = len(table) - 1
    agree(network, scheduler, table[[0, last // 3, last // 2, last]], rtol=1e-9, atol=1e-9)


def test_zero_terminal_snr():
    scheduler = diffusers.DDIMScheduler(rescale_betas_zero_snr=True, prediction_type="v_prediction")
    assert scheduler.alphas_cumprod[-1] == 0
    table = (1 / scheduler.alphas_cumprod.double().clamp_min(2**-24) - 1).sqrt()
    network = GaussianNetwork(lambda t: table[t.long()], vp, SAYS["v_prediction"])
    agree(network, scheduler, table[[0, 500, 998, 999]], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("scheduler", "prediction"),
    [
        (diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0), "flow_prediction"),
        (diffusers.FlowMatchHeunDiscreteScheduler(num_train_timesteps=500), "flow_prediction"),
    ]
    + [
        (diffusers.UniPCMultistepScheduler(use_flow_sigmas=True, prediction_type=prediction), prediction)
        for prediction in ("flow_prediction", "epsilon", "sample")
    ],
)
def test_flows(scheduler, prediction):
    count = scheduler.config.num_train_timesteps
    network = GaussianNetwork(lambda t: t / (count - t), lambda s: 1 / (1 + s), SAYS[prediction])
    agree(network, scheduler, torch.tensor([0.01, 0.5, 3.0, 80.0], dtype=torch.float64), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", ["EDMEulerScheduler", "EDMDPMSolverMultistepScheduler"])
@pytest.mark.parametrize(("prediction", "sign"), [("epsilon", 1), ("v_prediction", -1)])
@pytest.mark.parametrize("sigma_data", [0.5, 1.0])
def test_edm(name, prediction, sign, sigma_data):
    row = diffusion.preconditioning("edm", sigma_data=sigma_data)
    scheduler = getattr(diffusers, name)(prediction_type=prediction, sigma_data=sigma_data)
    says = lambda x, s, d: sign * (d - row.c_skip(s) * x) / row.c_out(s)  # noqa: E731
    network = GaussianNetwork(lambda t: (4 * t).exp(), row.c_in, says)
    agree(network, scheduler, torch.tensor([0.002, 0.5, 3.0, 80.0], dtype=torch.float64), rtol=1e-5, atol=1e-5)


def test_networks_that_hear_other_clocks():
    sigmas = torch.tensor([0.02, 0.5, 3.0, 80.0], dtype=torch.float64)
    video = diffusers.EulerDiscreteScheduler(timestep_type="continuous", prediction_type="v_prediction")
    agree(GaussianNetwork(lambda t: (4 * t).exp(), vp, SAYS["v_prediction"]), video, sigmas, rtol=1e-5, atol=1e-4)
    angle = GaussianNetwork(lambda t: (t * math.pi / 2).tan(), vp, SAYS["v_prediction"])
    agree(angle, diffusers.IPNDMScheduler(), sigmas, rtol=1e-5, atol=1e-4)
    score = GaussianNetwork(lambda t: t, torch.ones_like, lambda x, s, d: (d - x) / s**2)
    agree(score, diffusers.ScoreSdeVeScheduler(), sigmas, rtol=1e-5, atol=1e-4)


class Clock(torch.nn.Module):
    """Says what it hears."""

    heard = None

    def forward(self, sample, timestep):
        self.heard = timestep
        return SimpleNamespace(sample=torch.zeros_like(sample))


def test_between_the_steps_of_a_table():
    """As diffusers' own Euler interpolates; whole where asked for, and beyond the ends the end."""
    scheduler = diffusers.EulerDiscreteScheduler()
    table = ((1 - scheduler.alphas_cumprod) / scheduler.alphas_cumprod) ** 0.5
    sigma = torch.tensor([0.013, 0.5, 3.0, 150.0], dtype=torch.float64)
    theirs = [float(scheduler._sigma_to_t(level, table.log().numpy())) for level in sigma.numpy()]
    clock = Clock()
    diffusion.from_diffusers(clock, scheduler)(picture(), sigma)
    assert clock.heard.tolist() == pytest.approx(theirs, abs=2e-3)
    assert all(abs(t - round(t)) > 0.005 for t in theirs)
    diffusion.from_diffusers(clock, scheduler, nearest=True)(picture(), sigma)
    assert clock.heard.dtype == torch.int64
    assert clock.heard.tolist() == [round(t) for t in theirs]
    diffusion.from_diffusers(clock, scheduler)(picture(), torch.tensor([1e-4, 1e-3, 1e3, 1e6]))
    assert clock.heard.tolist() == [0, 0, 999, 999]
    ours = diffusion.schedule("ddpm").sigma((torch.tensor([1, 2, 500, 1000]) / 1000).double())
    diffusion.from_diffusers(clock, scheduler)(picture(), ours)
    assert clock.heard.tolist() == [0, 1, 499, 999], "a step of our table is that step of its float32 table"


def test_learned_variances_are_left_aside():
    scheduler = diffusers.DDPMScheduler(variance_type="learned_range")
    network = small_unet(out_channels=6)
    x = picture(torch.float32)
    with torch.no_grad():
        expected = (
            x
            - 3.0
            * network(
                x / 10**0.5,
                diffusion.from_diffusers(network, scheduler)
                .convention.time(torch.tensor([3.0], dtype=torch.float64))
                .float(),
            ).sample[:, :3]
        )
    torch.testing.assert_close(diffusion.from_diffusers(network, scheduler)(x, 3.0), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_dtype(dtype):
    """The network in its own, the answer in x's; no graph."""
    network = small_unet().to(dtype)
    denoiser = diffusion.from_diffusers(network, diffusers.DDPMScheduler())
    for kind in (torch.float32, torch.float64):
        answer = denoiser(picture(kind), 1.0)
        assert answer.dtype == kind
        assert not answer.requires_grad
        close = diffusion.from_diffusers(small_unet().double(), diffusers.DDPMScheduler())(picture(), 1.0)
        assert (answer - close).abs().max() < {torch.bfloat16: 0.1}.get(dtype, 1e-4)


def test_clip():
    network = GaussianNetwork(lambda t: t, vp, lambda _, __, d: 3 * d)
    denoiser = diffusion.from_diffusers(network, diffusers.DDPMScheduler(prediction_type="sample"), clip=1.0)
    assert denoiser(picture(), 1.0).abs().max() == 1
    with pytest.raises(ValueError, match="clip must be positive"):
        diffusion.from_diffusers(network, diffusers.DDPMScheduler(), clip=0)


def test_what_is_no_denoiser():
    scheduler = diffusers.DDPMScheduler()
    with pytest.raises(ValueError, match=r"is a torch.nn.Module, not a str"):
        diffusion.from_diffusers("model", scheduler)
    with pytest.raises(ValueError, match=r"Tensors answers Tensor without .sample"):
        diffusion.from_diffusers(Tensors(), scheduler)(picture(), 1.0)
    with pytest.raises(ValueError, match=r"UNet2DModel answers \(4, 6, 8, 8\) to \(4, 3, 8, 8\): it is no denoiser"):
        diffusion.from_diffusers(small_unet(out_channels=6), scheduler)(picture(), 1.0)
    with pytest.raises(ValueError, match=r"or \(n, 1, 1, 1\) beside x of 4, not \(3,\)"):
        diffusion.from_diffusers(small_unet(), scheduler)(picture(), torch.ones(3))
    with pytest.raises(ValueError, match="VQDiffusionScheduler has no table of betas"):
        diffusion.from_diffusers(small_unet(), diffusers.VQDiffusionScheduler(num_vec_classes=8))
    with pytest.raises(ValueError, match="does not say how large its pictures are"):
        diffusion.from_diffusers(small_unet(sample_size=None), scheduler).shape  # noqa: B018
    for angle in (diffusers.IPNDMScheduler(), diffusers.EDMEulerScheduler(), diffusers.ScoreSdeVeScheduler()):
        with pytest.raises(ValueError, match="hear no numbers of steps that nearest could round"):
            diffusion.from_diffusers(small_unet(), angle, nearest=True)
    flow = diffusers.UniPCMultistepScheduler(use_flow_sigmas=True, prediction_type="v_prediction")
    with pytest.raises(ValueError, match="not v_prediction"):
        diffusion.from_diffusers(small_unet(), flow)


class Tensors(torch.nn.Module):
    def forward(self, sample, timestep):  # noqa: ARG002
        return sample
