"""Learn from pictures without labels: an encoder under one of several objectives, as a generator of frozen steps."""

import copy
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, normalize

from playground import checkpoints
from playground.nn.adam import Weights, learning_rate
from playground.nn.budget import check_budget
from playground.nn.seeded import seeded
from playground.representations.deep_infomax import DeepInfoMax
from playground.representations.encoder import MAP, Encoder, settle
from playground.representations.margin import TINY, pair_loss
from playground.representations.moco import MoCo
from playground.representations.nt_xent import nt_xent
from playground.representations.without_negatives import byol_loss, vicreg_loss

__all__ = [
    "METHODS",
    "Objective",
    "Pretraining",
    "Recipe",
    "batch_margin_loss",
    "build_objective",
    "pretrain",
    "train_objective",
]

View = Callable[[Tensor, torch.Generator], Tensor]  # a picture's random other self
HEAD = 64  # width of the head that is thrown away
CLIP = 5.0  # longest gradient


class Objective(nn.Module):
    """A loss of a batch of pictures (n, k, s, s); the encoder in it is what is kept."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, x: Tensor, view: View, generator: torch.Generator) -> Tensor:
        """The loss of a batch."""
        raise NotImplementedError

    def advance(self) -> None:
        """What follows a step of the weights: slow copies, queues."""

    def seen(self, x: Tensor, view: View, generator: torch.Generator) -> Tensor:
        """What the encoder sees of pictures, on which it settles: a view of each."""
        return view(x, generator)


class TwoViews(Objective):
    """A loss of the heads' outputs of two views of each picture."""

    def __init__(self, encoder: Encoder, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__(encoder)
        self.head, self.loss = _head(encoder.dim), loss

    def forward(self, x: Tensor, view: View, generator: torch.Generator) -> Tensor:
        one, two = _two(x, view, generator)
        a, b = self.head(self.encoder(torch.cat([one, two]))).chunk(2)
        return self.loss(a, b)


class Momentum(Objective):
    """MoCo: negatives from a queue of a slow copy's keys."""

    def __init__(self, encoder: Encoder, temperature: float) -> None:
        super().__init__(encoder)
        self.moco = MoCo(nn.Sequential(encoder, _head(encoder.dim)), HEAD, temperature=temperature)
        self.key: Tensor | None = None

    def forward(self, x: Tensor, view: View, generator: torch.Generator) -> Tensor:
        one, self.key = _two(x, view, generator)
        answer: Tensor = self.moco(one, self.key)
        return answer

    def advance(self) -> None:
        if self.key is not None:
            self.moco.advance(self.key)


class Bootstrap(Objective):
    """BYOL: predict what a slow copy says of the other view (Grill et al. 2020)."""

    def __init__(self, encoder: Encoder, momentum: float = 0.99) -> None:
        super().__init__(encoder)
        self.fast = nn.Sequential(encoder, _head(encoder.dim))
        self.slow = copy.deepcopy(self.fast).requires_grad_(False)
        self.predictor, self.momentum = _head(HEAD), momentum

    def forward(self, x: Tensor, view: View, generator: torch.Generator) -> Tensor:
        one, two = _two(x, view, generator)
        both = torch.cat([one, two])
        said = self.predictor(self.fast(both))
        with torch.no_grad():
            target = torch.cat([self.slow(two), self.slow(one)])
        return byol_loss(said, target)

    @torch.no_grad()
    def advance(self) -> None:
        for slow, fast in zip(self.slow.parameters(), self.fast.parameters(), strict=True):
            slow.lerp_(fast, 1 - self.momentum)


class Denoising(Objective):
    """Draw the clean picture again from a view of it (Vincent et al., Denoising Autoencoders, 2008)."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(encoder)
        stages: list[nn.Module] = [nn.Linear(encoder.dim, encoder.channels * MAP * MAP), nn.ReLU(),
                                   nn.Unflatten(1, (encoder.channels, MAP, MAP))]  # fmt: skip
        side, width = MAP, encoder.channels
        while side < encoder.side:
            narrower = width if side == MAP else max(1, width // 2)  # or most would be spent on the last enlargement
            stages += [nn.Upsample(scale_factor=2), nn.Conv2d(width, narrower, 3, padding=1), nn.ReLU()]
            side, width = 2 * side, narrower
        self.decoder = nn.Sequential(*stages, nn.Conv2d(width, encoder.colours, 3, padding=1))

    def forward(self, x: Tensor, view: View, generator: torch.Generator) -> Tensor:
        return mse_loss(self.decoder(self.encoder(view(x, generator))), x)


class InfoMax(Objective):
    """Deep InfoMax: patches and vector of one picture, or patches of one view and the vector of another."""

    def __init__(self, encoder: Encoder, critics: DeepInfoMax, *, views: bool) -> None:
        super().__init__(encoder)
        self.critics, self.views = critics, views

    def forward(self, x: Tensor, view: View, generator: torch.Generator) -> Tensor:
        maps = self.encoder.map(torch.cat(_two(x, view, generator)) if self.views else x)
        vectors = self.encoder.vector(maps)
        if self.views:  # either view's patches with the other's vector
            (one, two), (first, second) = maps.chunk(2), vectors.chunk(2)
            loss: Tensor = (self.critics(one, second) + self.critics(two, first)) / 2
        else:
            loss = self.critics(maps, vectors)
        return loss if self.critics.judge is None else loss + self.critics.judge_loss(vectors, generator)

    def seen(self, x: Tensor, view: View, generator: torch.Generator) -> Tensor:
        return super().seen(x, view, generator) if self.views else x


@dataclass(frozen=True)
class Recipe:
    """What to learn by: a method of `METHODS`, and what some of them take."""

    method: str = "nt_xent"
    temperature: float = 0.2  # of NT-Xent and MoCo
    margin: float = 1.0  # of the margin loss, on the unit sphere
    objective: str = "info_nce"  # of Deep InfoMax, and its weights
    local: float = 1.0
    whole: float = 0.0
    prior: float = 0.0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"no method is called {self.method!r}; choose one of {', '.join(METHODS)}")
        for name, value, low, high in (
            ("temperature", self.temperature, 0.01, 10), ("margin", self.margin, 0.01, 2), ("local", self.local, 0, 10),
            ("whole", self.whole, 0, 10), ("prior", self.prior, 0, 10),
        ):  # fmt: skip
            if not low <= value <= high:
                raise ValueError(f"{name} must lie between {low} and {high}, not {value}")
        if self.method in ("dim", "dim_one_view") and not self.local and not self.whole:
            raise ValueError("Deep InfoMax needs the local or the global part: both weigh 0")


def _infomax(encoder: Encoder, recipe: Recipe, *, views: bool) -> Objective:
    critics = DeepInfoMax(
        encoder.dim, encoder.channels, objective=recipe.objective, local=recipe.local, whole=recipe.whole,
        prior=recipe.prior,
    )  # fmt: skip
    return InfoMax(encoder, critics, views=views)


METHODS: dict[str, Callable[[Encoder, Recipe], Objective]] = {
    "nt_xent": lambda encoder, recipe: TwoViews(encoder, partial(nt_xent, temperature=recipe.temperature)),
    "margin": lambda encoder, recipe: TwoViews(encoder, partial(batch_margin_loss, margin=recipe.margin)),
    "moco": lambda encoder, recipe: Momentum(encoder, recipe.temperature),
    "byol": lambda encoder, _: Bootstrap(encoder),
    "vicreg": lambda encoder, _: TwoViews(encoder, vicreg_loss),
    "denoising": lambda encoder, _: Denoising(encoder),
    "dim": partial(_infomax, views=True),
    "dim_one_view": partial(_infomax, views=False),
}


def batch_margin_loss(a: Tensor, b: Tensor, *, margin: float = 1.0) -> Tensor:
    """The margin loss on the unit sphere: each row (n, d) with its other view, and with the other views of all else.

    Both kinds weigh the same, though there are n - 1 times as many of the second.
    """
    d = (2 - 2 * normalize(a, dim=1) @ normalize(b, dim=1).T).clamp(min=TINY).sqrt()
    same = torch.eye(len(d), dtype=torch.bool, device=d.device)
    return pair_loss(d[same], d.new_ones(()), margin=margin) + pair_loss(d[~same], d.new_zeros(()), margin=margin)


def build_objective(encoder: Encoder, recipe: Recipe, seed: int = 0) -> Objective:
    """The recipe's loss around an encoder, the weights of heads and critics drawn from `seed`."""
    with seeded(seed):
        return METHODS[recipe.method](encoder, recipe)


@dataclass(frozen=True)
class Pretraining:
    """One step; the encoder is the one that was given, and learns on."""

    step: int
    loss: float
    seconds: float
    progress: float  # 0 to 1


def pretrain(
    encoder: Encoder,
    x: Tensor,
    recipe: Recipe | None = None,
    *,
    view: View,
    seconds: float | None = None,
    steps: int | None = None,
    batch: int = 128,
    lr: float = 2e-3,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> Generator[Pretraining]:
    """Train an encoder on pictures x (n, k, s, s) without labels, for a time or a number of steps; yields each.

    However it ends, the encoder holds the average of the last weights and has settled on what it saw of x. Raises
    `ValueError` for settings out of range and `FloatingPointError` where a loss is not finite.
    """
    objective = build_objective(encoder, recipe or Recipe(), seed)
    return train_objective(
        objective, x, view=view, seconds=seconds, steps=steps, batch=batch, lr=lr, seed=seed, clock=clock
    )


def train_objective(
    objective: Objective,
    x: Tensor,
    *,
    view: View,
    seconds: float | None = None,
    steps: int | None = None,
    batch: int = 128,
    lr: float = 2e-3,
    seed: int = 0,
    scratch: Path | None = None,
    every: int = 100,
    clock: Callable[[], float] = time.perf_counter,
) -> Generator[Pretraining]:
    """`pretrain` of an objective that is at hand; raises as it does.

    With a folder `scratch` a run of so many steps is kept there each `every` of them, and goes on where it was
    interrupted, to the same weights. Raises `ValueError` for a run of seconds there, and for another run's folder.
    """
    check_budget(seconds, steps)
    if not 4 <= batch <= len(x):
        raise ValueError(f"batch must lie between 4 and {len(x):,}, the pictures that there are, not {batch}")
    if scratch is not None and steps is None:
        raise ValueError("what is kept to go on from needs a number of steps, not of seconds")
    settings = {"steps": steps, "batch": batch, "lr": lr, "seed": seed, "pictures": len(x)}
    kept = checkpoints.read_run(scratch, settings)
    return _run(objective, x, view, seconds, steps, batch, lr, seed, clock, scratch, every, settings, kept)


def _run(
    objective: Objective, x: Tensor, view: View, seconds: float | None, steps: int | None, batch: int, lr: float,
    seed: int, clock: Callable[[], float], scratch: Path | None, every: int, settings: dict[str, Any],
    kept: dict[str, Tensor] | None,
) -> Generator[Pretraining]:  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    encoder = objective.train().encoder
    weights = Weights(objective)
    order = torch.randperm(len(x), generator=generator)
    spent, now, progress, step = 0.0, clock(), 0.0, 0
    if kept is not None:
        order, spent, step = _restore(kept, objective, weights, generator)
        progress = step / (steps or 1)
    try:
        while progress < 1:
            if len(order) < batch:
                order = torch.randperm(len(x), generator=generator)
            chosen, order = order[:batch], order[batch:]
            step += 1
            objective.train()
            begun = (step - 0.5) / steps if steps is not None else progress
            with torch.enable_grad():
                loss = objective(x[chosen], view, generator)
                value = weights.update(loss, learning_rate(lr, min(1.0, begun)), clip=CLIP)
            objective.advance()
            spent += clock() - now
            progress = min(1.0, spent / seconds if seconds is not None else step / (steps or 1))
            if scratch is not None and (step % every == 0 or step == steps):
                checkpoints.write(scratch, settings, _state(objective, weights, generator, order, spent))
            yield Pretraining(step, value, spent, progress)
            now = clock()
    finally:
        weights.release()
        settle(encoder, objective.seen(x, view, generator))


def _state(
    objective: Objective, weights: Weights, generator: torch.Generator, order: Tensor, spent: float
) -> dict[str, Tensor]:
    """All that a run needs to go on; copies, for a file must not hold one memory under two names."""
    run = {"random": generator.get_state(), "order": order, "spent": torch.tensor(spent, dtype=torch.float64)}
    parts = {"run": run, "adam": weights.state(), "objective": objective.state_dict()}
    return {f"{part}.{name}": tensor.clone() for part, state in parts.items() for name, tensor in state.items()}


def _restore(
    kept: dict[str, Tensor], objective: Objective, weights: Weights, generator: torch.Generator
) -> tuple[Tensor, float, int]:
    """Put a `_state` back; the pictures whose turn comes next, the seconds and the steps so far."""
    parts: dict[str, dict[str, Tensor]] = {"run": {}, "adam": {}, "objective": {}}
    for name, tensor in kept.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = tensor
    objective.load_state_dict(parts["objective"])
    weights.restore(parts["adam"])
    generator.set_state(parts["run"]["random"])
    return parts["run"]["order"], float(parts["run"]["spent"]), weights.step


def _head(before: int) -> nn.Sequential:
    """A projection, thrown away at the end: the loss would have it forget what the labels need (Chen et al. 2020)."""
    return nn.Sequential(nn.Linear(before, HEAD), nn.BatchNorm1d(HEAD), nn.ReLU(), nn.Linear(HEAD, HEAD))


def _two(x: Tensor, view: View, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    return view(x, generator), view(x, generator)
