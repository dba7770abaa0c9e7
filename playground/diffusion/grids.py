"""Where a sampler puts its steps: noise levels (n + 1,) from sigma_max to 0, for any schedule."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

__all__ = ["GRIDS", "arctan_uniform", "check_sigmas", "karras", "log_uniform", "logit_uniform", "ramp"]


def karras(n: int, sigma_min: float = 0.002, sigma_max: float = 80.0, *, rho: float = 7.0) -> Tensor:
    """Equal steps of sigma^(1/rho) (equation 5 of Karras et al. 2022)."""
    check_range(n, sigma_min, sigma_max)
    return _between(n, sigma_max, sigma_min, lambda x: x ** (1 / rho), lambda x: x**rho)


def log_uniform(n: int, sigma_min: float = 0.002, sigma_max: float = 80.0) -> Tensor:
    """Equal steps of ln sigma: "exponential" in diffusers and k-diffusion."""
    check_range(n, sigma_min, sigma_max)
    return _between(n, sigma_max, sigma_min, torch.log, torch.exp)


def arctan_uniform(n: int, sigma_min: float = 0.002, sigma_max: float = 80.0, *, sigma_data: float = 1.0) -> Tensor:
    """Equal steps of arctan(sigma / sigma_data): the cosine schedule's own; ComfyUI's kl_optimal."""
    check_range(n, sigma_min, sigma_max)
    return _between(n, sigma_max, sigma_min, lambda x: (x / sigma_data).atan(), lambda x: sigma_data * x.tan())


def logit_uniform(n: int, sigma_min: float = 0.002, sigma_max: float = 80.0) -> Tensor:
    """Equal steps of sigma / (1 + sigma): rectified flow's own time."""
    check_range(n, sigma_min, sigma_max)
    return _between(n, sigma_max, sigma_min, lambda x: x / (1 + x), lambda x: x / (1 - x))


def ramp(n: int, sigma_min: float = 0.002, sigma_max: float = 80.0, *, sigma_data: float = 1.0) -> Tensor:
    """Equal steps of arctan(sigma / sigma_data) down to 0 itself: sigma_max, then sigma_data tan((1 - i/n) pi/2).

    iPNDM's grid (Zhang and Chen 2022), whose first level is infinite, here `sigma_max`; `sigma_min` only bounds it.
    Raises `ValueError` where the second level lies above it: from 126 steps on at the defaults.
    """
    check_range(n, sigma_min, sigma_max)
    i = torch.arange(1, n, dtype=torch.float64)
    inner = sigma_data * ((1 - i / n) * (math.pi / 2)).tan()
    if n > 1 and not inner[0] < sigma_max:
        raise ValueError(f"the ramp of {n} steps rises from {sigma_max:g} to {float(inner[0]):.4g}: take fewer steps")
    return torch.cat([torch.tensor([sigma_max], dtype=torch.float64), inner, torch.zeros(1, dtype=torch.float64)])


GRIDS: dict[str, Callable[..., Tensor]] = {
    "karras": karras,
    "log_uniform": log_uniform,
    "arctan_uniform": arctan_uniform,
    "logit_uniform": logit_uniform,
    "ramp": ramp,
}


def check_range(n: int, sigma_min: float, sigma_max: float) -> None:
    if not 1 <= n <= 10_000:
        raise ValueError(f"steps must lie between 1 and 10000, not {n}")
    if not 0 < sigma_min < sigma_max < math.inf:
        raise ValueError(f"0 < sigma_min < sigma_max is needed, not {sigma_min=} and {sigma_max=}")


def check_sigmas(sigmas: Tensor | Sequence[float]) -> Tensor:
    """The grid as a float64 tensor on the CPU. Raises `ValueError` unless finite and falling, with 0 last at most."""
    grid = torch.as_tensor(sigmas, dtype=torch.float64, device="cpu").flatten()
    if len(grid) < 2:
        raise ValueError(f"a grid of noise levels needs at least two, not {len(grid)}")
    if not grid.isfinite().all() or grid[-1] < 0 or not (grid.diff() < 0).all():
        raise ValueError(f"noise levels must be finite and fall to 0 or a positive end, not {grid.tolist()[:12]}")
    return grid


def _between(
    n: int, first: float, last: float, there: Callable[[Tensor], Tensor], back: Callable[[Tensor], Tensor]
) -> Tensor:
    """n levels from first to last at equal steps of `there`, then 0."""
    ends = there(torch.tensor([first, last], dtype=torch.float64))
    i = torch.arange(n, dtype=torch.float64) / max(1, n - 1)
    levels = back(ends[0] + i * (ends[1] - ends[0]))
    levels[0] = first
    return torch.cat([levels, torch.zeros(1, dtype=torch.float64)])
