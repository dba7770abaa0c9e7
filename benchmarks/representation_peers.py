"""lightly's losses in a loop of torch's own parts, which begins with our weights and sees our views.

What is the same: encoder and heads with their first weights, pictures, views, batches, rates, longest gradient, and the
settling of the batch norms. What is theirs: the loss, the memory bank of MoCo, the slow copies' update, and torch's
Adam with our betas. What they lack: an average of the last weights. VICReg's variance term weighs 50, for lightly
halves it.
"""

import copy
from collections.abc import Callable, Iterator

import torch
from lightly.loss import NegativeCosineSimilarity, NTXentLoss, VICRegLoss
from lightly.models.utils import update_momentum
from torch import Tensor, nn

from playground.nn.adam import BETA1, BETA2, EPSILON, learning_rate
from playground.representations.encoder import Encoder, settle
from playground.representations.pretraining import (
    CLIP,
    HEAD,
    Bootstrap,
    Momentum,
    Recipe,
    TwoViews,
    View,
    build_objective,
)

__all__ = ["PEERS", "train"]

MOMENTUM, QUEUE = 0.99, 1024  # as ours
Loss = Callable[[Tensor, Tensor], Tensor]  # of two views
Loop = tuple[Loss, nn.Module, Callable[[], None]]  # a loss, what learns, and what precedes each step


def _two_views(encoder: Encoder, recipe: Recipe, seed: int, loss: nn.Module) -> Loop:
    ours = build_objective(encoder, recipe, seed)
    assert isinstance(ours, TwoViews)
    network = nn.Sequential(encoder, ours.head)
    return lambda one, two: loss(*network(torch.cat([one, two])).chunk(2)), network, lambda: None


def _nt_xent(encoder: Encoder, recipe: Recipe, seed: int) -> Loop:
    return _two_views(encoder, recipe, seed, NTXentLoss(temperature=recipe.temperature))


def _vicreg(encoder: Encoder, recipe: Recipe, seed: int) -> Loop:
    return _two_views(encoder, recipe, seed, VICRegLoss(mu_param=50.0))


def _moco(encoder: Encoder, recipe: Recipe, seed: int) -> Loop:
    ours = build_objective(encoder, recipe, seed)
    assert isinstance(ours, Momentum)
    fast = ours.moco.encoder
    slow = copy.deepcopy(fast).requires_grad_(False)
    loss = NTXentLoss(temperature=recipe.temperature, memory_bank_size=(QUEUE, HEAD))

    def of_views(one: Tensor, two: Tensor) -> Tensor:
        with torch.no_grad():
            key = slow(two)
        answer: Tensor = loss(fast(one), key)
        return answer

    return of_views, fast, lambda: update_momentum(fast, slow, MOMENTUM)


def _byol(encoder: Encoder, recipe: Recipe, seed: int) -> Loop:
    ours = build_objective(encoder, recipe, seed)
    assert isinstance(ours, Bootstrap)
    fast, predictor = ours.fast, ours.predictor
    slow, loss = copy.deepcopy(fast).requires_grad_(False), NegativeCosineSimilarity()

    def of_views(one: Tensor, two: Tensor) -> Tensor:
        said, again = predictor(fast(torch.cat([one, two]))).chunk(2)
        with torch.no_grad():
            first, second = slow(one), slow(two)
        return (loss(said, second) + loss(again, first)) / 2

    return of_views, nn.ModuleList([fast, predictor]), lambda: update_momentum(fast, slow, MOMENTUM)


PEERS: dict[str, Callable[[Encoder, Recipe, int], Loop]] = {
    "nt_xent": _nt_xent, "vicreg": _vicreg, "moco": _moco, "byol": _byol,
}  # fmt: skip


def train(
    method: str,
    encoder: Encoder,
    x: Tensor,
    *,
    view: View,
    steps: int,
    batch: int = 256,
    lr: float = 2e-3,
    seed: int = 0,
) -> Iterator[int]:
    """Train an encoder in place by lightly's loss; yields the number of each step, and settles at the end."""
    torch.manual_seed(seed)  # lightly draws its memory bank from the global generator
    loss, network, before = PEERS[method](encoder, Recipe(method), seed)
    network.train()
    optimiser = torch.optim.Adam(network.parameters(), lr=lr, betas=(BETA1, BETA2), eps=EPSILON)
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(x), generator=generator)
    for step in range(steps):
        if len(order) < batch:
            order = torch.randperm(len(x), generator=generator)
        chosen, order = order[:batch], order[batch:]
        before()
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(lr, (step + 0.5) / steps)
        value = loss(view(x[chosen], generator), view(x[chosen], generator))
        optimiser.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimiser.step()
        yield step + 1
    settle(encoder, view(x, generator))
