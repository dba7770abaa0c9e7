"""Fitting a linear method's numbers to the ends of the exact ODE: the method of Levenberg (1944) and Marquardt (1963).

The derivatives are carried forward through the run beside the states, so one pass gives the whole Jacobian.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from playground.diffusion.distance import gaps, rms
from playground.diffusion.linear_solver import LinearForm
from playground.diffusion.tangents import Tangents

__all__ = ["Layout", "Task", "descend"]

NUMBERS = 1 << 21  # of the derivatives that are held at a time
TRIES = 10  # of the damping, before a minimum is believed
DAMPING = 0.01  # at the start, of the diagonal


@dataclass(frozen=True)
class Layout:
    """A linear method from `sigma_max` to 0 as one vector: of each step ln sigma (not the first), carry, weights.

    x' = r P x + (1 - r) sum_j Q_j D_j with r = sigma' / sigma: P = 1 and one Q = 1 are DDIM on any grid, so that the
    grid can move before the weights do. The last step, r = 0, has P for r P.
    """

    nfe: int
    history: int
    sigma_max: float

    def starts(self) -> list[int]:
        """Where each step's numbers begin, and the length of the vector."""
        starts = [0]
        for n in range(self.nfe):
            starts.append(starts[-1] + (n > 0) + 1 + self.width(n))
        return starts

    def width(self, n: int) -> int:
        """How many denoised states step n weighs."""
        return min(n + 1, self.history)

    def pack(self, form: LinearForm) -> Tensor:
        """The vector; weights of calls too long ago are added to the oldest kept."""
        values: list[float] = []
        for n, (a, row) in enumerate(zip(form.carry, form.weights, strict=True)):
            r = form.sigmas[n + 1] / form.sigmas[n]
            width = self.width(n)
            kept = [*row, *[0.0] * width][:width]
            kept[-1] += sum(row[width:])
            values += [math.log(form.sigmas[n])] if n else []
            values += [a / r if r else a, *(weight / (1 - r) for weight in kept)]
        return torch.tensor(values, dtype=torch.float64)

    def unpack(self, values: Tensor) -> LinearForm:
        """The numbers of the vector. Raises `ValueError` where its levels do not fall or a number is not finite."""
        numbers = values.tolist()
        starts = self.starts()
        inner = [math.exp(min(700.0, numbers[starts[n]])) for n in range(1, self.nfe)]
        sigmas = [self.sigma_max, *inner, 0.0]
        carry, weights = [], []
        for n in range(self.nfe):
            i, r = starts[n] + (n > 0), sigmas[n + 1] / sigmas[n] if sigmas[n] > 0 else 0.0
            carry.append(numbers[i] * r if n < self.nfe - 1 else numbers[i])
            weights.append(tuple((1 - r) * q for q in numbers[i + 1 : starts[n + 1]]))
        return LinearForm(tuple(sigmas), tuple(carry), tuple(weights))


