"""Train a flow by its loss, the likelihood or flow matching's: a generator of one frozen record a step.

Adam (Kingma and Ba, 2015) under a warm-up and a cosine over the budget, whatever its length; the weights handed back
are a running average (Shamir and Zhang, Stochastic gradient descent for non-smooth optimization, 2013).

A budget of seconds is run in a hundred stages, each at one learning rate: the steps made in each of them, the `pace`,
say all that the clock decided, and a run with the same pace gives the same weights.
"""

import math
import time
from bisect import bisect_left
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from playground.flows.density import Density
from playground.flows.flow import Flow
from playground.flows.spline import Lattice
from playground.nn.adam import Weights, learning_rate

__all__ = ["FitStep", "Recipe", "fit", "held_out", "mean_nll", "recipe"]

STAGES = 100  # of a budget of seconds
HELD_OUT = 4096  # points on which the divergence is estimated
FEWER = 512  # of them meanwhile, where the likelihood is not what is trained and costs more than a step
KL_SHARE = 0.03  # part of the time that may go into the divergence; twice that where only it tells how well it goes
AHEAD = 65536  # points drawn from the density at once
CLIP = 10.0  # longest gradient, nats per unit of weight


@dataclass(frozen=True)
class FitStep:
    """One training step."""

    step: int  # 1, 2, ...
    loss: float  # what is minimised, on the batch
    nll: (
        float  # mean negative log-likelihood, nats: of the batch, or where it is not the loss the last estimate, or NaN
    )
    kl: float | None  # E[log p - log q] in nats on a held-out set, where it was estimated at this step
    seconds: float  # time spent in training so far, without the time the caller took between two steps
    progress: float  # part of the budget that is used up, 0 to 1
    stage: int  # of the 100 stages, the one whose learning rate this step had


@dataclass(frozen=True)
class Recipe:
    """What suits a family: the peak learning rate, the points a step, Adam's second decay."""

    lr: float = 3e-3
    batch: int = 512
    beta2: float = 0.99


RECIPES = {
    "lattice": Recipe(lr=0.05, batch=3072),
    "planar": Recipe(lr=0.08, batch=1024),
    "radial": Recipe(lr=0.1),
    "ffjord": Recipe(lr=0.03, batch=256),
    "matching": Recipe(lr=0.008, batch=1024),
}  # by the name in `flow.config`, "lattice" for a spline flow in the plane; tuned for budgets of seconds


def recipe(flow: nn.Module) -> Recipe:
    """The defaults with which `fit` trains a flow."""
    if any(isinstance(module, Lattice) for module in flow.modules()):
        return RECIPES["lattice"]
    if not getattr(flow, "by_likelihood", True):
        return RECIPES["matching"]
    return RECIPES.get(getattr(flow, "config", {}).get("name", ""), Recipe())


