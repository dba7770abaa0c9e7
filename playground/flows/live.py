"""Training that is watched: flows are fitted in one thread and painted in another, so that looking costs little.

One flow or several on the same density and budget (a race): in a race they take turns of a few hundredths of a second,
so that what else the machine does slows all of them alike.
"""

import copy
import math
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from playground.flows.density import EXTENT, Density
from playground.flows.fit import FitStep, fit, held_out, mean_nll
from playground.flows.flow import Flow
from playground.flows.grid import grid_values
from playground.flows.matching import Matching
from playground.flows.planar import NotInvertibleError

__all__ = ["Frame", "Lane", "portrait", "watch"]

TURN = 0.04  # seconds of training before the next flow of a race has its turn
FIRST = 0.25  # seconds the first frame may take to paint
PAINT = 0.11  # seconds one frame may take to paint, stopped runs' last one too; slower flows get a coarser live grid
SIDES = (200, 144, 100, 72, 48, 32)  # the live grids to choose from
HASTY = 8  # steps of RK4, or a few more, of a flow by matching for pictures while it trains
CURVE = 240  # points of a curve before every second one is dropped

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Lane:
    """One flow as it is now."""

    name: str
    step: int
    seconds: float  # spent in training this flow
    progress: float  # 0 to 1
    nll: float  # nats, mean over the last steps
    kl: float | None  # nats, the last estimate; None where the density is unknown or none was made yet
    nll_curve: tuple[Array, Array]  # steps, nats; of a flow by matching at few of them
    loss_curve: tuple[Array, Array] | None  # steps, what is minimised; None where that is the likelihood
    kl_curve: tuple[Array, Array]
    log_p: Array  # (n, n) log-density over the plane in nats, row 0 on top
    points: Array  # (m, 2) of the same latents in every frame, so that each point moves; none without an inverse
    mass: float  # integral of the density over the picture
    pace: tuple[int, ...]  # steps made by the end of each stage so far: `fit(pace=)` repeats the run
    threads: int  # of torch; with another number sums are rounded differently, and training amplifies it

    @property
    def steps_per_second(self) -> float:
        return self.step / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, eq=False)
class Frame:
    """All flows as they are now; `final` in the last frame, whose flows hold the weights they keep."""

    lanes: tuple[Lane, ...]
    progress: float
    final: bool


def watch(
    flows: Mapping[str, Flow],
    density: Density,
    *,
    seconds: float | None = None,
    steps: int | None = None,
    seed: int = 0,
    side: int = 200,
    points: int = 1500,
    frames_per_second: float = 8.5,
    stop: threading.Event | None = None,
) -> Generator[Frame]:
    """Train `flows` in place, each for `seconds` or `steps`, and yield frames meanwhile; the last one is `final`.

    The first frame shows the flows before their first step. Setting `stop` ends training with a final frame; closing
    the generator ends it without. Raises what `fit` raises: `ValueError` at once, `FloatingPointError` when training
    has ended and its final frame was taken.
    """
    stop = stop or threading.Event()
    runners = [
        _Runner(name, flow, fit(flow, density, seconds=seconds, steps=steps, seed=seed)) for name, flow in flows.items()
    ]
    painters = [_Painter(runner, side, points, seed) for runner in runners]
    return _frames(runners, painters, partial(held_out, density, seed=seed), frames_per_second, stop)


def _frames(
    runners: "list[_Runner]",
    painters: "list[_Painter]",
    apart: Callable[[Tensor], tuple[Tensor, Tensor | None]],
    frames_per_second: float,
    stop: threading.Event,
) -> Generator[Frame]:
    thread = threading.Thread(target=_train, args=(runners, stop), name="flows.watch", daemon=True)
    try:
        yield _frame([painter.paint(FIRST / len(painters)) for painter in painters], final=False)
        thread.start()
        while thread.is_alive() and not stop.is_set():
            begun = time.perf_counter()
            lanes = []
            for painter in painters:
                painter.look(thread)
                lanes.append(painter.paint(PAINT / len(painters)))
            if not thread.is_alive() or stop.is_set():
                break
            yield _frame(lanes, final=False)
            stop.wait(max(0.0, 1 / frames_per_second - (time.perf_counter() - begun)))
        thread.join()
        for painter in painters:
            painter.settle()
        for runner in runners:
            runner.estimate(apart)
        limit = PAINT / len(painters) if stop.is_set() else None
        yield _frame([painter.paint(limit, hasty=False) for painter in painters], final=True)
        for runner in runners:
            if runner.error is not None:
                raise runner.error
    finally:
        stop.set()
        if thread.ident is not None:
            thread.join()
        for runner in runners:
            runner.end()


