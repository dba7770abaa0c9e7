"""Planar flow (Rezende and Mohamed, Variational Inference with Normalizing Flows, 2015) and what its bound is for."""

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from playground.flows.flow import Flow

__all__ = ["NotInvertibleError", "Planar", "planar"]

ROUNDS = 160  # of the scalar solve: one in three halves the bracket, so float64 is exhausted; it usually stops near 10


class NotInvertibleError(ValueError):
    """A transform was asked for an inverse it does not have."""


def planar(dim: int = 2, layers: int = 16, *, constrained: bool = True) -> Flow:
    """Maps that push along one direction, each across a plane of its own.

    Unconstrained, a layer with w.u < -1 folds space: up to three points x share one latent z. The density that
    `log_prob` reports, p_z(f(x)) |det df/dx|, then counts the mass at z once for each of them (area formula), so its
    integral is the expected number of points x of a latent z: 1 without folds, above 1 with them, up to 3^layers.
    Maximum likelihood has every reason to widen those folds: the mass is free. But it seldom makes the first one, for
    at w.u = -1 the log-determinant of the points on the plane falls to -inf; so the first layer starts folded.
    """
    transforms = [Planar(dim, constrained=constrained) for _ in range(layers)]
    if not constrained:
        transforms[0].fold()
    return Flow(transforms, dim=dim)


class Planar(nn.Module):
    """z = x + u tanh(w.x + b), equation (10) of Rezende and Mohamed; `constrained` keeps w.u > -1 (appendix A.1)."""

    def __init__(self, dim: int, *, constrained: bool) -> None:
        super().__init__()
        self.constrained = constrained
        self.w = nn.Parameter(torch.randn(dim))
        self.u = nn.Parameter(0.5 * torch.randn(dim))
        self.b = nn.Parameter(torch.randn(()))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (n, d) towards the latent; also the log-determinant (n,), equation (12)."""
        u, slope = self.push()
        t = torch.tanh(x @ self.w + self.b)
        return torch.addcmul(x, t[:, None], u), _logdet(t, slope)

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The point x of each z, by a scalar equation solved to rounding error; `NotInvertibleError` where w.u < -1."""
        u, slope = self.push()
        if slope < -1:
            raise NotInvertibleError(
                f"this planar layer has w.u = {slope.item():.3f}, below -1: it folds space and has no inverse; "
                "build the flow with constrained=True"
            )
        t = torch.tanh(_solve(z @ self.w, self.b, slope) + self.b)
        return torch.addcmul(z, t[:, None], u, value=-1), -_logdet(t, slope)

    @torch.no_grad()
    def fold(self) -> None:
        """Change u along w so that w.u = -1.5."""
        self.u.sub_((1.5 + self.w @ self.u) / self.w.square().sum() * self.w)

    def push(self) -> tuple[Tensor, Tensor]:
        """The vector u (d,) that the layer applies, and w.u."""
        slope = self.w @ self.u
        if not self.constrained:
            return self.u, slope
        allowed = softplus(slope) - 1
        size = self.w.square().sum().clamp_min(torch.finfo(self.w.dtype).tiny)
        return self.u + (allowed - slope) / size * self.w, allowed

    def extra_repr(self) -> str:
        return f"dim={len(self.w)}, constrained={self.constrained}"


def _logdet(t: Tensor, slope: Tensor) -> Tensor:
    """log |1 + w.u tanh'|, stopped at rounding error: on a fold it is -inf."""
    return (1 + slope * (1 - t * t)).abs().clamp_min(torch.finfo(t.dtype).eps).log()


def _solve(target: Tensor, b: Tensor, slope: Tensor) -> Tensor:
    """The a (n,) with a + slope tanh(a + b) = target (n,), slope >= -1: Newton's method inside a shrinking bracket.

    Its gradients are those of the implicit function: the last step alone is recorded.
    """
    smallest = torch.finfo(target.dtype).eps
    with torch.no_grad():
        low, high = target - slope.abs(), target + slope.abs()
        a = target.clone()
        for turn in range(ROUNDS):
            t = torch.tanh(a + b)
            excess = a + slope * t - target
            low, high = torch.where(excess <= 0, a, low), torch.where(excess >= 0, a, high)
            newton = a - excess / (1 + slope * (1 - t * t)).clamp_min(smallest)
            safe = (newton > low) & (newton < high) if turn % 3 < 2 else torch.zeros_like(newton, dtype=torch.bool)
            closer = torch.where(safe, newton, (low + high) / 2)
            done = (closer - a).abs().max() <= 2 * smallest * (1 + a.abs().max())
            a = closer
            if done:
                break
    t = torch.tanh(a + b)
    derivative = (1 + slope * (1 - t * t)).clamp_min(smallest)
    return a - (a + slope * t - target) / derivative.detach()
