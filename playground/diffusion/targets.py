"""Distributions with an exact denoiser: mixtures that look like the usual densities, of mean about 0 and variance 1."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from playground.diffusion.mixture import MixtureDenoiser
from playground.diffusion.names import look_up

__all__ = ["TARGETS", "mixture_from_density", "mixture_from_drawing", "target"]


def target(name: str) -> MixtureDenoiser:
    """A mixture of `TARGETS`. Raises `ValueError` for an unknown name.

    >>> len(target("eight_gaussians").means)
    8
    """
    return look_up("target", name, TARGETS)()


def mixture_from_density(log_p: Any, extent: float, *, most: int = 1500) -> MixtureDenoiser:
    """A mixture of one round Gaussian a pixel, for any density of the plane, drawn ones too.

    `log_p` (n, n) log-density in nats over [-extent, extent]^2, row 0 on top. Pixels are joined in squares until at
    most `most` hold mass; a Gaussian's standard deviation is half a pixel. Raises `ValueError` where none holds any.
    """
    mass = torch.as_tensor(log_p, dtype=torch.float64)
    if mass.ndim != 2 or mass.shape[0] != mass.shape[1]:
        raise ValueError(f"log_p must have the shape (n, n), not {tuple(mass.shape)}")
    mass = (mass - mass.max()).exp().nan_to_num(0.0)
    pixel = 2 * extent / len(mass)
    while int((mass > 1e-4 * mass.max()).sum()) > most and len(mass) > 8:
        odd = len(mass) % 2  # a row and a column of nothing make it even
        mass = torch.nn.functional.avg_pool2d(torch.nn.functional.pad(mass[None, None], (0, odd, 0, odd)), 2)[0, 0]
        pixel *= 2
    kept = (mass > 1e-4 * mass.max()).nonzero()
    if not len(kept) or not float(mass.max()) > 0:
        raise ValueError("the density is empty: draw or choose one with some mass")
    x = -extent + (kept[:, 1] + 0.5) * pixel
    y = extent - (kept[:, 0] + 0.5) * pixel
    weights = mass[kept[:, 0], kept[:, 1]]
    return MixtureDenoiser(torch.stack([x, y], 1), torch.full((len(kept),), 0.5 * pixel), weights, name="drawn")


def mixture_from_drawing(ink: Any, *, most: int = 500) -> MixtureDenoiser:
    """`mixture_from_density` of a drawing (n, n), ink from 0 on, moved and scaled to mean 0 and mean variance 1.

    Raises `ValueError` for an empty one.
    """
    ink = torch.as_tensor(ink, dtype=torch.float64)
    if not bool((ink >= 0).all()):
        raise ValueError("ink must be finite and at least 0")
    raw = mixture_from_density(ink.log(), 1.0, most=most)
    return _standard("drawing", raw.means, raw.variances[:, 0].sqrt(), raw.weights)


def _standard(name: str, means: Tensor, stds: Tensor, weights: Tensor | None = None) -> MixtureDenoiser:
    """Moved and scaled to mean 0 and mean variance 1."""
    raw = MixtureDenoiser(means, stds, weights)
    return MixtureDenoiser(
        (raw.means - raw.mean) / raw.std, raw.variances[:, 0].sqrt() / raw.std, raw.weights, name=name
    )


def _eight_gaussians() -> MixtureDenoiser:
    angle = torch.arange(8, dtype=torch.float64) * (math.pi / 4)
    return _standard("eight_gaussians", torch.stack([angle.cos(), angle.sin()], 1), torch.full((8,), 0.125))


def _moons() -> MixtureDenoiser:
    """Two half circles, each as 100 Gaussians wider than their distance: no gap can be seen."""
    angle = math.pi * (torch.arange(100, dtype=torch.float64) + 0.5) / 100
    upper = torch.stack([angle.cos(), angle.sin()], 1)
    lower = torch.stack([1 - angle.cos(), 0.5 - angle.sin()], 1)
    return _standard("moons", torch.cat([upper, lower]), torch.full((200,), 0.07))


def _spirals() -> MixtureDenoiser:
    """Two arms of one and a half turns."""
    turn = 3 * math.pi * ((torch.arange(200, dtype=torch.float64) + 0.5) / 200).sqrt()
    arm = torch.stack([-turn.cos() * turn, turn.sin() * turn], 1)
    return _standard("spirals", torch.cat([arm, -arm]), torch.full((400,), 0.35))


def _checkerboard() -> MixtureDenoiser:
    """Eight squares of a board of four by four, each as six by six Gaussians."""
    inner = (torch.arange(6, dtype=torch.float64) + 0.5) / 6
    squares = [(i, j) for i in range(4) for j in range(4) if (i + j) % 2 == 0]
    corner = torch.tensor(squares, dtype=torch.float64)
    means = (corner[:, None] + torch.cartesian_prod(inner, inner)).reshape(-1, 2)
    return _standard("checkerboard", means, torch.full((len(means),), 0.6 / 6))


def _fractal() -> MixtureDenoiser:
    """392 Gaussians: a tree whose branches halve, eight boughs of seven twigs of seven leaves."""

    def around(count: int, radius: float, phase: float) -> Tensor:
        angle = torch.arange(count, dtype=torch.float64) * (2 * math.pi / count) + phase
        return radius * torch.stack([angle.cos(), angle.sin()], 1)

    boughs, twigs, leaves = around(8, 1.0, 0.0), around(7, 0.28, 0.3), around(7, 0.075, 0.7)
    means = (boughs[:, None, None] + twigs[None, :, None] + leaves[None, None]).reshape(-1, 2)
    return _standard("fractal", means, torch.full((392,), 0.014))


def _high() -> MixtureDenoiser:
    """64 Gaussians in 64 dimensions, of random means."""
    means = torch.randn(64, 64, generator=torch.Generator().manual_seed(64), dtype=torch.float64)
    return _standard("high", means, torch.full((64,), 0.25))


TARGETS: dict[str, Callable[[], MixtureDenoiser]] = {
    "eight_gaussians": _eight_gaussians,
    "moons": _moons,
    "spirals": _spirals,
    "checkerboard": _checkerboard,
    "fractal": _fractal,
    "high": _high,
}
