"""CapFilt on several machines: the parts of `clean`, scored by a pool of workers of Ray."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from playground.blip.capfilt import Pair, Scorer, score_pairs
from playground.blip.model import BLIP
from playground.blip.rules import Scored
from playground.blip.sets import PairSet
from playground.ray_parts import RayPool

__all__ = ["Load", "Models", "RayEngine"]

Models = tuple[BLIP, BLIP | None, Scorer | None]  # captioner, filter and scorer, as `score_pairs` has them
Load = Callable[[str], Models]  # on a device, "cpu" or "cuda"


@dataclass(frozen=True)
class RayEngine:
    """An engine of `clean`: the workers of a `RayPool`, that load the models once and score a part at a time.

    `load` is called in every worker, and travels by name: give a function of a module that all nodes have, or a partial
    of one with the names of models. The other fields are the pool's.

    The set is read where the run is begun; pictures that are files are opened by the workers, and must be there by the
    same path. What is scored, and written, is the same as without Ray, to the last bit where processors and numbers of
    threads are.

    Raises as `RayPool`, and what `load` and the set raise. What is done stays done, and another run goes on with it.
    """

    load: Load
    workers: int | None = None
    cpus: float = 1
    gpus: float = 0
    address: str | None = None

    def __post_init__(self) -> None:
        self.pool  # noqa: B018  # which refuses what is out of range

    @property
    def pool(self) -> RayPool:
        """The workers."""
        return RayPool(self.workers, self.cpus, self.gpus, self.address)

    def __call__(self, pairs: PairSet, done: int, part: int, options: Mapping[str, Any]) -> Iterator[list[Scored]]:
        """The parts behind the first `done` pairs, in the set's order; `options` are those of `score_pairs`."""
        told = {name: value for name, value in options.items() if name != "scorer"}
        yield from self.pool.work(partial(_scoring, self.load, told), partial(_parts, pairs, done, part))


def _scoring(load: Load, options: Mapping[str, Any], device: str) -> Callable[[list[Pair]], list[Scored]]:
    captioner, judge, scorer = load(device)
    return lambda pairs: list(score_pairs(pairs, captioner, judge, scorer=scorer, **options))


def _parts(pairs: PairSet, done: int, part: int) -> Iterator[list[Pair]]:
    rest = islice(pairs, done, None)
    while some := list(islice(rest, part)):
        yield some
