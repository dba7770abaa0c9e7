"""Rows of EDM's Table 1 side by side: a schedule, a preconditioning and a solver; their curves and numbers as arrays.

Table 1 of Karras et al. 2022, extended to flow matching (Lipman et al. 2023), v-prediction (Salimans and Ho 2022), SD3
(Esser et al. 2024) and any other mixture of the three. What the tab shows comes from here as numpy.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from playground.diffusion.mixture import MixtureDenoiser
from playground.diffusion.names import check_name
from playground.diffusion.preconditioning import PRECONDITIONINGS, Preconditioning, preconditioning
from playground.diffusion.sampling import sample
from playground.diffusion.schedule import Schedule
from playground.diffusion.schedules import NUMBERED, SCHEDULES, drawn, schedule
from playground.diffusion.solvers import SOLVERS

__all__ = [
    "ROWS",
    "Draw",
    "Profile",
    "Row",
    "draw",
    "log_prob_picture",
    "marginal",
    "profile",
    "row_numbers",
]

Array = NDArray[np.float64]
DRAWN = "drawn"
SIGMAS = (1e-3, 1e3)  # of the curves over sigma
QUANTITIES = ("c_skip", "c_out", "c_in", "c_noise", "weight", "effective_weight")


@dataclass(frozen=True)
class Row:
    """A row by the names of its parts; the schedule "drawn" rises through `levels` at even times from 0 to 1.

    Raises `ValueError` for an unknown name, and for levels that rise not or belong to no drawn schedule.
    """

    schedule: str
    preconditioning: str
    solver: str
    levels: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        check_name("schedule", self.schedule, (*SCHEDULES, DRAWN))
        check_name("preconditioning", self.preconditioning, PRECONDITIONINGS)
        check_name("solver", self.solver, SOLVERS)
        if self.schedule == DRAWN:
            self.make_schedule()
        elif self.levels:
            raise ValueError(f"levels belong to the schedule {DRAWN!r}, not to {self.schedule!r}")

    def make_schedule(self) -> Schedule:
        if self.schedule == DRAWN:
            return drawn(torch.linspace(0, 1, len(self.levels), dtype=torch.float64).tolist(), self.levels)
        return schedule(self.schedule)

    @property
    def options(self) -> dict[str, Any]:
        """Of the preconditioning: what it shares with the schedule.

        The numbered steps of one that has some, SD3's shift, and the sigma_data 1 of the schedule "trig".
        """
        if self.preconditioning in ("eps", "v") and self.schedule in NUMBERED:
            return {"path": self.schedule}
        if self.preconditioning == "flow" and self.schedule == "sd3":
            return {"shift": 3.0, "logit_normal": (0.0, 1.0)}
        if self.preconditioning == "edm" and self.schedule == "trig":
            return {"sigma_data": 1.0}
        return {}

    def make_preconditioning(self) -> Preconditioning:
        return preconditioning(self.preconditioning, **self.options)


ROWS: Mapping[str, Row] = {
    "ddpm": Row("ddpm", "eps", "ddim"),
    "vp": Row("vp", "vp", "euler"),
    "ve": Row("ve", "ve", "euler"),
    "iddpm": Row("iddpm", "iddpm", "ddim"),
    "edm": Row("edm", "edm", "heun"),
    "flow": Row("flow", "flow", "euler"),
    "sd": Row("scaled_linear", "eps", "dpmpp_2m"),
    "sd3": Row("sd3", "flow", "euler"),
    "v": Row("cosine", "v", "ddim"),
    "trig": Row("trig", "edm", "theta_ab"),
}


@dataclass(frozen=True, eq=False)
class Profile:
    """A row's curves: over its time, scaled to [0, 1], and over the noise level."""

    row: Row
    time: Array  # (n,) in [0, 1], from data to noise
    scale: Array  # (n,) s
    sigma: Array  # (n,)
    log_snr: Array  # (n,) -2 ln sigma
    placement: Array  # (steps,) noise levels of a sampler's calls, falling
    levels: Array  # (m,) noise levels, rising: the axis of what follows
    c_skip: Array  # (m,), as all that follow
    c_out: Array
    c_in: Array
    c_noise: Array
    weight: Array
    effective_weight: Array
    density: Array  # of ln sigma in training


