"""Ordinary differential equations: one walk for all Runge-Kutta methods, in fixed steps or with the step's error kept.

A state is a tuple of tensors, so that points can carry their log-density along (Chen et al., Neural Ordinary
Differential Equations, 2018, theorem 1): `Field` gives velocity and divergence, `carry` integrates both.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["METHODS", "Field", "Tableau", "carry", "directions", "divergence_of", "walk"]

State = tuple[Tensor, ...]
Slope = Callable[[State, float], State]
Field = Callable[[Tensor, float], tuple[Tensor, Tensor]]  # x (n, d), t -> velocity (n, d), divergence (n,)


@dataclass(frozen=True)
class Tableau:
    """An explicit Runge-Kutta method by Butcher's numbers; `error` are those of the answer less another order's."""

    order: int
    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    error: tuple[float, ...] = ()

    @property
    def c(self) -> tuple[float, ...]:
        return (0.0, *(sum(row) for row in self.a))

    @property
    def calls(self) -> int:
        """Evaluations of the slope a step."""
        return len(self.b)


_B5 = (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84)
METHODS: dict[str, Tableau] = {
    "euler": Tableau(1, (), (1.0,)),
    "midpoint": Tableau(2, ((1 / 2,),), (0.0, 1.0)),
    "heun": Tableau(2, ((1.0,),), (1 / 2, 1 / 2)),
    "rk4": Tableau(4, ((1 / 2,), (0.0, 1 / 2), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6)),
    # Dormand and Prince 1980, order 5(4); the last stage is the next step's first
    "adaptive": Tableau(
        5,
        (
            (1 / 5,),
            (3 / 40, 9 / 40),
            (44 / 45, -56 / 15, 32 / 9),
            (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
            (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
            _B5,
        ),
        (*_B5, 0.0),
        (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40),
    ),
}
SAFETY, LEAST, MOST = 0.9, 0.2, 5.0  # of the next adaptive step against this one
MAX_STEPS = 10_000


def walk(
    slope: Slope,
    state: State,
    *,
    start: float,
    stop: float,
    steps: int,
    method: str = "rk4",
    tolerance: float = 1e-5,
) -> Iterator[tuple[float, State]]:
    """The state at `start` and after every step to `stop` (which may be earlier), each with its time.

    Fixed methods take `steps` equal steps. "adaptive" chooses its own so that each step's error, against the state's
    size plus one, stays under `tolerance` for the worst of the tensors' root mean squares; `steps` is its first guess.
    Gradients run through the steps. Raises `ValueError` for an unknown method and for steps or a tolerance out of
    range; `FloatingPointError` where adaptive steps become too many or too short.
    """
    if method not in METHODS:
        raise ValueError(f"no method is called {method!r}; choose one of {', '.join(METHODS)}")
    if not 1 <= steps <= MAX_STEPS:
        raise ValueError(f"steps must lie between 1 and {MAX_STEPS:,}, not {steps}")
    if not 1e-12 <= tolerance <= 1:
        raise ValueError(f"tolerance must lie between 1e-12 and 1, not {tolerance}")
    return _walk(slope, state, start, stop, steps, METHODS[method], tolerance)


def _walk(
    slope: Slope, state: State, start: float, stop: float, steps: int, tableau: Tableau, tolerance: float
) -> Iterator[tuple[float, State]]:
    yield start, state
    h = (stop - start) / steps
    if not tableau.error:
        for i in range(steps):
            state, _ = _step(slope, state, start + i * h, h, tableau, None)
            yield (start + (i + 1) * h if i + 1 < steps else stop), state
        return
    t, first = start, slope(state, start)
    for _ in range(MAX_STEPS):
        last = abs(stop - t) <= abs(h) * (1 + 1e-9)
        h = stop - t if last else h
        new, slopes = _step(slope, state, t, h, tableau, first)
        error = max(
            _error(h, one, after, ks, tableau)
            for one, after, ks in zip(state, new, zip(*slopes, strict=True), strict=True)
        )
        if not math.isfinite(error) or error > tolerance:
            shrink = (
                LEAST if not math.isfinite(error) else max(LEAST, SAFETY * (tolerance / error) ** (1 / tableau.order))
            )
            h *= shrink
            if abs(h) < 1e-9 * abs(stop - start):
                break
            continue
        t, state, first = (stop if last else t + h), new, slopes[-1]
        yield t, state
        if last:
            return
        h *= min(MOST, SAFETY * (tolerance / max(error, 1e-30)) ** (1 / tableau.order))
    raise FloatingPointError(
        f"adaptive steps came no further than t = {t:.4g}: the velocity is too steep for a tolerance of {tolerance:g}; "
        "take a larger one, or a fixed method"
    )


def _step(
    slope: Slope, state: State, t: float, h: float, tableau: Tableau, first: State | None
) -> tuple[State, list[State]]:
    """The state after one step, and the slopes of its stages."""
    slopes = [slope(state, t) if first is None else first]
    for row, c in zip(tableau.a, tableau.c[1:], strict=True):
        slopes.append(slope(_moved(state, slopes, row, h), t + c * h))
    return _moved(state, slopes, tableau.b, h), slopes


def _moved(state: State, slopes: list[State], weights: tuple[float, ...], h: float) -> State:
    """The state plus h times the weighted slopes."""
    moved = []
    for i, one in enumerate(state):
        for k, weight in zip(slopes, weights, strict=False):
            if weight:
                one = torch.add(one, k[i], alpha=h * weight)
        moved.append(one)
    return tuple(moved)


def _error(h: float, before: Tensor, after: Tensor, slopes: tuple[Tensor, ...], tableau: Tableau) -> float:
    """Root mean square of the step's error against the size of what it moves plus one."""
    wrong = sum(h * weight * k.detach() for weight, k in zip(tableau.error, slopes, strict=True) if weight)
    size = 1 + torch.maximum(before.detach().abs(), after.detach().abs())
    return float((wrong / size).square().mean().sqrt())


