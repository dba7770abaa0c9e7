"""The noise levels that a diffusers scheduler walks, and what a pipeline must be told for it to walk ours."""

import copy
import inspect
from typing import Any

import torch
from torch import Tensor

from playground.diffusion.schedule import Curve, Schedule, flow_scale, one, vp_scale
from playground.diffusion.schedules import FLOW_END, NUMBERED, STEPS

__all__ = ["EDMS", "FLOWS", "SINGLE", "noise_levels", "pipeline_arguments", "pipeline_latents"]

TABLES = (*NUMBERED, "vp", "iddpm")
FLOWS = ("flow", "sd3")
EDMS = {"edm": "karras", "ve": "exponential"}  # s = 1, with the spacing of the levels
SINGLE = "DPMSolverSinglestepScheduler"
SAME = 3e-5  # relative to 1 + sigma: diffusers' float32 tables are off by 2e-5, neighbours in a table by 1e-3 and more


def pipeline_arguments(schedule: Schedule, scheduler: Any, steps: int) -> dict[str, Any]:
    """What to hand to `scheduler.set_timesteps`, or to a pipeline, for the levels `schedule.sigmas(steps)`.

    Raises `ValueError` where the scheduler cannot be given them.
    """
    ours = schedule.sigmas(steps)
    takes = inspect.signature(scheduler.set_timesteps).parameters
    offers: list[dict[str, Any]] = [{"num_inference_steps": steps}]
    if "sigmas" in takes and schedule.name in FLOWS:
        offers.append({"sigmas": [1 - i / steps for i in range(steps)]})  # before the shift, which is the scheduler's
    elif "timesteps" in takes and schedule.name in NUMBERED:
        numbers = (STEPS * schedule.time(ours[:-1]) - 1).round().long()
        offers.append({"timesteps": numbers.tolist()})
    if "sigmas" in takes and schedule.name in TABLES:
        offers.append({"sigmas": ours.tolist()})
    for offer in offers:
        trial = copy.deepcopy(scheduler)
        trial.set_timesteps(**offer)
        if _same(trial, ours):
            return offer
    divisors = f"; it can be in a number of steps that divides {STEPS}" if schedule.name in NUMBERED else ""
    raise ValueError(
        f"{type(scheduler).__name__} cannot be given the noise levels of {schedule.name} in {steps} steps{divisors}"
    )


def _same(scheduler: Any, levels: Tensor) -> bool:
    try:
        theirs = noise_levels(scheduler)
    except ValueError:  # it does not walk any one grid
        return False
    if theirs.shape != levels.shape:
        return False
    if scale_of(scheduler) is flow_scale:  # level 0 is t = 1, whose sigma is infinite
        return bool((theirs / (1 + theirs) - levels / (1 + levels)).abs().max() <= SAME)
    return bool(((theirs - levels).abs() / (1 + levels)).max() <= SAME)


def pipeline_latents(scheduler: Any, noise: Tensor, sigma: float) -> Tensor:
    """What to hand to a pipeline as `latents` so that it starts as ours does, at x_hat = sigma noise.

    `sigma` is the first level, `schedule.sigma_max`. Left alone a pipeline starts with the variance 1 + sigma^2 of
    noisy data: 0.2% more noise under Stable Diffusion's table. It multiplies by `init_noise_sigma`, so this divides.
    """
    level = torch.tensor(sigma, dtype=torch.float64)
    return noise * (float(level * scale_of(scheduler)(level)) / float(getattr(scheduler, "init_noise_sigma", 1.0)))


def noise_levels(scheduler: Any) -> Tensor:
    """The levels sigma of x_hat (steps + 1,), float64, that a scheduler walks after `set_timesteps`; 0 last, mostly.

    Raises `ValueError` where it steps to a level other than the one it then takes itself to be at.
    """
    name, config = type(scheduler).__name__, scheduler.config
    if name in ("DDIMScheduler", "DDPMScheduler", "PNDMScheduler"):
        numbers = torch.unique_consecutive(scheduler.timesteps)  # PNDM calls twice at its second
        if name == "DDPMScheduler":
            final = scheduler.one
        else:
            final = scheduler.final_alpha_cumprod
            ahead = numbers - config.num_train_timesteps // scheduler.num_inference_steps
            if bool((ahead[:-1] != numbers[1:]).any()) or ahead[-1] >= 0:
                raise ValueError(f"{name} does not step to where its next step begins, {numbers.tolist()[:3]} ...")
        alpha_bar = torch.cat([scheduler.alphas_cumprod[numbers], final.reshape(1)]).double()
        return (1 / alpha_bar - 1).sqrt()
    if not hasattr(scheduler, "sigmas"):
        raise ValueError(f"{name} does not say which noise levels it walks")
    levels = torch.unique_consecutive(scheduler.sigmas.double().cpu())  # two-call methods name each level twice
    if scale_of(scheduler) is flow_scale:
        levels = levels.clamp(max=FLOW_END)
        levels = levels / (1 - levels)
    if name == SINGLE and config.solver_order == 2:
        levels = torch.cat([levels[:-1:2], levels[-1:]])  # every other one is a midpoint
    return levels


def scale_of(scheduler: Any) -> Curve:
    """The factor s(sigma) of a scheduler's samples. Raises `ValueError` for a class of which it is not known."""
    name = type(scheduler).__name__
    if name not in SCALES:
        raise ValueError(f"the coordinates of {name} are not known; known are {', '.join(SCALES)}")
    return flow_scale if scheduler.config.get("use_flow_sigmas") else SCALES[name]


SCALES: dict[str, Curve] = {
    **{
        f"{name}Scheduler": one
        for name in (
            "EDMEuler",
            "EDMDPMSolverMultistep",
            "CosineDPMSolverMultistep",
            "CMStochasticIterative",
            "EulerDiscrete",
            "EulerAncestralDiscrete",
            "HeunDiscrete",
            "KDPM2Discrete",
            "KDPM2AncestralDiscrete",
            "LMSDiscrete",
            "DPMSolverSDE",
            "ScoreSdeVe",
        )
    },
    **{
        f"{name}Scheduler": vp_scale
        for name in (
            "DDIM",
            "DDIMParallel",
            "DDPM",
            "DDPMParallel",
            "PNDM",
            "IPNDM",
            "DEISMultistep",
            "DPMSolverMultistep",
            "DPMSolverSinglestep",
            "UniPCMultistep",
            "SASolver",
            "LCM",
            "TCD",
        )
    },
    **{f"FlowMatch{name}Scheduler": flow_scale for name in ("EulerDiscrete", "HeunDiscrete", "LCM")},
}
