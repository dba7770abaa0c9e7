"""Classify pictures by the names of the classes (Radford et al. 2021, section 3.1), with an ensemble of templates."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from playground.clip.embed import embed_images, embed_texts
from playground.clip.model import CLIP

__all__ = ["Head", "ZeroShot", "checked", "classifier_head", "classify", "head_of", "softmax", "zero_shot"]

SLOT = "{}"
PROMPTS = 256  # that are encoded between two steps of `classifier_head`


@dataclass(frozen=True, eq=False)
class Head:
    """A classifier in the making: the unit vectors (done, embed_dim) of the first `done` of `total` labels."""

    done: int
    total: int
    weights: np.ndarray


@dataclass(frozen=True, eq=False)
class ZeroShot:
    """n pictures against k labels, and all that led there."""

    labels: tuple[str, ...]
    images: np.ndarray  # (n, embed_dim), unit vectors
    weights: np.ndarray  # (k, embed_dim), unit vectors
    cosines: np.ndarray  # (n, k), in [-1, 1]
    logits: np.ndarray  # (n, k), exp(logit_scale) times the cosines, plus the bias where the model has one
    probabilities: np.ndarray  # (n, k), softmax of the logits: over these labels, and not calibrated


def classifier_head(
    model: CLIP, labels: Sequence[str], templates: Sequence[str] | None = None, *, batch_size: int = PROMPTS
) -> Iterator[Head]:
    """Unit vectors for labels, growing: each step has a few labels more, the last has all.

    A label stands in the place of "{}" in every template; the unit vectors of its sentences are averaged, and the mean
    is made a unit vector again. Without templates the label is the sentence. At least `batch_size` sentences, or one
    label's, are encoded a step. Raises `ValueError` for no labels, an empty one, and templates without "{}".
    """
    labels, templates = checked(labels, templates)
    step = max(1, batch_size // len(templates))
    done: list[np.ndarray] = []
    for start in range(0, len(labels), step):
        some = labels[start : start + step]
        sentences = [template.replace(SLOT, label) for label in some for template in templates]
        vectors = embed_texts(model, sentences, batch_size=batch_size)
        mean = vectors.reshape(len(some), len(templates), -1).mean(axis=1)
        done.append(mean / np.linalg.norm(mean, axis=1, keepdims=True))
        yield Head(start + len(some), len(labels), np.concatenate(done))


def checked(labels: Sequence[str], templates: Sequence[str] | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Labels and templates as tuples. Raises `ValueError` as `classifier_head` does."""
    for name, given in (("labels", labels), ("templates", templates)):
        if isinstance(given, str):
            raise ValueError(f"{name} must be a list of strings, not the one string {given!r}")
    templates = (SLOT,) if templates is None else tuple(templates)
    if not labels or not all(label.strip() for label in labels):
        raise ValueError(f"labels must be one or more texts, none empty, not {list(labels)}")
    if wrong := [template for template in templates if SLOT not in template]:
        raise ValueError(f"a template needs {SLOT} where the label goes, and {wrong[0]!r} has none")
    if not templates:
        raise ValueError("templates must be one or more, or None for the bare labels")
    return tuple(labels), templates


def zero_shot(
    model: CLIP,
    images: Sequence[Image.Image],
    labels: Sequence[str],
    templates: Sequence[str] | None = None,
    *,
    weights: np.ndarray | None = None,
) -> ZeroShot:
    """Classify pictures, with all parts; `weights` (k, embed_dim) of a head made before spare the texts.

    Raises `ValueError` as `classifier_head` does, and for weights that do not fit labels and model.
    """
    labels, templates = checked(labels, templates)
    weights = head_of(model, labels, templates, weights)
    vectors = embed_images(model, images)
    cosines = vectors @ weights.T
    bias = 0.0 if model.logit_bias is None else float(model.logit_bias)
    logits = float(model.logit_scale.exp()) * cosines + bias
    return ZeroShot(labels, vectors, weights, cosines, logits, softmax(logits))


def head_of(
    model: CLIP, labels: Sequence[str], templates: Sequence[str], weights: np.ndarray | None = None
) -> np.ndarray:
    """The weights (k, embed_dim) given, or those of the labels. Raises `ValueError` for weights that do not fit."""
    if weights is None:
        for head in classifier_head(model, labels, templates):
            weights = head.weights
    assert weights is not None
    if weights.shape != (wanted := (len(labels), model.config.embed_dim)):
        raise ValueError(f"weights must have the shape {wanted}, not {weights.shape}")
    return weights


def classify(
    model: CLIP, images: Sequence[Image.Image], labels: Sequence[str], templates: Sequence[str] | None = None
) -> np.ndarray:
    """The probabilities (n, k) of k labels for n pictures; `zero_shot` gives the parts too."""
    return zero_shot(model, images, labels, templates).probabilities


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities (n, k) of logits (n, k)."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    answer: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return answer
