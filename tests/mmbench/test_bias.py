"""Guessing by position: the closed form against counting, simulation against it, and what a report tells."""

import math
from itertools import product

import numpy as np
import pytest

from playground.mmbench import Question, by_letter, circular, score
from playground.mmbench.bias import (
    GUESSERS,
    bias_index,
    estimate_known,
    expected,
    preference_of,
    simulate,
)

Q = (0.55, 0.25, 0.15, 0.05)
A = (0.1, 0.2, 0.3, 0.4)


def counted(q, a):
    """Right as it stands, of all rows, and in all passes, over every pass's draw and place of the right option."""
    k, found = len(q), np.zeros(3)
    for first, draws in product(range(k), product(range(k), repeat=k)):
        hits = [draw == (first + r) % k for r, draw in enumerate(draws)]
        found += a[first] * math.prod(q[i] for i in draws) * np.array([hits[0], sum(hits) / k, all(hits)])
    return found


@pytest.mark.parametrize("k", [2, 3, 4])
def test_closed_form_is_what_counting_gives(k):
    q, a = (np.array(one[:k]) / sum(one[:k]) for one in (Q, A))
    one = expected(0.3, q, a)
    luck = counted(q, a)
    assert (one.vanilla, one.vanilla_all, one.circular) == pytest.approx(0.3 + 0.7 * luck, abs=1e-12)


def test_known_numbers():
    even = expected(0.0, [0.25] * 4)
    assert (even.vanilla, even.vanilla_all, even.circular) == (0.25, 0.25, 1 / 256)
    letter = expected(0.0, (1, 0, 0, 0), guesser="letter")
    assert (letter.vanilla, letter.circular) == (0.25, 0.0)
    assert expected(0.0, (1, 0, 0, 0)).circular == 0.0
    content = expected(0.4, Q, A, guesser="content")
    assert content.gap == 0
    assert content.circular == pytest.approx(0.4 + 0.6 / 4)
    misled = expected(0.4, Q, guesser="misled")
    assert (misled.vanilla, misled.vanilla_all, misled.circular) == (0.4, 0.4, 0.4)


@pytest.mark.parametrize("guesser", GUESSERS)
def test_simulation_agrees(guesser):
    n = 200_000
    found = simulate(0.2, Q, n=n, rng=np.random.default_rng(3), answers=A, guesser=guesser)
    truth = expected(0.2, Q, A, guesser=guesser)
    for name in ("vanilla", "vanilla_all", "circular"):
        p = getattr(truth, name)
        assert getattr(found, name) == pytest.approx(p, abs=5 * math.sqrt(p * (1 - p) / n))


def test_the_gap_grows_as_the_preference_does_not():
    """Even guesses survive most often; with even answers vanilla is 1/k for any preference."""
    preferences = [(0.25, 0.25, 0.25, 0.25), (0.4, 0.2, 0.2, 0.2), (0.7, 0.1, 0.1, 0.1), (1, 0, 0, 0)]
    found = [expected(0.5, q) for q in preferences]
    assert [one.vanilla for one in found] == pytest.approx([0.625] * 4)
    assert [one.circular for one in found] == sorted((one.circular for one in found), reverse=True)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: expected(1.5, Q), "known must lie between 0 and 1, not 1.5"),
        (lambda: expected(0.5, (0.5, 0.4)), "preference must be shares that sum to 1, not 0.5, 0.4"),
        (lambda: expected(0.5, (1.5, -0.5)), "preference must be shares"),
        (lambda: expected(0.5, Q, (1.0,)), "preference has 4 positions and answers 1"),
        (lambda: expected(0.5, (float("nan"), 1)), "preference must be shares"),
        (lambda: expected(0.5, ()), "preference must have 1 to 26 positions, not 0"),
        (lambda: expected(0.5, Q, guesser="x"), "guesser must be one of position"),
        (lambda: simulate(0.5, Q, n=0, rng=np.random.default_rng()), "n must lie between 1 and 1,000,000, not 0"),
    ],
)
def test_refuses(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def asked(n, seed=0):
    rng = np.random.default_rng(seed)
    options = (("A", "red cube"), ("B", "blue ball"), ("C", "green cone"), ("D", "grey ring"))
    return [Question(i, "Which?", options, "ABCD"[rng.integers(4)], category="ocr") for i in range(n)]


def guessed(rows, known, q, seed=0):
    """Knows a share of the questions, and guesses the other rows by position."""
    rng = np.random.default_rng(seed)
    sure = {one.index for one in rows if one.index < 1_000_000 and rng.random() < known}
    return {
        one.index: one.answer if one.index % 1_000_000 in sure else str(rng.choice(list("ABCD"), p=q)) for one in rows
    }


def test_a_report_tells_preference_and_knowledge():
    rows = list(circular(asked(3000)))
    report = score(guessed(rows, 0.4, Q), rows)
    found = preference_of(report)
    assert list(found.chosen.values()) == pytest.approx(Q, abs=0.02)
    assert list(found.right.values()) == pytest.approx([0.25] * 4, abs=1e-12)  # every rotation of each is there
    assert found.index == pytest.approx(0.3, abs=0.02)  # (|.55 - .25| + 0 + .1 + .2) / 2
    assert found.index == bias_index(report)
    assert found.whole
    assert found.rows == 4 * found.questions
    assert found.questions == sum(not one.hit for one in report.groups)
    known = estimate_known(report)
    assert known.by_vanilla == pytest.approx(0.4, abs=0.03)
    assert known.by_circular == pytest.approx(0.4, abs=0.03)
    assert known.luck_circular == pytest.approx(math.prod(Q), abs=0.001)


def test_chance_is_the_distance_that_none_has():
    found = [preference_of(score(guessed(rows, 0.0, [0.25] * 4, seed), rows))
             for seed in range(8) for rows in [list(circular(asked(200, seed)))]]  # fmt: skip
    assert np.mean([one.index for one in found]) == pytest.approx(found[0].chance, rel=0.5)
    assert found[0].chance < 0.03


def test_a_letter_for_ever():
    rows = list(circular(asked(40)))
    report = score(dict(zip([one.index for one in rows], by_letter("B")(rows), strict=True)), rows)
    assert preference_of(report).chosen == {"A": 0, "B": 1, "C": 0, "D": 0}
    assert bias_index(report) == pytest.approx(0.75)
    known = estimate_known(report)
    assert (known.by_circular, known.luck_circular) == (0, 0)
    assert known.luck_vanilla == report.overall.vanilla.value
    assert known.by_vanilla == pytest.approx(0, abs=1e-9)


def test_a_run_cut_short_says_so():
    rows = list(circular(asked(40)))
    first = {one.index: "A" for one in rows if one.index < 1_000_000}
    later = {one.index: "A" for one in rows if one.index % 1_000_000 in {i for i in first if rows[i].answer == "A"}}
    assert not preference_of(score(first | later, rows)).whole


def test_nothing_to_read():
    rows = list(circular(asked(8)))
    right = score({one.index: one.answer for one in rows}, rows)
    with pytest.raises(ValueError, match="no preference"):
        preference_of(right)
    assert estimate_known(right).by_circular == 1
    with pytest.raises(ValueError, match="no question of the report has rotations"):
        estimate_known(score({one.index: "A" for one in asked(8)}, asked(8)))
