"""The diffusers scheduler that takes the steps of ours, on the noise levels of ours, in a diffusers pipeline.

Names and traps are those of diffusers 0.42.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from playground.diffusion.diffusers_levels import EDMS, FLOWS, SINGLE, pipeline_arguments
from playground.diffusion.schedule import Schedule
from playground.diffusion.schedules import NUMBERED, STEPS, beta_table, iddpm_levels
from playground.diffusion.schedules import schedule as make_schedule
from playground.diffusion.solvers import Solver
from playground.diffusion.solvers import solver as make_solver

__all__ = ["to_diffusers"]

DPM, UNIPC = "DPMSolverMultistepScheduler", "UniPCMultistepScheduler"
FLOW_EULER, EDM_DPM = "FlowMatchEulerDiscreteScheduler", "EDMDPMSolverMultistepScheduler"
NO_SAMPLE = ("EulerAncestralDiscreteScheduler", "KDPM2DiscreteScheduler")


@dataclass(frozen=True)
class Counterpart:
    """A scheduler that takes the same steps; `own_levels` where it cannot be given ours."""

    name: str
    config: Mapping[str, Any] = field(default_factory=dict)
    own_levels: bool = False


def to_diffusers(
    schedule: str | Schedule,
    solver: str | Solver,
    *,
    steps: int | None = None,
    prediction: str | None = None,
    scheduler: str | None = None,
    sigma_data: float = 0.5,
) -> Any:
    """The diffusers scheduler that gives our samples; its `save_pretrained` writes the scheduler_config.json.

    `prediction` is what the network predicts: "epsilon" (also EDM's F), "v_prediction" or "sample", on a flow's path
    "flow_prediction". With `steps` the scheduler is checked to walk `schedule.sigmas(steps)`, and `set_timesteps` has
    been called; without, it does so at least for the numbers that divide 1000. Where a pipeline must be told more than
    the number of steps, `pipeline_arguments` says what: `sigmas=` for flow matching, as the pipelines of Flux and SD3
    do, for vp and for iddpm; `timesteps=` for tables at the 111 numbers from 48 on where the spacing "trailing" of
    diffusers takes a wrong step or one too many. Our start is sigma_max times noise: for the same samples hand the
    pipeline `pipeline_latents`.

    `scheduler` picks a class where several do the same. Some do the same steps only on levels of their own (DEIS stops
    at the table's least level, DPMSolverSinglestep has its midpoints on the grid, FlowMatchHeun ends at t = 1/1000):
    asked for by name they are returned, and ours samples with them on `sigmas=noise_levels(...)`.

    eta of DDIM between 0 and 1 is the pipeline's argument. Raises `ValueError` where there is no counterpart.

    >>> to_diffusers("ddpm", "dpmpp_2m").config.timestep_spacing
    'trailing'
    """
    import diffusers  # two seconds; the app must start without it

    path = make_schedule(schedule) if isinstance(schedule, str) else schedule
    method = make_solver(solver) if isinstance(solver, str) else solver
    if path.options is None or method.options is None:
        raise ValueError("make the schedule with diffusion.schedule(...) and the solver with diffusion.solver(...)")
    found = counterparts(path, method, sigma_data)
    if scheduler is not None:
        found = [each for each in found if each.name == scheduler]
    elif found and all(each.own_levels for each in found):
        names = ", ".join(each.name for each in found)
        raise ValueError(
            f"{names} takes the steps of {method.name}, but on noise levels of its own and not on those of "
            f"{path.name}: ask for it by name with scheduler=, and sample here on sigmas=noise_levels(it)"
        )
    if not found:
        raise ValueError(
            f"diffusers has no {scheduler or 'scheduler'} that does {method.name} {dict(method.options)} on "
            f"{path.name}; there are: {SUPPORTED}"
        )
    failures = []
    for each in found:
        if scheduler is None and each.own_levels:
            continue
        config = {**each.config, **_prediction(each.name, prediction, path)}
        made = getattr(diffusers, each.name)(**config)
        if steps is None:
            return made
        try:
            arguments = {"num_inference_steps": steps} if each.own_levels else pipeline_arguments(path, made, steps)
        except ValueError as error:
            failures.append(str(error))
            continue
        made.set_timesteps(**arguments)
        return made
    raise ValueError("; ".join(failures))


SUPPORTED = (
    "ddim, ddpm, dpm_1, dpm_2, edm without churn (Heun in sigma), dpmpp_2m, dpmpp_3m(half_curvature=True), "
    "dpmpp_2m_sde(eta=1), unipc(variant='bh2'), lms(order=4) and pndm on the tables (ddpm, scaled_linear, sigmoid, "
    "cosine); ddim and dpm_1 on vp and iddpm; ddim, dpm_1 and euler on flow, sd3 and edm; dpmpp_2m, dpmpp_3m and "
    "dpmpp_2m_sde as above on edm and ve, too; by name, on levels of their own, deis and dpmpp_2s on tables, heun, "
    "dpmpp_2m, dpmpp_3m and unipc on flow and sd3"
)


def counterparts(schedule: Schedule, solver: Solver, sigma_data: float) -> list[Counterpart]:
    """The schedulers that take this solver's steps, the likeliest first."""
    assert schedule.options is not None
    assert solver.options is not None
    name, options = solver.name, solver.options
    deterministic = not solver.stochastic
    order_one = name in ("ddim", "dpm_1") and deterministic
    multistep: dict[str, Any] | None = None  # of the DPM-Solver++ that looks back
    if name == "dpmpp_2m" or (name == "dpmpp_2m_sde" and deterministic):
        multistep = {"solver_order": 2}
    elif name == "dpmpp_3m" and options["half_curvature"]:
        multistep = {"solver_order": 3}
    elif name == "dpmpp_2m_sde" and options["eta"] == 1:
        multistep = {"solver_order": 2, "algorithm_type": "sde-dpmsolver++"}
    if multistep is not None:
        multistep["lower_order_final"] = False
    unipc = {"solver_order": solver.order, "solver_type": "bh2"} if options.get("variant") == "bh2" else None

    if schedule.name in EDMS:
        low, high = schedule.sigma_min, schedule.sigma_max
        config = {"sigma_min": low, "sigma_max": high, "sigma_data": sigma_data, "rho": schedule.options.get("rho", 7)}
        config["sigma_schedule"] = EDMS[schedule.name]
        if order_one or (name == "euler" and schedule.name == "edm"):  # Euler's step in sigma, not in sigma^2
            return [Counterpart("EDMEulerScheduler", config)]
        return [Counterpart(EDM_DPM, {**config, **multistep})] if multistep else []

    if schedule.name in FLOWS:
        shift = schedule.options.get("shift", 1.0)
        flow = {"use_flow_sigmas": True, "flow_shift": shift}
        if order_one or name == "euler":
            return [Counterpart(FLOW_EULER, {"shift": shift})]
        if name == "heun":
            return [Counterpart("FlowMatchHeunDiscreteScheduler", {"shift": shift}, own_levels=True)]
        if multistep:
            return [Counterpart(DPM, {**flow, **multistep}, own_levels=True)]
        return [Counterpart(UNIPC, {**flow, **unipc}, own_levels=True)] if unipc else []

    if schedule.name in ("vp", "iddpm"):  # steps of their own: Euler alone takes any levels
        return [Counterpart("EulerDiscreteScheduler", _table(schedule))] if order_one else []
    if schedule.name not in NUMBERED:
        return []
    table = _table(schedule)
    spaced = {**table, "timestep_spacing": "trailing"}
    unclipped = {**spaced, "clip_sample": False}
    found: list[Counterpart] = []
    if order_one or (name == "ddim" and options["eta"] < 1):
        found += [Counterpart("DDIMScheduler", unclipped)]
    if order_one:
        found += [Counterpart("EulerDiscreteScheduler", spaced), Counterpart(DPM, {**spaced, "solver_order": 1})]
    if name == "ddpm":
        found += [Counterpart("DDPMScheduler", {**unclipped, **_named_sigmoid(schedule)})]
        found += [Counterpart("EulerAncestralDiscreteScheduler", spaced)]
    if name == "edm" and deterministic:
        found += [Counterpart("HeunDiscreteScheduler", spaced)]
    if name == "dpm_2":
        found += [Counterpart("KDPM2DiscreteScheduler", spaced)]
    if multistep:
        found += [Counterpart(DPM, {**spaced, **multistep})]
    if unipc:
        found += [Counterpart(UNIPC, {**spaced, **unipc})]
    if name == "lms" and solver.order == 4:
        found += [Counterpart("LMSDiscreteScheduler", spaced)]
    if name == "pndm":
        found += [Counterpart("PNDMScheduler", {**spaced, "skip_prk_steps": True, "set_alpha_to_one": True})]
    if name == "deis" and solver.order <= 3:
        config = {**spaced, "solver_order": solver.order, "lower_order_final": False}
        found += [Counterpart("DEISMultistepScheduler", config, own_levels=True)]
    if name == "dpmpp_2s":
        config = {**table, "use_exponential_sigmas": True, "lower_order_final": True}
        found += [Counterpart(SINGLE, config, own_levels=True)]
    return found


def _table(schedule: Schedule) -> dict[str, Any]:
    """The betas of a table, by name where diffusers has one."""
    options = schedule.options or {}
    if schedule.name in ("ddpm", "scaled_linear"):
        kind = "linear" if schedule.name == "ddpm" else "scaled_linear"
        return {"beta_schedule": kind, "beta_start": options["beta_min"], "beta_end": options["beta_max"]}
    if schedule.name == "cosine" and options["offset"] == 0.008:
        return {"beta_schedule": "squaredcos_cap_v2"}
    if schedule.name == "sigmoid":
        betas = beta_table("sigmoid", beta_min=options["beta_min"], beta_max=options["beta_max"])
    else:
        if schedule.name == "iddpm":
            levels = iddpm_levels()[:STEPS].flip(0)
        else:
            levels = schedule.sigma(torch.arange(1, STEPS + 1, dtype=torch.float64) / STEPS)
        betas = -(-levels.square().log1p()).diff(prepend=torch.zeros(1, dtype=torch.float64)).expm1()
    return {"trained_betas": betas.tolist()}


def _named_sigmoid(schedule: Schedule) -> dict[str, Any]:
    """DDPMScheduler alone knows the sigmoid table by name."""
    if schedule.name != "sigmoid" or schedule.options is None:
        return {}
    start, end = schedule.options["beta_min"], schedule.options["beta_max"]
    return {"trained_betas": None, "beta_schedule": "sigmoid", "beta_start": start, "beta_end": end}


def _prediction(name: str, prediction: str | None, schedule: Schedule) -> dict[str, str]:
    """The scheduler's `prediction_type`. Raises `ValueError` for one that it does not know."""
    if schedule.name in FLOWS:
        known = ["flow_prediction"]
    elif schedule.name in EDMS:
        known = ["epsilon", "v_prediction"]
    elif name == "PNDMScheduler":  # of v it makes the mean over steps before it makes epsilon
        known = ["epsilon"]
    else:
        known = ["epsilon", "v_prediction"] if name in NO_SAMPLE else ["epsilon", "v_prediction", "sample"]
    if prediction is not None and prediction not in known:
        raise ValueError(f"{name} on {schedule.name} takes {' or '.join(known)} of the network, not {prediction!r}")
    return {} if name.startswith("FlowMatch") else {"prediction_type": prediction or known[0]}
