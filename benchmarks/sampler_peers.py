"""Every scheduler of diffusers that solves the ODE, with all its ways of spacing noise levels, for an exact denoiser.

What was minded (each changes the figures): the level of a sample is the scheduler's sigma, not its rounded timestep; a
scheduler starts where its own `init_noise_sigma` says; calls are counted, not steps; IPNDM and the flow schedulers
start at an infinite level, here 1e8; UniPC solves in float32 only, the rest runs in float64; some end at the table's
least level .01 instead of 0 and are measured with what they return.
"""

import inspect
import logging
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import diffusers
import torch
from diffusers.utils import is_scipy_available
from torch import Tensor

from playground.diffusion.diffusers_levels import scale_of

__all__ = ["PEERS", "Ran", "drive"]

warnings.filterwarnings("ignore", category=FutureWarning, module="diffusers")
logging.getLogger("diffusers").setLevel(logging.ERROR)
FIRST = 1e8  # the level that stands for infinity
SPACINGS = ("linspace", "leading", "trailing")
BETAS = {"linear": {}, "scaled_linear": {"beta_start": 0.00085, "beta_end": 0.012}}
Make = Callable[[], Any]


@dataclass(frozen=True, eq=False)
class Ran:
    """A run: where it began and what it returned."""

    samples: Tensor  # (n, d)
    first: float  # its first level sigma
    start: float  # x_hat = start noise there
    calls: int


