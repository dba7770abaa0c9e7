"""A network that tells the next word by those before it, and four objectives to train it by (Bengio et al. 2003)."""

import math
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
from playground.representations.cpc import row_shares
from playground.representations.indexed import Events, IndexedVocabulary, events, unigram
from playground.representations.nce import nce_loss, negative_sampling_loss, ranking_loss, softmax_loss
from playground.representations.text import UNKNOWN

__all__ = [
    "LANGUAGE_OBJECTIVES",
    "LanguageReading",
    "LanguageStep",
    "Match",
    "NeuralNGram",
    "Objective",
    "fit_language_model",
    "multiply_adds",
    "read_language_model",
]

Objective = Literal["softmax", "nce", "info_nce", "negative_sampling"]
LANGUAGE_OBJECTIVES: tuple[Objective, ...] = ("softmax", "nce", "info_nce", "negative_sampling")
# Words a step: the softmax's step is dear, and of the two more steps pay (measured on Python's documentation).
BATCH: dict[Objective, int] = {"softmax": 256, "nce": 1024, "info_nce": 1024, "negative_sampling": 1024}
GLANCE = 1000  # test words of a reading meanwhile; the last is of all, as an n-gram model's perplexity is
SHARE = 0.15  # part of the time that may go into readings
CLIP = 5.0  # longest gradient
SHOWN = 8  # contexts of the last step's matrix
GROUP = 16  # words that share their noise: a product of matrices is faster than one word after another
PART = 1000  # words whose scores of all others are held at once