@torch.no_grad()
def portrait(flow: Flow, density: Density, *, side: int = 200, points: int = 1500, seed: int = 0) -> Lane:
    """A flow as it is, without training: picture and samples as in a frame of `watch`, loss on points kept apart."""
    like = next(flow.parameters())
    runner = _Runner(flow.config.get("name", ""), flow)
    x, log_p = held_out(density, like, seed)
    nll = mean_nll(flow, x)
    runner.nll.add(0, nll)
    if log_p is not None and math.isfinite(nll):
        runner.kl.add(0, nll + float(log_p.mean()))
    none = np.zeros(0, dtype=np.float32)
    return replace(
        _Painter(runner, side, points, seed).paint(None),
        progress=1.0,
        nll_curve=(none, none),
        kl_curve=(none, none),
        loss_curve=None,
    )


class _Runner:
    """One flow in training: its generator, its curves, and the hand-over of its weights to the painter."""

    def __init__(self, name: str, flow: Flow, training: Iterator[FitStep] | None = None) -> None:
        self.name, self.flow = name, flow
        self.training: Iterator[FitStep] = training if training is not None else iter(())
        self.nll, self.kl, self.loss = _Curve(), _Curve(), _Curve()
        self.last: FitStep | None = None
        self.pace: list[int] = []  # steps by the end of the stages that are over
        self.finished = False
        self.error: Exception | None = None
        self.wanted, self.given = threading.Event(), threading.Event()
        self.shadow = copy.deepcopy(flow).eval()  # what is painted; touched by the trainer only while it is wanted

    def turn(self, seconds: float) -> None:
        """Train for about `seconds`."""
        end = time.perf_counter() + seconds
        while not self.finished and time.perf_counter() < end:
            record = next(self.training, None)
            if record is None:
                self.finished = True
                break
            self.pace += [record.step - 1] * (record.stage - len(self.pace))
            new = self.flow.by_likelihood or self.last is None or record.nll != self.last.nll
            self.last = record
            if new and math.isfinite(record.nll):  # of flow matching it is estimated now and then
                self.nll.add(record.step, record.nll)
            if not self.flow.by_likelihood:
                self.loss.add(record.step, record.loss)
            if record.kl is not None and math.isfinite(record.kl):
                self.kl.add(record.step, record.kl)
            if self.wanted.is_set():
                self.hand_over()

    def estimate(self, apart: Callable[[Tensor], tuple[Tensor, Tensor | None]]) -> None:
        """Likelihood and divergence of the weights that are kept, where training ended before its budget."""
        if self.last is None or self.finished:
            return
        x, log_p = apart(next(self.flow.parameters()))
        if log_p is None and self.flow.by_likelihood:
            return
        nll = mean_nll(self.flow, x)
        if math.isfinite(nll) and not self.flow.by_likelihood:
            self.nll.add(self.last.step, nll)
        if math.isfinite(nll) and log_p is not None:
            self.kl.add(self.last.step, nll + float(log_p.mean()))

    def end(self) -> None:
        """Close the training, which then puts the averaged weights into the flow."""
        if isinstance(self.training, Generator):
            self.training.close()

    def hand_over(self) -> None:
        """Copy the weights for the painter: some tens of microseconds, and never half of a step."""
        with torch.no_grad():
            for mine, theirs in zip(_tensors(self.flow), _tensors(self.shadow), strict=True):
                theirs.copy_(mine)
        self.wanted.clear()
        self.given.set()


def _train(runners: list[_Runner], stop: threading.Event) -> None:
    """The training thread: turns for all until each has finished, one fails, or `stop` is set."""
    while not all(runner.finished for runner in runners):
        for runner in runners:
            if stop.is_set():
                return
            try:
                runner.turn(TURN)
            except Exception as error:  # `watch` raises it where the frames are taken
                runner.error = error
                return