def _spacings(cls: Any, *, flow: bool, lu: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    takes = inspect.signature(cls.__init__).parameters
    spaced = SPACINGS if "timestep_spacing" in takes else ("own",)
    yield from ((s, {} if s == "own" else {"timestep_spacing": s}) for s in spaced)
    kinds = ["karras", "exponential", *(["beta"] if is_scipy_available() else [])]
    last = {"timestep_spacing": "linspace"} if "timestep_spacing" in takes else {}
    yield from ((kind, {f"use_{kind}_sigmas": True, **last}) for kind in kinds)
    if lu:
        yield "lu", {"use_lu_lambdas": True, **last}
    if flow:
        for shift in (1.0, 3.0):
            yield (
                f"flow {shift:g}",
                {"use_flow_sigmas": True, "flow_shift": shift, "prediction_type": "flow_prediction", **last},
            )


def _peers() -> Iterator[tuple[str, Make]]:
    def made(cls: Any, **options: Any) -> Make:
        return lambda: cls(**options)

    multistep: dict[str, tuple[Any, list[tuple[str, dict[str, Any]]]]] = {
        "DPM++": (
            diffusers.DPMSolverMultistepScheduler,
            [
                (f"{order}M {kind} {final}", {"solver_order": order, "solver_type": kind, "final_sigmas_type": final})
                for order, kind, final in [(1, "midpoint", "zero"), *product((2, 3), ("midpoint", "heun"), ("zero",))]
            ]
            + [("2M euler at final", {"euler_at_final": True})]
            + [(f"{o}M to sigma_min", {"solver_order": o, "final_sigmas_type": "sigma_min"}) for o in (2, 3)],
        ),
        "DPM": (
            diffusers.DPMSolverMultistepScheduler,
            [
                (f"{o}M", {"solver_order": o, "algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min"})
                for o in (1, 2, 3)
            ],
        ),
        "DPM++ single": (
            diffusers.DPMSolverSinglestepScheduler,
            [(f"{o}S", {"solver_order": o, "lower_order_final": True}) for o in (1, 2, 3)],
        ),
        "DPM single": (
            diffusers.DPMSolverSinglestepScheduler,
            [
                (
                    f"{o}S",
                    {
                        "solver_order": o,
                        "algorithm_type": "dpmsolver",
                        "final_sigmas_type": "sigma_min",
                        "lower_order_final": True,
                    },
                )
                for o in (2, 3)
            ],
        ),
        "UniPC": (
            diffusers.UniPCMultistepScheduler,
            [
                (f"{o} {kind} {'x0' if x0 else 'eps'}", {"solver_order": o, "solver_type": kind, "predict_x0": x0})
                for o, kind, x0 in product((1, 2, 3), ("bh1", "bh2"), (True, False))
            ],
        ),
        "DEIS": (diffusers.DEISMultistepScheduler, [(f"{o}", {"solver_order": o}) for o in (1, 2, 3)]),
    }
    simple = {
        "Euler": diffusers.EulerDiscreteScheduler,
        "Heun": diffusers.HeunDiscreteScheduler,
        "LMS": getattr(diffusers, "LMSDiscreteScheduler", None) if is_scipy_available() else None,
        "KDPM2": diffusers.KDPM2DiscreteScheduler,
    }
    for betas, range_ in BETAS.items():
        table = {"beta_schedule": betas, **({"beta_start": 0.0001, "beta_end": 0.02} | range_)}
        for family, (cls, variants) in multistep.items():
            lu = cls is diffusers.DPMSolverMultistepScheduler
            for (variant, options), (spacing, more) in product(variants, _spacings(cls, flow=True, lu=lu)):
                by_epsilon = options.get("algorithm_type") == "dpmsolver" or options.get("predict_x0") is False
                if spacing.startswith("flow") and (betas != "linear" or by_epsilon):
                    continue  # the flow levels come from no table, and are refused there
                yield f"{family} {variant}, {spacing}, {betas}", made(cls, **table, **options, **more)
        for family, cls in simple.items():
            if cls is None:
                continue
            for spacing, more in _spacings(cls, flow=False, lu=False):
                yield f"{family}, {spacing}, {betas}", made(cls, **table, **more)
        for spacing in SPACINGS:
            more = {"timestep_spacing": spacing}
            yield (
                f"DDIM, {spacing}, {betas}",
                made(diffusers.DDIMScheduler, clip_sample=False, **table, **more),
            )
            for skip in (True, False):
                yield (
                    f"PNDM{'' if skip else ' with RK'}, {spacing}, {betas}",
                    made(diffusers.PNDMScheduler, skip_prk_steps=skip, **table, **more),
                )
    yield "IPNDM, own ramp", made(diffusers.IPNDMScheduler)
    for grid, final in product(("karras", "exponential"), ("zero", "sigma_min")):
        options = {"sigma_schedule": grid, "final_sigmas_type": final}
        yield f"EDM Euler, {grid} to {final}", made(diffusers.EDMEulerScheduler, **options)
        for order in (1, 2, 3):
            yield (
                f"EDM DPM++ {order}M, {grid} to {final}",
                made(diffusers.EDMDPMSolverMultistepScheduler, solver_order=order, **options),
            )
    for shift in (1.0, 3.0):
        yield f"flow Heun, shift {shift:g}", made(diffusers.FlowMatchHeunDiscreteScheduler, shift=shift)
        for kind in ("", "karras", "exponential", *(["beta"] if is_scipy_available() else [])):
            more = {f"use_{kind}_sigmas": True} if kind else {}
            yield (
                f"flow Euler, shift {shift:g} {kind}".strip(),
                made(diffusers.FlowMatchEulerDiscreteScheduler, shift=shift, **more),
            )


PEERS: dict[str, Make] = dict(_peers())


def prepare(make: Make, nfe: int) -> Any | None:
    """The scheduler in the most steps that take at most `nfe` calls; None where it can take none so small."""
    for steps in range(nfe, 0, -1):
        scheduler = make()
        try:
            scheduler.set_timesteps(steps)
        except (ValueError, IndexError, ZeroDivisionError, RuntimeError):
            return None
        if len(scheduler.timesteps) <= nfe:
            return scheduler
    return None


def level_of(scheduler: Any, i: int, t: Any) -> tuple[float, float]:
    """sigma and scale of the scheduler's sample before its call number i."""
    if isinstance(scheduler, diffusers.IPNDMScheduler):  # sigma and scale by the names betas and alphas
        b, a = float(scheduler.betas[i]), float(scheduler.alphas[i])
        return (b / a, a) if a > 1e-7 else (FIRST, 1 / FIRST)
    if not hasattr(scheduler, "sigmas"):
        alpha_bar = float(scheduler.alphas_cumprod[t])
        return math.sqrt(1 / alpha_bar - 1), math.sqrt(alpha_bar)
    index = scheduler.step_index or 0
    between = hasattr(scheduler, "sigmas_interpol") and not scheduler.state_in_first_order
    sigma = float((scheduler.sigmas_interpol if between else scheduler.sigmas)[index])
    if "Flow" in type(scheduler).__name__ or scheduler.config.get("use_flow_sigmas"):
        sigma = sigma / (1 - sigma) if sigma < 1 else FIRST
    return sigma, float(scale_of(scheduler)(torch.tensor(sigma, dtype=torch.float64)))


def output_of(scheduler: Any, x: Tensor, denoised: Tensor, sigma: float, scale: float) -> Tensor:
    """What a network of this scheduler would have said of x_hat."""
    eps = (x - denoised) / sigma
    if "sigma_data" in scheduler.config:
        total = sigma**2 + scheduler.config.sigma_data**2
        c_skip, c_out = scheduler.config.sigma_data**2 / total, sigma * scheduler.config.sigma_data / math.sqrt(total)
        return (denoised - c_skip * x) / c_out
    if isinstance(scheduler, diffusers.IPNDMScheduler):  # it adds up sample betas + output alphas to epsilon
        return (eps - x * scale * (scale * sigma)) / scale if sigma < FIRST else torch.zeros_like(x)
    if "Flow" in type(scheduler).__name__ or scheduler.config.get("use_flow_sigmas"):
        return eps - denoised
    return eps


@torch.no_grad()
def drive(make: Make, denoise: Callable[[Tensor, Tensor], Tensor], noise: Tensor, nfe: int) -> Ran | None:
    """Run a scheduler from its own start; None where it cannot take so few calls. What it raises is passed on."""
    scheduler = prepare(make, nfe)
    if scheduler is None:
        return None
    single = isinstance(scheduler, diffusers.UniPCMultistepScheduler)
    dtype = torch.float32 if single else torch.float64
    sigma, scale = level_of(scheduler, 0, scheduler.timesteps[0])
    start = float(getattr(scheduler, "init_noise_sigma", 1.0)) / scale
    first, sample = sigma, (noise * (start * scale)).to(dtype)
    for i, t in enumerate(scheduler.timesteps):
        if hasattr(scheduler, "scale_model_input"):
            scheduler.scale_model_input(sample, t)
        sigma, scale = level_of(scheduler, i, t)
        x = sample.double() / scale
        denoised = denoise(x, torch.tensor(sigma, dtype=torch.float64))
        sample = scheduler.step(output_of(scheduler, x, denoised, sigma, scale).to(dtype), t, sample).prev_sample
    return Ran(sample.double(), first, start, len(scheduler.timesteps))
