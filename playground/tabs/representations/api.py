"""The tab's public endpoints, MCP tools too: `mutual_information`, `word_probabilities` and `few_labels`."""

from typing import Any

import gradio as gr
import numpy as np

from playground import representations
from playground.manager import ModelManager
from playground.representations.indexed import tell
from playground.representations.ngram import Smoothing
from playground.representations.samples import samples
from playground.tabs.checks import between, choice, whole
from playground.tabs.representations.few_labels import DRAWS, SECONDS
from playground.tabs.representations.panel import MAX_SEED

__all__ = ["build"]

MOST_SECONDS = 30.0
BATCH = 128
MOST_METHODS = 4
MOST_WORDS = 200  # of a sentence


def build(_: ModelManager) -> None:
    """Offer the endpoints; they train networks of their own, which are gone with the answer."""
    for offered in (mutual_information, word_probabilities, few_labels):
        gr.api(offered, api_name=offered.__name__, concurrency_id="representations-api", concurrency_limit=1)


def mutual_information(
    x: list[list[float]], y: list[list[float]], estimator: str = "ksg", seconds: float = 5.0, ranked: bool = True,
    seed: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Estimate the mutual information, in nats, of paired rows.

    Args:
        x: rows of one side, 100 to 50,000 of them, [[x1, x2, ...], ...].
        y: rows of the other side, as many.
        estimator: histogram (one column each), ksg (of at most 2,000 rows), or a learned one: info_nce, nwj, jsd,
            mine, smile.
        seconds: of training, for a learned one, 0.1 to 30.
        ranked: replace each column by its normal scores first, which changes no information.
        seed: of the split into rows to train on and rows to read from, and of the training.
    """
    try:
        choice("estimator", estimator, ("histogram", "ksg", *representations.ESTIMATORS))
        between("seconds", seconds, 0.1, MOST_SECONDS)
        rows = samples(np.array(x, np.float64), np.array(y, np.float64))
        rows = rows.ranked() if ranked else rows.scaled()
        whole("seed", seed, 0, MAX_SEED)
        if estimator == "histogram":
            return {"nats": representations.histogram_information(rows.x, rows.y)}
        if estimator == "ksg":
            few = rows.some(seed=seed)
            return {"nats": representations.ksg_information(few.x, few.y), "rows": len(few.x)}
        parts = rows.parts(seed)
        batch = min(BATCH, *(part.rows or BATCH for part in (parts.train, parts.held, parts.check)))
        *_, last = representations.estimate(
            parts.train, estimator, seconds=seconds, batch=batch, seed=seed, held=parts.held, check=parts.check
        )
    except (ValueError, TypeError, IndexError, ArithmeticError) as error:
        raise gr.Error(f"{error}.", print_exception=False) from error
    reading = last.reading
    if reading is None or not np.isfinite(reading.median):
        return {"nats": None, "unstable": True}
    answer = {"nats": reading.median, "low": reading.low, "high": reading.high, "unstable": reading.unstable}
    return answer | ({"ceiling": last.ceiling} if np.isfinite(last.ceiling) else {})


def word_probabilities(
    text: str, sentence: str, n: int = 3, smoothing: str = "kneser_ney", amount: float = 1.0
) -> dict[str, Any]:
    """The chain rule of a sentence, word by word, under an n-gram model of a text.

    Args:
        text: what the model counts, at most a million words, paragraphs between blank lines.
        sentence: what it is asked about, at most 200 words.
        n: words in a count, 1 to 8.
        smoothing: kneser_ney or laplace.
        amount: what Laplace adds to every count.
    """
    try:
        choice("smoothing", smoothing, ("kneser_ney", "laplace"))
        whole("n", n, 1, 8)
        paragraphs = representations.paragraphs(text)
        vocabulary = representations.Vocabulary.of(paragraphs)
        kind: Smoothing = "laplace" if smoothing == "laplace" else "kneser_ney"
        model = representations.NGram(paragraphs, vocabulary, n=n, smoothing=kind, amount=amount)
        words = representations.split_words(sentence)
        if not 1 <= len(words) <= MOST_WORDS:
            raise ValueError(f"sentence must have 1 to {MOST_WORDS:,} words, not {len(words):,}")
        told = tell(model, words)
    except (ValueError, ArithmeticError) as error:
        raise gr.Error(f"{error}.", print_exception=False) from error
    factors = [{"history": list(f.history), "word": f.word, "probability": f.probability} for f in told.factors]
    return {"factors": factors, "perplexity": told.perplexity}


def few_labels(
    methods: list[str], seconds: int = 8, draws: int = 5, fine_tune: bool = False, seed: int = 0
) -> list[dict[str, Any]]:
    """Learn digits without labels by several methods, and grade them with 1 to 50 labels a class.

    Args:
        methods: 1 to 4 of nt_xent, margin, moco, byol, vicreg, denoising, dim, dim_one_view.
        seconds: of training a method, 1 to 60.
        draws: of the labels, 2 to 10.
        fine_tune: whether networks are fine-tuned, too, besides the linear probe.
        seed: of everything.
    """
    try:
        if not 1 <= len(methods) <= MOST_METHODS:
            raise ValueError(f"methods must be 1 to {MOST_METHODS}, not {len(methods)}")
        for name in methods:
            choice("method", name, representations.METHODS)
        whole("seconds", seconds, *SECONDS)
        whole("draws", draws, *DRAWS)
        whole("seed", seed, 0, MAX_SEED)
        ways = representations.WAYS if fine_tune else representations.WAYS[:1]
        *_, last = representations.compare_methods(methods, seconds=seconds, ways=ways, draws=draws, seed=seed)
    except (ValueError, ArithmeticError) as error:
        raise gr.Error(f"{error}.", print_exception=False) from error
    return [
        {"method": score.name, "way": score.way, "labels_a_class": score.per_class, "accuracy": score.mean,
         "half_interval": score.half}
        for score in last.scores
    ]  # fmt: skip