class _Painter:
    """Pictures of one runner's flow, at a size that keeps within the time it may take."""

    def __init__(self, runner: _Runner, side: int, points: int, seed: int) -> None:
        self.runner, self.side = runner, side
        self.cost = math.inf  # seconds a cell, the least seen: a busy moment should not make the picture coarse
        self.latents = runner.flow.draw(points, torch.Generator().manual_seed(seed))

    def look(self, thread: threading.Thread) -> None:
        """Take the weights of now; those of the end, once the runner has finished or the thread has ended."""
        runner = self.runner
        if runner.finished:
            return
        runner.given.clear()
        runner.wanted.set()
        while not runner.given.wait(0.02):
            if runner.finished or not thread.is_alive():
                return

    def settle(self) -> None:
        """Take the weights the flow keeps: the generator, closed, has put the average there."""
        self.runner.end()
        self.runner.hand_over()

    def paint(self, limit: float | None, *, hasty: bool = True) -> Lane:
        """The flow as it is in the shadow; at most about `limit` seconds of painting, None for the full grid.

        A flow by matching is walked in few steps where it is `hasty` and has a limit.
        """
        side, shadow, flow = self.side, self.runner.shadow, self.runner.flow
        if isinstance(shadow, Matching) and isinstance(flow, Matching):
            few = min(flow.steps, math.ceil(HASTY / len(flow.transforms)))
            steps = few if hasty and limit is not None else flow.steps
            self.cost *= steps / shadow.steps
            shadow.steps = steps
        if limit is not None:
            if self.cost == math.inf:
                self._measure(min(self.side, SIDES[-1]))
            sides = [self.side, *(n for n in SIDES if n < self.side)]
            side = next((n for n in sides if n * n * self.cost <= limit), sides[-1])
        log_p = self._measure(side)
        with np.errstate(over="ignore"):
            mass = float(np.exp(log_p, dtype=np.float64).sum()) * (2 * EXTENT / side) ** 2
        last, runner = self.runner.last, self.runner
        return Lane(
            name=runner.name,
            step=last.step if last else 0,
            seconds=last.seconds if last else 0.0,
            progress=last.progress if last else 0.0,
            nll=runner.nll.latest if flow.by_likelihood else runner.nll.last,
            kl=runner.kl.last if len(runner.kl) else None,
            nll_curve=runner.nll.arrays(),
            loss_curve=runner.loss.arrays() if len(runner.loss) else None,
            kl_curve=runner.kl.arrays(),
            log_p=log_p,
            points=_numpy(_inverse(runner.shadow, self.latents)),
            mass=mass,
            pace=(*runner.pace, last.step) if last else (),
            threads=torch.get_num_threads(),
        )

    def _measure(self, side: int) -> Array:
        """The grid of log-densities; what a cell of it costs is kept for the choice of the next one's size."""
        begun = time.perf_counter()
        log_p = grid_values(self.runner.shadow, side, EXTENT)
        self.cost = min(self.cost, (time.perf_counter() - begun) / side**2)
        return log_p


class _Curve:
    """Pairs (step, value), thinned to at most `CURVE` means: as long as the run, never heavy."""

    def __init__(self) -> None:
        self.x: list[float] = []
        self.y: list[float] = []
        self.pending: list[float] = []
        self.stride, self.last = 1, float("nan")
        self.lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.y)

    def add(self, x: float, y: float) -> None:
        with self.lock:
            self.last = y
            self.pending.append(y)
            if len(self.pending) < self.stride:
                return
            self.x.append(x)
            self.y.append(sum(self.pending) / len(self.pending))
            self.pending.clear()
            if len(self.y) >= CURVE:  # halve: neighbours are averaged
                self.x = self.x[1::2]
                self.y = [(a + b) / 2 for a, b in zip(self.y[::2], self.y[1::2], strict=False)]
                self.stride *= 2

    @property
    def latest(self) -> float:
        """The mean of the newest part of the curve, steadier than one batch."""
        with self.lock:
            return float(np.mean(self.y[-3:])) if self.y else self.last

    def arrays(self) -> tuple[Array, Array]:
        with self.lock:
            return np.array(self.x, dtype=np.float32), np.array(self.y, dtype=np.float32)


def _frame(lanes: list[Lane], *, final: bool) -> Frame:
    return Frame(tuple(lanes), sum(lane.progress for lane in lanes) / len(lanes), final)


def _tensors(flow: Flow) -> list[Tensor]:
    return [*flow.parameters(), *flow.buffers()]


def _inverse(flow: Flow, latents: Tensor) -> Tensor:
    """Points of the latents; those that overflow are left out, and all of them where the flow has no inverse."""
    try:
        with torch.no_grad():
            x = flow.inverse(latents)[0]
    except NotInvertibleError:
        return latents[:0]
    return x[torch.isfinite(x).all(-1)]


def _numpy(x: Tensor) -> Array:
    return x.float().cpu().numpy()
