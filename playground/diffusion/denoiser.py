"""The one convention of this library: a denoiser is called as D(x, sigma) and answers with E[x_0 | x].

x (n, ...) = x_0 + sigma epsilon; sigma is a number, or a tensor (), (n,) or (n, 1, ...) of as many axes as x. Here:
what every denoiser is, the one that remembers its data, and guidance.
"""

from typing import Any, Protocol

import torch
from torch import Tensor

from playground.diffusion.level import read_level

__all__ = ["DataDenoiser", "Denoiser", "GuidedDenoiser"]

CHUNK = 1 << 22


class Denoiser(Protocol):
    """E[x_0 | x_0 + sigma epsilon = x], in the shape and dtype of x."""

    def __call__(self, x: Tensor, sigma: Tensor, /) -> Tensor: ...


class DataDenoiser:
    """The exact denoiser of a data set, each of its points equally likely: it can only give back what it remembers.

    `data` (m, ...). The posterior mean is a softmax over the data (equation 57 of Karras et al. 2022).
    """

    def __init__(self, data: Any) -> None:
        self.data = torch.as_tensor(data, dtype=torch.float64)
        if self.data.ndim < 2 or not len(self.data) or not self.data.isfinite().all():
            raise ValueError(f"data must be finite, of the shape (m, ...), not {tuple(self.data.shape)}")

    def __call__(self, x: Tensor, sigma: Tensor | float) -> Tensor:
        if x.shape[1:] != self.data.shape[1:]:
            raise ValueError(f"x must have the shape (n, {', '.join(map(str, self.data.shape[1:]))})")
        states = x.detach().to("cpu", torch.float64)
        points, data, level = states.flatten(1), self.data.flatten(1), read_level(sigma, states).reshape(-1, 1)
        parts = []
        size = max(1, CHUNK // len(data))
        for part, noise in zip(points.split(size), level.expand(len(points), 1).split(size), strict=True):
            closeness = -(torch.cdist(part, data).square()) / (2 * noise.square())
            parts.append(closeness.softmax(1) @ data)
        return torch.cat(parts).reshape(x.shape).to(x)


class GuidedDenoiser:
    """Classifier-free guidance (Ho and Salimans 2022): D_u + guidance (D_c - D_u); 1 is the conditional denoiser."""

    def __init__(self, conditional: Denoiser, unconditional: Denoiser, guidance: float) -> None:
        if not 0 <= guidance <= 100:
            raise ValueError(f"guidance must lie between 0 and 100, not {guidance}")
        self.conditional, self.unconditional, self.guidance = conditional, unconditional, guidance

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        if self.guidance == 1:
            return self.conditional(x, sigma)
        if self.guidance == 0:
            return self.unconditional(x, sigma)
        base = self.unconditional(x, sigma)
        return base + self.guidance * (self.conditional(x, sigma) - base)
