"""Neural spline flow (Durkan et al., Neural Spline Flows, 2019); in the plane its conditioner is one matrix product.

In two dimensions a coupling is conditioned on a single number. Normalised radial features of that number, spread over
a lattice, times a matrix give all the numbers of the spline: no hidden layer, a hundred steps where a network takes one
tenth of them, and every weight acts in a known place. Above two dimensions a small network takes the lattice's place.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from playground.flows.flow import Flow
from playground.flows.rational_quadratic import rational_quadratic

__all__ = ["Lattice", "Rotation", "SplineCoupling", "spline"]


def spline(
    dim: int = 2, layers: int = 4, *, bins: int = 16, bound: float = 3.5, features: int = 36, hidden: int = 64
) -> Flow:
    """Rational-quadratic couplings, by turns on either half of the coordinates, a learned rotation after each pair.

    `features` counts the radial features of the lattice (dim 2), `hidden` the width of the network (dim above 2).
    Outside [-bound, bound] a coupling is the identity. The new flow is a rotation. Raises `ValueError` for bins outside
    2..512, a bound or a number of features that is not positive.
    """
    if not 2 <= bins <= 512:
        raise ValueError(f"bins must lie between 2 and 512, not {bins}")
    if not bound > 0 or features < 2 or hidden < 1:
        raise ValueError(f"bound must be > 0, features >= 2 and hidden >= 1, not {bound}, {features} and {hidden}")
    transforms: list[nn.Module] = []
    for layer in range(layers):
        if layer and layer % 2 == 0:
            transforms.append(Rotation(dim))
        first = layer % 2 == 0
        passive, active = (dim // 2, dim - dim // 2) if first else (dim - dim // 2, dim // 2)
        numbers = 3 * bins - 1
        conditioner = Lattice(features, numbers, bound) if dim == 2 else Network(passive, hidden, active, numbers)
        transforms.append(SplineCoupling(conditioner, split=dim - dim // 2, first=first, bound=bound))
    return Flow(transforms, dim=dim)


class SplineCoupling(nn.Module):
    """A spline on the first `split` coordinates (`first`) or on the others; those it leaves alone give its shape."""

    def __init__(self, conditioner: nn.Module, *, split: int, first: bool, bound: float) -> None:
        super().__init__()
        self.conditioner, self.split, self.first, self.bound = conditioner, split, first, bound

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (n, d) towards the latent; also the log-determinant (n,)."""
        return self._apply_spline(x, inverse=False)

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The exact inverse of `forward`, in closed form."""
        return self._apply_spline(z, inverse=True)

    def _apply_spline(self, x: Tensor, *, inverse: bool) -> tuple[Tensor, Tensor]:
        head, tail = x.split((self.split, x.shape[1] - self.split), 1)
        active, passive = (head, tail) if self.first else (tail, head)
        raw = self.conditioner(passive)  # (3K - 1, n * active coordinates)
        moved, logslope = rational_quadratic(active.reshape(-1), raw, bound=self.bound, inverse=inverse)
        moved = moved.view(active.shape)
        parts = (moved, passive) if self.first else (passive, moved)
        return torch.cat(parts, 1), logslope.view(active.shape).sum(1)

    def extra_repr(self) -> str:
        return f"split={self.split}, first={self.first}, bound={self.bound}"


class Lattice(nn.Module):
    """A function of one number x (n, 1), values (out, n): a matrix times radial features on a lattice over +-bound.

    The features are exp(-(x - c)^2 / 2 r^2), r the spacing of the lattice, divided by their sum.
    """

    basis: Tensor

    def __init__(self, features: int, out: int, bound: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(out, features))
        centres = torch.linspace(-bound, bound, features)
        self.register_buffer("basis", torch.stack((torch.ones(features), centres)), persistent=False)
        self.bound, self.sharpness = bound, 0.5 * ((features - 1) / (2 * bound)) ** 2

    def forward(self, x: Tensor) -> Tensor:
        return _LatticeProduct.apply(x, self.weight, self.basis, self.bound, self.sharpness)


class _LatticeProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, basis: Tensor, bound: float, sharpness: float) -> Tensor:
        inside = x[:, 0].clamp(-bound, bound)
        phi = inside - basis[1, :, None]
        # e^-40 is nothing beside the nearest centre; smaller ones would be denormal, ten times slower
        phi.square_().mul_(-sharpness).clamp_(min=-40).exp_()
        total, first = basis @ phi
        phi /= total
        ctx.save_for_backward(phi, first / total, weight, basis, x[:, 0] == inside)
        ctx.sharpness = sharpness
        return weight @ phi

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        phi, mean, weight, basis, inside = ctx.saved_tensors
        total, first = basis @ (weight.T @ g).mul_(phi)  # d phi_j / dx = 2 sharpness phi_j (c_j - sum_i phi_i c_i)
        g_x = torch.addcmul(first, mean, total, value=-1).mul_(2 * ctx.sharpness)
        g_x = g_x.mul_(inside)  # beyond the lattice the function is constant
        return g_x[:, None], g @ phi.T, None, None, None


class Rotation(nn.Module):
    """A learned rotation z = x Q^T of all coordinates; Q starts at 45 degrees in the plane, at random above it.

    Q = exp(A), A skew: orthogonal to rounding in every dtype, which a stored matrix, once rounded, is not.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        pairs = dim * (dim - 1) // 2
        self.skew = nn.Parameter(torch.full((1,), math.pi / 4) if dim == 2 else torch.randn(pairs))  # radians
        self.dim = dim

    def matrix(self) -> Tensor:
        """Q (d, d), orthogonal."""
        if self.dim == 2:
            cos, sin = self.skew.cos(), self.skew.sin()
            return torch.cat((cos, -sin, sin, cos)).view(2, 2)
        places = tuple(torch.triu_indices(self.dim, self.dim, 1, device=self.skew.device))
        upper = self.skew.new_zeros(self.dim, self.dim).index_put(places, self.skew)
        return torch.linalg.matrix_exp(upper - upper.T)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (n, d) towards the latent; the log-determinant (n,) is zero."""
        return x @ self.matrix().T, x.new_zeros(len(x))

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The rotation back."""
        return z @ self.matrix(), z.new_zeros(len(z))


class Network(nn.Sequential):
    """A function of x (n, inputs) with values (numbers, n * active): a perceptron with two hidden layers.

    The last layer starts at zero, so that the spline starts as the identity.
    """

    def __init__(self, inputs: int, hidden: int, active: int, numbers: int) -> None:
        last = nn.Linear(hidden, active * numbers)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        super().__init__(nn.Linear(inputs, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), last)
        self.numbers = numbers

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).view(-1, self.numbers).T.contiguous()
