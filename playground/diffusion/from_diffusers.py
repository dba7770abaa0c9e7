"""A diffusers network as a denoiser, whatever it predicts and however it hears the noise level; and its folder, read.

What the schedulers of diffusers feed a network and make of its answer, in our one convention.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from playground.checkpoints import fetch, read_json
from playground.diffusion.level import beside, read_level
from playground.diffusion.names import check_name
from playground.diffusion.prediction import Kind, Prediction
from playground.diffusion.schedule import flow_scale, one, vp_scale

__all__ = ["DiffusersDenoiser", "from_diffusers", "load_diffusers"]

KINDS: dict[str, Kind] = {"epsilon": "eps", "v_prediction": "v", "sample": "x0", "flow_prediction": "flow"}
EDM = ("EDMEulerScheduler", "EDMDPMSolverMultistepScheduler")
ALPHA_BAR_MIN = 2.0**-24  # diffusers' own floor where a table is rescaled to zero terminal SNR
SNAP = 0.005  # of a table's step; diffusers' float32 tables are off by less


@dataclass(frozen=True)
class Convention:
    """How a network is called: network(scale(sigma) x_hat, time(sigma)) is `sign` times a prediction of `kind`."""

    kind: Kind
    scale: Callable[[Tensor], Tensor]
    time: Callable[[Tensor], Tensor]
    sigma_data: float = 1.0
    sign: float = 1.0
    counts: bool = False  # whether times are counted in steps, so that a network may know whole numbers alone


@dataclass(frozen=True, eq=False)
class DiffusersDenoiser:
    """D(x_hat, sigma) -> x_0 by a diffusers network, which runs in its own dtype and on its own device."""

    model: nn.Module
    scheduler: Any
    convention: Convention
    clip: float | None
    nearest: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, H, W) of the network's pictures. Raises `ValueError` where its configuration does not say."""
        config: Any = getattr(self.model, "config", None)
        size = getattr(config, "sample_size", None)
        if size is None:
            raise ValueError(
                f"the configuration of {type(self.model).__name__} does not say how large its pictures are"
            )
        return (config.in_channels, *((size, size) if isinstance(size, int) else size))

    @torch.no_grad()
    def __call__(self, x: Tensor, sigma: Tensor | float) -> Tensor:
        """The denoised x_0 of x (n, ...) at sigma (), (n,) or (n, 1, ...), in x's shape and dtype."""
        level = read_level(sigma, x).reshape(-1).expand(len(x))
        weight = next(self.model.parameters(), x)
        time = self.convention.time(level)
        time = time.round().long() if self.nearest else time.float()
        scaled = beside(self.convention.scale(level), x) * x
        answer = self.model(scaled.to(weight), time.to(weight.device))
        value = getattr(answer, "sample", None)
        if not isinstance(value, Tensor):
            raise ValueError(
                f"{type(self.model).__name__} answers {type(answer).__name__} without .sample: no denoiser"
            )
        if getattr(self.scheduler.config, "variance_type", None) in ("learned", "learned_range") and x.ndim > 1:
            value = value[:, : x.shape[1]]  # what follows are variances
        if value.shape != x.shape:
            raise ValueError(
                f"{type(self.model).__name__} answers {tuple(value.shape)} to {tuple(x.shape)}: it is no denoiser"
            )
        value = self.convention.sign * value.to(x)
        denoised = Prediction(self.convention.kind, value, x, level.to(x), self.convention.sigma_data).x0
        return denoised if self.clip is None else denoised.clamp(-self.clip, self.clip)


