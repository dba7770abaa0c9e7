"""Glow (Kingma and Dhariwal, Glow: Generative Flow with Invertible 1x1 Convolutions, 2018), for vectors."""

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from playground.flows.flow import Flow
from playground.flows.nice import Coupling

__all__ = ["ActNorm", "GlowCoupling", "InvertibleLinear", "glow"]


def glow(dim: int = 2, layers: int = 6, *, hidden: int = 64) -> Flow:
    """Steps of three transforms each: `ActNorm`, `InvertibleLinear`, `GlowCoupling` (table 1 of the paper).

    `hidden` is the width of the coupling's network. Raises `ValueError` for hidden outside 1..1024.
    """
    transforms: list[nn.Module] = []
    for _ in range(layers):
        transforms += [ActNorm(dim), InvertibleLinear(dim), GlowCoupling(dim, hidden)]
    return Flow(transforms, dim=dim)


class ActNorm(nn.Module):
    """z = exp(s) x + b coordinate by coordinate; the first batch sets s and b, training does the rest (section 3.1)."""

    ready: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(dim))
        self.bias = nn.Parameter(torch.zeros(dim))
        self.register_buffer("ready", torch.tensor(False))  # saved too, so that more training does not start over

    @torch.no_grad()
    def initialise(self, x: Tensor) -> None:
        """Give x (n, d), n > 1, mean 0 and variance 1 in every coordinate, the first time only."""
        if self.ready:
            return
        std, mean = torch.std_mean(x, dim=0)
        self.log_scale.copy_(-std.clamp_min(1e-6).log())  # a coordinate may be constant
        self.bias.copy_(-mean * self.log_scale.exp())
        self.ready.fill_(True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (n, d) towards the latent; also the log-determinant (n,)."""
        return x * self.log_scale.exp() + self.bias, self.log_scale.sum().expand(len(x))

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The shift and the scale undone."""
        return (z - self.bias) * (-self.log_scale).exp(), -self.log_scale.sum().expand(len(z))


class InvertibleLinear(nn.Module):
    """z = W x, W = P L (U + diag(sign exp(s))), equation (10); P and the signs stay, L, U and s are learned.

    W starts as a random rotation.
    """

    permutation: Tensor
    sign: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        P, L, U = torch.linalg.lu(torch.linalg.qr(torch.randn(dim, dim))[0])
        below, above = torch.tril_indices(dim, dim, -1), torch.triu_indices(dim, dim, 1)
        self.lower = nn.Parameter(L[below[0], below[1]])
        self.upper = nn.Parameter(U[above[0], above[1]])
        self.log_scale = nn.Parameter(U.diagonal().abs().log())
        self.register_buffer("permutation", P)
        self.register_buffer("sign", U.diagonal().sign())

    def factors(self) -> tuple[Tensor, Tensor]:
        """L, unit lower triangular, and U with its diagonal, both (d, d)."""
        d = len(self.sign)
        zeros = self.lower.new_zeros(d, d)
        L = zeros.index_put(tuple(torch.tril_indices(d, d, -1)), self.lower) + torch.eye(d).to(zeros)
        U = zeros.index_put(tuple(torch.triu_indices(d, d, 1)), self.upper)
        return L, U + torch.diag(self.sign * self.log_scale.exp())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (n, d) towards the latent; also the log-determinant (n,), equation (11)."""
        L, U = self.factors()
        return x @ (self.permutation @ L @ U).T, self.log_scale.sum().expand(len(x))

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Two triangular systems solved."""
        L, U = self.factors()
        half = torch.linalg.solve_triangular(L, (z @ self.permutation).T, upper=False, unitriangular=True)
        return torch.linalg.solve_triangular(U, half, upper=True).T, -self.log_scale.sum().expand(len(z))

    def extra_repr(self) -> str:
        return f"dim={len(self.sign)}"


class GlowCoupling(Coupling):
    """z = (x + t(passive)) sigmoid(s(passive) + 2) on the first half of the coordinates, as in the authors' code."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__(dim, hidden, first=True, numbers=2)

    def move(self, x: Tensor, numbers: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        log_scale = logsigmoid(numbers[0] + 2)
        return (x + numbers[1]) * log_scale.exp(), log_scale

    def move_back(self, z: Tensor, numbers: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        log_scale = logsigmoid(numbers[0] + 2)
        return z * (-log_scale).exp() - numbers[1], -log_scale
