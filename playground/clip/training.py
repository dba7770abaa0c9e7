"""Train CLIP on batches of pairs: a generator of steps that resumes to the same weights, on one process or several."""

import math
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist

from playground import checkpoints
from playground.clip.captioner import Captioner, Reader
from playground.clip.contrast import OBJECTIVES, Batch, Objective, backward
from playground.clip.model import CLIP
from playground.nn.adam import Weights, learning_rate
from playground.nn.stem import recalibrate

__all__ = ["TrainingStep", "fit"]

CLIP_NORM = 1.0
BETA2 = 0.98  # of Adam, section 2.5 of Radford et al. 2021
RECALIBRATION = 16  # batches
SHARPEST = math.log(100.0)  # logit_scale is held below it, as there


@dataclass(frozen=True)
class TrainingStep:
    """One training step."""

    step: int
    loss: float  # nats, over the joined batch
    temperature: float  # 1 / exp(logit_scale)
    seconds: float  # spent in training by this process
    progress: float  # 0 to 1


def fit(
    model: CLIP,
    data: Callable[[int], Batch],
    *,
    steps: int,
    lr: float = 1e-3,
    horizon: int | None = None,
    objective: Objective = "info_nce",
    part: int | None = None,
    bfloat16: bool = False,
    captioner: Captioner | Reader | None = None,
    scratch: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    every: int = 200,
    clock: Callable[[], float] = time.perf_counter,
) -> Generator[TrainingStep, None, None]:
    """Train `model` in place, yielding after each step; at its end, closed or failed, it holds the averaged weights.

    `data(step)` gives the batch of a step and must give the same again; then a run that is kept in the folder `scratch`
    each `every` steps goes on where it was interrupted, to the weights of a run in one go. `settings` say what else
    makes the run what it is (the data's seed, say). Under torch.distributed each process calls this with its own share;
    the first writes. The learning rate warms up and falls as half a cosine over `horizon` steps, by default all; a
    first stage is cut off before it has fallen. `part`, `bfloat16` and `captioner` as in `contrast.backward`.

    Raises `ValueError` for settings out of range and for a scratch folder of another run, `FloatingPointError` when
    loss or gradient is not finite.
    """
    if not 1 <= steps <= 10**7:
        raise ValueError(f"steps must lie between 1 and 10**7, not {steps}")
    if horizon is not None and horizon < steps:
        raise ValueError(f"the horizon must be no less than the {steps} steps, not {horizon}")
    if not 0 < lr < math.inf:
        raise ValueError(f"lr must be positive, not {lr}")
    if objective not in OBJECTIVES:
        raise ValueError(f"objective must be one of {', '.join(OBJECTIVES)}, not {objective!r}")
    run = {
        "steps": steps,
        "horizon": horizon or steps,
        "lr": lr,
        "objective": objective,
        "bfloat16": bfloat16,
        "part": part or 0,
        **(settings or {}),
    }
    folder = Path(scratch) if scratch is not None else None
    return _run(model, captioner, data, run, part, folder, checkpoints.read_run(folder, run), every, clock)


def _run(
    model: CLIP,
    captioner: Captioner | Reader | None,
    data: Callable[[int], Batch],
    run: dict[str, Any],
    part: int | None,
    scratch: Path | None,
    state: dict[str, Tensor] | None,
    every: int,
    clock: Callable[[], float],
) -> Generator[TrainingStep, None, None]:
    steps, first = int(run["steps"]), not dist.is_initialized() or dist.get_rank() == 0
    model.train().requires_grad_(True)
    learners = nn.ModuleList([model] if captioner is None else [model, captioner])
    weights = Weights(learners, beta2=BETA2)
    buffers = {f"buffer.{name}": tensor for name, tensor in model.named_buffers()}
    if state is not None:
        weights.restore(state)
        for name, tensor in buffers.items():
            tensor.copy_(state[name])
    began = clock()
    try:
        while weights.step < steps:
            batch = data(weights.step)
            with torch.enable_grad():
                weights.grad.zero_()
                options = {"objective": run["objective"], "bfloat16": run["bfloat16"]}
                loss = backward(model, batch, part=part, captioner=captioner, **options)
            weights.apply(loss, learning_rate(run["lr"], (weights.step + 0.5) / run["horizon"]), clip=CLIP_NORM)
            model.logit_scale.data.clamp_(max=SHARPEST)
            if scratch is not None and first and (weights.step % every == 0 or weights.step == steps):
                checkpoints.write(scratch, run, weights.state() | buffers)
            temperature = (-model.logit_scale.detach()).exp().item()
            yield TrainingStep(weights.step, loss, temperature, clock() - began, weights.step / steps)
    finally:
        weights.release()
        last = range(max(0, weights.step - RECALIBRATION), weights.step)
        recalibrate(model, (lambda i=i: model.encode_image(data(i).pixels) for i in last))  # type: ignore[misc]
        model.eval().requires_grad_(False)
