"""Search pictures by words or by a picture: cosines against an index of unit vectors."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from PIL import Image

from playground.clip.embed import embed_images, embed_texts
from playground.clip.model import CLIP

__all__ = ["Hit", "Index", "build_index", "search"]


@dataclass(frozen=True)
class Hit:
    """A picture that was found: its number in the index and its cosine with the query."""

    number: int
    score: float


@dataclass(frozen=True, eq=False)
class Index:
    """The unit vectors (done, embed_dim) of the pictures so far."""

    done: int
    vectors: np.ndarray


def build_index(model: CLIP, images: Iterable[Image.Image], *, batch_size: int = 16) -> Iterator[Index]:
    """Embed pictures a batch at a time, so that a folder need never be in memory; the last step is the whole index."""
    rest, vectors = iter(images), np.zeros((0, model.config.embed_dim), np.float32)
    while batch := list(islice(rest, batch_size)):
        vectors = np.concatenate([vectors, embed_images(model, batch, batch_size=batch_size)])
        yield Index(len(vectors), vectors)


def search(model: CLIP, query: str | Image.Image, index: np.ndarray, *, count: int = 10) -> list[Hit]:
    """The `count` best of an index (m, embed_dim) for words or for a picture, the best first, equals in their order.

    Raises `ValueError` for an index of another width, empty words, and a count under 1.
    """
    if index.ndim != 2 or index.shape[1] != model.config.embed_dim:
        raise ValueError(f"the index must have the shape (m, {model.config.embed_dim}), not {index.shape}")
    if count < 1:
        raise ValueError(f"count must be at least 1, not {count}")
    if isinstance(query, str) and not query.strip():
        raise ValueError("there is nothing to search for: the words are empty")
    vector = embed_texts(model, [query]) if isinstance(query, str) else embed_images(model, [query])
    scores = index @ vector[0]
    best = np.argsort(-scores, kind="stable")[:count]
    return [Hit(int(number), float(scores[number])) for number in best]
