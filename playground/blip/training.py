"""Train BLIP: a generator of steps that resumes to the same weights."""

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any
from zlib import crc32

import torch
from torch import Tensor

from playground import checkpoints
from playground.blip.model import BLIP
from playground.blip.momentum import Momentum
from playground.blip.objective import Losses
from playground.nn.adam import Weights, learning_rate
from playground.nn.stem import recalibrate

__all__ = ["TrainingStep", "fit"]

CLIP_NORM = 1.0
BETA2 = 0.98
TEMPERATURES = (0.001, 0.5)  # the contrast's, as the authors hold it
RECALIBRATION = 16  # batches


@dataclass(frozen=True)
class TrainingStep:
    """One training step."""

    step: int
    language: float | None  # nats a token
    contrast: float | None  # nats
    matching: float | None  # nats
    words: float | None  # nats a word
    seconds: float  # spent in training
    progress: float  # 0 to 1


def fit(
    model: BLIP,
    losses: Callable[[int], Losses],
    pixels: Callable[[int], Tensor],
    *,
    steps: int,
    lr: float,
    horizon: int | None = None,
    scratch: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    momentum: Momentum | None = None,
    every: int = 200,
) -> Generator[TrainingStep, None, None]:
    """Train `model` in place, yielding after each step; at its end, closed or failed, it holds the averaged weights.

    `losses(step)` gives a step's losses and must give the same again; then a run that is kept in the folder `scratch`
    each `every` steps goes on where it was interrupted, to the weights of a run in one go. `pixels(step)` gives the
    step's pictures alone, by which batch norms are set at the end. `settings` say what else makes the run what it is.
    A run that was kept is of a model that began with the same weights; `momentum`, which `losses` uses, is kept too.
    The learning rate warms up and falls as half a cosine over `horizon` steps, by default all.

    Raises `ValueError` for settings out of range and for a scratch folder of another run, `FloatingPointError` when
    loss or gradient is not finite.
    """
    if steps < 1 or lr <= 0 or (horizon or steps) < steps:
        raise ValueError(f"steps >= 1, lr > 0 and horizon >= steps must hold, not {steps}, {lr} and {horizon}")
    begun = reduce(lambda sum, p: crc32(p.detach().cpu().numpy().tobytes(), sum), model.parameters(), 0)
    run = {"steps": steps, "lr": lr, "horizon": horizon or steps, "begun": f"{begun:08x}", **(settings or {})}
    folder = Path(scratch) if scratch is not None else None
    return _run(model, losses, pixels, run, folder, checkpoints.read_run(folder, run), momentum, every)


def _run(
    model: BLIP,
    losses: Callable[[int], Losses],
    pixels: Callable[[int], Tensor],
    run: dict[str, Any],
    scratch: Path | None,
    state: dict[str, Tensor] | None,
    momentum: Momentum | None,
    every: int,
) -> Generator[TrainingStep, None, None]:
    steps = int(run["steps"])
    model.train().requires_grad_(True)
    weights = Weights(model, beta2=BETA2)
    buffers = {f"buffer.{name}": tensor for name, tensor in model.named_buffers()}
    if momentum is not None:
        buffers |= {f"momentum.{name}": tensor for name, tensor in momentum.state_dict().items()}
    if state is not None:
        weights.restore(state)
        for name, tensor in buffers.items():
            tensor.copy_(state[name])
    began = time.perf_counter()
    try:
        while weights.step < steps:
            with torch.enable_grad():
                weights.grad.zero_()
                made = losses(weights.step)
                made.total.backward()
            weights.apply(
                made.total.item(), learning_rate(run["lr"], (weights.step + 0.5) / run["horizon"]), clip=CLIP_NORM
            )
            if "match" in model.config.tasks:
                model.temp.data.clamp_(*TEMPERATURES)
            if scratch is not None and (weights.step % every == 0 or weights.step == steps):
                checkpoints.write(scratch, run, weights.state() | buffers)
            parts = made.language, made.contrast, made.matching, made.words
            language, contrast, matching, words = (None if one is None else one.item() for one in parts)
            yield TrainingStep(
                weights.step,
                language,
                contrast,
                matching,
                words,
                time.perf_counter() - began,
                weights.step / steps,
            )
    finally:
        weights.release()
        last = range(max(0, weights.step - RECALIBRATION), weights.step)
        recalibrate(model, (lambda i=i: model.see(pixels(i)) for i in last))  # type: ignore[misc]
        model.eval().requires_grad_(False)
