"""Radial flow (Rezende and Mohamed, Variational Inference with Normalizing Flows, 2015), inverted in closed form."""

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from playground.flows.flow import Flow

__all__ = ["Radial", "radial"]


def radial(dim: int = 2, layers: int = 16) -> Flow:
    """Maps that draw space towards a centre or push it away, each around a centre of its own.

    The centres start at random points of the data's size, the strengths near zero.
    """
    return Flow([Radial(dim) for _ in range(layers)], dim=dim)


class Radial(nn.Module):
    """z = x + beta h(r) (x - centre), h = 1 / (alpha + r), r = |x - centre|, equation (14) of Rezende and Mohamed.

    alpha > 0 and beta > -alpha, by softplus (appendix A.2), make it invertible.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.centre = nn.Parameter(torch.randn(dim))
        self.raw_alpha = nn.Parameter(torch.zeros(()))
        self.raw_beta = nn.Parameter(0.1 * torch.randn(()))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (n, d) towards the latent; also the log-determinant (n,), equation (14)."""
        alpha, beta = self._strength()
        away = x - self.centre
        r = away.norm(dim=1)
        return x + (beta / (alpha + r))[:, None] * away, self._logdet(r, alpha, beta)

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The exact inverse: R = |z - centre| = r + beta r / (alpha + r) is a quadratic equation for r."""
        alpha, beta = self._strength()
        away = z - self.centre
        R = away.norm(dim=1)
        gap = R - alpha - beta
        root = (gap.square() + 4 * alpha * R).sqrt()
        # The root of r^2 - gap r - alpha R = 0 that is not negative, each sign of gap written so as not to cancel.
        r = torch.where(gap > 0, (gap + root) / 2, 2 * alpha * R / (root - gap.clamp(max=0)))
        return self.centre + away / (1 + beta / (alpha + r))[:, None], -self._logdet(r, alpha, beta)

    def _strength(self) -> tuple[Tensor, Tensor]:
        alpha = softplus(self.raw_alpha)
        return alpha, softplus(self.raw_beta) - alpha

    def _logdet(self, r: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
        h = 1 / (alpha + r)
        # 1 + beta h + beta h' r with h' = -h^2 is 1 + alpha beta h^2
        return (self.centre.numel() - 1) * torch.log1p(beta * h) + torch.log1p(alpha * beta * h * h)