def profile(row: Row, *, steps: int = 18, n: int = 240) -> Profile:
    """The row's curves at n points; `steps` are placed by its schedule.

    >>> round(float(profile(Row("edm", "edm", "heun")).effective_weight[120]), 12)
    1.0
    """
    path, table = row.make_schedule(), row.make_preconditioning()
    t = path.t_min + torch.linspace(0, 1, n, dtype=torch.float64) * (path.t_max - path.t_min)
    levels = torch.logspace(math.log10(SIGMAS[0]), math.log10(SIGMAS[1]), n, dtype=torch.float64)
    density = table.noise.density(levels)
    return Profile(
        row=row,
        time=np.linspace(0, 1, n),
        scale=path.scale(t).numpy(),
        sigma=path.sigma(t).numpy(),
        log_snr=path.log_snr(t).numpy(),
        placement=path.sigmas(steps)[:-1].numpy(),
        levels=levels.numpy(),
        **{name: getattr(table, name)(levels).numpy() for name in QUANTITIES},
        density=density.numpy(),
    )


def row_numbers(row: Row, sigma: float) -> dict[str, float]:
    """The row at one noise level: its time, scale and log-SNR, the coefficients, weights and training density."""
    if not 1e-6 <= sigma <= 1e6:
        raise ValueError(f"sigma must lie between 1e-06 and 1e+06, not {sigma:g}")
    path, table = row.make_schedule(), row.make_preconditioning()
    level = torch.tensor([sigma], dtype=torch.float64)
    return {
        "t": float(path.time(level)),
        "s": float(path.scale_at(level)),
        "log_snr": -2 * math.log(sigma),
        **{name: float(getattr(table, name)(level)) for name in QUANTITIES},
        "density": float(table.noise.density(level)),
    }


@dataclass(frozen=True, eq=False)
class Draw:
    """Samples drawn under a row."""

    x: Array  # (n, d)
    sigmas: Array  # (steps + 1,) of the steps
    nfe: int


def draw(mixture: MixtureDenoiser, row: Row, *, steps: int = 18, n: int = 1000, seed: int = 0) -> Draw:
    """n samples of a mixture by its exact denoiser, under the row's schedule and solver.

    >>> from playground import diffusion
    >>> draw(diffusion.target("moons"), ROWS["edm"], n=100).nfe
    35
    """
    if not 1 <= n <= 100_000:
        raise ValueError(f"n must lie between 1 and 100,000, not {n}")
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(n, mixture.dim, generator=generator, dtype=torch.float64)
    run = sample(mixture, noise, schedule=row.make_schedule(), solver=row.solver, steps=steps, generator=generator)
    return Draw(run.unified()[-1].numpy(), run.sigmas.numpy(), run.nfe)


def log_prob_picture(
    mixture: MixtureDenoiser, extent: float, *, n: int = 160, sigma: float = 0.0
) -> NDArray[np.float32]:
    """Log-density (n, n) in nats of a mixture of the plane over [-extent, extent]^2, row 0 on top."""
    axis = ((torch.arange(n, dtype=torch.float64) + 0.5) / n * 2 - 1) * extent
    y, x = torch.meshgrid(-axis, axis, indexing="ij")
    return mixture.log_prob(torch.stack([x.flatten(), y.flatten()], 1), sigma).reshape(n, n).float().numpy()


def marginal(
    mixture: MixtureDenoiser, x: Sequence[float] | Array, sigma: float, *, axis: int = 0
) -> tuple[Array, Array]:
    """Density (n,) and distribution function (n,) of one coordinate of x_0 + sigma epsilon, at x (n,): exact.

    A mixture's projection is a mixture: N(mu_k, Sigma_k + sigma^2 I) becomes N(mu_ka, Sigma_kaa + sigma^2).
    """
    if not 0 <= axis < mixture.dim:
        raise ValueError(f"axis must lie between 0 and {mixture.dim - 1}, not {axis}")
    at = torch.as_tensor(x, dtype=torch.float64)[:, None]
    spread = mixture.variances  # (k, 1), or (k, d) along the components' axes
    own = spread[:, 0] if mixture.axes is None else (mixture.axes[:, axis].square() * spread).sum(1)
    std = (own + sigma**2).sqrt()
    z = (at - mixture.means[:, axis]) / std
    density = (-0.5 * z.square()).exp() / (std * math.sqrt(2 * math.pi))
    return (density @ mixture.weights).numpy(), (torch.special.ndtr(z) @ mixture.weights).numpy()
