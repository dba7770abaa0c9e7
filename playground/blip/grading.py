"""How good a cleaned set is, where truth is known: precision and recall of what is kept, at every threshold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from playground.blip.rules import Decision, Scored

__all__ = ["Curves", "Grade", "Truth", "curves", "grade"]

S = TypeVar("S", bound=Scored)
STEPS = 101  # thresholds from 0 to 1


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of some pairs, by their uids."""

    web: Mapping[str, bool]  # whether the web's text is true of the picture
    said: Mapping[str, str]  # the one description that is right


@dataclass(frozen=True)
class Grade:
    """Shares in [0, 1] of what is known; None where there is nothing to divide by."""

    precision: float | None  # of the kept web texts those that are true
    recall: float | None  # of the true web texts those that are kept
    before: float | None  # of all written texts those that are right, word for word
    after: float | None  # of the kept ones


@dataclass(frozen=True, eq=False)
class Curves:
    """`Grade` at thresholds (k,) of the probability of a match; NaN where there is nothing to divide by."""

    thresholds: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    right: np.ndarray  # of the written texts that would be kept


def grade(decisions: Iterable[Decision], truth: Truth) -> Grade:
    """The grade of what is decided."""
    web, written = _known(decisions, truth)
    kept = [(one.kept, true) for one, true in web]
    said = [(one.kept, right) for one, right in written]
    return Grade(
        _share([true for keep, true in kept if keep]),
        _share([keep for keep, true in kept if true]),
        _share([right for _, right in said]),
        _share([right for keep, right in said if keep]),
    )


def curves(scored: Iterable[Scored], truth: Truth) -> Curves:
    """The grade at every threshold of the paper's rule."""
    web, written = _known(scored, truth)
    thresholds = np.linspace(0, 1, STEPS)
    p, true = _judged(web)
    q, right = _judged(written)
    kept, said = p[:, None] >= thresholds, q[:, None] >= thresholds  # (texts, k)
    with np.errstate(invalid="ignore"):
        return Curves(
            thresholds,
            (kept & true[:, None]).sum(0) / kept.sum(0),
            (kept & true[:, None]).sum(0) / true.sum(),
            (said & right[:, None]).sum(0) / said.sum(0),
        )


def _known(scored: Iterable[S], truth: Truth) -> tuple[list[tuple[S, bool]], list[tuple[S, bool]]]:
    """Texts of the web that are known to be true or false, and written ones that are right or not."""
    web, written = [], []
    for one in scored:
        if one.source == "web" and one.uid in truth.web and not one.error:
            web.append((one, truth.web[one.uid]))
        elif one.source == "written" and one.uid in truth.said:
            written.append((one, one.text == truth.said[one.uid]))
    return web, written


def _judged(known: Sequence[tuple[Scored, bool]]) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and whether each is true; what was not judged is below every threshold."""
    p = np.array([-1.0 if one.probability is None else one.probability for one, _ in known], dtype=float)
    return p, np.array([true for _, true in known], dtype=bool)


def _share(values: Sequence[bool]) -> float | None:
    return sum(values) / len(values) if values else None
