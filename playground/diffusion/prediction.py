"""What networks predict, and how each prediction is turned into any other.

All at x_hat = x_0 + sigma epsilon (that is x_t / s): with the denoised x_0 = D, epsilon = (x_hat - D) / sigma, the
score is (D - x_hat) / sigma^2, v = (epsilon - sigma D) / sqrt(1 + sigma^2) (Salimans and Ho 2022), the flow's velocity
epsilon - D (Lipman et al. 2023) and EDM's F = (D - c_skip x_hat) / c_out (Karras et al. 2022).
"""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from playground.diffusion.level import beside
from playground.diffusion.names import check_name

__all__ = ["KINDS", "Kind", "Prediction"]

Kind = Literal["eps", "x0", "v", "flow", "score", "F"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, eq=False)
class Prediction:
    """A network's output at (x_hat, sigma), with what it means.

    `value` has the shape of x_hat; `sigma_data` matters to "F" alone.

    >>> p = Prediction("eps", torch.tensor([1.0]), x_hat=torch.tensor([3.0]), sigma=2.0)
    >>> p.to("x0").value
    tensor([1.])
    """

    kind: Kind
    value: Tensor
    x_hat: Tensor
    sigma: Tensor | float
    sigma_data: float = 1.0

    def __post_init__(self) -> None:
        check_name("prediction", self.kind, KINDS)

    @property
    def x0(self) -> Tensor:
        """The denoised D(x_hat; sigma)."""
        if self.kind == "x0":
            return self.value
        skip, out = _coefficients(self.kind, self._sigma, self.sigma_data)
        return skip * self.x_hat + out * self.value

    def to(self, kind: Kind) -> "Prediction":
        """The same prediction as another kind."""
        check_name("prediction", kind, KINDS)
        if kind == self.kind:
            return self
        value = self.x0
        if kind != "x0":
            skip, out = _coefficients(kind, self._sigma, self.sigma_data)
            value = (value - skip * self.x_hat) / out
        return Prediction(kind, value, self.x_hat, self.sigma, self.sigma_data)

    @property
    def _sigma(self) -> Tensor:
        """Noise levels that stand beside x_hat: (n,) gets the trailing axes it needs."""
        sigma = torch.as_tensor(self.sigma, dtype=self.x_hat.dtype, device=self.x_hat.device)
        return beside(sigma, self.x_hat)


def _coefficients(kind: Kind, sigma: Tensor, sigma_data: float) -> tuple[Tensor, Tensor]:
    """(skip, out) of x_0 = skip x_hat + out value."""
    one = torch.ones_like(sigma)
    if kind == "eps":
        return one, -sigma
    if kind == "score":
        return one, sigma.square()
    if kind == "v":
        return 1 / (1 + sigma.square()), -sigma / torch.hypot(sigma, one)
    if kind == "flow":
        return 1 / (1 + sigma), -sigma / (1 + sigma)
    total = sigma.square() + sigma_data**2
    return sigma_data**2 / total, sigma * sigma_data / total.sqrt()
