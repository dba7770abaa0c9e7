"""Train a denoiser under any row's weighting and noise: a generator of one frozen record a step, to watch and to stop.

Denoising score matching (Vincent 2011) in the form of Karras et al. 2022, equation 8: the mean over noise levels of
lambda(sigma) |D(x_0 + sigma epsilon; sigma) - x_0|^2, which is lambda c_out^2 |F - F*|^2 for the network itself.
"""

import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from playground.diffusion.mixture import MixtureDenoiser
from playground.diffusion.network import LearnedDenoiser
from playground.diffusion.noise import NoiseDistribution
from playground.diffusion.preconditioning import Preconditioning, preconditioning
from playground.nn.adam import Weights, learning_rate
from playground.nn.budget import check_budget

__all__ = ["DenoiserStep", "LevelErrors", "fit_denoiser"]

LEVELS = 16  # at which the errors are measured
LOWEST, HIGHEST = 0.01, 40.0  # of them, in units of the data's standard deviation
HELD_OUT = 512  # points, seen at every level
SHARE = 0.05  # part of the time that may go into measuring
AHEAD = 1 << 16  # points drawn from the target at once
CLIP = 10.0  # longest gradient

Weighting = Callable[[Tensor], Tensor]  # sigma -> lambda


class Target(Protocol):
    """What can be learned: anything to draw points (n, d) from."""

    def sample(self, n: int, generator: torch.Generator | None = None, /) -> Tensor: ...


@dataclass(frozen=True, eq=False)
class LevelErrors:
    """The averaged network's errors on held-out points, a noise level each; squares are means over coordinates."""

    sigma: np.ndarray  # (16,)
    loss: np.ndarray  # (16,) |D - x_0|^2
    optimum: np.ndarray | None  # (16,) |D* - x_0|^2 of the exact denoiser D*, where it is known
    model_error: np.ndarray | None  # (16,) root of the mean of |D - D*|^2, in the data's units


@dataclass(frozen=True, eq=False)
class DenoiserStep:
    """One training step."""

    step: int  # 1, 2, ...
    loss: float  # of the batch, with the row's weights, a coordinate
    seconds: float  # time spent in training so far, without the time the caller took between two steps
    progress: float  # part of the budget that is used up, 0 to 1
    errors: LevelErrors | None  # where they were measured: at the first step, the last, and now and then


