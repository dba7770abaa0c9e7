"""Words as vectors that tell their neighbours: skip-grams with negative sampling, or with NCE (Mikolov et al. 2013)."""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from playground.nn.adam import Weights, learning_rate
from playground.nn.budget import check_budget
from playground.nn.seeded import seeded
from playground.representations.indexed import IndexedVocabulary, unigram
from playground.representations.nce import nce_loss, negative_sampling_loss
from playground.representations.text import UNKNOWN

__all__ = ["Neighbour", "SkipGram", "WordsObjective", "WordsStep", "fit_words", "neighbours", "skip_pairs"]

WordsObjective = Literal["negative_sampling", "nce"]
POWER = 0.75  # of the unigram that noise comes from in negative sampling (section 2.2)
RARE = 1e-3  # share of the text above which a word is left out at times (section 2.3)
GROUP = 16  # pairs that share their noise: a product of matrices is faster than one pair after another
SELDOM = 20  # occurrences up to which a word always stays: a small text would lose most of its words
PASSES = 40  # batches between two pictures of the vectors
MOST_PAIRS = 4_000_000  # of words that stand near each other: memory


class SkipGram(nn.Module):
    """s(o, c) = b_o + v'_o . v_c of a word c in the middle and one o near it; without b, word2vec's own."""

    def __init__(self, start: Tensor, dim: int, *, bias: bool) -> None:
        super().__init__()
        self.middle = nn.Parameter((torch.rand(len(start), dim) - 0.5) / dim)
        self.near = nn.Parameter(torch.zeros(len(start), dim))
        self.bias = nn.Parameter(start.clone(), requires_grad=bias)

    def forward(self, middle: Tensor, near: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of pairs (m,), (m,), and of noise (g, k) that each of g groups of pairs shares, as (m,) and (m, k)."""
        v = self.middle[middle]
        one = (v * self.near[near]).sum(1) + self.bias[near]
        grouped = v.reshape(len(noise), -1, v.shape[1])
        others = torch.baddbmm(self.bias[noise][:, None], grouped, self.near[noise].transpose(1, 2))
        return one, others.reshape(len(middle), -1)


@dataclass(frozen=True, eq=False)
class WordsStep:
    """One training step."""

    step: int
    loss: float  # of the batch, nats a pair
    vectors: NDArray[np.float32] | None  # (V, dim), of the middle; now and then, and with the last step
    seconds: float
    progress: float  # 0 to 1


@dataclass(frozen=True)
class Neighbour:
    """A word whose vector points the same way."""

    word: str
    cosine: float


def skip_pairs(
    texts: Sequence[Sequence[str]], vocabulary: IndexedVocabulary, *, window: int, generator: torch.Generator
) -> Tensor:
    """Pairs (m, 2) of a word and one at most 1..window places away, the width drawn for each word as word2vec does.

    A word f > t = max(RARE, SELDOM of all) of the text stays with probability sqrt(t / f); those outside the vocabulary
    are left out. Raises `ValueError` where no pair is left.
    """
    numbers = [torch.tensor(vocabulary.numbers(text), dtype=torch.long) for text in texts]
    whole = torch.cat([part for one in numbers for part in (one, torch.full((window,), -1))])  # no pair across a gap
    unknown = vocabulary.index[UNKNOWN]
    inside = (whole >= 0) & (whole != unknown)
    share = unigram(whole[whole >= 0], len(vocabulary.words))
    limit = max(RARE, SELDOM / int((whole >= 0).sum()))
    stays = (limit / share).sqrt().clamp(max=1)[whole.clamp(min=0)]
    gap = whole < 0
    kept = inside & (torch.rand(len(whole), generator=generator) < stays)
    line = whole[kept | gap]
    width = torch.randint(1, window + 1, (len(line),), generator=generator)
    found = []
    for distance in range(1, window + 1):
        a, b = line[:-distance], line[distance:]
        both = (a >= 0) & (b >= 0)
        for middle, near, reach in ((a, b, width[:-distance]), (b, a, width[distance:])):
            chosen = both & (reach >= distance)
            found.append(torch.stack([middle[chosen], near[chosen]], 1))
    pairs = torch.cat(found)
    if not len(pairs):
        raise ValueError("no two words of the vocabulary stand near each other in the text: give a longer one")
    return pairs[torch.randperm(len(pairs), generator=generator)[:MOST_PAIRS]]


def fit_words(
    texts: Sequence[Sequence[str]],
    vocabulary: IndexedVocabulary,
    *,
    objective: WordsObjective = "negative_sampling",
    dim: int = 50,
    window: int = 3,
    k: int = 10,
    seconds: float | None = None,
    steps: int | None = None,
    batch: int = 2048,
    lr: float = 1e-2,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> Generator[WordsStep]:
    """Train word vectors for a time or a number of steps; yields each.

    Noise are k words, which GROUP pairs of a batch share: by the unigram to the power 0.75 for negative sampling, by
    the unigram for NCE. Raises `ValueError` for a text without pairs, an unknown objective and numbers out of range.
    """
    if objective not in ("negative_sampling", "nce"):
        raise ValueError(f"no objective is called {objective!r}; choose one of negative_sampling, nce")
    check_budget(seconds, steps)
    for name, value, low, high in (("dim", dim, 2, 500), ("window", window, 1, 20), ("k", k, 1, 5000),
                                   ("batch", batch, GROUP, 65536)):  # fmt: skip
        if not low <= value <= high:
            raise ValueError(f"{name} must lie between {low} and {high:,}, not {value}")
    if batch % GROUP:
        raise ValueError(f"batch must be a multiple of {GROUP}, not {batch}")
    generator = torch.Generator().manual_seed(seed)
    if not any(texts):
        raise ValueError("there is no text to learn from")
    pairs = skip_pairs(texts, vocabulary, window=window, generator=generator)
    q = unigram(pairs[:, 1], len(vocabulary.words))
    if objective == "negative_sampling":
        q = q**POWER / (q**POWER).sum()
    start = q.log() if objective == "nce" else torch.zeros_like(q)
    with seeded(seed):
        network = SkipGram(start, dim, bias=objective == "nce")
    return _run(network, pairs, q, objective, seconds, steps, k, batch, lr, generator, clock)


def _run(
    network: SkipGram,
    pairs: Tensor,
    q: Tensor,
    objective: WordsObjective,
    seconds: float | None,
    steps: int | None,
    k: int,
    batch: int,
    lr: float,
    generator: torch.Generator,
    clock: Callable[[], float],
) -> Generator[WordsStep]:
    log_q, cumulated = q.log(), q.double().cumsum(0)
    weights = Weights(network)
    spent = 0.0
    now, progress, step = clock(), 0.0, 0
    try:
        while progress < 1:
            step += 1
            middle, near = pairs[torch.randint(len(pairs), (batch,), generator=generator)].T
            draws = torch.rand((batch // GROUP, k), generator=generator, dtype=torch.float64) * cumulated[-1]
            noise = torch.searchsorted(cumulated, draws, right=True).clamp(max=len(q) - 1)
            with torch.enable_grad():
                true, false = network(middle, near, noise)
                if objective == "nce":
                    value = nce_loss(true, false, log_q[near], log_q[noise].repeat_interleave(GROUP, 0))
                else:
                    value = negative_sampling_loss(true, false)
                begun = (step - 0.5) / steps if steps is not None else progress
                loss = weights.update(value, learning_rate(lr, min(1.0, begun)))
            spent += clock() - now
            progress = min(1.0, spent / seconds if seconds is not None else step / (steps or 1))
            vectors = None
            if progress == 1:
                weights.show()
            if step == 1 or step % PASSES == 0 or progress == 1:
                vectors = network.middle.detach().numpy().copy()
            yield WordsStep(step, loss, vectors, spent, progress)
            now = clock()
    finally:
        weights.release()


def neighbours(vectors: NDArray[np.float32], words: Sequence[str], word: str, count: int = 10) -> list[Neighbour]:
    """The words whose vectors (V, dim) have the largest cosine with that of a word, itself left out.

    Raises `ValueError` for a word that the vocabulary lacks.
    """
    if word not in words:
        raise ValueError(f"the word {word!r} is not among the {len(words):,} of the vocabulary")
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    at = words.index(word)
    cosines = unit @ unit[at]
    order = [int(i) for i in np.argsort(-cosines, kind="stable") if i != at]
    return [Neighbour(words[i], float(cosines[i])) for i in order[:count]]
