"""Flows of other libraries, zuko and normflows, as one kind of object, each with two ways of training.

`const` is the library's own tutorial: its network, rate and weight decay, Adam at a constant rate. `tuned` gives the
same network what our flows get: a warm-up and a cosine over the budget, clipped gradients, a larger rate. For the three
spline flows rate and batch are the best of six pairs (rates .005 to .02, batches 256 to 2048) tried on spirals for 15
CPU-seconds; for the others the rate is a guess.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import normflows as nf
import torch
import zuko
from torch import Tensor, nn

__all__ = ["PEERS", "Peer", "PeerModel", "train"]

WARM_UP = 0.05  # part of the budget
CLIP = 10.0
POOL = 65536  # points drawn at once


class PeerModel(nn.Module):
    """A flow of another library with the two methods of ours that are measured."""

    def __init__(self, flow: nn.Module) -> None:
        super().__init__()
        self.flow = flow

    def log_prob(self, x: Tensor) -> Tensor:
        return self.flow().log_prob(x) if isinstance(self.flow, zuko.lazy.LazyDistribution) else self.flow.log_prob(x)

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        return self.flow().sample((n,)) if isinstance(self.flow, zuko.lazy.LazyDistribution) else self.flow.sample(n)[0]


@dataclass(frozen=True)
class Peer:
    """A network and how it is trained."""

    flow: Callable[[], nn.Module]
    lr: float
    batch: int
    weight_decay: float = 0.0
    tuned: bool = False

    def build(self, seed: int) -> PeerModel:
        torch.manual_seed(seed)  # both libraries draw their weights from the global generator
        return PeerModel(self.flow())


def _zuko_nsf() -> nn.Module:
    return zuko.flows.NSF(features=2, transforms=3, hidden_features=(64, 64))  # zuko, "Train from data"


def _zuko_nsf_big() -> nn.Module:
    return zuko.flows.NSF(features=2, transforms=3, bins=16, hidden_features=(128, 128))


def _zuko_maf() -> nn.Module:
    return zuko.flows.MAF(features=2, transforms=5, hidden_features=(64, 64))


def _normflows(layers: list[nn.Module], *, trainable_base: bool) -> nn.Module:
    return nf.NormalizingFlow(nf.distributions.DiagGaussian(2, trainable=trainable_base), layers)


def _normflows_realnvp() -> nn.Module:
    layers: list[nn.Module] = []  # normflows, README: 32 couplings
    for _ in range(32):
        layers.append(nf.flows.AffineCouplingBlock(nf.nets.MLP([1, 64, 64, 2], init_zeros=True)))
        layers.append(nf.flows.Permute(2, mode="swap"))
    return _normflows(layers, trainable_base=True)


def _normflows_nsf() -> nn.Module:
    layers: list[
        nn.Module
    ] = []  # normflows, neural_spline_flow.ipynb, coupled; 4 of its 16 layers, else 10 steps a second
    for _ in range(4):
        layers.append(nf.flows.CoupledRationalQuadraticSpline(2, 2, 128))
        layers.append(nf.flows.LULinearPermute(2))
    return _normflows(layers, trainable_base=False)


def _normflows_planar() -> nn.Module:
    # normflows, planar.ipynb, with leaky ReLU: with tanh the library has no inverse, so no likelihood of data
    return _normflows([nf.flows.Planar((2,), act="leaky_relu") for _ in range(16)], trainable_base=True)


PEERS = {
    "zuko-nsf const": Peer(_zuko_nsf, lr=1e-3, batch=256),
    "zuko-nsf tuned": Peer(_zuko_nsf, lr=1e-2, batch=512, tuned=True),
    "zuko-nsf-big const": Peer(_zuko_nsf_big, lr=1e-3, batch=256),
    "zuko-nsf-big tuned": Peer(_zuko_nsf_big, lr=1e-2, batch=512, tuned=True),
    "zuko-maf const": Peer(_zuko_maf, lr=1e-3, batch=256),
    "zuko-maf tuned": Peer(_zuko_maf, lr=5e-3, batch=512, tuned=True),
    "normflows-realnvp const": Peer(_normflows_realnvp, lr=5e-4, batch=512, weight_decay=1e-5),
    "normflows-realnvp tuned": Peer(_normflows_realnvp, lr=2e-3, batch=512, tuned=True),
    "normflows-nsf const": Peer(_normflows_nsf, lr=1e-3, batch=512, weight_decay=1e-5),
    "normflows-nsf tuned": Peer(_normflows_nsf, lr=2e-2, batch=1024, tuned=True),
    "normflows-planar const": Peer(_normflows_planar, lr=1e-3, batch=512, weight_decay=1e-4),
    "normflows-planar tuned": Peer(_normflows_planar, lr=2e-2, batch=512, tuned=True),
}


def train(
    peer: Peer,
    model: PeerModel,
    sample: Callable[[int, torch.Generator], Tensor],
    *,
    seconds: float,
    seed: int,
    clock: Callable[[], float],
) -> Iterator[int]:
    """Train for `seconds` of `clock`, not counting the time between two steps; yields the number of each step."""
    generator = torch.Generator().manual_seed(seed)
    now, spent, step = clock(), 0.0, 0
    parameters = list(model.parameters())
    optimizer = torch.optim.Adam(parameters, lr=peer.lr, weight_decay=peer.weight_decay)
    pool = iter(())
    while spent < seconds:
        if peer.tuned:
            progress = spent / seconds
            rate = peer.lr * min(1, progress / WARM_UP) * 0.5 * (1 + math.cos(math.pi * progress))
            optimizer.param_groups[0]["lr"] = rate
        x = next(pool, None)
        if x is None:
            pool = iter(sample(POOL, generator).split(peer.batch))
            x = next(pool)
        optimizer.zero_grad()
        loss = -model.log_prob(x).mean()
        if torch.isfinite(loss):  # the tutorials skip such a batch
            loss.backward()
            if peer.tuned:
                nn.utils.clip_grad_norm_(parameters, CLIP)
            optimizer.step()
        step += 1
        spent += clock() - now
        yield step
        now = clock()