def fit(
    flow: Flow,
    density: Density,
    *,
    seconds: float | None = None,
    steps: int | None = None,
    pace: Sequence[int] | None = None,
    batch: int | None = None,
    lr: float | None = None,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> Generator[FitStep, None, None]:
    """Train `flow` in place on samples of `density` for a time or a number of steps, yielding after each step.

    `pace` repeats a run that was given seconds: the number of steps made by the end of each of its stages, of the last
    one if it was stopped (`Lane.pace` of `watch`).

    While the generator is suspended the flow holds the current weights; when it ends, is closed or fails, the averaged
    ones. The same seed and steps, or pace, give the same weights. `batch` and `lr` default to `recipe(flow)`; `clock`
    gives the time in seconds (`time.process_time` counts processor time).
    Raises `ValueError` for a budget that is not exactly one of seconds (0.1..3600), steps (1..10**7) and pace (up to
    100 numbers that do not fall), for a batch outside 2..65536, a learning rate that is not positive and a flow without
    trainable weights; `FloatingPointError` when loss or gradient is not finite.
    """
    if [seconds, steps, pace].count(None) != 2:
        raise ValueError(f"give exactly one of seconds, steps and pace, not {seconds=}, {steps=} and {pace=}")
    if seconds is not None and not 0.1 <= seconds <= 3600:
        raise ValueError(f"seconds must lie between 0.1 and 3600, not {seconds}")
    if steps is not None and not 1 <= steps <= 10**7:
        raise ValueError(f"steps must lie between 1 and 10**7, not {steps}")
    if pace is not None and not (
        1 <= len(pace) <= STAGES and 1 <= pace[-1] <= 10**7 and min(pace) >= 0 and list(pace) == sorted(pace)
    ):
        raise ValueError(f"pace must be 1 to {STAGES} numbers of steps, each at least the one before it, not {pace}")
    if not any(p.requires_grad for p in flow.parameters()):
        raise ValueError("the flow has no weights to train: all are frozen; call flow.requires_grad_(True)")
    defaults = recipe(flow)
    batch = defaults.batch if batch is None else batch
    lr = defaults.lr if lr is None else lr
    if not 2 <= batch <= 65536:
        raise ValueError(f"batch must lie between 2 and 65536, not {batch}")
    if not 0 < lr < math.inf:
        raise ValueError(f"lr must be positive, not {lr}")
    return _run(flow, density, seconds, steps, pace, batch, lr, defaults.beta2, seed, clock)


def _run(
    flow: Flow,
    density: Density,
    seconds: float | None,
    steps: int | None,
    pace: Sequence[int] | None,
    batch: int,
    lr: float,
    beta2: float,
    seed: int,
    clock: Callable[[], float],
) -> Generator[FitStep, None, None]:
    now = clock()
    spent = on_kl = kl_cost = 0.0  # seconds in here, on the divergence, on its last estimate
    weights = Weights(flow, beta2=beta2)
    batches = _batches(density, batch, weights.value, torch.Generator().manual_seed(seed))
    noise = torch.Generator().manual_seed(seed ^ 0x7015E)  # of a loss that draws
    nll = math.nan
    try:
        x_apart, log_p = held_out(density, weights.value, seed)
        step, progress = 0, 0.0
        while progress < 1:
            step += 1
            if steps is not None:
                begun = (step - 0.5) / steps
                stage = int(begun * STAGES)
            else:
                stage = int(progress * STAGES) if pace is None else bisect_left(pace, step)
                begun = (stage + 0.5) / STAGES
            rate = learning_rate(lr, begun)
            x = next(batches)
            if step == 1:
                _initialise(flow, x)
            with torch.enable_grad():
                loss = weights.update(flow.loss(x, noise), rate, clip=CLIP)
            elapsed = spent + clock() - now
            progress = min(1.0, elapsed / seconds if seconds is not None else step / (steps or pace[-1]))  # type: ignore[index]  # one is given
            kl = None
            if progress == 1:
                weights.show()
            wanted = log_p is not None or not flow.by_likelihood
            share = KL_SHARE if flow.by_likelihood else 2 * KL_SHARE
            if wanted and (progress == 1 or on_kl + kl_cost <= share * elapsed):
                few = FEWER if progress < 1 and not flow.by_likelihood else HELD_OUT
                estimate = mean_nll(flow, x_apart[:few])
                kl = None if log_p is None else estimate + log_p[:few].mean().item()
                if not flow.by_likelihood:
                    nll = estimate
                kl_cost = spent + clock() - now - elapsed
                on_kl += kl_cost
            if flow.by_likelihood:
                nll = loss
            spent += clock() - now
            yield FitStep(step, loss, nll, kl, spent, progress, stage)
            now = clock()
    finally:
        weights.release()


def _batches(density: Density, batch: int, like: Tensor, generator: torch.Generator) -> Iterator[Tensor]:
    while True:
        yield from density.sample(max(1, AHEAD // batch) * batch, generator).to(like).split(batch)


def held_out(density: Density, like: Tensor, seed: int) -> tuple[Tensor, Tensor | None]:
    """The points (4096, d) that `fit` with this seed keeps apart, and their log-density, or None where it has none."""
    x = density.sample(HELD_OUT, torch.Generator().manual_seed(seed ^ 0x5EED))
    log_p = density.log_prob(x)
    return x.to(like), None if log_p is None else log_p.to(like)


@torch.no_grad()
def mean_nll(flow: Flow, x: Tensor) -> float:
    """The mean negative log-likelihood in nats of points x (n, d); plus that of their own density it is KL(p || q)."""
    return -torch.cat([flow.log_prob(part) for part in x.split(1024)]).mean().item()


@torch.no_grad()
def _initialise(flow: nn.Module, x: Tensor) -> None:
    """Let the transforms that take their scale from data see the first batch, in order."""
    for transform in getattr(flow, "transforms", ()):
        initialise: Any = getattr(transform, "initialise", None)
        if initialise is not None:
            initialise(x)
        x = transform(x)[0]
