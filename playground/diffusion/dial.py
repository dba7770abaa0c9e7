"""From the ODE to the SDE by one dial: the paths roughen, the marginals stay (Karras et al. 2022, Section 4).

"eta" of DDIM (Song, Meng and Ermon 2021), the churn of EDM's Algorithm 2, or DPM-Solver++'s SDE (Lu et al. 2022); at
each of a few noise levels the samples' histogram stands against the mixture's exact marginal.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from playground.diffusion.compare import marginal
from playground.diffusion.denoiser import Denoiser
from playground.diffusion.grids import karras
from playground.diffusion.mixture import MixtureDenoiser
from playground.diffusion.names import check_name
from playground.diffusion.sampling import walk
from playground.diffusion.schedules import schedule
from playground.diffusion.solvers import Solver, solver

__all__ = ["DIALS", "LOOKS", "Dialled", "Marginal", "check_run", "dial", "look"]

Array = NDArray[np.float64]
DIALS = ("ddim", "edm", "dpmpp_2m_sde")
LOOKS = (10.0, 1.5, 0.4, 0.0)  # noise levels at which the samples are looked at, about
BINS, FINE = 60, 400
PATHS = 10
REACH = 3.2  # standard deviations that are shown
CHURN = math.sqrt(2) - 1  # the most that Algorithm 2 adds in a step


@dataclass(frozen=True, eq=False)
class Marginal:
    """One coordinate of the samples at one noise level, and its exact distribution."""

    sigma: float
    edges: Array  # (bins + 1,)
    histogram: Array  # (bins,) density of the samples
    x: Array  # (m,)
    exact: Array  # (m,) density
    distance: float  # largest between the distribution functions (Kolmogorov and Smirnov)


@dataclass(frozen=True, eq=False)
class Dialled:
    """A run so far."""

    paths: Array  # (k, few, 2) in x / s
    sigmas: Array  # (k,)
    marginals: tuple[Marginal, ...]
    chance: float  # exact samples lie nearer than this at all levels 95 times of 100
    nfe: int
    progress: float


def dial(
    mixture: MixtureDenoiser,
    *,
    denoiser: Denoiser | None = None,
    kind: str = "ddim",
    strength: float = 0.5,
    steps: int = 64,
    samples: int = 4000,
    axis: int = 0,
    seed: int = 0,
) -> Iterator[Dialled]:
    """Sample with some of the SDE's noise, yielding now and then; `strength` 0 is the ODE, 1 the whole of the noise.

    `denoiser` is what is called, the mixture's own where it is None; the exact marginals are always the mixture's.
    Raises `ValueError` for settings out of range.
    """
    check_run(steps, samples)
    method, grid = _method(kind, strength, steps), karras(steps)
    looks = {int((grid - look).abs().argmin()) for look in LOOKS}
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(samples, mixture.dim, generator=generator, dtype=torch.float64)
    chance = math.sqrt(-0.5 * math.log(0.05 / len(looks) / 2) / samples)  # Bonferroni over the levels
    paths: list[Array] = []
    marginals: list[Marginal] = []
    run = walk(denoiser or mixture, noise, schedule=schedule("edm"), solver=method, sigmas=grid, generator=generator)
    for step in run:
        paths.append(step.x[:PATHS].numpy())
        if step.i in looks:
            marginals.append(look(mixture, step.x[:, axis].numpy(), step.sigma, axis))
        if step.i in looks or step.i % 8 == 0:
            so_far = np.stack(paths), grid[: len(paths)].numpy(), tuple(marginals)
            yield Dialled(*so_far, chance, step.nfe, step.i / steps)


def check_run(steps: int, samples: int) -> None:
    """Raise `ValueError` for steps outside 2..1,000 or samples outside 10..100,000."""
    if not 2 <= steps <= 1000:
        raise ValueError(f"steps must lie between 2 and 1000, not {steps}")
    if not 10 <= samples <= 100_000:
        raise ValueError(f"samples must lie between 10 and 100,000, not {samples}")


def _method(kind: str, strength: float, steps: int) -> Solver:
    check_name("dial", kind, DIALS)
    if not 0 <= strength <= 1:
        raise ValueError(f"strength must lie between 0 and 1, not {strength}")
    return solver("edm", S_churn=strength * CHURN * steps) if kind == "edm" else solver(kind, eta=strength)


def look(mixture: MixtureDenoiser, x: Array, sigma: float, axis: int) -> Marginal:
    """One coordinate x (n,) of samples at a noise level, beside the mixture's exact marginal there."""
    middle = float(mixture.mean[axis])
    reach = REACH * math.hypot(mixture.std, sigma)
    edges = np.linspace(middle - reach, middle + reach, BINS + 1)
    counts, _ = np.histogram(x, edges)
    at = np.linspace(middle - reach, middle + reach, FINE)
    exact, _ = marginal(mixture, at, sigma, axis=axis)
    rising = np.sort(x)
    _, below = marginal(mixture, rising, sigma, axis=axis)
    rank = np.arange(len(x) + 1) / len(x)
    distance = float(np.maximum(np.abs(below - rank[1:]), np.abs(below - rank[:-1])).max())
    return Marginal(sigma, edges, counts / (len(x) * np.diff(edges)), at, exact, distance)
