"""Label thousands of pictures: decoded ahead in threads, encoded in batches, and kept on the way in a journal."""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar
from zlib import crc32

import numpy as np
import torch

from playground.clip.journal import Journal, open_journal
from playground.clip.model import CLIP, Config
from playground.clip.preprocess import pixels
from playground.clip.zero_shot import checked, head_of, softmax
from playground.pictures import PictureFile, read_image

__all__ = ["Labelled", "label_pictures"]

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Labelled:
    """A picture and its label, or why it has none: `error`, and then no probabilities and no cosines.

    `index` and `label` are None and "" too where the best label leads the second by less than the margin.
    """

    name: str
    folder: str
    labels: tuple[str, ...]
    index: int | None
    label: str
    probabilities: np.ndarray  # (k,), softmax over these labels, not calibrated; or (0,)
    cosines: np.ndarray  # (k,), in [-1, 1]; or (0,)
    error: str = ""


@dataclass(frozen=True)
class Scoring:
    """How cosines become a label."""

    labels: tuple[str, ...]
    scale: float
    bias: float
    margin: float | None

    def labelled(self, file: PictureFile, cosines: np.ndarray, error: str = "") -> Labelled:
        """The answer for one picture's cosines (k,), or (0,) beside an error."""
        if error:
            return Labelled(file.name, file.folder, self.labels, None, "", np.zeros(0, np.float32), cosines, error)
        logits = self.scale * cosines + self.bias
        (probabilities,) = softmax(logits[None])
        index: int | None = int(probabilities.argmax())
        best = np.sort(probabilities)[-2:]
        if self.margin is not None and len(best) == 2 and best[1] - best[0] < self.margin:
            index = None
        label = "" if index is None else self.labels[index]
        return Labelled(file.name, file.folder, self.labels, index, label, probabilities, cosines)


def label_pictures(
    model: CLIP,
    pictures: Sequence[PictureFile],
    labels: Sequence[str],
    templates: Sequence[str] | None = None,
    *,
    batch_size: int = 16,
    journal: str | Path | None = None,
    model_name: str = "",
    workers: int = 2,
    margin: float | None = None,
    weights: np.ndarray | None = None,
) -> Generator[Labelled]:
    """Label pictures by zero-shot classification, in their order; one that cannot be read is reported, and no end.

    Threads read, decode and preprocess at most two batches ahead of the one that is encoded, and are gone when the
    generator is closed. What is done is kept in `journal`, a file of JSON lines; a second call of the same model,
    labels, templates and pictures gives it from there and goes on. `margin` is the lead in probability, 0 to 1, under
    which no label is given; `weights` (k, embed_dim) of a head made before spare the texts. Raises `ValueError` as
    `zero_shot` does, for a label named twice, a number below 1, and a journal of another run.
    """
    for name, value in (("batch_size", batch_size), ("workers", workers)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, not {value}")
    if margin is not None and not 0 <= margin <= 1:
        raise ValueError(f"margin must lie in [0, 1], not {margin}")
    if not isinstance(labels, str) and (twice := [label for label in labels if list(labels).count(label) > 1]):
        raise ValueError(f"the label {twice[0]!r} is given twice")
    given, weights = weights, head_of(model, *checked(labels, templates), weights)
    bias = 0.0 if model.logit_bias is None else float(model.logit_bias)
    scoring = Scoring(tuple(labels), float(model.logit_scale.exp()), bias, margin)
    book: Journal | None = None
    done: list[tuple[np.ndarray, str]] = []
    if journal is not None:
        run = {
            "model": model_name,
            "weights": _fingerprint(model),
            "labels": list(labels),
            "templates": None if templates is None else list(templates),
            "names": [file.name for file in pictures],
            **({} if given is None else {"head": _checksum(given)}),
        }
        book, done = open_journal(Path(journal), run)
    try:
        for file, (cosines, error) in zip(pictures, done, strict=False):
            yield scoring.labelled(file, cosines, error)
        yield from _rest(model, pictures[len(done) :], scoring, weights, book, batch_size, workers)
    finally:
        if book is not None:
            book.close()


def _rest(
    model: CLIP,
    files: Sequence[PictureFile],
    scoring: Scoring,
    weights: np.ndarray,
    book: Journal | None,
    batch_size: int,
    workers: int,
) -> Iterator[Labelled]:
    def read(file: PictureFile) -> np.ndarray | str:
        return _read(file, model.config)

    with ThreadPoolExecutor(workers, thread_name_prefix="label") as pool:
        ahead = _ahead(pool, read, files, 2 * batch_size + workers)
        try:
            for start in range(0, len(files), batch_size):
                some = files[start : start + batch_size]
                found = list(islice(ahead, len(some)))
                cosines = iter(_encode(model, [one for one in found if not isinstance(one, str)], weights))
                for file, one in zip(some, found, strict=True):
                    error = one if isinstance(one, str) else ""
                    result = scoring.labelled(file, np.zeros(0, np.float32) if error else next(cosines), error)
                    if book is not None:
                        book.add(result.name, result.cosines, error)
                    yield result
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # the context waits for those that have begun


def _ahead(
    pool: ThreadPoolExecutor, work: Callable[[PictureFile], T], files: Sequence[PictureFile], count: int
) -> Iterator[T]:
    """The works' results in order, at most `count` begun ahead of the one that is asked for."""
    waiting: deque[Future[T]] = deque()
    rest = iter(files)
    waiting.extend(pool.submit(work, file) for file in islice(rest, count))
    while waiting:
        first = waiting.popleft().result()
        waiting.extend(pool.submit(work, file) for file in islice(rest, 1))
        yield first


def _read(file: PictureFile, config: Config) -> np.ndarray | str:
    """The preprocessed pixels (3, image_size, image_size), or why there are none."""
    try:
        return pixels(read_image(file.read()), config)
    except (ValueError, OSError, MemoryError) as error:
        return " ".join(str(error).split()) or type(error).__name__


@torch.no_grad()
def _encode(model: CLIP, batch: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """The cosines (n, k) of pixels with the labels' unit vectors (k, embed_dim)."""
    if not batch:
        return np.zeros((0, len(weights)), np.float32)
    vectors = model.encode_image(torch.from_numpy(np.stack(batch)).to(model.logit_scale.device))
    cosines: np.ndarray = vectors.float().cpu().numpy() @ weights.T
    return cosines


def _checksum(weights: np.ndarray) -> str:
    """A number of a head's weights, the same where their last digits differ."""
    return f"{crc32(weights.astype(np.float16).tobytes()):08x}"


def _fingerprint(model: CLIP) -> str:
    """A number of the model's small parameters, so that a checkpoint trained again is another run."""
    number = 0
    for parameter in model.parameters():
        if parameter.ndim < 2:
            number = crc32(parameter.detach().float().cpu().numpy().tobytes(), number)
    return f"{number:08x}"