class NeuralNGram(nn.Module):
    """s(w, h) = b_w + v_w . tanh(W [e_1 .. e_{n-1}]): an embedding a word before, a hidden layer, one a word to come.

    Equation 1 of Bengio et al. 2003 without the direct connections. `start` (V,) are the b at the beginning.
    """

    def __init__(self, start: Tensor, *, n: int, dim: int, hidden: int) -> None:
        super().__init__()
        size = len(start)
        self.before = nn.Embedding(size + 1, dim)  # the last is a paragraph's start
        self.hidden = nn.Linear((n - 1) * dim, hidden)
        self.after = nn.Parameter(torch.randn(size, hidden) * 0.1 / hidden**0.5)
        self.bias = nn.Parameter(start.clone())

    def summary(self, context: Tensor) -> Tensor:
        """What is kept of contexts (m, n - 1): (m, hidden)."""
        return torch.tanh(self.hidden(self.before(context).flatten(1)))

    def forward(self, context: Tensor) -> Tensor:
        """Scores (m, V) of every word after contexts (m, n - 1)."""
        return torch.addmm(self.bias, self.summary(context), self.after.T)

    def some(self, summary: Tensor, true: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of words (m,), and of noise (g, k) that each of g groups of contexts shares, as (m,) and (m, k)."""
        one = (summary * self.after[true]).sum(1) + self.bias[true]
        grouped = summary.reshape(len(noise), -1, summary.shape[1])
        others = torch.baddbmm(self.bias[noise][:, None], grouped, self.after[noise].transpose(1, 2))
        return one, others.reshape(len(true), -1)


@dataclass(frozen=True)
class LanguageReading:
    """A network on test words, its scores normalised over the whole vocabulary, whatever it was trained by."""

    perplexity: float
    log_z_mean: float  # nats, of log sum_w exp s(w, h) over the contexts h
    log_z_sd: float
    words: int


@dataclass(frozen=True, eq=False)
class Match:
    """Which word continues which context: scores (m, m) of test contexts with the words that came, less log q."""

    contexts: tuple[str, ...]
    words: tuple[str, ...]
    scores: NDArray[np.float32]

    @property
    def shares(self) -> NDArray[np.float32]:
        """What InfoNCE makes of the scores."""
        return row_shares(self.scores)


@dataclass(frozen=True, eq=False)
class LanguageStep:
    """One training step."""

    step: int
    loss: float  # of the batch, in the objective's own units: nats, but of another question each
    reading: LanguageReading | None  # where it was taken: at the first step, now and then, and at the last of all words
    glance: LanguageReading | None  # with it, of the same words from the first step to the last
    match: Match | None  # with the last step
    seconds: float
    progress: float  # 0 to 1


def read_language_model(network: NeuralNGram, test: Events, *, words: int | None = None) -> LanguageReading:
    """Perplexity and log Z on all words, or on at most so many that are evenly taken."""
    count = len(test.word) if words is None else min(words, len(test.word))
    chosen = torch.linspace(0, len(test.word) - 1, count, dtype=torch.float64).round().long()
    losses, log_z = [], []
    with torch.no_grad():
        for part in chosen.split(PART):
            scores = network(test.context[part])
            log_z.append(scores.logsumexp(1))
            losses.append(log_z[-1] - scores.gather(1, test.word[part, None])[:, 0])
    z = torch.cat(log_z).double()
    return LanguageReading(
        math.exp(float(torch.cat(losses).double().mean())), float(z.mean()), float(z.std(correction=0)), len(chosen)
    )


def fit_language_model(
    train: Sequence[Sequence[str]],
    test: Sequence[Sequence[str]],
    vocabulary: IndexedVocabulary,
    *,
    objective: Objective = "softmax",
    seconds: float | None = None,
    steps: int | None = None,
    n: int = 3,
    k: int = 25,
    dim: int = 64,
    hidden: int = 128,
    batch: int | None = None,
    lr: float = 2e-3,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> Generator[LanguageStep]:
    """Train a network of n-grams by an objective of `LANGUAGE_OBJECTIVES` for a time or a number of steps; yields each.

    Noise are k words of the training text's unigram, which GROUP words of a batch share. Raises `ValueError` for no
    text, an unknown objective and numbers out of range.
    """
    if objective not in LANGUAGE_OBJECTIVES:
        raise ValueError(f"no objective is called {objective!r}; choose one of {', '.join(LANGUAGE_OBJECTIVES)}")
    check_budget(seconds, steps)
    batch = BATCH[objective] if batch is None else batch
    for name, value, low, high in (("n", n, 2, 8), ("k", k, 1, 5000), ("batch", batch, GROUP, 8192)):
        if not low <= value <= high:
            raise ValueError(f"{name} must lie between {low} and {high:,}, not {value}")
    if batch % GROUP:
        raise ValueError(f"batch must be a multiple of {GROUP}, not {batch}")
    learned, tested = events(train, vocabulary, n), events(test, vocabulary, n)
    q = unigram(learned.word, len(vocabulary.words))
    with seeded(seed):
        network = NeuralNGram(_start(objective, q, k), n=n, dim=dim, hidden=hidden)
    return _run(network, learned, tested, vocabulary, q, objective, seconds, steps, k, batch, lr, seed, clock)


def _start(objective: Objective, q: Tensor, k: int) -> Tensor:
    """The best scores of one who makes nothing of the context: log q, or for negative sampling -log k."""
    return torch.full_like(q, -math.log(k)) if objective == "negative_sampling" else q.log()


def _run(
    network: NeuralNGram,
    learned: Events,
    tested: Events,
    vocabulary: IndexedVocabulary,
    q: Tensor,
    objective: Objective,
    seconds: float | None,
    steps: int | None,
    k: int,
    batch: int,
    lr: float,
    seed: int,
    clock: Callable[[], float],
) -> Generator[LanguageStep]:
    generator = torch.Generator().manual_seed(seed)
    log_q, cumulated = q.log(), q.double().cumsum(0)
    weights = Weights(network)
    spent = on_reading = cost = 0.0
    now, progress, step = clock(), 0.0, 0
    try:
        while progress < 1:
            step += 1
            chosen = torch.randint(len(learned.word), (batch,), generator=generator)
            context, word = learned.context[chosen], learned.word[chosen]
            with torch.enable_grad():
                value = _loss(network, context, word, objective, k, log_q, cumulated, generator)
                begun = (step - 0.5) / steps if steps is not None else progress
                loss = weights.update(value, learning_rate(lr, min(1.0, begun)), clip=CLIP)
            elapsed = spent + clock() - now
            progress = min(1.0, elapsed / seconds if seconds is not None else step / (steps or 1))
            reading = glance = match = None
            if step == 1 or progress == 1 or on_reading + cost <= SHARE * elapsed:
                if progress == 1:
                    weights.show()
                    match = _match(network, tested, vocabulary, log_q)
                reading = glance = read_language_model(network, tested, words=GLANCE)
                if progress == 1 and glance.words < len(tested.word):
                    reading = read_language_model(network, tested)
                cost = spent + clock() - now - elapsed
                on_reading += cost
            spent += clock() - now
            yield LanguageStep(step, loss, reading, glance, match, spent, progress)
            now = clock()
    finally:
        weights.release()


def _loss(
    network: NeuralNGram,
    context: Tensor,
    word: Tensor,
    objective: Objective,
    k: int,
    log_q: Tensor,
    cumulated: Tensor,
    generator: torch.Generator,
) -> Tensor:
    if objective == "softmax":
        return softmax_loss(network(context), word)
    groups = len(word) // GROUP
    draws = torch.rand((groups, k), generator=generator, dtype=torch.float64) * cumulated[-1]
    noise = torch.searchsorted(cumulated, draws, right=True).clamp(max=len(log_q) - 1)
    true, false = network.some(network.summary(context), word, noise)
    if objective == "negative_sampling":
        return negative_sampling_loss(true, false)
    loss = nce_loss if objective == "nce" else ranking_loss
    log_q_noise = log_q[noise].repeat_interleave(len(word) // groups, 0)
    return loss(true, false, log_q[word], log_q_noise)


def _match(network: NeuralNGram, test: Events, vocabulary: IndexedVocabulary, log_q: Tensor) -> Match:
    """Test words that differ, with their contexts: rare ones, for a frequent word would follow everything."""
    size, unknown, places = len(vocabulary.words), vocabulary.index[UNKNOWN], dict[int, int]()
    for i in log_q[test.word].argsort(stable=True).tolist():
        context = test.context[i].tolist()
        if max(context) < size and unknown not in (*context, int(test.word[i])):
            places.setdefault(int(test.word[i]), i)
    rarest = sorted(list(places.values())[: len(places) // 2 + SHOWN])
    kept = torch.tensor(rarest[:: max(1, len(rarest) // SHOWN)][:SHOWN], dtype=torch.long)
    contexts, words = test.context[kept], test.word[kept]
    with torch.no_grad():
        scores = network(contexts)[:, words] - log_q[words]
    spoken = tuple(" ".join(vocabulary.words[i] for i in row) for row in contexts.tolist())
    return Match(spoken, tuple(vocabulary.words[i] for i in words.tolist()), scores.numpy())


def multiply_adds(objective: Objective, *, size: int, hidden: int = 128, n: int = 3, dim: int = 64, k: int = 25) -> int:
    """Multiplications with an addition for the scores of one training word: all words', or its own and the noise's."""
    scored = size if objective == "softmax" else 1 + k
    return (n - 1) * dim * hidden + scored * hidden
