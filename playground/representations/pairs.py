"""Pairs (x, y) of known mutual information: Gaussians, and what keeps their information but not their shape."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["PAIRS", "Pairs", "correlation", "gaussian_information", "pairs"]


def gaussian_information(rho: float, dim: int = 1) -> float:
    """I(x; y) = -d/2 log(1 - rho^2) nats of d pairs of correlation rho."""
    return -dim / 2 * math.log1p(-(rho**2))


def correlation(information: float, dim: int = 1) -> float:
    """The rho of d pairs that share so many nats."""
    return math.sqrt(-math.expm1(-2 * information / dim))


@dataclass(frozen=True)
class Pairs:
    """A joint distribution of x (n, dim) and y (n, dim_y)."""

    name: str
    dim: int
    information: float | None  # nats, None where nobody knows
    draw: Callable[[int, torch.Generator | None], tuple[Tensor, Tensor]]
    log_ratio: Callable[[Tensor, Tensor], Tensor] | None = None  # log p(x, y) / p(x) p(y), where it is in closed form
    dim_y: int = 0  # 0: as x
    rows: int | None = None  # as many as a batch can have, where the pairs are rows of a table

    @property
    def dims(self) -> tuple[int, int]:
        """Columns of x and of y."""
        return self.dim, self.dim_y or self.dim

    def sample(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """n pairs, float32."""
        return self.draw(n, generator)


def gaussian(information: float = 1.0, dim: int = 1) -> Pairs:
    """d pairs of standard normals of one correlation."""
    rho = correlation(information, dim)

    def draw(n: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        x, e = torch.randn(2, n, dim, generator=generator)
        return x, rho * x + math.sqrt(1 - rho**2) * e

    def log_ratio(x: Tensor, y: Tensor) -> Tensor:
        square = rho**2 * (x**2 + y**2) - 2 * rho * x * y
        return (-0.5 * math.log1p(-(rho**2)) - square / (2 * (1 - rho**2))).sum(-1)

    return Pairs("gaussian", dim, information, draw, log_ratio)


def _through(
    name: str, curve: Callable[[Tensor], Tensor], inverse: Callable[[Tensor], Tensor] | None = None
) -> Callable[..., Pairs]:
    """Gaussians whose coordinates each go through a curve that rises: their information stays (Czyz et al. 2023)."""

    def make(information: float = 1.0, dim: int = 1) -> Pairs:
        base = gaussian(information, dim)
        assert base.log_ratio is not None
        ratio = base.log_ratio

        def draw(n: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
            x, y = base.sample(n, generator)
            return curve(x), curve(y)

        known = None if inverse is None else lambda x, y: ratio(inverse(x), inverse(y))
        return Pairs(name, dim, information, draw, known)

    return make


def additive(information: float = 1.0, dim: int = 1) -> Pairs:
    """x even in [0, 1], y = x + even noise in [-e, e], each coordinate alike, and both over their standard deviations.

    With e <= 1/2: I = e + log(1 / (2 e)); beyond, 1 / (4 e) (Czyz et al., Beyond Normal, 2023, appendix).
    """
    each = information / dim
    low, high = 1e-6, 1e6
    for _ in range(200):  # the information falls as the noise grows
        middle = math.sqrt(low * high)
        low, high = (middle, high) if _additive_information(middle) > each else (low, middle)
    noise = math.sqrt(low * high)

    def draw(n: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        x = torch.rand(n, dim, generator=generator)
        y = x + noise * (2 * torch.rand(n, dim, generator=generator) - 1)
        return x * math.sqrt(12), y / math.sqrt(1 / 12 + noise**2 / 3)

    return Pairs("additive", dim, information, draw)


def _additive_information(noise: float) -> float:
    return noise + math.log(1 / (2 * noise)) if noise <= 0.5 else 1 / (4 * noise)


PAIRS: dict[str, Callable[..., Pairs]] = {
    "gaussian": gaussian,
    "half_cube": _through("half_cube", lambda x: x.sign() * x.abs() ** 1.5, lambda x: x.sign() * x.abs() ** (2 / 3)),
    "wiggly": _through("wiggly", lambda x: x + 0.4 * torch.sin(x) + 0.2 * torch.sin(1.7 * x + 1)),
    "additive": additive,
}


def pairs(name: str, information: float = 1.0, dim: int = 1) -> Pairs:
    """Pairs of `PAIRS` that share so many nats. Raises `ValueError` for an unknown name and numbers out of range."""
    if name not in PAIRS:
        raise ValueError(f"no pairs are called {name!r}; choose one of {', '.join(PAIRS)}")
    if not 0 <= information <= 30:
        raise ValueError(f"information must lie between 0 and 30 nats, not {information}")
    if not 1 <= dim <= 100:
        raise ValueError(f"dim must lie between 1 and 100, not {dim}")
    return PAIRS[name](information, dim)