def fit_denoiser(
    model: LearnedDenoiser,
    target: Target | Any,
    *,
    seconds: float | None = None,
    steps: int | None = None,
    batch: int = 512,
    lr: float = 1e-2,
    weighting: str | Weighting | None = None,
    noise: str | NoiseDistribution | None = None,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> Generator[DenoiserStep, None, None]:
    """Train `model` in place for a time or a number of steps, yielding after each step.

    `target` has `.sample(n, generator)`, as a `MixtureDenoiser` (whose exact denoiser is then compared with), or is
    an array of points (m, d), of which a tenth is held out. `weighting` and `noise` are the row's own, those of another
    row by name (with its usual options), or given. Whenever the generator is suspended, and when it ends, is closed or
    fails, the model holds the averaged weights. The same seed and steps give the same weights.
    Raises `ValueError` for a budget that is not exactly one of seconds (0.1..3600) and steps (1..10**7), for a batch
    outside 2..65536, a learning rate that is not positive and data that do not fit; `FloatingPointError` when loss or
    gradient is not finite.
    """
    check_budget(seconds, steps)
    if not 2 <= batch <= 65536:
        raise ValueError(f"batch must lie between 2 and 65536, not {batch}")
    if not 0 < lr < math.inf:
        raise ValueError(f"lr must be positive, not {lr}")
    weight = _row(model, weighting).weight if isinstance(weighting, str) else weighting or model.row.weight
    levels = _row(model, noise).noise if isinstance(noise, str) else noise or model.row.noise
    dim = model.config["dim"]
    if hasattr(target, "sample"):
        train, apart = target.sample, target.sample(HELD_OUT, _generator(seed, 1))
        spread = _spread(apart)
    else:
        train, apart = _points(target, seed)
        spread = _spread(torch.as_tensor(target))
    if apart.ndim != 2 or apart.shape[1] != dim:
        raise ValueError(f"the network takes points (n, {dim}), the target gives {tuple(apart.shape)}")
    exact = target if isinstance(target, MixtureDenoiser) else None
    judge = _Judge(apart.double(), spread, exact, seed)
    return _run(model, train, judge, weight, levels, seconds, steps, batch, lr, seed, clock)


def _run(
    model: LearnedDenoiser,
    train: Callable[..., Tensor],
    judge: "_Judge",
    weight: Weighting,
    levels: NoiseDistribution,
    seconds: float | None,
    steps: int | None,
    batch: int,
    lr: float,
    seed: int,
    clock: Callable[[], float],
) -> Generator[DenoiserStep, None, None]:
    now = clock()
    spent = judging = cost = 0.0
    weights = Weights(model)
    generator = _generator(seed, 0)
    ahead: list[Tensor] = []
    progress = 0.0
    try:
        while progress < 1:
            if not ahead:
                ahead = list(train(max(1, AHEAD // batch) * batch, generator).double().split(batch))
            # one level from each of `batch` equal parts of their distribution: less variance than independent ones
            u = (torch.arange(batch) + torch.rand(batch, generator=generator, dtype=torch.float64)) / batch
            sigma = levels.quantile(u.clamp(1e-12, 1 - 1e-12))[:, None]
            rate = learning_rate(lr, progress if steps is None else (weights.step + 0.5) / steps)
            with torch.enable_grad():
                loss = _loss(model, ahead.pop(), sigma, weight, generator)
                value = weights.update(loss, rate, clip=CLIP)
            elapsed = spent + clock() - now
            progress = min(1.0, elapsed / seconds if seconds is not None else weights.step / (steps or 1))
            weights.show()
            errors = None
            if progress == 1 or judging + cost <= SHARE * elapsed:
                errors = judge(model)
                cost = spent + clock() - now - elapsed
                judging += cost
            spent += clock() - now
            yield DenoiserStep(weights.step, value, spent, progress, errors)
            now = clock()
            weights.resume()
    finally:
        weights.release()


def _loss(model: LearnedDenoiser, x0: Tensor, sigma: Tensor, weight: Weighting, generator: torch.Generator) -> Tensor:
    """The weighted loss on points x0 (n, d) at levels sigma (n, 1), both float64; small levels lose no digits in F."""
    row: Preconditioning = model.row
    x = x0 + sigma * torch.randn(x0.shape, generator=generator, dtype=torch.float64)
    c_out = row.c_out(sigma)
    F = (x0 - row.c_skip(sigma) * x) / c_out
    predicted = model.predict(row.c_in(sigma) * x, row.c_noise(sigma))
    return ((weight(sigma) * c_out.square()).to(predicted) * (predicted - F.to(predicted)).square()).mean()


class _Judge:
    """The held-out points with their noise, and what the exact denoiser says to them."""

    def __init__(self, points: Tensor, spread: float, exact: MixtureDenoiser | None, seed: int) -> None:
        self.sigma = torch.logspace(math.log10(LOWEST), math.log10(HIGHEST), LEVELS, dtype=torch.float64) * spread
        self.level = self.sigma.repeat_interleave(len(points))[:, None]
        self.x0 = points.repeat(LEVELS, 1)
        noise = torch.randn(self.x0.shape, generator=_generator(seed, 2), dtype=torch.float64)
        self.x = self.x0 + self.level * noise
        self.exact = exact(self.x, self.level) if exact is not None else None

    @torch.no_grad()
    def __call__(self, model: LearnedDenoiser) -> LevelErrors:
        answer = model(self.x, self.level)
        loss = self._mean(answer - self.x0)
        if self.exact is None:
            return LevelErrors(self.sigma.numpy(), loss, None, None)
        optimum, excess = self._mean(self.exact - self.x0), self._mean(answer - self.exact)
        return LevelErrors(self.sigma.numpy(), loss, optimum, np.sqrt(excess))

    def _mean(self, gap: Tensor) -> np.ndarray:
        """Mean square a level (16,)."""
        square: np.ndarray = gap.square().reshape(LEVELS, -1).mean(1).numpy()
        return square


def _row(model: LearnedDenoiser, name: str) -> Preconditioning:
    """The row of that name: the model's own with its options, where it is that."""
    return model.row if name == model.config["preconditioning"] else preconditioning(name)


def _spread(points: Tensor) -> float:
    """Root of the mean variance of a coordinate. Raises `ValueError` unless it is positive and finite."""
    spread = float(points.double().var(0).mean().sqrt())
    if not 0 < spread < math.inf:
        raise ValueError(f"the points to learn must differ and be finite; their standard deviation is {spread}")
    return spread


def _points(data: Any, seed: int) -> tuple[Callable[..., Tensor], Tensor]:
    """How to draw from nine tenths of the points, and the held-out rest, at most `HELD_OUT`."""
    points = torch.as_tensor(data, dtype=torch.float64)
    if points.ndim != 2 or len(points) < 10 or not bool(points.isfinite().all()):
        raise ValueError(f"data must be at least 10 finite points (m, d), not {tuple(points.shape)}")
    order = torch.randperm(len(points), generator=_generator(seed, 1))
    apart = max(1, len(points) // 10)
    rest = points[order[apart:]]

    def draw(n: int, generator: torch.Generator) -> Tensor:
        return rest[torch.randint(len(rest), (n,), generator=generator)]

    return draw, points[order[:apart][:HELD_OUT]]


def _generator(seed: int, stream: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed * 3 + stream)
