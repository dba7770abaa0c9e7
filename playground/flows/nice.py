"""NICE (Dinh, Krueger and Bengio, NICE: Non-linear Independent Components Estimation, 2014), and coupling itself."""

import torch
from torch import Tensor, nn

from playground.flows.flow import Flow
from playground.flows.plane import check_between

__all__ = ["MAX_HIDDEN", "AdditiveCoupling", "Coupling", "Scale", "nice", "perceptron"]

MAX_HIDDEN = 1024  # units of a hidden layer


def nice(dim: int = 2, layers: int = 8, *, hidden: int = 64) -> Flow:
    """Additive couplings, by turns on either half of the coordinates, and one diagonal scale at the end.

    All but the scale keep volume. The paper stacks four; with fewer than three some coordinates never meet. `hidden` is
    the width of the networks. The new flow is the identity. Raises `ValueError` for hidden outside 1..1024.
    """
    couplings = [AdditiveCoupling(dim, hidden, first=layer % 2 == 0) for layer in range(layers)]
    return Flow([*couplings, Scale(dim)], dim=dim)


def perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Two hidden layers; the last layer starts at zero, so that whatever it steers starts at its neutral value."""
    check_between("hidden", hidden, 1, MAX_HIDDEN)
    last = nn.Linear(hidden, outputs)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(inputs, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), last)


class Coupling(nn.Module):
    """Move the first half of the coordinates (`first`) or the others; a network of those left alone says how."""

    def __init__(self, dim: int, hidden: int, *, first: bool, numbers: int) -> None:
        super().__init__()
        self.split, self.first, self.numbers = dim - dim // 2, first, numbers
        active = self.split if first else dim - self.split
        self.network = perceptron(dim - active, hidden, numbers * active)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (n, d) towards the latent; also the log-determinant (n,)."""
        return self._couple(x, inverse=False)

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The exact inverse of `forward`, in closed form."""
        return self._couple(z, inverse=True)

    def move(self, x: Tensor, numbers: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """x (n, active) by what the network says, `numbers` tensors (n, active); also the log-slopes (n, active)."""
        raise NotImplementedError

    def move_back(self, z: Tensor, numbers: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """The inverse of `move`; also its own log-slopes (n, active)."""
        raise NotImplementedError

    def _couple(self, x: Tensor, *, inverse: bool) -> tuple[Tensor, Tensor]:
        head, tail = x[:, : self.split], x[:, self.split :]
        active, passive = (head, tail) if self.first else (tail, head)
        numbers = self.network(passive).chunk(self.numbers, dim=1)
        moved, logslope = (self.move_back if inverse else self.move)(active, numbers)
        return torch.cat((moved, passive) if self.first else (passive, moved), dim=1), logslope.sum(1)

    def extra_repr(self) -> str:
        return f"split={self.split}, first={self.first}"


class AdditiveCoupling(Coupling):
    """z = x + m(passive), equation (6) of Dinh et al. 2014; keeps volume."""

    def __init__(self, dim: int, hidden: int, *, first: bool) -> None:
        super().__init__(dim, hidden, first=first, numbers=1)

    def move(self, x: Tensor, numbers: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        return x + numbers[0], torch.zeros_like(x)

    def move_back(self, z: Tensor, numbers: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        return z - numbers[0], torch.zeros_like(z)


class Scale(nn.Module):
    """z = exp(s) x coordinate by coordinate, the diagonal S of section 3.3."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (n, d) towards the latent; also the log-determinant (n,)."""
        return x * self.log_scale.exp(), self.log_scale.sum().expand(len(x))

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Divide by the scale."""
        return z * (-self.log_scale).exp(), -self.log_scale.sum().expand(len(z))
