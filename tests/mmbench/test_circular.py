"""CircularEval against the official example, and against closed forms of what guessing earns."""

import numpy as np
import pytest

from playground.mmbench import Question, circular, evaluate_circular, group_of, passes, rotated


def question(index: int = 0, k: int = 4, answer: str | None = "A") -> Question:
    names = ("teddy bear", "rabbit", "cat", "dog", "horse")
    return Question(index, "What is it?", tuple(zip("ABCDE"[:k], names, strict=False)), answer)


def texts(one: Question) -> str:
    return ", ".join(text for _, text in one.options)


def test_the_official_rotation():
    one = question(241, answer="C")
    rows = list(circular([one]))
    assert [row.index for row in rows] == [241, 1000241, 2000241, 3000241]
    assert [row.answer for row in rows] == ["C", "D", "A", "B"]
    assert texts(rows[1]) == "dog, teddy bear, rabbit, cat"  # D, A, B, C
    assert {dict(row.options)[row.answer] for row in rows} == {"cat"}
    assert {row.group for row in rows[1:]} == {241}


def test_as_many_passes_as_options_pass_by_pass():
    rows = list(circular([question(1, 2), question(2, 3), question(3, 5)]))
    assert [row.index for row in rows] == [
        1, 2, 3, 1000001, 1000002, 1000003, 2000002, 2000003, 3000003, 4000003,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "answer", "count"),
    [
        (("yes", "no"), "B", 2), (("B", "no"), "A", 1), (("C", "no"), "A", 2), (("Both A and B", "dog"), "A", 1),
        (("vitamin A", "dog"), "A", 2), (("ABBA", "dog"), "A", 2), (("yes", "no"), None, 1), (("yes", "no"), "C", 1),
    ],
)  # fmt: skip
def test_what_a_rotation_would_change_is_not_rotated(options, answer, count):
    one = Question(0, "?", tuple(zip("AB", options, strict=True)), answer)
    assert passes(one) == count
    assert len(list(circular([one]))) == count


def test_large_indices_take_a_larger_step_and_keep_their_group():
    rows = list(circular([question(999_999), question(1_000_000)]))
    assert [row.index for row in rows[2:4]] == [10_999_999, 11_000_000]
    assert [row.group for row in rows] == [999_999, 1_000_000] * 4


def test_rotations_are_not_rotated_again():
    rows = list(circular([question(5)]))
    with pytest.raises(ValueError, match="question 1000005 is a rotation of 5"):
        list(circular(rows))
    with pytest.raises(ValueError, match="passes 0 to 3, not 4"):
        rotated(rows[0], 4)


def test_a_failed_question_is_not_asked_again():
    """Always A: of four questions with answers A, B, C, D the first fails in pass 1, the others in pass 0."""
    asked = []

    def always(rows):
        asked.extend(row.index for row in rows)
        return ["A"] * len(rows)

    steps = list(evaluate_circular([question(i, answer="ABCD"[i]) for i in range(4)], always, batch=3))
    assert asked == [0, 1, 2, 3, 1000000]
    assert [len(step.asked) for step in steps] == [3, 1, 1]
    last = steps[-1]
    assert (last.calls, last.saved, last.remaining, last.failed, last.passed) == (5, 11, 0, 4, 0)
    assert all(step.calls + step.saved + step.remaining == 16 for step in steps)


def test_one_who_knows_passes_all_and_saves_none():
    (*_, last) = evaluate_circular(
        [question(i, k) for i, k in enumerate((2, 3, 4))], lambda rows: [r.answer for r in rows]
    )
    assert (last.calls, last.saved, last.passed, last.failed) == (9, 0, 3, 0)


def test_guessing_earns_a_quarter_and_calls_end_early():
    """Of 4 options 1/4 pass each pass, so 1 + 1/4 + 1/16 + 1/64 calls a question; 5 deviations of allowance."""
    rng, n = np.random.default_rng(0), 3000
    steps = list(
        evaluate_circular(
            [question(i) for i in range(n)], lambda rows: ["ABCD"[i] for i in rng.integers(0, 4, len(rows))], batch=500
        )
    )
    right = sum(sum(step.hits) for step in steps if step.number == 0)
    assert abs(right / n - 1 / 4) < 5 * (1 / 4 * 3 / 4 / n) ** 0.5
    assert abs(steps[-1].calls / n - 85 / 64) < 5 * 0.65 / n**0.5  # deviation of the number of calls: 0.65
    assert abs(steps[-1].passed / n - 1 / 256) < 5 * (1 / 256 / n) ** 0.5


def test_answers_that_do_not_match_the_questions_are_refused():
    with pytest.raises(ValueError, match="4 questions were asked, and 1 answers came"):
        list(evaluate_circular([question(i) for i in range(4)], lambda _: ["A"]))


def test_a_question_answered_without_a_letter_is_asked_on_for_a_judge_and_fails_in_the_end():
    asked = [Question(i, "What?", (("A", "red"), ("B", "blue"), ("C", "green")), "A") for i in range(4)]
    said = {(0, 0): "It is purple", (1, 0): "Sorry, I can't help with images of people yet.", (2, 0): ""}

    def answer(rows):
        return [said.get((group_of(one.index), one.index // 1_000_000), one.answer) for one in rows]

    steps = list(evaluate_circular(asked, answer))
    passes_of = [sorted(group_of(one.index) for one in step.asked) for step in steps]
    assert passes_of == [[0, 1, 2, 3], [0, 3], [0, 3]]
    last = steps[-1]
    assert (last.passed, last.failed, last.calls, last.saved, last.remaining) == (1, 3, 8, 4, 0)
    assert [step.failed for step in steps] == [2, 2, 3]
