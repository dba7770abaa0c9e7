"""How far samples end from where they should: of each its RMS over coordinates, of many the RMS and the median."""

from torch import Tensor

__all__ = ["gaps", "median", "rms"]


def gaps(x: Tensor, end: Tensor, std: float = 1.0) -> Tensor:
    """The distance (n,) of each x (n, ...) to its `end`, a coordinate, in units of `std`."""
    return ((x - end) / std).flatten(1).square().mean(1).sqrt()


def rms(gap: Tensor) -> float:
    """Root of the mean square of `gaps` (n,): over all points and coordinates."""
    return float(gap.square().mean().sqrt())


def median(gap: Tensor) -> float:
    """Their median; of two in the middle the mean."""
    return float(gap.quantile(0.5))
