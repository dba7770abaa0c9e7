"""Continuous flow (Grathwohl et al., FFJORD, 2019) with its trace exact, which in small dimensions costs little."""

from typing import Protocol

import torch
from torch import Tensor, nn

from playground.flows.flow import Flow
from playground.flows.nice import MAX_HIDDEN
from playground.flows.ode import Field, carry
from playground.flows.plane import check_between

__all__ = ["Segment", "VelocityField", "ffjord"]

# Length of a solver step times the bound on the field's Lipschitz constant. Left alone, training finds the steps where
# the solver is wrong: after 50 s on spirals the "density" held 3.4 times the mass it should, bounded it holds 1.001.
STIFFNESS = 22.0


def ffjord(dim: int = 2, layers: int = 6, *, hidden: int = 48, steps: int = 1) -> Flow:
    """dx/dt = f(x, t) from the data at t = 0 to the latent at t = 1, in `layers` equal segments of one journey.

    Each segment takes `steps` steps of the classical Runge-Kutta method; the log-determinant is the integral of the
    trace, so it is that of the exact flow and differs from the steps' own by their error, of order four in their
    length. That error stays small because the field is bounded, the more loosely the more steps there are. `hidden` is
    the width of the network. Raises `ValueError` for hidden outside 1..1024, steps outside 1..256.
    """
    check_between("steps", steps, 1, 256)
    field = VelocityField(dim, hidden, limit=STIFFNESS * layers * steps)
    segments = [Segment(field, k / layers, (k + 1) / layers, steps=steps, owner=k == 0) for k in range(layers)]
    return Flow(segments, dim=dim)


class HasField(Protocol):
    """A network of a velocity."""

    def field(self) -> Field:
        """Velocity and divergence with the weights as they are now."""
        ...


class Segment(nn.Module):
    """The journey of a velocity field from one time to another."""

    def __init__(self, field: HasField, start: float, stop: float, *, steps: int, owner: bool) -> None:
        super().__init__()
        self.start, self.stop, self.steps = start, stop, steps
        if owner:
            self.field = field
        self._shared = (field,)  # unregistered: all segments share the field, and a checkpoint must hold it once

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (n, d) at `start` to `stop`; also the log-determinant (n,)."""
        return carry(self._shared[0].field(), x, start=self.start, stop=self.stop, steps=self.steps)

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The way back, by the same steps: the inverse of `forward` up to the error of the solver."""
        return carry(self._shared[0].field(), z, start=self.stop, stop=self.start, steps=self.steps)

    def extra_repr(self) -> str:
        return f"from t={self.start:g} to t={self.stop:g}, steps={self.steps}"


class VelocityField(nn.Module):
    """f(x, t), a perceptron with two tanh layers that see the time, scaled so that its Lipschitz constant is < limit.

    It starts at zero, so the flow as the identity.
    """

    def __init__(self, dim: int, hidden: int, *, limit: float) -> None:
        check_between("hidden", hidden, 1, MAX_HIDDEN)
        super().__init__()
        self.limit = limit
        self.first, self.second = nn.Linear(dim, hidden), nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, dim)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        self.time = nn.Parameter(torch.randn(2, hidden))

    def field(self) -> Field:
        """The function (x, t) -> velocity (n, d), divergence (n,) of the weights as they are now."""
        W1, W2, W3 = self.first.weight, self.second.weight, self.last.weight
        scale = self.limit / (self.limit + W1.norm() * W2.norm() * W3.norm())  # tanh' <= 1, so the norms bound |df/dx|
        W3, b3 = scale * W3, scale * self.last.bias
        # The Jacobian is W3 diag(e2) W2 diag(e1) W1, e = 1 - tanh^2; its trace is e2 . K e1, whatever the dimension.
        K = W2 * (W1 @ W3).T

        def evaluate(x: Tensor, t: float) -> tuple[Tensor, Tensor]:
            h1 = torch.addmm(self.first.bias + t * self.time[0], x, W1.T).tanh()
            h2 = torch.addmm(self.second.bias + t * self.time[1], h1, W2.T).tanh()
            divergence = ((1 - h2 * h2) * ((1 - h1 * h1) @ K.T)).sum(1)
            return torch.addmm(b3, h2, W3.T), divergence

        return evaluate

    def extra_repr(self) -> str:
        return f"limit={self.limit:g}"