@dataclass(frozen=True, eq=False)
class Task:
    """Noises and where they are to end."""

    denoise: Callable[[Tensor, Tensor], Tensor]
    tangents: Tangents
    x: Tensor  # (n, ...) at sigma_max
    end: Tensor  # (n, ...)
    std: float  # of the data
    cut: float = math.inf  # a gap far beyond it counts as this much: a noise that ends in another basin, which no
    # small change brings back

    def first(self, count: int) -> "Task":
        """The same with the first noises only."""
        return replace(self, x=self.x[:count], end=self.end[:count])

    def gaps(self, form: LinearForm) -> Tensor:
        """How far each noise ends (n,), in the data's standard deviations a coordinate."""
        *_, (x, _) = form.run(lambda at, sigma: self.denoise(at, torch.tensor(sigma, dtype=at.dtype)), self.x)
        return gaps(x, self.end, self.std)

    def error(self, form: LinearForm) -> float:
        """Their RMS, each gap g counted as g / sqrt(1 + (g / cut)^2) (Geman and McClure 1985); infinite where a sample
        is not finite.
        """
        far = self.gaps(form)
        error = rms(far / (1 + (far / self.cut).square()).sqrt())
        return error if math.isfinite(error) else math.inf

    def normal(self, layout: Layout, values: Tensor) -> tuple[Tensor, Tensor]:
        """J^T W J (p, p) and J^T W r (p,) of the gaps r at the end, in parts that fit the cache.

        W are the weights of iteratively reweighted least squares for `error`: 1 where nothing is cut.
        """
        size = len(values)
        square, slope = torch.zeros(size, size, dtype=torch.float64), torch.zeros(size, dtype=torch.float64)
        m = self.x[0].numel()
        part = max(1, NUMBERS // (size * m * (layout.history + 2)))
        for x, end in zip(self.x.split(part), self.end.split(part), strict=True):
            last, J = self._jacobian(layout, values, x)
            rest = (last - end).flatten(1)
            far = rest.square().mean(1).sqrt() / self.std
            weight = 1 / (1 + (far / self.cut).square())  # the root of W
            J, rest = (weight[:, None, None] * J).reshape(-1, size), (weight[:, None] * rest).flatten()
            square += J.T @ J
            slope += rest @ J
        return square, slope

    def _jacobian(self, layout: Layout, values: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """The end (n, ...) and its derivatives (n, m, p)."""
        form, starts = layout.unpack(values), layout.starts()
        dx = torch.zeros(len(x), x[0].numel(), 0, dtype=torch.float64)  # (n, m, numbers that came before)
        past: list[tuple[Tensor, Tensor]] = []  # D and its derivatives, newest first
        for n, (sigma, a, row) in enumerate(zip(form.sigmas, form.carry, form.weights, strict=False)):
            last = n == layout.nfe - 1
            i = starts[n]
            dlog = torch.zeros(i + (n > 0), dtype=torch.float64)
            if n:  # the derivative by this level was begun by the step before
                dlog[i] = 1.0
            D, dD = self.tangents(x, sigma, dx, dlog)
            past = [(D, dD), *past[: layout.history - 1]]
            # the step's own numbers, and the next level
            grown = torch.zeros(*dx.shape[:2], starts[n + 1] + (not last), dtype=torch.float64)
            grown[..., : dx.shape[2]] = a * dx
            mixed = torch.zeros_like(x)
            for j, (weight, (seen, dseen)) in enumerate(zip(row, past, strict=False)):
                grown[..., : dseen.shape[2]] += weight * dseen
                grown[..., i + (n > 0) + 1 + j] = (seen if last else _rest(form, n) * seen).flatten(1)
                mixed = mixed + weight * seen
            r = 0.0 if last else form.sigmas[n + 1] / sigma
            grown[..., i + (n > 0)] = ((1.0 if last else r) * x).flatten(1)
            if not last:
                turn = (a * x - (r / (1 - r)) * mixed).flatten(1)  # d x' / d ln r
                grown[..., -1] = turn
                if n:
                    grown[..., i] -= turn
            x, dx = a * x + mixed, grown
        return x, dx


def _rest(form: LinearForm, n: int) -> float:
    return 1 - form.sigmas[n + 1] / form.sigmas[n]


def descend(task: Task, layout: Layout, values: Tensor) -> Iterator[tuple[float, Tensor]]:
    """Lower the RMS at the end, yielding it and the vector after each step, until no step lowers it."""
    error, damping = task.error(layout.unpack(values)), DAMPING
    while True:
        square, slope = task.normal(layout, values)
        diagonal = square.diagonal()
        scale = diagonal.clamp_min(1e-12 * float(diagonal.max()))  # Marquardt's: the units of the numbers do not matter
        for _ in range(TRIES):
            moved = values - torch.linalg.solve(square + damping * scale.diag(), slope)
            found = _error(task, layout, moved)
            if found < error:
                error, values, damping = found, moved, max(damping / 4, 1e-12)
                break
            damping *= 4
        else:
            return
        yield error, values


def _error(task: Task, layout: Layout, values: Tensor) -> float:
    try:
        form = layout.unpack(values)
    except ValueError:  # the step left the grids that fall, or finite numbers: it was too long
        return math.inf
    return task.error(form)
