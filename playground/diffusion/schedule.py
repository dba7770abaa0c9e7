"""What a schedule is: x_t = s(t) (x_0 + sigma(t) epsilon), its inverse, its steps and the noise it is trained on.

In the coordinates x / s and sigma every schedule draws the same curve (Karras et al. 2022, Appendix B), so a sampler
here walks down sigma and `s` is put on at the edge.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from playground.diffusion.level import wide
from playground.diffusion.noise import NoiseDistribution

__all__ = ["Curve", "Schedule", "double", "flow_scale", "one", "rates", "trig_scale", "vp_scale"]

Curve = Callable[[Tensor], Tensor]
MOST_STEPS = 10_000


@dataclass(frozen=True)
class Schedule:
    """A Gaussian path from data (sigma 0) to noise (`sigma_max`). Times and levels are floats or tensors of any shape.

    The methods return float64 tensors of the argument's shape.
    """

    name: str
    sigma_of: Curve  # t -> sigma, increasing
    time_of: Curve  # sigma -> t, its inverse
    scale_of: Curve  # sigma -> s
    t_min: float  # the least time that networks of this schedule see
    t_max: float
    times_of: Callable[[int], Tensor]  # n -> (n,) decreasing times of a sampler's calls
    noise: NoiseDistribution
    integrated_as: "Schedule | None" = None  # in whose time a solver integrates, where it is not this one's
    options: Mapping[str, Any] | None = field(default=None, compare=False)  # that `schedule` made it with

    def sigma(self, t: Any) -> Tensor:
        """Noise level sigma(t), in the data's units."""
        return self.sigma_of(double(t))

    def time(self, sigma: Any) -> Tensor:
        """The time t at which the noise level is sigma."""
        return self.time_of(double(sigma))

    def scale(self, t: Any) -> Tensor:
        """s(t)."""
        return self.scale_of(self.sigma(t))

    def scale_at(self, sigma: Any) -> Tensor:
        """s as a function of the noise level."""
        return self.scale_of(double(sigma))

    def snr(self, t: Any) -> Tensor:
        """Signal-to-noise ratio 1 / sigma(t)^2, for data of unit variance."""
        return self.sigma(t) ** -2

    def log_snr(self, t: Any) -> Tensor:
        """ln snr(t) = -2 ln sigma(t)."""
        return -2 * self.sigma(t).log()

    @property
    def sigma_min(self) -> float:
        return float(self.sigma(self.t_min))

    @property
    def sigma_max(self) -> float:
        return float(self.sigma(self.t_max))

    def times(self, n: int) -> Tensor:
        """The times (n,) of n steps, decreasing from `t_max`. Raises `ValueError` unless 1 <= n <= 10,000."""
        if not 1 <= n <= MOST_STEPS:
            raise ValueError(f"steps must lie between 1 and {MOST_STEPS}, not {n}")
        return self.times_of(n)

    def sigmas(self, n: int) -> Tensor:
        """The noise levels (n + 1,) of n steps: those of `times(n)`, then 0."""
        return torch.cat([self.sigma(self.times(n)), torch.zeros(1, dtype=torch.float64)])

    def sample_sigma(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n noise levels (n,) as networks of this schedule are trained."""
        return self.noise.sample(n, generator)


def one(sigma: Tensor) -> Tensor:
    """s = 1: variance exploding."""
    return torch.ones_like(sigma)


def vp_scale(sigma: Tensor) -> Tensor:
    """s = 1 / sqrt(1 + sigma^2): variance preserving, alpha-bar = s^2."""
    return 1 / torch.hypot(sigma, torch.ones_like(sigma))


def flow_scale(sigma: Tensor) -> Tensor:
    """s = 1 / (1 + sigma) = 1 - t: a straight line from noise to data."""
    return 1 / (1 + sigma)


def trig_scale(sigma_data: float) -> Curve:
    """s = cos(arctan(sigma / sigma_data)): variance sigma_data^2 is preserved (TrigFlow, Lu and Song 2024)."""
    return lambda sigma: vp_scale(sigma / sigma_data)


def rates(schedule: Schedule, t: Tensor) -> list[tuple[float, float, float, float]]:
    """s, b = s sigma, ds/dt and db/dt at each of the times (n,), by one pass: a pass a time is most of a step."""
    with torch.enable_grad():
        time = t.detach().requires_grad_()
        sigma = schedule.sigma_of(time)
        s = schedule.scale_of(sigma)
        b = s * sigma
        ones = torch.ones_like(b)
        ds = torch.autograd.grad(s, time, ones, retain_graph=True)[0] if s.requires_grad else torch.zeros_like(b)
        db = torch.autograd.grad(b, time, ones)[0]
    found = list(zip(s.tolist(), b.tolist(), ds.tolist(), db.tolist(), strict=True))
    for at, (*_, ds_dt, db_dt) in zip(t.tolist(), found, strict=True):
        if not math.isfinite(ds_dt + db_dt):
            raise FloatingPointError(f"the schedule {schedule.name} has no slope at t = {at}")
    return found


def double(value: Any) -> Tensor:
    """A number, sequence or tensor in float64 (float32 on MPS)."""
    if not isinstance(value, Tensor):
        return torch.tensor(value, dtype=torch.float64)
    return value.to(wide(value.device))
