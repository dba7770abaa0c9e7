"""RealNVP (Dinh, Sohl-Dickstein and Bengio, Density estimation using Real NVP, 2016)."""

from torch import Tensor

from playground.flows.flow import Flow
from playground.flows.nice import Coupling
from playground.flows.plane import check_between

__all__ = ["AffineCoupling", "realnvp"]


def realnvp(dim: int = 2, layers: int = 8, *, hidden: int = 64, limit: float = 3.0) -> Flow:
    """Affine couplings, by turns on either half of the coordinates.

    No layer stretches by more than exp(limit): unbounded scales overflow in training. `hidden` is the width of the
    networks. The new flow is the identity. Raises `ValueError` for hidden outside 1..1024 or limit outside 0.01..20.
    """
    check_between("limit", limit, 0.01, 20)
    couplings = [AffineCoupling(dim, hidden, first=layer % 2 == 0, limit=limit) for layer in range(layers)]
    return Flow(couplings, dim=dim)


class AffineCoupling(Coupling):
    """z = x exp(s(passive)) + t(passive), equation (7) of Dinh et al. 2016; s is a scaled tanh, as in section 4.1."""

    def __init__(self, dim: int, hidden: int, *, first: bool, limit: float) -> None:
        super().__init__(dim, hidden, first=first, numbers=2)
        self.limit = limit

    def move(self, x: Tensor, numbers: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        s, t = self._bounded(numbers[0]), numbers[1]
        return x * s.exp() + t, s

    def move_back(self, z: Tensor, numbers: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        s, t = self._bounded(numbers[0]), numbers[1]
        return (z - t) * (-s).exp(), -s

    def _bounded(self, raw: Tensor) -> Tensor:
        return self.limit * (raw / self.limit).tanh()

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, limit={self.limit}"