def carry(field: Field, x: Tensor, *, start: float, stop: float, steps: int) -> tuple[Tensor, Tensor]:
    """Follow dx/dt = velocity from `start` to `stop` by RK4; x (n, d) there, and the integral (n,) of the divergence.

    The integral is the log-determinant of the exact flow. What `walk` raises.
    """
    slope: Slope = lambda state, t: field(state[0], t)  # noqa: E731
    way = walk(slope, (x, x.new_zeros(len(x))), start=start, stop=stop, steps=steps)
    state = deque(way, maxlen=1)[0][1]
    return state[0], state[1]


def directions(dim: int, probes: int = 0, generator: torch.Generator | None = None) -> Callable[[Tensor], Tensor]:
    """For points x (n, dim) the directions (k, n, dim) whose derivatives make the trace: the axes, or random signs.

    Raises `ValueError` for probes outside 0..1024.
    """
    if not 0 <= probes <= 1024:
        raise ValueError(f"probes must lie between 0 and 1,024, not {probes}")
    drawn: dict[tuple[int, ...], Tensor] = {}

    def choose(x: Tensor) -> Tensor:
        if not probes:
            return torch.eye(dim, dtype=x.dtype, device=x.device)[:, None].expand(dim, *x.shape)
        if tuple(x.shape) not in drawn:
            signs = torch.randint(0, 2, (probes, *x.shape), generator=generator)
            drawn[tuple(x.shape)] = (2 * signs - 1).to(x)
        return drawn[tuple(x.shape)]

    return choose


def divergence_of(
    velocity: Callable[[Tensor, float], Tensor], dim: int, *, probes: int = 0, generator: torch.Generator | None = None
) -> Field:
    """The field of any differentiable velocity: its divergence by forward-mode derivatives.

    Exact by `dim` of them, or with `probes` Hutchinson's estimate E[e . (dv/dx) e] over that many random signs e, drawn
    once so that a solver sees one smooth function (Grathwohl et al., FFJORD, 2019, section 3.1). Raises `ValueError`
    for probes outside 0..1024.
    """
    along = directions(dim, probes, generator)

    def field(x: Tensor, t: float) -> tuple[Tensor, Tensor]:
        total = x.new_zeros(len(x))
        value = None
        for direction in along(x):
            made = torch.func.jvp(lambda at: velocity(at, t), (x,), (direction,))
            value = made[0]
            total = total + (made[1] * direction).sum(1)
        assert value is not None
        return value, total / max(1, probes)

    return field
