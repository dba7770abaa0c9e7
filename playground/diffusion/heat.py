"""Noise as heat: without shrinking (VE) the density of x_0 + sigma epsilon solves the heat equation in sigma^2.

dp / d(sigma^2) = 1/2 Laplacian p, which is the continuity equation dp/d sigma = -div(p v) of the probability-flow ODE
with v = dx/d sigma = -sigma grad log p (Song et al. 2021, appendix D.1; Karras et al. 2022, equation 1). The exact
density of a mixture, a finite-difference solution that knows its first picture alone, and the ODE's own samples and
divergence stand side by side.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import solve_banded  # type: ignore[import-untyped]

from playground.diffusion.exact import exact_ode, rk4
from playground.diffusion.mixture import MixtureDenoiser

__all__ = ["Continuity", "Heat", "continuity", "diffuse", "heat", "reversed_heat"]

Array = NDArray[np.float64]
ARROWS = 27  # a side, of the score
PARTICLES = 800


@dataclass(frozen=True, eq=False)
class Heat:
    """The plane at one noise level; pictures (n, n) have row 0 on top."""

    sigma: float
    extent: float  # pictures show [-extent, extent]^2
    exact: Array  # density of the mixture
    solved: Array  # by finite differences
    error: float  # integral of |solved - exact|, of a whole of 1
    mass: float  # of `solved`
    at: Array  # (m, 2) where the arrows stand
    score: Array  # (m, 2) gradient of the exact log-density
    particles: Array  # (k, 2) of the probability-flow ODE from exact samples at the first level
    walkers: Array  # (k, 2) that began with them and take random steps, as the forward SDE does


@dataclass(frozen=True)
class Continuity:
    """The continuity equation along the ODE's paths and on a grid, at one noise level."""

    sigma: float
    along_paths: float  # largest |d log p / d ln sigma + div v|
    on_grid: float  # integral of |dp/d ln sigma + div(p v)|, of one of |dp/d ln sigma|
    mass: float


def diffuse(p: Array, spacing: float, variance: float, *, steps: int = 8) -> Array:
    """p (n, n) of density on a square grid after the heat equation has added `variance` to each coordinate.

    Crank and Nicolson's scheme along one axis and then the other, which is exact to second order in both the spacing
    and the steps since the two commute. Nothing leaves: the flux through the border is zero, so the sum is kept. Raises
    `ValueError` for a spacing, variance or steps that are not positive.
    """
    if not (spacing > 0 and variance > 0 and steps >= 1):
        raise ValueError(f"spacing, variance and steps must be positive, not {spacing}, {variance}, {steps}")
    n = len(p)
    r = variance / steps / (4 * spacing**2)  # half of a step of 1/2 d2/dx2
    matrix = np.full((3, n), -r)
    matrix[1] = 1 + 2 * r
    matrix[1, [0, -1]] = 1 + r
    for _ in range(steps):
        for _axis in range(2):
            padded = np.pad(p, ((1, 1), (0, 0)), mode="edge")
            p = solve_banded((1, 1), matrix, p + r * (padded[2:] - 2 * p + padded[:-2])).T
    return p


def heat(
    mixture: MixtureDenoiser, sigmas: Sequence[float], *, n: int = 192, extent: float | None = None, seed: int = 0
) -> Iterator[Heat]:
    """Frames at rising noise levels; the first picture is exact, and the finite differences go on from it.

    Raises `ValueError` for levels that do not rise from a positive one, a mixture that does not lie in the plane, and n
    outside 16..1,024.
    """
    if mixture.dim != 2:
        raise ValueError(f"the mixture must lie in the plane, not in {mixture.dim} dimensions")
    _check_levels(sigmas)
    if not 16 <= n <= 1024:
        raise ValueError(f"n must lie between 16 and 1,024, not {n}")
    size = extent or float(mixture.means.abs().max()) + 3 * (float(mixture.variances.max()) ** 0.5 + sigmas[-1])
    return _heat(mixture, sigmas, n, size, seed)


def _check_levels(sigmas: Sequence[float]) -> None:
    if len(sigmas) < 2 or not sigmas[0] > 0 or any(b <= a for a, b in pairwise(sigmas)):
        raise ValueError(f"sigmas must rise from a positive one, not {list(sigmas)}")