def from_diffusers(
    model: nn.Module, scheduler: Any, *, clip: float | None = None, nearest: bool = False
) -> DiffusersDenoiser:
    """A network called as `model(x, timestep).sample`, trained under `scheduler`, as a denoiser.

    The scheduler says what the network predicts (`prediction_type`) and how it hears the noise level: by the table of
    betas, as t in [0, 1] times `num_train_timesteps` (flow matching) or as ln(sigma) / 4 (EDM). Between the steps of a
    table the timestep is a real number, linear in ln sigma, as diffusers' Euler and k-diffusion have it; `nearest`
    rounds it, for networks that know whole numbers alone. Beyond the table's ends the network hears the end.

    A network that wants more (classes, text) is wrapped in one that knows them.

    `clip` bounds the denoised to [-clip, clip]; a scheduler's own `clip_sample` and `thresholding` are not followed,
    because the ODE then is another one. Raises `ValueError` for a scheduler without a known convention, and for
    `nearest` where the network's clock does not count steps.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(f"a network is a torch.nn.Module, not a {type(model).__name__}")
    if clip is not None and not 0 < clip < math.inf:
        raise ValueError(f"clip must be positive and finite, not {clip}")
    called = convention(scheduler)
    if nearest and not called.counts:
        raise ValueError(f"networks of {type(scheduler).__name__} hear no numbers of steps that nearest could round")
    return DiffusersDenoiser(model, scheduler, called, clip, nearest)


def convention(scheduler: Any) -> Convention:
    """How networks trained under this diffusers scheduler are called."""
    name, config = type(scheduler).__name__, getattr(scheduler, "config", {})
    predicts = config.get("prediction_type", "epsilon")
    if name in EDM:
        if predicts not in ("epsilon", "v_prediction"):
            raise ValueError(f"{name} knows networks that predict epsilon or v_prediction, not {predicts}")
        sigma_data, sign = config["sigma_data"], -1.0 if predicts == "v_prediction" else 1.0
        return Convention("F", lambda s: 1 / (s.square() + sigma_data**2).sqrt(), _quarter_log, sigma_data, sign)
    if name.startswith("FlowMatch") or config.get("use_flow_sigmas") or predicts == "flow_prediction":
        kind = "flow" if name.startswith("FlowMatch") else KINDS.get(predicts)
        if kind in (None, "v"):
            raise ValueError(f"on a flow's path a network predicts flow_prediction, epsilon or sample, not {predicts}")
        count = config["num_train_timesteps"]
        return Convention(kind, flow_scale, lambda s: count * s / (1 + s), counts=True)
    if name == "IPNDMScheduler":
        return Convention("v", vp_scale, lambda s: s.atan() * (2 / math.pi))
    if name == "ScoreSdeVeScheduler":
        return Convention("score", one, lambda s: s)
    if not hasattr(scheduler, "alphas_cumprod"):
        raise ValueError(
            f"{name} has no table of betas, and is none of {', '.join(EDM)}, FlowMatch..., IPNDMScheduler and "
            "ScoreSdeVeScheduler: how its networks are called is unknown"
        )
    check_name("prediction", predicts, KINDS)
    if config.get("timestep_type") == "continuous" and predicts == "v_prediction":
        return Convention("v", vp_scale, _quarter_log)
    alpha_bar = scheduler.alphas_cumprod.double().cpu().clamp_min(ALPHA_BAR_MIN)
    return Convention(KINDS[predicts], vp_scale, _number_in((1 / alpha_bar - 1).sqrt()), counts=True)


def _quarter_log(sigma: Tensor) -> Tensor:
    return sigma.log() / 4


def _number_in(table: Tensor) -> Callable[[Tensor], Tensor]:
    """The number of a noise level among a table's steps, linear in ln sigma between them."""
    log_table = table.log()

    def number(sigma: Tensor) -> Tensor:
        knots, log_sigma = log_table.to(sigma), sigma.log().contiguous()
        i = torch.searchsorted(knots, log_sigma).clamp(1, len(knots) - 1)
        t = i - 1 + (log_sigma - knots[i - 1]) / (knots[i] - knots[i - 1])
        t = t.clamp(0, len(knots) - 1)
        whole = t.round()
        return torch.where((t - whole).abs() < SNAP, whole, t)

    return number


def load_diffusers(
    source: str | Path,
    *,
    scheduler: Any = None,
    dtype: torch.dtype | None = None,
    clip: float | None = None,
    nearest: bool = False,
) -> DiffusersDenoiser:
    """The denoiser in a folder, or in a repository of the hub ("owner/name"), as DDPMPipeline and UNet2DModel save it.

    With or without the folders `unet` and `scheduler`; `scheduler` stands in for one that is missing. Only safetensors
    are read, never a pickle. Raises `ValueError` for a folder that holds no unconditional denoiser, or whose weights
    are pickled, truncated or of another network; `FileNotFoundError` where there is neither folder nor repository.
    """
    import diffusers  # two seconds; the app must start without it

    folder = fetch(source, ("model_index.json", "*config.json"))
    home = folder / "unet" if (folder / "unet").is_dir() else folder
    kind = _read(home / "config.json", "model").get("_class_name")
    if kind != "UNet2DModel":
        raise ValueError(f"{home} holds a {kind}; an unconditional denoiser is a UNet2DModel")
    if scheduler is None:
        places = [folder / "scheduler" / "scheduler_config.json", folder / "scheduler_config.json"]
        config = _read(next((place for place in places if place.is_file()), places[0]), "scheduler")
        made_by = getattr(diffusers, str(config.get("_class_name")), None)
        if not (isinstance(made_by, type) and issubclass(made_by, diffusers.SchedulerMixin)):
            raise ValueError(f"diffusers has no scheduler called {config.get('_class_name')!r}, as {folder} wants")
        try:
            scheduler = made_by.from_config(config)
        except (RuntimeError, TypeError) as error:
            raise ValueError(f"diffusers makes no scheduler of what {folder} says: {error}") from error
    fetch(source, (f"{home.relative_to(folder) / 'diffusion_pytorch_model'}*.safetensors",))
    _check_weights(home)
    try:
        model, report = diffusers.UNet2DModel.from_pretrained(
            home,
            torch_dtype=dtype or torch.float32,
            use_safetensors=True,
            local_files_only=True,
            low_cpu_mem_usage=False,
            output_loading_info=True,
        )
    except (OSError, RuntimeError, TypeError) as error:
        raise ValueError(f"{home} does not hold the weights of the UNet2DModel in its config.json: {error}") from error
    if lacking := report["missing_keys"] or report["mismatched_keys"]:
        raise ValueError(f"the weights in {home} are not its config's: without {', '.join(map(str, lacking[:3]))} ...")
    return from_diffusers(model.eval().requires_grad_(False), scheduler, clip=clip, nearest=nearest)


def _read(path: Path, what: str) -> dict[str, Any]:
    """A configuration file."""
    try:
        return read_json(path)
    except FileNotFoundError as error:
        raise ValueError(f"{path.parent} holds no {what}: {path.name} is missing") from error


def _check_weights(folder: Path) -> None:
    """Raise `ValueError` unless the weights are whole safetensors."""
    files = sorted(folder.glob("diffusion_pytorch_model*.safetensors"))
    if not files:
        raise ValueError(
            f"{folder} holds no diffusion_pytorch_model.safetensors; pickled weights (.bin, .ckpt) can run code and "
            "are not read"
        )
    for file in files:
        try:
            with safe_open(file, framework="pt"):
                pass
        except SafetensorError as error:
            raise ValueError(f"{file} is truncated or no safetensors file: {error}") from error
