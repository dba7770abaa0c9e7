"""Mutual information estimated by a critic that learns: a generator of frozen records, to watch and to stop."""

import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from playground.nn.adam import Weights, learning_rate
from playground.nn.budget import check_budget
from playground.representations import bounds
from playground.representations.critics import build_critic
from playground.representations.pairs import Pairs

__all__ = ["ESTIMATORS", "Estimate", "Estimator", "Reading", "estimate", "read"]

HELD = 100  # fresh batches of the last reading
GLANCE = 12  # of a reading meanwhile
SHARE = 0.15  # part of the time that may go into readings
SHAKY = 0.5  # nats: batches that spread more are called unstable
CLIP = 5.0  # longest gradient


@dataclass(frozen=True)
class Estimator:
    """What a critic is trained by, and what its scores are read by."""

    objective: Callable[[Tensor], Tensor]
    value: Callable[[Tensor], Tensor]
    bound: bool = True  # whether the expected value is never more than the information
    capped: bool = False  # whether it is never more than log N


# The value of a critic that another objective trained would not do: InfoNCE's is free up to a function of x.
ESTIMATORS: dict[str, Estimator] = {
    "info_nce": Estimator(bounds.info_nce, bounds.info_nce, capped=True),
    "nwj": Estimator(bounds.nwj, bounds.nwj),
    "jsd": Estimator(bounds.jensen_shannon, lambda scores: bounds.nwj(scores + 1)),
    "mine": Estimator(bounds.donsker_varadhan, bounds.donsker_varadhan),
    "smile": Estimator(bounds.jensen_shannon, bounds.smile, bound=False),
}


@dataclass(frozen=True)
class Reading:
    """A critic's value on fresh batches, nats."""

    median: float
    low: float  # quartile
    high: float  # quartile
    unstable: bool  # values that are not finite, or spread by more than half a nat
    batches: int


@dataclass(frozen=True)
class Estimate:
    """One training step."""

    step: int
    loss: float  # of the batch
    reading: Reading | None  # where it was taken: at the first step, the last, and now and then
    ceiling: float  # log N of an estimator that is capped, else infinite
    seconds: float
    progress: float  # 0 to 1


def read(
    critic: nn.Module, value: Callable[[Tensor], Tensor], pairs: Pairs, *, batch: int, batches: int, seed: int
) -> Reading:
    """The critic's values on `batches` fresh batches: median and quartiles, never a bare mean, which one can ruin."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        found = np.array([float(value(critic(*pairs.sample(batch, generator)))) for _ in range(batches)])
    finite = found[np.isfinite(found)]
    if not len(finite):
        return Reading(math.nan, math.nan, math.nan, True, batches)
    low, median, high = np.quantile(finite, [0.25, 0.5, 0.75])
    spread = float(finite.std())
    return Reading(float(median), float(low), float(high), len(finite) < len(found) or spread > SHAKY, batches)


def estimate(
    pairs: Pairs,
    name: str = "info_nce",
    *,
    seconds: float | None = None,
    steps: int | None = None,
    batch: int = 128,
    critic: str | nn.Module = "separable",
    hidden: int = 128,
    lr: float = 1e-3,
    seed: int = 0,
    held: Pairs | None = None,
    check: Pairs | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Generator[Estimate]:
    """Train a critic on pairs by an estimator of `ESTIMATORS`, for a time or a number of steps; yields each.

    Readings are of fresh `pairs`, or of `held`, which no training sees: a critic that knows its rows by heart reads too
    much from them. With `check`, the critic kept at the end is the one that read most there, and not the last. A critic
    that is handed over holds the averaged weights when the generator ends.
    Raises `ValueError` for an unknown estimator and settings out of range; a loss that is not finite ends the training
    with a reading that is called unstable.
    """
    if name not in ESTIMATORS:
        raise ValueError(f"no estimator is called {name!r}; choose one of {', '.join(ESTIMATORS)}")
    check_budget(seconds, steps)
    if not 4 <= batch <= 8192:
        raise ValueError(f"batch must lie between 4 and 8,192, not {batch}")
    least = min(
        (part.rows for part in (pairs, held, check) if part is not None and part.rows is not None), default=batch
    )
    if batch > least:
        raise ValueError(f"a batch of {batch:,} is more than the {least:,} rows of a part: choose a smaller batch")
    net = build_critic(critic, *pairs.dims, hidden=hidden, seed=seed) if isinstance(critic, str) else critic
    return _run((pairs, held or pairs, check), name, net, seconds, steps, batch, lr, seed, clock)


def _run(
    parts: tuple[Pairs, Pairs, Pairs | None],
    name: str,
    critic: nn.Module,
    seconds: float | None,
    steps: int | None,
    batch: int,
    lr: float,
    seed: int,
    clock: Callable[[], float],
) -> Generator[Estimate]:
    (pairs, held, check), estimator = parts, ESTIMATORS[name]
    best, kept = -math.inf, None
    ceiling = math.log(batch) if estimator.capped else math.inf
    generator = torch.Generator().manual_seed(seed)
    average: Tensor | None = None
    weights = Weights(critic)
    spent = on_reading = cost = 0.0
    now, progress, step = clock(), 0.0, 0
    try:
        while progress < 1:
            step += 1
            with torch.enable_grad():
                scores = critic(*pairs.sample(batch, generator))
                if name == "mine":
                    value, average = bounds.mine(scores, average)
                else:
                    value = estimator.objective(scores)
                begun = (step - 0.5) / steps if steps is not None else progress
                try:
                    loss = weights.update(-value, learning_rate(lr, min(1.0, begun)), clip=CLIP)
                except FloatingPointError:
                    shaky = Reading(math.nan, math.nan, math.nan, True, 0)
                    yield Estimate(step, math.nan, shaky, ceiling, spent + clock() - now, 1.0)
                    return
            elapsed = spent + clock() - now
            progress = min(1.0, elapsed / seconds if seconds is not None else step / (steps or 1))
            reading = None
            if step == 1 or progress == 1 or on_reading + cost <= SHARE * elapsed:
                last = progress == 1
                if check is not None:
                    weights.show()
                    at = read(critic, estimator.value, check, batch=batch, batches=GLANCE, seed=seed ^ 0xC4EC ^ step)
                    if at.median > best:
                        best, kept = at.median, weights.average.clone()
                    weights.resume()
                    if last and kept is not None:
                        weights.average.copy_(kept)
                if last:
                    weights.show()
                batches = HELD if last else GLANCE
                reading = read(critic, estimator.value, held, batch=batch, batches=batches, seed=seed ^ 0x5EED ^ step)
                cost = spent + clock() - now - elapsed
                on_reading += cost
            spent += clock() - now
            yield Estimate(step, loss, reading, ceiling, spent, progress)
            now = clock()
    finally:
        weights.release()