def _heat(mixture: MixtureDenoiser, sigmas: Sequence[float], n: int, extent: float, seed: int) -> Iterator[Heat]:
    cells, spacing = _grid(n, extent), 2 * extent / n
    at = _grid(ARROWS, extent)
    solved = _density(mixture, cells, sigmas[0])
    generator = torch.Generator().manual_seed(seed)
    x = mixture.sample(PARTICLES, generator)
    x = x + sigmas[0] * torch.randn(x.shape, generator=generator, dtype=x.dtype)
    walkers, before = x, sigmas[0]
    for sigma in sigmas:
        if sigma > before:
            variance = sigma**2 - before**2
            solved = diffuse(solved, spacing, variance, steps=max(4, math.ceil(variance / (2 * spacing**2))))
            x = _carry(mixture, x, before, sigma)
            walkers = walkers + math.sqrt(variance) * torch.randn(x.shape, generator=generator, dtype=x.dtype)
        exact = _density(mixture, cells, sigma)
        score = mixture.score(at, sigma)
        yield Heat(
            sigma=sigma,
            extent=extent,
            exact=exact,
            solved=solved,
            error=float(np.abs(solved - exact).sum()) * spacing**2,
            mass=float(solved.sum()) * spacing**2,
            at=at.numpy(),
            score=score.numpy(),
            particles=x.numpy(),
            walkers=walkers.numpy(),
        )
        before = sigma


def reversed_heat(mixture: MixtureDenoiser, x: Array, sigmas: Sequence[float]) -> list[Array]:
    """Points x (k, 2) at the last of the rising levels, carried back along the ODE to each of them: the last first.

    The heat equation itself cannot be run backwards, any ripple would grow without bound; the score can lead back since
    it remembers where the density came from. Raises `ValueError` for levels that do not rise from a positive one.
    """
    _check_levels(sigmas)
    places, point = [x], torch.as_tensor(x, dtype=torch.float64)
    for low, high in reversed(list(pairwise(sigmas))):
        point = exact_ode(mixture, point, high, end=low, steps=16)
        places.append(point.numpy())
    return places


def continuity(mixture: MixtureDenoiser, sigma: float, *, n: int = 192, points: int = 500, seed: int = 0) -> Continuity:
    """How well d log p = -div v d ln sigma holds along paths, and dp = -div(p v) d ln sigma on a grid, at `sigma`.

    Derivatives are central differences: in ln sigma along the ODE's own paths (which `exact_ode` solves), and in space.
    Raises `ValueError` for a sigma that is not positive.
    """
    if not sigma > 0:
        raise ValueError(f"sigma must be positive, not {sigma}")
    generator = torch.Generator().manual_seed(seed)
    x = mixture.sample(points, generator)
    x = x + sigma * torch.randn(x.shape, generator=generator, dtype=x.dtype)
    step = 1e-3
    low, high = sigma * math.exp(-step), sigma * math.exp(step)
    earlier = exact_ode(mixture, x, sigma, end=low, steps=4)
    later = _carry(mixture, x, sigma, high, steps=4)
    slope = (mixture.log_prob(later, high) - mixture.log_prob(earlier, low)) / (2 * step)
    divergence = x.shape[1] - mixture.divergence(x, sigma)  # of v = dx / d ln sigma = x - D
    along = float((slope + divergence).abs().max())
    extent = float(mixture.means.abs().max()) + 6 * (float(mixture.variances.max()) + sigma**2) ** 0.5
    cells, spacing = _grid(n, extent), 2 * extent / n
    p = _density(mixture, cells, sigma)
    change = (_density(mixture, cells, high) - _density(mixture, cells, low)) / (2 * step)
    velocity = (cells - mixture(cells, sigma)).numpy().reshape(n, n, 2)
    flux = p[..., None] * velocity
    spread = np.gradient(flux[..., 0], spacing, axis=1) - np.gradient(flux[..., 1], spacing, axis=0)  # rows fall in y
    return Continuity(
        sigma, along, float(np.abs(change + spread).sum() / np.abs(change).sum()), float(p.sum()) * spacing**2
    )


def _carry(mixture: MixtureDenoiser, x: torch.Tensor, sigma: float, end: float, *, steps: int = 16) -> torch.Tensor:
    """x at `sigma` along the ODE, dx / d ln sigma = x - D, to a larger level."""
    return rk4(lambda at, u: at - mixture(at, sigma * math.exp(u)), x, math.log(end / sigma), steps)


def _grid(n: int, extent: float) -> torch.Tensor:
    """Centres (n n, 2) of a picture's cells, float64, row 0 on top."""
    axis = ((torch.arange(n, dtype=torch.float64) + 0.5) / n * 2 - 1) * extent
    return torch.stack([axis.repeat(n), axis.flip(0).repeat_interleave(n)], dim=1)


def _density(mixture: MixtureDenoiser, cells: torch.Tensor, sigma: float) -> Array:
    n = math.isqrt(len(cells))
    return np.asarray(mixture.log_prob(cells, sigma).exp().numpy().reshape(n, n))
