"""Why CircularEval: what a guesser gains by position, in closed form and simulated, and what a report tells of it.

The rule is Liu et al.'s (2024, section 4.3); what follows from it for a model that guesses is derived here.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from playground.mmbench.questions import LETTERS
from playground.mmbench.report import Group, Report

__all__ = [
    "GUESSERS", "Expected", "Known", "Preference", "bias_index", "estimate_known", "expected", "preference_of",
    "simulate",
]  # fmt: skip

GUESSERS = ("position", "letter", "content", "misled")


@dataclass(frozen=True)
class Expected:
    """Shares of questions that are right as they stand (vanilla), of all rows (vanilla_all), and circularly."""

    vanilla: float
    vanilla_all: float
    circular: float

    @property
    def gap(self) -> float:
        return self.vanilla - self.circular


@dataclass(frozen=True)
class Preference:
    """The letters chosen in the rows of questions that failed a pass: the share of each, the share with which each was
    right in these rows, the distance between the two (total variation, 0 to 1), and about what distance so many
    independent rows have by chance alone. `whole` says that every rotation was asked: where asking stopped at the first
    failure, the rows that are there lean towards the passes asked first."""

    chosen: Mapping[str, float]
    right: Mapping[str, float]
    index: float
    chance: float
    rows: int
    questions: int
    whole: bool


@dataclass(frozen=True)
class Known:
    """How large a share of the questions a model knows if it knows a question or guesses by position, and nothing
    between: read from vanilla, and from circular. A model's reading, no measurement: where the two lie apart, that
    picture does not fit, for example because the model knows half of an answer."""

    by_vanilla: float
    by_circular: float
    luck_vanilla: float  # the share of guessed questions that are right as they stand
    luck_circular: float  # ... in all rotations
    questions: int


def expected(
    known: float, preference: Sequence[float], answers: Sequence[float] | None = None, *, guesser: str = "position"
) -> Expected:
    """What a model scores on questions of k options if it knows a share of them and guesses the others.

    `preference` q are its k positions' probabilities, `answers` a those with which each holds the right option in
    pass 0, even by default. With u the share known, right are

        vanilla      u + (1 - u) sum_i a_i q_i
        vanilla_all  u + (1 - u) / k           for each of the k rotations puts the right option elsewhere
        circular     u + (1 - u) prod_i q_i    a draw for each pass; 1/256 for four even positions

    for a guesser by `position`. By `letter`: one draw a question, kept in all passes: circular u for k > 1. By
    `content`: an option drawn evenly and kept wherever it stands: u + (1 - u) / k in all three, so that CircularEval
    takes away luck of position and no other. `misled`: always the same wrong option: u.

    Raises `ValueError` for shares that are none, and for another guesser.
    """
    q, a = _checked(known, preference, answers, guesser)
    k = len(q)
    by_position = float(a @ q)
    vanilla, every, circular = {
        "position": (by_position, 1 / k, float(q.prod())),
        "letter": (by_position, 1 / k, float(k == 1)),
        "content": (1 / k, 1 / k, 1 / k),
        "misled": (0.0, 0.0, 0.0),
    }[guesser]
    return Expected(*(known + (1 - known) * luck for luck in (vanilla, every, circular)))


def simulate(
    known: float, preference: Sequence[float], *, n: int, rng: np.random.Generator,
    answers: Sequence[float] | None = None, guesser: str = "position",
) -> Expected:  # fmt: skip
    """The same by n questions drawn and answered in all their rotations. Raises `ValueError` as `expected`."""
    if not 1 <= n <= 1_000_000:
        raise ValueError(f"n must lie between 1 and 1,000,000, not {n}")
    q, a = _checked(known, preference, answers, guesser)
    k = len(q)
    first = rng.choice(k, n, p=a)
    right = (first[:, None] + np.arange(k)) % k  # (n, k): where the right option stands in each pass
    if guesser == "position":
        chosen = rng.choice(k, (n, k), p=q)
    elif guesser == "letter":
        chosen = np.repeat(rng.choice(k, n, p=q)[:, None], k, axis=1)
    else:  # an option, as far from the right one in every pass
        apart = rng.integers(0, k, n) if guesser == "content" else np.full(n, min(1, k - 1))
        chosen = (right + apart[:, None]) % k
    hits = (chosen == right) & ~((guesser == "misled") & (k == 1))
    hits |= (rng.random(n) < known)[:, None]
    return Expected(float(hits[:, 0].mean()), float(hits.mean()), float(hits.all(1).mean()))


def preference_of(report: Report) -> Preference:
    """The letters a model chose where it did not know, as far as a report shows it.

    Questions that are right in all rotations are left out: there the letter says nothing of the position. Raises
    `ValueError` where no row is left or none has a letter.
    """
    failed = {one.index: one for one in report.groups if not one.hit}
    rows = [row for row in report.rows if row.group in failed]
    chosen = Counter(row.letter for row in rows if row.letter)
    if not chosen:
        raise ValueError("no wrong answer names a letter, so there is no preference to be read")
    right = Counter(row.answer for row in rows)
    letters = [letter for letter in LETTERS if chosen[letter] or right[letter]]
    n = chosen.total()
    shares = {letter: chosen[letter] / n for letter in letters}
    truth = {letter: right[letter] / len(rows) for letter in letters}
    index = sum(abs(shares[letter] - truth[letter]) for letter in letters) / 2
    # E|X/n - p| of a binomial X is about sqrt(2 p (1 - p) / (pi n))
    chance = sum(math.sqrt(2 * p * (1 - p) / (math.pi * n)) for p in truth.values()) / 2
    whole = all(one.complete for one in failed.values())
    return Preference(shares, truth, index, chance, len(rows), len(failed), whole)


def bias_index(report: Report) -> float:
    """How far the letters chosen lie from those that are right, where the model did not know: 0 none, 1 all of it."""
    return preference_of(report).index


def estimate_known(report: Report) -> Known:
    """The share known, by the moments of `expected` solved for u, with the preference that the report shows.

    With l the share of guesses that are right, s = u + (1 - u) l gives u = (s - l) / (1 - l), kept within [0, 1].
    Raises `ValueError` where no question has rotations.
    """
    groups = [one for one in report.groups if one.expected > 1]
    if not groups:
        raise ValueError("no question of the report has rotations, and without them knowing and guessing look alike")
    answers = {row.index: row.answer for row in report.rows}
    try:
        shares = preference_of(report).chosen
    except ValueError:  # nothing is wrong: every letter alike, and no guess is left to be told from knowledge
        shares = {}
    lucks = [_luck(one, answers.get(one.index), shares) for one in groups]
    luck_vanilla, luck_circular = (float(np.mean(column)) for column in zip(*lucks, strict=True))
    vanilla, circular = (float(np.mean([getattr(one, name) for one in groups])) for name in ("vanilla", "hit"))
    return Known(
        _solved(vanilla, luck_vanilla), _solved(circular, luck_circular), luck_vanilla, luck_circular, len(groups)
    )


def _luck(one: Group, answer: str | None, shares: Mapping[str, float]) -> tuple[float, float]:
    """What a guess by these shares is worth on a question: as it stands, and in all rotations."""
    letters = LETTERS[: one.expected]
    total = sum(shares.get(letter, 0.0) for letter in letters)
    q = {letter: shares.get(letter, 0.0) / total if total else 1 / len(letters) for letter in letters}
    return q.get(answer or "", 1 / len(letters)), math.prod(q.values())


def _solved(score: float, luck: float) -> float:
    return min(1.0, max(0.0, (score - luck) / (1 - luck))) if luck < 1 else 0.0


def _checked(
    known: float, preference: Sequence[float], answers: Sequence[float] | None, guesser: str
) -> tuple[np.ndarray, np.ndarray]:
    if guesser not in GUESSERS:
        raise ValueError(f"guesser must be one of {', '.join(GUESSERS)}, not {guesser!r}")
    if not 0 <= known <= 1:
        raise ValueError(f"known must lie between 0 and 1, not {known:g}")
    q = _shares(preference, "preference")
    a = np.full(len(q), 1 / len(q)) if answers is None else _shares(answers, "answers")
    if len(a) != len(q):
        raise ValueError(f"preference has {len(q)} positions and answers {len(a)}: they must be as many")
    return q, a


def _shares(values: Sequence[float], name: str) -> np.ndarray:
    found = np.asarray(values, dtype=float)
    if found.ndim != 1 or not 1 <= len(found) <= len(LETTERS):
        raise ValueError(f"{name} must have 1 to {len(LETTERS)} positions, not {found.size}")
    if not np.isfinite(found).all() or (found < 0).any() or abs(found.sum() - 1) > 1e-6:
        raise ValueError(f"{name} must be shares that sum to 1, not {', '.join(f'{one:g}' for one in found)}")
    return found / found.sum()
