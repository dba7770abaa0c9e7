"""How many labelled pictures zero-shot is worth: a linear probe on embeddings (Radford et al. 2021, section 3.2)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Shot", "few_shot_curve", "linear_probe"]

ITERATIONS = 1000  # of L-BFGS, section 3.2


@dataclass(frozen=True)
class Shot:
    """A point of the few-shot curve: accuracies in [0, 1] over `count` draws; 0 shots are zero-shot, drawn once."""

    shots: int  # pictures a class
    accuracy: float  # mean over the draws
    deviation: float  # standard deviation over the draws, of the draws themselves
    count: int  # draws


def linear_probe(
    features: np.ndarray, labels: np.ndarray, test_features: np.ndarray, test_labels: np.ndarray, *, c: float = 1.0
) -> float:
    """The accuracy in [0, 1] on the test set of a logistic regression on features (n, d) with labels (n,).

    `c` is the inverse strength of the L2 penalty. Raises `ValueError` for shapes that do not fit, a c that is not
    positive, fewer than two classes, and an empty test set.
    """
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]  # heavy; it ships no types

    features, labels, test_features, test_labels = _checked(features, labels, test_features, test_labels, c)
    probe = LogisticRegression(C=c, solver="lbfgs", max_iter=ITERATIONS).fit(features, labels)
    return float(np.mean(probe.predict(test_features) == test_labels))


def _checked(
    features: np.ndarray, labels: np.ndarray, test_features: np.ndarray, test_labels: np.ndarray, c: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    features, labels, test_features, test_labels = map(np.asarray, (features, labels, test_features, test_labels))
    for name, x, y in (("", features, labels), ("test_", test_features, test_labels)):
        if x.ndim != 2 or y.shape != x.shape[:1] or not len(y):
            wanted = f"{name}features and {name}labels must have the shapes (n, d) and (n,), n > 0"
            raise ValueError(f"{wanted}, not {x.shape} and {y.shape}")
    if test_features.shape[1] != features.shape[1]:
        raise ValueError(f"test_features must have {features.shape[1]} columns, not {test_features.shape[1]}")
    if len(np.unique(labels)) < 2:
        raise ValueError(f"a probe needs two classes or more, not {np.unique(labels).tolist()}")
    if not c > 0:
        raise ValueError(f"c must be positive, not {c}")
    return features, labels, test_features, test_labels


def few_shot_curve(
    features: np.ndarray,
    labels: np.ndarray,
    test_features: np.ndarray,
    test_labels: np.ndarray,
    *,
    shots: Sequence[int] = (1, 2, 4, 8, 16),
    seeds: int = 3,
    zero_shot: float | None = None,
    c: float = 1.0,
) -> Iterator[Shot]:
    """Probes on few pictures a class, one point a step; first zero-shot's accuracy, where it is given, as 0 shots.

    Each draw takes as many pictures of every class, and a larger draw of a seed holds the smaller ones. Raises
    `ValueError`, before the first point, as `linear_probe` does and where a class has too few pictures.
    """
    features, labels, test_features, test_labels = _checked(features, labels, test_features, test_labels, c)
    if not shots or min(shots) < 1:
        raise ValueError(f"shots must be one or more positive numbers, not {tuple(shots)}")
    if seeds < 1:
        raise ValueError(f"seeds must be at least 1, not {seeds}")
    if zero_shot is not None and not 0 <= zero_shot <= 1:
        raise ValueError(f"zero_shot must be an accuracy in [0, 1], not {zero_shot}")
    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() < max(shots):
        rare, count = classes[counts.argmin()], counts.min()
        raise ValueError(f"{max(shots)} shots need as many pictures of each class, and {str(rare)!r} has {count}")
    draws = [_orders(labels, classes, seed) for seed in range(seeds)]
    return _points(draws, features, labels, test_features, test_labels, shots, zero_shot, c)


def _orders(labels: np.ndarray, classes: np.ndarray, seed: int) -> list[np.ndarray]:
    """The rows of each class, shuffled; a draw takes the first few of each."""
    generator = np.random.default_rng(seed)
    return [generator.permutation(np.flatnonzero(labels == one)) for one in classes]


def _points(
    draws: list[list[np.ndarray]],
    features: np.ndarray,
    labels: np.ndarray,
    test_features: np.ndarray,
    test_labels: np.ndarray,
    shots: Sequence[int],
    zero_shot: float | None,
    c: float,
) -> Iterator[Shot]:
    if zero_shot is not None:
        yield Shot(0, zero_shot, 0.0, 1)
    for shot in shots:
        rows = [np.concatenate([order[:shot] for order in orders]) for orders in draws]
        found = [linear_probe(features[some], labels[some], test_features, test_labels, c=c) for some in rows]
        yield Shot(shot, float(np.mean(found)), float(np.std(found)), len(found))
