"""Several estimators of mutual information side by side on the same pairs, each with a critic and time of its own."""

import math
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import nn

from playground.representations.critics import build_critic
from playground.representations.estimate import ESTIMATORS, Estimate, Reading, estimate
from playground.representations.pairs import Pairs
from playground.representations.ratio import Ratio, learned_ratio

__all__ = ["Lane", "Race", "race"]

Array = NDArray[np.float64]
LEARNING_RATE = 2e-3


@dataclass(frozen=True, eq=False)
class Lane:
    """What one estimator has read so far, nats, at `seconds` of its own; not finite where the values are not."""

    name: str
    bound: bool  # whether it is a lower bound in expectation
    ceiling: float  # nats; infinite where there is none
    step: int
    seconds: Array
    median: Array
    low: Array  # quartiles over batches
    high: Array
    reading: Reading  # the last
    done: bool
    ratio: Ratio | None = None  # at the end, where the truth is in closed form

    @property
    def fluctuating(self) -> bool:
        """Whether the last reading is finite, and its batches spread too far to be believed."""
        return self.reading.unstable and math.isfinite(self.reading.median)


@dataclass(frozen=True, eq=False)
class Race:
    """A moment of the race."""

    lanes: tuple[Lane, ...]
    progress: float  # 0 to 1


@dataclass
class _Runner:
    """One estimator under way."""

    name: str
    critic: nn.Module
    frames: Generator[Estimate]
    readings: list[tuple[float, Reading]] = field(default_factory=list)
    last: Estimate | None = None


def race(
    pairs: Pairs,
    names: Sequence[str] = tuple(ESTIMATORS),
    *,
    seconds: float | None = None,
    steps: int | None = None,
    batch: int = 128,
    critic: str = "separable",
    hidden: int = 128,
    seed: int = 0,
    held: Pairs | None = None,
    check: Pairs | None = None,
    every: float = 0.4,
    clock: Callable[[], float] = time.perf_counter,
) -> Generator[Race]:
    """Train a critic for each estimator, a step of each in turn, `seconds` or `steps` each; yields every so often.

    All see the same batches and begin with the same weights. The last frame has the learned log ratios, where the truth
    is known. Raises `ValueError` as `estimate` does, and for no estimator.
    """
    if not names:
        raise ValueError("choose at least one estimator")
    runners = []
    for name in dict.fromkeys(names):
        net = build_critic(critic, *pairs.dims, hidden=hidden, seed=seed)
        frames = estimate(
            pairs, name, seconds=seconds, steps=steps, batch=batch, critic=net, lr=LEARNING_RATE, seed=seed,
            held=held, check=check, clock=clock,
        )  # fmt: skip
        runners.append(_Runner(name, net, frames))
    return _race(runners, pairs, every, clock)


def _race(runners: list[_Runner], pairs: Pairs, every: float, clock: Callable[[], float]) -> Generator[Race]:
    running, shown = list(runners), -math.inf
    try:
        while running:
            for runner in list(running):
                frame = next(runner.frames, None)
                if frame is None:
                    running.remove(runner)
                    continue
                runner.last = frame
                if frame.reading is not None:
                    runner.readings.append((frame.seconds, frame.reading))
            if running and clock() - shown >= every:
                shown = clock()
                yield _seen(runners)
        drawable = pairs.log_ratio is not None and pairs.dims == (1, 1)
        yield _seen(runners, pairs if drawable else None)
    finally:
        for runner in runners:
            runner.frames.close()


def _seen(runners: Sequence[_Runner], pairs: Pairs | None = None) -> Race:
    lanes = []
    for one in runners:
        assert one.last is not None  # the first step of each has a reading
        seconds, readings = zip(*one.readings, strict=True)
        columns = np.array([[r.median, r.low, r.high] for r in readings]).T
        ratio = learned_ratio(one.critic, one.name, pairs) if pairs is not None else None
        lanes.append(
            Lane(
                one.name, ESTIMATORS[one.name].bound, one.last.ceiling, one.last.step, np.array(seconds), columns[0],
                columns[1], columns[2], readings[-1], one.last.progress >= 1, ratio,
            )
        )  # fmt: skip
    return Race(tuple(lanes), float(np.mean([one.last.progress for one in runners if one.last is not None])))
