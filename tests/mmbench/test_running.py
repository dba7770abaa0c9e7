"""Runs: the steps of CircularEval, resumed after any kill, never asking again what was asked, whatever set it is in."""

import base64
import json
import random
import resource
from contextlib import suppress
from dataclasses import replace

import pytest

from playground.mmbench import by_chance, by_letter, evaluate_circular, read_predictions, read_tsv, score, write_tsv
from playground.mmbench.answerers import picture_of
from playground.mmbench.asking import ANSWERS
from playground.mmbench.mini import mini_benchmark
from playground.mmbench.running import KINDS, predictions_from, run, write_predictions

QUESTIONS = list(mini_benchmark(40, seed=7))


class Model:
    """Right nine times of ten, by the question and its options alone; it counts what it is asked and looks at it."""

    def __init__(self, dies_at=None):
        self.asked = []
        self.dies_at = dies_at

    def __call__(self, questions):
        for one in questions:
            picture_of(one)
        if self.dies_at is not None and len(self.asked) >= self.dies_at:
            raise KeyboardInterrupt
        self.asked += [one.index for one in questions]
        return [self.of(one) for one in questions]

    @staticmethod
    def of(one):
        draw = random.Random(repr((one.question, one.options)))
        return f"The answer is {one.answer if draw.random() < 0.9 else 'unclear'}."


def told(steps):
    return [step.circular for step in steps]


def rows(steps):
    return [row for step in steps for row in step.rows]


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_a_run_is_what_evaluate_circular_says(batch, tmp_path):
    expected = list(evaluate_circular(QUESTIONS, Model(), batch=batch))
    model = Model()
    steps = list(run(QUESTIONS, model, tmp_path, name="m", batch=batch))
    assert told(steps) == expected
    assert expected[-1].passed > 5
    assert len(model.asked) == steps[-1].fresh == steps[-1].circular.calls
    again = Model()
    second = list(run(QUESTIONS, again, tmp_path, name="m", batch=batch))
    assert told(second) == expected
    assert again.asked == []
    assert second[-1].fresh == 0


@pytest.mark.parametrize("dies_at", [0, 8, 40, 60])
def test_what_is_killed_goes_on_and_a_line_that_was_cut_off_is_asked_again(dies_at, tmp_path):
    first = Model(dies_at)
    with pytest.raises(KeyboardInterrupt):
        list(run(QUESTIONS, first, tmp_path, name="m", batch=8))
    path, lost = tmp_path / ANSWERS, 0
    if dies_at:
        path.write_bytes(path.read_bytes()[:-9])
        lost = 1
    second = Model()
    steps = list(run(QUESTIONS, second, tmp_path, name="m", batch=8))
    assert told(steps) == list(evaluate_circular(QUESTIONS, Model(), batch=8))
    assert len(first.asked) - lost + len(second.asked) == steps[-1].circular.calls
    kept = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert len({row["key"] for row in kept}) == len(kept) == steps[-1].circular.calls


def test_another_set_of_the_same_questions_is_not_asked_again(tmp_path):
    write_tsv(tmp_path / "mini.tsv", QUESTIONS)
    list(run(QUESTIONS, Model(), tmp_path, name="m"))
    other = [
        replace(one, index=one.index + 500, split="test") for one in reversed(list(read_tsv(tmp_path / "mini.tsv")))
    ]
    model = Model()
    steps = list(run(other, model, tmp_path, name="m"))
    assert model.asked == []
    assert told(steps) == list(evaluate_circular(other, Model()))
    one = other[0]
    for changed in (
        replace(one, question=one.question + " Why?"),
        replace(one, hint="Look."),
        replace(one, picture=other[1].picture),
        replace(one, more_pictures=(QUESTIONS[0].picture,)),
        replace(one, options=(*one.options[:-1], (one.options[-1][0], "another"))),
    ):
        model = Model()
        list(run([changed], model, tmp_path, name="m", vanilla=True))
        assert model.asked == [one.index]
    model = Model()
    list(run([one], model, tmp_path, name="another model", vanilla=True))
    assert model.asked == [one.index]


def test_the_same_question_twice_is_asked_once(tmp_path):
    twice = [replace(QUESTIONS[0], index=i) for i in (1, 2, 3)]
    model = Model()
    steps = list(run(twice, model, tmp_path, name="m", vanilla=True))
    assert model.asked == [1]
    assert steps[-1].circular.calls == 3
    assert len({text for _, text in rows(steps)}) == 1


def test_vanilla_asks_the_options_as_they_stand_alone(tmp_path):
    steps = list(run(QUESTIONS, Model(), tmp_path, name="m", vanilla=True))
    last = steps[-1].circular
    assert {step.circular.number for step in steps} == {0}
    assert (last.calls, last.saved, last.remaining) == (40, 0, 0)
    assert last.passed == sum(Model.of(one) == f"The answer is {one.answer}." for one in QUESTIONS)
    assert last.passed + last.failed == 40


