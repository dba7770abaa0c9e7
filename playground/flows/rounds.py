"""Reflow, round after round, each measured: paths straighten, the fit drifts (Liu, Gong and Liu 2023, section 2.2)."""

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import torch

from playground.flows.density import Density
from playground.flows.fit import fit, held_out, mean_nll
from playground.flows.journey import Journey, journey
from playground.flows.matching import Matching

__all__ = ["Round", "RoundStep", "measure_round", "next_round"]


@dataclass(frozen=True, eq=False)
class Round:
    """A flow after so many rounds of reflow, and what its paths are like."""

    number: int  # 0 before the first
    flow: Matching
    journey: Journey
    kl: float | None  # KL(p || q) in nats on points kept apart; None where p is unknown or the likelihood not finite
    pace: tuple[int, ...]  # of its training by seconds, for `next_round(pace=)`; empty for one only measured


@dataclass(frozen=True, eq=False)
class RoundStep:
    """How far a round is; the last one holds it."""

    step: int
    loss: float  # of the batch
    seconds: float  # spent in training
    progress: float  # 0 to 1
    round: Round | None = None


def measure_round(
    flow: Matching, density: Density, *, number: int = 0, pace: Sequence[int] = (), seed: int = 0
) -> Round:
    """The flow as it is, measured on 1,000 paths."""
    x, log_p = held_out(density, next(flow.parameters()), seed)
    nll = mean_nll(flow, x)
    kl = nll + float(log_p.mean()) if log_p is not None and math.isfinite(nll) else None
    return Round(number, flow, journey(flow, density, seed=seed), kl, tuple(pace))


def next_round(
    last: Round,
    density: Density,
    *,
    seconds: float | None = None,
    steps: int | None = None,
    pace: Sequence[int] | None = None,
    pairs: int = 32_768,
    seed: int = 0,
    stop: threading.Event | None = None,
) -> Iterator[RoundStep]:
    """Reflow `last` and train the new flow for a time, a number of steps or a pace, as `fit` does.

    Setting `stop` ends the training; the round then holds what was learned so far. Raises what `fit` raises.
    """
    number = last.number + 1
    flow = last.flow.reflow(pairs, torch.Generator().manual_seed(seed + number))
    made: list[int] = []
    with closing(fit(flow, density, seconds=seconds, steps=steps, pace=pace, seed=seed)) as training:
        for record in training:
            made += [record.step - 1] * (record.stage - len(made))
            yield RoundStep(record.step, record.loss, record.seconds, record.progress)
            if stop is not None and stop.is_set():
                break
    done = measure_round(flow, density, number=number, pace=(*made, record.step), seed=seed)
    yield RoundStep(record.step, record.loss, record.seconds, 1.0, done)
