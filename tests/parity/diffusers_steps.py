"""A diffusers scheduler driven with a random denoiser, its states in our coordinates: x_hat and sigma."""

import torch

from playground.diffusion import Prediction
from playground.diffusion.diffusers_levels import noise_levels, scale_of
from playground.diffusion.schedules import FLOW_END

KINDS = {"epsilon": "eps", "v_prediction": "v", "sample": "x0", "flow_prediction": "flow"}
DIM = 5


def random_denoiser(seed=0, width=32):
    """A random network in float64 between EDM's c_skip and c_out: smooth in x and in ln sigma, different at each."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    inner, times, bias = draw(DIM, width) / DIM**0.5, draw(width), draw(width)
    outer = 2 * draw(width, DIM) / width**0.5

    def denoise(x, sigma):
        sigma = torch.as_tensor(sigma, dtype=torch.float64)
        size = (1 + sigma**2).sqrt()
        hidden = torch.tanh(x.double() / size @ inner + times * sigma.log() / 4 + bias)
        return x.double() / size**2 + sigma / size * (hidden @ outer)

    return denoise


def noise(n=16, seed=1):
    return torch.randn(n, DIM, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def level_of(scheduler, t):
    """The true noise level of the scheduler's sample before its next call: not what its timestep says."""
    if not hasattr(scheduler, "sigmas"):
        return (1 / scheduler.alphas_cumprod[t].double() - 1).sqrt()
    index = scheduler.step_index or 0
    midpoint = hasattr(scheduler, "sigmas_interpol") and not scheduler.state_in_first_order
    sigma = (scheduler.sigmas_interpol if midpoint else scheduler.sigmas)[index].double()
    if "Flow" in type(scheduler).__name__ or scheduler.config.get("use_flow_sigmas"):
        sigma = sigma.clamp(max=FLOW_END)
        sigma = sigma / (1 - sigma)
    return sigma


def network_output(scheduler, x_hat, sigma, denoised):
    """What a network of this scheduler would have said."""
    if "sigma_data" in scheduler.config:
        sign = -1 if scheduler.config.prediction_type == "v_prediction" else 1
        data = scheduler.config.sigma_data
        return sign * Prediction("x0", denoised, x_hat, sigma, data).to("F").value
    kind = KINDS[scheduler.config.get("prediction_type", "flow_prediction")]
    return Prediction("x0", denoised, x_hat, sigma).to(kind).value


def walk(scheduler, denoise, start, *, dtype=torch.float64, step_options=None, variance_noise=None):
    """States x_hat (steps + 1, n, DIM) at the levels (steps + 1,), from x_hat = levels[0] * start.

    `step_options` go to each `step`, as does the next of the iterator `variance_noise`.
    """
    levels, scale = noise_levels(scheduler), scale_of(scheduler)
    sample = (start * levels[0] * scale(levels[0])).to(dtype)
    states = [start * levels[0]]
    for i, t in enumerate(scheduler.timesteps):
        if hasattr(scheduler, "scale_model_input"):
            scheduler.scale_model_input(sample, t)  # Euler warns without
        sigma = level_of(scheduler, t)
        x_hat = sample.double() / scale(sigma)
        output = network_output(scheduler, x_hat, sigma, denoise(x_hat, sigma)).to(dtype)
        options = dict(step_options or {})
        if variance_noise is not None:
            options["variance_noise"] = next(variance_noise)
        sample = scheduler.step(output, t, sample, **options).prev_sample
        last = i + 1 == len(scheduler.timesteps)  # one call, then a two-call method waits for another in vain
        halfway = not last and not getattr(scheduler, "state_in_first_order", True)
        warming = type(scheduler).__name__ == "PNDMScheduler" and i == 0 and not last
        if not halfway and not warming:
            states.append(sample.double())
    if "Singlestep" in type(scheduler).__name__ and scheduler.config.solver_order == 2:
        states = [*states[:-1:2], states[-1]]
    return torch.stack([states[0], *(x / scale(s) for x, s in zip(states[1:], levels[1:], strict=True))]), levels


def deviation(ours, theirs, levels):
    """The largest deviation of a state, relative to 1 + sigma."""
    assert ours.shape == theirs.shape
    size = (1 + levels).reshape(-1, 1, 1)
    assert ((ours[1:] - ours[:-1]).abs() / size[1:]).amax((1, 2)).min() > 1e-3, "a step that moves nothing"
    return ((ours - theirs).abs() / size).max().item()