def test_damaged_and_missing_pictures_are_told_and_the_rest_goes_on(tmp_path):
    path = tmp_path / "set.tsv"
    write_tsv(path, QUESTIONS)
    lines = path.read_text("utf-8").splitlines()
    cells = lines[3].split("\t")
    place = lines[0].split("\t").index("image")
    cells[place] = base64.b64encode(base64.b64decode(cells[place])[:200]).decode()
    path.write_text("\n".join([*lines[:3], "\t".join(cells), *lines[4:]]) + "\n", "utf-8")
    questions = list(read_tsv(path, pictures=False))
    questions[5] = replace(questions[5], picture=None)
    questions[9] = replace(questions[9], picture=b"\x89PNG\r\n no picture IEND")
    steps = list(run(questions, Model(), tmp_path, name="m", batch=6))
    problems = [problem.text for step in steps for problem in step.problems]
    assert [text.split(":")[0] for text in problems] == ["question 2", "question 5 has no picture", "question 9"]
    assert "cut off" in problems[0]
    expected = evaluate_circular([one for one in questions if one.index not in (2, 5, 9)], Model())
    assert steps[-1].circular.passed == list(expected)[-1].passed
    assert {one.index: text for one, text in rows(steps) if one.index in (2, 5, 9)} == {2: "", 5: "", 9: ""}
    model = Model()
    list(run(questions, model, tmp_path, name="m"))
    assert model.asked == []  # but the three, which were refused again
    list(run(questions, by_letter("A"), tmp_path, name="letters"))  # and who needs no picture answers all


def test_what_the_answerer_says_of_a_batch_is_not_lost(tmp_path):
    def broken(_):
        raise ValueError("the model is broken")

    with pytest.raises(ValueError, match="the model is broken"):
        list(run(QUESTIONS, broken, tmp_path, name="m"))
    with pytest.raises(ValueError, match="16 questions were asked, and 1 answers came"):
        list(run(QUESTIONS, lambda _: ["A"], tmp_path, name="m"))
    with pytest.raises(ValueError, match="16 questions were asked, and 0 answers came"):
        list(run(QUESTIONS, None, tmp_path, name="m", engine=lambda parts: (() for _ in parts)))
    with pytest.raises(ValueError, match="who answers"):
        run(QUESTIONS, None, tmp_path, name="m")
    with pytest.raises(ValueError, match="batch must be 1 or more"):
        run(QUESTIONS, by_chance(), tmp_path, name="m", batch=0)
    with pytest.raises(ValueError, match="profile must be one of robust, vlmevalkit"):
        run(QUESTIONS, by_chance(), tmp_path, name="m", profile="kind")
    with pytest.raises(ValueError, match="is a rotation of 0 already"):
        run([QUESTIONS[0], replace(QUESTIONS[0], index=1_000_000)], by_chance(), tmp_path, name="m")
    (tmp_path / ANSWERS).write_text('{"by": "m"}\n', "utf-8")
    with pytest.raises(ValueError, match=r"answers.jsonl, line 1, is no answer that was kept"):
        run(QUESTIONS, by_chance(), tmp_path, name="m")


def test_stopping_closes_the_engine(tmp_path):
    closed = []

    def engine(parts):
        try:
            for part in parts:
                yield ["A"] * len(part)
        finally:
            closed.append(True)

    steps = run(QUESTIONS, None, tmp_path, name="m", engine=engine, batch=4)
    next(steps)
    steps.close()
    assert closed == [True]


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_are_written_as_they_are_scored(kind, tmp_path):
    asked = rows(run(QUESTIONS, Model(), tmp_path, name="m"))
    asked[0] = (asked[0][0], 'A "quote",\ta tab\nand a second line: ' + asked[0][1])
    path = tmp_path / f"predictions{kind}"
    write_predictions(path, asked)
    found = read_predictions(path)
    assert not found.problems
    assert [(one.index, one.prediction) for one in found.rows] == [(one.index, text) for one, text in asked]
    direct, read = score(predictions_from(asked)), score(found)
    assert read.scores == direct.scores
    assert read.overall.n == 40
    with pytest.raises(ValueError, match=r"written as \.xlsx, \.tsv, \.csv, \.jsonl, not as 'x\.pdf'"):
        write_predictions(tmp_path / "x.pdf", asked)


def test_high_indices_tell_their_group(tmp_path):
    high = [replace(one, index=one.index + 3_000_000) for one in QUESTIONS[:6]]
    asked = rows(run(high, Model(), tmp_path, name="m"))
    write_predictions(tmp_path / "p.csv", asked)
    assert score(read_predictions(tmp_path / "p.csv")).overall == score(predictions_from(asked)).overall
    assert score(predictions_from(asked)).overall.n == 6


def test_a_disk_that_takes_half_a_line_leaves_no_damage(tmp_path):
    """The limit on a file's size stands in for the disk: a write gives a piece, then an error; later there is room."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, limit[1]))
    try:
        with suppress(OSError):
            for _ in run(QUESTIONS, Model(), tmp_path, name="m", batch=4):
                resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert told(run(QUESTIONS, Model(), tmp_path, name="m")) == told(
        run(QUESTIONS, Model(), tmp_path / "other", name="m")
    )


@pytest.mark.parametrize("kind", KINDS)
def test_half_a_character_does_not_lose_what_was_answered(kind, tmp_path):
    path = tmp_path / f"predictions{kind}"
    write_predictions(path, [(one, "A \ud83d") for one in QUESTIONS[:3]])
    assert [one.prediction[:2] for one in read_predictions(path).rows] == ["A "] * 3
