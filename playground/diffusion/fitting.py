"""Fitting a linear method's numbers to the ends of the exact ODE: the method of Levenberg (1944) and Marquardt (1963).

The derivatives are carried forward through the run beside the states, so one pass gives the whole Jacobian.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from playground.diffusion.distance import gaps
from playground.diffusion.linear_solver import LinearForm
from playground.diffusion.tangents import Tangents

__all__ = ["Layout", "Task", "descend"]

NUMBERS = 1 << 21  # of the derivatives that are held at a time
TRIES = 16  # of the damping, before a minimum is believed
DAMPING = 0.01  # at the start, of the diagonal
AHEAD = 0.1  # of a step, where its bend is seen
MOST_TURN = 0.14  # of a step's square: beyond it the second order says nothing


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
    weights: Tensor  # (n,) of the noises, of mean about 1
    cut: float = math.inf  # a gap far beyond it counts as this much: a noise that ends in another basin, which no
    # small change brings back

    def first(self, count: int) -> "Task":
        """The same with the first noises only."""
        return replace(self, x=self.x[:count], end=self.end[:count], weights=self.weights[:count])

    def gaps(self, form: LinearForm) -> Tensor:
        """How far each noise ends (n,), in the data's standard deviations a coordinate."""
        return gaps(self._end(form), self.end, self.std)

    def residuals(self, form: LinearForm) -> Tensor:
        """All gaps (n m,), cut and weighted: their mean square is that of the error."""
        r = ((self._end(form) - self.end) / self.std).flatten(1)
        return (self._near(r) * self.weights.sqrt()[:, None] * r).flatten()

    def error(self, form: LinearForm) -> float:
        """Their RMS, each gap g counted as g / sqrt(1 + (g / cut)^2) (Geman and McClure 1985); infinite where a sample
        is not finite.
        """
        error = float(self.residuals(form).square().mean().sqrt())
        return error if math.isfinite(error) else math.inf

    def jacobian(self, layout: Layout, values: Tensor) -> Tensor:
        """The derivatives (n m, p) of `residuals`, in parts that fit the cache."""
        part = max(1, NUMBERS // (len(values) * self.x[0].numel() * (layout.history + 2)))
        J = torch.cat([self._jacobian(layout, values, x) for x in self.x.split(part)]) / self.std
        if self.cut < math.inf:  # the cut's own slope: s = (1 + g^2 / cut^2)^(-1/2), g^2 = r^T r / m
            r = ((self._end(layout.unpack(values)) - self.end) / self.std).flatten(1)
            s = self._near(r)[:, :, None]
            along = torch.einsum("nm,nmp->np", r, J)[:, None, :]
            J = s * J - s**3 / (self.cut**2 * r.shape[1]) * r[:, :, None] * along
        return (self.weights.sqrt()[:, None, None] * J).flatten(0, 1)

    def _near(self, r: Tensor) -> Tensor:
        """1 for gaps r (n, m) that are small beside the cut, cut / gap for large ones: (n, 1)."""
        return (1 + r.square().mean(1, keepdim=True) / self.cut**2).rsqrt()

    def _end(self, form: LinearForm) -> Tensor:
        *_, (x, _) = form.run(lambda at, sigma: self.denoise(at, torch.tensor(sigma, dtype=at.dtype)), self.x)
        return x

    def _jacobian(self, layout: Layout, values: Tensor, x: Tensor) -> Tensor:
        """The derivatives (n, m, p) of the end."""
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
        return dx


def _rest(form: LinearForm, n: int) -> float:
    return 1 - form.sigmas[n + 1] / form.sigmas[n]


def descend(task: Task, layout: Layout, values: Tensor) -> Iterator[tuple[float, Tensor]]:
    """Lower the RMS at the end, yielding it and the vector after each step, until no step lowers it.

    Each step is bent along the valley: "geodesic acceleration" (Transtrum and Sethna 2012) halves the steps.
    """

    def look(at: Tensor) -> Tensor | None:
        try:
            r = task.residuals(layout.unpack(at))
        except ValueError:  # the step left the grids that fall, or finite numbers: it was too long
            return None
        return r if bool(r.isfinite().all()) else None

    r, damping = look(values), DAMPING
    while r is not None:
        J = task.jacobian(layout, values)
        square, slope = J.T @ J, J.T @ r
        diagonal = square.diagonal()
        scale = diagonal.clamp_min(1e-12 * float(diagonal.max()))  # Marquardt's: the units of the numbers do not matter
        for _ in range(TRIES):
            damped = square + damping * scale.diag()
            velocity = -torch.linalg.solve(damped, slope)
            ahead = look(values + AHEAD * velocity)
            if ahead is not None:
                bend = 2 / AHEAD * ((ahead - r) / AHEAD - J @ velocity)  # the second derivative of r along the step
                turn = -0.5 * torch.linalg.solve(damped, J.T @ bend)
                bent = float((scale * turn.square()).sum()) <= MOST_TURN * float((scale * velocity.square()).sum())
                moved = values + velocity + turn if bent else values + velocity
                found = look(moved)
                if found is not None and float(found.square().sum()) < float(r.square().sum()):
                    values, r, damping = moved, found, max(damping / 4, 1e-12)
                    break
            damping *= 4
        else:
            return
        yield float(r.square().mean().sqrt()), values
