"""Who answers without a model, and by scores."""

import io
from collections import Counter
from dataclasses import replace

import pytest
from PIL import Image

from playground.mmbench import Question, by_chance, by_letter, by_scores, circular, evaluate_circular
from playground.mmbench.answerers import best_options, by_majority, majority_of, pictures_of


def picture(side):
    out = io.BytesIO()
    Image.new("RGB", (side, side)).save(out, "PNG")
    return out.getvalue()


QUESTIONS = [
    Question(i, f"Which is {i}?", (("A", "one"), ("B", "two"), ("C", "three"), ("D", "four")), letter,
             picture=picture(8 + i))
    for i, letter in enumerate("BCBCABCD")
]  # fmt: skip


def test_the_majority_is_the_letter_most_often_right_and_of_two_the_first():
    assert majority_of(QUESTIONS) == "B"  # as often as C
    assert majority_of(QUESTIONS[1:4]) == "C"
    told = by_majority(QUESTIONS)(QUESTIONS[:3])
    assert told == ["B"] * 3
    with pytest.raises(ValueError, match="no question tells its answer"):
        by_majority([replace(one, answer=None) for one in QUESTIONS])


def test_the_majority_never_passes_a_rotation_and_is_vanilla_what_its_share_says():
    steps = list(evaluate_circular(QUESTIONS, by_majority(QUESTIONS)))
    assert steps[-1].passed == 0
    assert sum(sum(step.hits) for step in steps if step.number == 0) == 3


def test_chance_is_even_and_the_same_each_time():
    rows = list(circular(Question(i, "?", (("A", "x"), ("B", "y")), "A") for i in range(2000)))
    told = by_chance()(rows)
    assert told == by_chance()(rows)
    assert told != by_chance(1)(rows)
    assert abs(Counter(told)["A"] / len(told) - 0.5) < 0.03  # of 4,000: 4 deviations


def test_the_highest_score_decides_and_of_equal_ones_the_first():
    def score(image, question, options):
        return [image.width * len(option) if "Which" in question else 0 for option in options]

    assert by_scores(score)(QUESTIONS[:2]) == ["C", "C"]
    assert best_options(lambda some: [[0.5, 0.5, 0.1, 0.5]] * len(some))(QUESTIONS[:1]) == ["A"]
    with pytest.raises(ValueError, match="question 0 has 4 options, and 1 scores came"):
        by_scores(lambda *_: [1.0])(QUESTIONS[:1])
    with pytest.raises(ValueError, match="question 0 has no picture"):
        by_scores(score)([replace(QUESTIONS[0], picture=None)])
    with pytest.raises(ValueError, match="question 3: the picture cannot be read"):
        by_scores(score)([replace(QUESTIONS[3], picture=b"\xff\xd8\xff nothing")])


def test_all_pictures_of_a_question_are_opened_in_their_order():
    one = replace(QUESTIONS[0], more_pictures=(picture(20), picture(5)))
    assert [image.width for image in pictures_of(one)] == [8, 20, 5]
    assert by_letter("C")([one]) == ["C"]
