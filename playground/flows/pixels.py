"""Piecewise uniform densities: every pixel of a picture has its probability, spread evenly. The checkerboard is one."""

import math

import torch
from torch import Tensor

from playground.flows.plane import check_between, check_count, check_points

__all__ = ["Pixels", "checkerboard"]

EDGE = 1e-5  # of a pixel, left free on each side: float32 would round a sample on the edge into the next pixel


class Pixels:
    """Density proportional to `weights` (h, w) on a box around `centre`; row 0 is the top, so y falls along rows."""

    def __init__(
        self, name: str, weights: Tensor, box: tuple[float, float], centre: tuple[float, float] = (0.0, 0.0)
    ) -> None:
        """`weights` not negative, not all zero; `box` is the width and the height in data units."""
        self.name = name
        rows, columns = weights.shape
        self.shape = (rows, columns)
        self.pixel = torch.tensor([box[0] / columns, box[1] / rows], dtype=torch.float64)  # width, height
        self.corner = torch.tensor([centre[0] - box[0] / 2, centre[1] + box[1] / 2], dtype=torch.float64)  # top left
        flat = weights.double().flatten()
        p = flat / flat.sum()
        self.table = p.log() - math.log(float(self.pixel.prod()))  # (h w,) log-densities, -inf where there is no ink
        self.ink = p.nonzero()[:, 0]  # only these can be drawn, whatever the rounding of the sums
        self.sums = p[self.ink].cumsum(0)
        self.entropy = -float((p[self.ink] * self.table[self.ink]).sum())  # nats, exact

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n points (n, 2), float32."""
        check_count(n)
        u = torch.rand(n, generator=generator, dtype=torch.float64) * self.sums[-1]
        index = self.ink[torch.searchsorted(self.sums, u, right=True).clamp_max(len(self.ink) - 1)]
        column, row = index % self.shape[1], torch.div(index, self.shape[1], rounding_mode="floor")
        place = torch.rand(n, 2, generator=generator, dtype=torch.float64) * (1 - 2 * EDGE) + EDGE
        down = (torch.stack([column, row], dim=1) + place) * self.pixel
        return (self.corner + down * torch.tensor([1.0, -1.0], dtype=torch.float64)).float()

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density (n,) in nats of points x (n, 2) in the dtype of x; -inf outside the ink, NaN for NaN."""
        check_points(x)
        points = x.detach().to("cpu", torch.float64)
        place = (points - self.corner) * torch.tensor([1.0, -1.0], dtype=torch.float64) / self.pixel
        column, row = place[:, 0], place[:, 1]
        inside = (column >= 0) & (column < self.shape[1]) & (row >= 0) & (row < self.shape[0])
        index = torch.where(inside, row.floor() * self.shape[1] + column.floor(), 0.0).long()
        log_p = self.table[index].masked_fill(~inside, -math.inf)
        return log_p.masked_fill(points.isnan().any(1), math.nan).to(x)


def checkerboard(*, side: int = 4) -> Pixels:
    """Uniform on every other square of a side x side board, the top left one included; entropy log(area)."""
    check_between("side", side, 2, 12)
    board = (torch.arange(side)[:, None] + torch.arange(side)) % 2 == 0
    width = math.sqrt(12)  # a uniform line this long has unit standard deviation; exact for an even side
    return Pixels("checkerboard", board, (width, width))
