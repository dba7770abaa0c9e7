"""A benchmark run on several machines: the batches of a pass, answered by a pool of workers of Ray."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from playground.mmbench.answerers import Answer
from playground.mmbench.asking import Answers, Unanswered, answers_or_reasons
from playground.mmbench.pictures import Borrowed, Picture, read_picture, resolve
from playground.mmbench.questions import Question
from playground.ray_parts import RayPool

__all__ = ["Load", "RayEngine"]

Load = Callable[[str], Answer]  # on a device, "cpu" or "cuda"


@dataclass(frozen=True)
class RayEngine:
    """An engine of `run`: the workers of a `RayPool`, that load the answerer and answer a batch at a time.

    `load` is called in every worker, and travels by name: give a function of a module that all nodes have, or a partial
    of one with the name of a model. The other fields are the pool's. Pictures are read on this machine and sent. A pass
    goes to the workers whole, the next asks only what is still right; each has workers of its own, which load the model
    once a pass. Run it within `pool.session()`, or each pass begins Ray anew. What is answered is the same as without
    Ray, where processors and numbers of threads are.

    Raises as `RayPool`, and what `load` and the answerer raise. What is answered is kept, and another run goes on.
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

    def __call__(self, parts: Iterator[Sequence[Question]]) -> Answers:
        """The answers to the parts, in their order."""
        whole = [[_owning(one) for one in part] for part in parts]
        if whole:
            yield from self.pool.work(partial(_answering, self.load), partial(_with_pictures, whole))


def _answering(load: Load, device: str) -> Callable[[Sequence[Question]], list[str | Unanswered]]:
    return partial(answers_or_reasons, load(device))


def _owning(question: Question) -> Question:
    """The question without the places of its whole file, among which a borrowed picture is found."""
    if not isinstance(question.picture, Borrowed):
        return question
    try:
        first: Any = resolve(question.picture.index, question.picture.places)[0]
    except ValueError:
        first = None
    return replace(question, picture=first)


def _with_pictures(parts: Sequence[Sequence[Question]]) -> Iterator[list[Question]]:
    """Each part with the bytes of its pictures; what cannot be read is left for the answerer to tell."""
    for part in parts:
        yield [
            replace(one, picture=_bytes(one.picture), more_pictures=tuple(map(_bytes, one.more_pictures)))
            for one in part
        ]


def _bytes(picture: Picture | None) -> Any:
    try:
        return None if picture is None else read_picture(picture)
    except ValueError:
        return picture
