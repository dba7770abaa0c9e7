"""How a network becomes a denoiser: D(x; sigma) = c_skip x + c_out F(c_in x; c_noise) (Karras et al. 2022, Table 1).

The rows VP, VE, iDDPM and EDM are the table's; flow matching, v-prediction and plain epsilon are worked out likewise:
what the network F then predicts is the flow's velocity, v, or the noise.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from playground.diffusion.names import look_up
from playground.diffusion.noise import NoiseDistribution, log_normal
from playground.diffusion.schedule import Curve, Schedule, double, vp_scale
from playground.diffusion.schedules import NUMBERED, STEPS, iddpm_levels, schedule

__all__ = ["PRECONDITIONINGS", "Preconditioning", "preconditioning"]


@dataclass(frozen=True)
class Preconditioning:
    """A row of the table. Every method takes noise levels of any shape and returns float64 of that shape."""

    name: str
    skip: Curve
    out: Curve
    in_: Curve
    level: Curve
    loss: Curve
    noise: NoiseDistribution  # of the noise levels in training

    def c_skip(self, sigma: Any) -> Tensor:
        """What of the noisy x passes by the network."""
        return self.skip(double(sigma))

    def c_out(self, sigma: Any) -> Tensor:
        """The scale of the network's output."""
        return self.out(double(sigma))

    def c_in(self, sigma: Any) -> Tensor:
        """The scale of the network's input."""
        return self.in_(double(sigma))

    def c_noise(self, sigma: Any) -> Tensor:
        """The noise level as the network hears it."""
        return self.level(double(sigma))

    def weight(self, sigma: Any) -> Tensor:
        """lambda(sigma) on the squared error |D(x; sigma) - x_0|^2."""
        return self.loss(double(sigma))

    def effective_weight(self, sigma: Any) -> Tensor:
        """lambda c_out^2: the weight on the squared error of the network itself; 1 for EDM."""
        return self.weight(sigma) * self.c_out(sigma).square()

    def sample_sigma(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n noise levels (n,) as in training."""
        return self.noise.sample(n, generator)


def preconditioning(name: str, **options: Any) -> Preconditioning:
    """A row of `PRECONDITIONINGS`; the options are its constructor's (`sigma_data=` for EDM).

    >>> float(preconditioning("edm", sigma_data=1.0).c_skip(1.0))
    0.5
    """
    return look_up("preconditioning", name, PRECONDITIONINGS)(**options)


def edm(*, sigma_data: float = 0.5, P_mean: float = -1.2, P_std: float = 1.2) -> Preconditioning:
    """EDM: network input and target have unit variance, and its error is amplified as little as possible."""
    if not sigma_data > 0:
        raise ValueError(f"sigma_data must be positive, not {sigma_data}")
    square = sigma_data**2
    return Preconditioning(
        "edm",
        skip=lambda sigma: square / (sigma.square() + square),
        out=lambda sigma: sigma * sigma_data / (sigma.square() + square).sqrt(),
        in_=lambda sigma: 1 / (sigma.square() + square).sqrt(),
        level=lambda sigma: sigma.log() / 4,
        loss=lambda sigma: (sigma.square() + square) / (sigma * sigma_data).square(),
        noise=log_normal(P_mean, P_std),
    )


def vp() -> Preconditioning:
    """Score matching, variance preserving (DDPM++ of Song et al. 2021)."""
    path = schedule("vp")
    return Preconditioning(
        "vp", torch.ones_like, torch.neg, vp_scale, lambda s: (STEPS - 1) * path.time_of(s), _inverse_square, path.noise
    )


def ve() -> Preconditioning:
    """Score matching, variance exploding (NCSN++ of Song et al. 2021)."""
    noise = schedule("ve").noise
    return Preconditioning(
        "ve", torch.ones_like, torch.clone, torch.ones_like, lambda s: (s / 2).log(), _inverse_square, noise
    )


def iddpm() -> Preconditioning:
    """iDDPM's cosine levels with L_simple's weight (Nichol and Dhariwal 2021)."""
    u = iddpm_levels()

    def level(sigma: Tensor) -> Tensor:
        rising = u.flip(0).to(sigma.device)  # u_M = 0 first
        i = torch.searchsorted(rising, sigma.contiguous()).clamp(1, STEPS)
        nearest = torch.where(sigma - rising[i - 1] < rising[i] - sigma, i - 1, i)
        return (nearest - 1).to(sigma)  # j = M - nearest, so M - 1 - j

    noise = schedule("iddpm").noise
    return Preconditioning("iddpm", torch.ones_like, torch.neg, vp_scale, level, _inverse_square, noise)


def flow(*, shift: float = 1.0, logit_normal: tuple[float, float] | None = None) -> Preconditioning:
    """Flow matching: the network predicts epsilon - x_0 from (1 - t) x_0 + t epsilon and t, unweighted."""
    return Preconditioning(
        "flow",
        skip=lambda sigma: 1 / (1 + sigma),
        out=lambda sigma: -sigma / (1 + sigma),
        in_=lambda sigma: 1 / (1 + sigma),
        level=lambda sigma: sigma / (1 + sigma),
        loss=lambda sigma: ((1 + sigma) / sigma).square(),
        noise=schedule("sd3", shift=shift, logit_normal=logit_normal).noise,
    )


def v(*, path: str = "cosine") -> Preconditioning:
    """v-prediction (Salimans and Ho 2022), unweighted: EDM with sigma_data 1 and the other sign."""
    times = _discrete(path)
    return Preconditioning(
        "v",
        skip=lambda sigma: 1 / (1 + sigma.square()),
        out=lambda sigma: -sigma * vp_scale(sigma),
        in_=vp_scale,
        level=lambda sigma: STEPS * times.time_of(sigma) - 1,
        loss=lambda sigma: 1 + sigma**-2,
        noise=times.noise,
    )


def eps(*, path: str = "ddpm") -> Preconditioning:
    """Plain noise prediction, L_simple (Ho et al. 2020); the network hears the step numbers of the schedule `path`."""
    times = _discrete(path)
    return Preconditioning(
        "eps",
        torch.ones_like,
        torch.neg,
        vp_scale,
        lambda s: STEPS * times.time_of(s) - 1,
        _inverse_square,
        times.noise,
    )


PRECONDITIONINGS: dict[str, Callable[..., Preconditioning]] = {
    "vp": vp,
    "ve": ve,
    "iddpm": iddpm,
    "edm": edm,
    "flow": flow,
    "v": v,
    "eps": eps,
}


def _inverse_square(sigma: Tensor) -> Tensor:
    return sigma**-2


def _discrete(path: str) -> Schedule:
    """A schedule of 1000 numbered steps."""
    if path not in NUMBERED:
        raise ValueError(f"{path!r} has no numbered steps; choose one of {', '.join(NUMBERED)}")
    return schedule(path)
