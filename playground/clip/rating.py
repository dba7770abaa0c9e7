"""A picture against labels, with all that a person may turn: templates, temperature, and 'none of these'."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from playground.clip.embed import embed_images, embed_texts
from playground.clip.model import CLIP
from playground.clip.zero_shot import PROMPTS, checked, softmax

__all__ = ["Prompts", "Rating", "embed_prompts", "prompts", "rate"]


@dataclass(frozen=True, eq=False)
class Prompts:
    """Labels in templates as unit vectors, to be used again for every picture."""

    labels: tuple[str, ...]
    total: int  # labels in the end; the same as `labels` has once it is done
    templates: tuple[str, ...]
    vectors: np.ndarray  # (k, t, embed_dim): of every label in every template
    weights: np.ndarray  # (k, embed_dim): their means as unit vectors, as `classifier_head` gives them
    neutral: np.ndarray | None  # (embed_dim,): of what is true of any picture
    whole: tuple[np.ndarray, np.ndarray] = field(
        repr=False
    )  # the arrays that vectors and weights are the first rows of


@dataclass(frozen=True, eq=False)
class Rating:
    """n pictures against k labels."""

    labels: tuple[str, ...]
    cosines: np.ndarray  # (n, k)
    by_template: np.ndarray  # (n, k, t): cosines with every label in every template
    none: np.ndarray | None  # (n,): the cosine that a label must reach
    probabilities: np.ndarray  # (n, k), or (n, k + 1) with 'none of these' last: softmax over them
    independent: np.ndarray | None  # (n, k): each label alone; None where the model has no bias and there is no margin
    images: np.ndarray  # (n, embed_dim)


def prompts(
    model: CLIP, labels: Sequence[str], templates: Sequence[str] | None = None, *, neutral: str = ""
) -> Prompts:
    """Embed labels in templates, and a neutral text such as "a photo" unless it is empty.

    Raises `ValueError` as `classifier_head` does.
    """
    for made in embed_prompts(model, labels, templates, neutral=neutral):
        last = made
    return last


def embed_prompts(
    model: CLIP,
    labels: Sequence[str],
    templates: Sequence[str] | None = None,
    *,
    neutral: str = "",
    begun: Prompts | None = None,
) -> Iterator[Prompts]:
    """`prompts`, growing: each step has a few labels more, the last has all; `begun`, of the same arguments, goes on.

    The steps share their arrays. Raises as `prompts` does, at once.
    """
    labels, templates = checked(labels, templates)
    return _embedded(model, labels, templates, neutral, begun)


def _embedded(
    model: CLIP, labels: tuple[str, ...], templates: tuple[str, ...], neutral: str, begun: Prompts | None
) -> Iterator[Prompts]:
    k, step = len(labels), max(1, PROMPTS // len(templates))
    if begun is None:
        vectors = np.zeros((k, len(templates), model.config.embed_dim), np.float32)
        weights = np.zeros((k, model.config.embed_dim), np.float32)
        told = embed_texts(model, [neutral])[0] if neutral.strip() else None
        done = 0
    else:
        vectors, weights, told, done = begun.whole[0], begun.whole[1], begun.neutral, len(begun.labels)
    while done < k:
        some = labels[done : done + step]
        sentences = [template.replace("{}", label) for label in some for template in templates]
        new = slice(done, done + len(some))
        vectors[new] = embed_texts(model, sentences).reshape(len(some), len(templates), -1)
        mean = vectors[new].mean(axis=1)
        weights[new] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        done += len(some)
        yield Prompts(labels[:done], k, templates, vectors[:done], weights[:done], told, (vectors, weights))


def rate(
    model: CLIP,
    images: Sequence[Image.Image],
    asked: Prompts,
    *,
    temperature: float = 1.0,
    margin: float | None = None,
) -> Rating:
    """Rate pictures; the model's own temperature is multiplied by `temperature`.

    With a margin 'none of these' is one more choice, whose cosine is the margin, or the neutral text's where that is
    larger; a label's independent probability is then that of it against this choice alone, the sigmoid of their
    logits' difference. A model with a bias (SigLIP) has independent probabilities of its own, sigmoid(scale cosine +
    bias).

    Raises `ValueError` for a temperature that is not positive.
    """
    if not 0 < temperature < np.inf:
        raise ValueError(f"temperature must be positive, not {temperature}")
    vectors = embed_images(model, images)
    cosines = vectors @ asked.weights.T
    by_template = np.einsum("nd,ktd->nkt", vectors, asked.vectors)
    scale = float(model.logit_scale.exp()) / temperature
    logits, none, independent = scale * cosines, None, None
    if margin is not None:
        none = np.full(len(vectors), margin, np.float32)
        if asked.neutral is not None:
            none = np.maximum(none, vectors @ asked.neutral)
        logits = np.concatenate([logits, scale * none[:, None]], axis=1)
        independent = sigmoid(logits[:, :-1] - logits[:, -1:])
    if model.logit_bias is not None:
        independent = sigmoid(scale * cosines + float(model.logit_bias))
    return Rating(asked.labels, cosines, by_template, none, softmax(logits), independent, vectors)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    answer: np.ndarray = 0.5 * (1 + np.tanh(0.5 * x))
    return answer
