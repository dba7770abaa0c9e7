"""What people have in their files: told row by row, and the rest is scored."""

import base64
import json
import time
import tracemalloc

import pytest

from playground.mmbench import Question, predictions_of, read_jsonl, read_predictions, read_tsv, score
from playground.mmbench.questions import MOST_PROBLEMS

PICTURE = b"\xff\xd8\xff" + bytes(90) + b"\xff\xd9"
HEAD = "index\tquestion\tA\tB\tC\tD\tanswer\tcategory\timage\tsplit\n"


def questions(number: int = 4, options: str = "wxyz") -> list[Question]:
    """Each in four rotations."""
    shifts = ("ABCD", "BCDA", "CDAB", "DABC")
    return [
        Question(
            index=q + 1_000_000 * n, question="?", answer=shifts[n][0], category="ocr", split="dev",
            options=tuple(sorted((letter, f"{text}{text}") for letter, text in zip(shifts[n], options, strict=True))),
        )
        for n in range(4) for q in range(number)
    ]  # fmt: skip


def right(rows: list[Question]) -> dict[int, str]:
    return {one.index: one.answer or "" for one in rows}


def outcome(report) -> dict[int, bool]:
    return {one.index: one.hit for one in report.groups}


def told(report) -> str:
    return "\n".join(map(str, report.problems))


@pytest.mark.parametrize("profile", ["robust", "vlmevalkit"])
def test_missing_rotations_cost_their_question_alone(profile):
    answers = right(questions())
    del answers[2_000_001], answers[1_000_003], answers[3_000_003]
    report = score(answers, questions(), profile=profile)
    whole = profile == "vlmevalkit"  # what is not there is not missed, and said
    assert outcome(report) == {0: True, 1: whole, 2: True, 3: whole}
    assert "question 1 has 3 of its 4 rows, not 2000001" in told(report)
    assert "question 3 has 2 of its 4 rows, not 1000003, 3000003" in told(report)
    assert len(report.problems) == 2


def test_indices_that_are_there_twice_are_told_by_row(tmp_path):
    path = tmp_path / "a.csv"
    rows = [f"{index},{letter}" for index, letter in right(questions()).items()]
    path.write_text("\n".join(["index,prediction", *rows, "1,D", "2,A", "1000002,B"]))
    report = score(read_predictions(path), questions())
    assert outcome(report) == dict.fromkeys(range(4), True)
    assert [(one.row, one.column) for one in report.problems] == [
        (18, "prediction"),
        (19, "prediction"),
        (20, "prediction"),
    ]
    assert "row 18, column prediction: 1 is there twice, with another answer; the first counts" in told(report)
    assert "row 19, column prediction: 2 is there twice, with the same answer; the first counts" in told(report)


def test_predictions_for_unknown_questions_are_told_by_row(tmp_path):
    path = tmp_path / "a.jsonl"
    answers = {7: "A", **right(questions()), 5_000_001: "B", -1: "C"}
    path.write_text("\n".join(json.dumps({"index": i, "prediction": text}) for i, text in answers.items()))
    report = score(read_predictions(path), questions())
    assert outcome(report) == dict.fromkeys(range(4), True)
    assert [(one.row, one.column) for one in report.problems] == [(19, "index"), (1, "index"), (18, "index")]
    assert "row 1, column index: no question has the index 7; the prediction is left out" in told(report)


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 50])
def test_base64_that_is_cut_costs_the_picture_alone(tmp_path, cut):
    text = base64.b64encode(PICTURE).decode()
    images = [text, text[:-cut], text, text.replace("AAAA", "!!!!", 1)]
    lines = [f"{i}\tq\ta\tb\t\t\tA\tocr\t{image}\tdev\n" for i, image in enumerate(images)]
    (tmp_path / "a.tsv").write_text(HEAD + "".join(lines))
    objects = [{"index": i, "question": "q", "A": "a", "B": "b", "image": image} for i, image in enumerate(images)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, objects)))
    for name, read, first in (("a.tsv", read_tsv, 2), ("a.jsonl", read_jsonl, 1)):
        problems = []
        found = list(read(tmp_path / name, problems=problems))
        assert [one.picture is None for one in found] == [False, True, False, True]
        assert [(one.row, one.column) for one in problems] == [(first + 1, "image"), (first + 3, "image")]
    answered = score(dict.fromkeys(range(4), "A"), read_tsv(tmp_path / "a.tsv"))
    assert outcome(answered) == dict.fromkeys(range(4), True)  # they are scored all the same


@pytest.mark.parametrize(
    ("prediction", "letter"),
    [
        ("None of the above", "D"), ("none of the above.", "D"), ("D. None of the above", "D"), ("D", "D"),
        ("The answer is none of the above", "D"), ("It is a cat, not none of the above", "A"), ("None", None),
        ("None of them fits but the horse", "C"),
    ],
)  # fmt: skip
def test_none_of_the_above_may_be_an_option(prediction, letter):
    options = (("A", "cat"), ("B", "dog"), ("C", "horse"), ("D", "None of the above"))
    report = score({1: prediction}, [Question(1, "?", options, letter or "A", category="ocr")])
    assert report.rows[0].letter == letter
    without = score({1: "None of the above"}, [Question(1, "?", options[:3], "A", category="ocr")])
    assert without.rows[0].letter is None


@pytest.mark.parametrize("ending", ["csv", "tsv", "json", "jsonl"])
def test_predictions_may_be_chinese(tmp_path, ending):
    asked = [
        Question(i, "这是什么？", (("A", "猫"), ("B", "狗"), ("C", "兔子"), ("D", "以上都不是")), "B", category="ocr")
        for i in range(6)
    ]
    said = ["选B", "答案：（Ｂ）", "图中是一只狗", "我无法判断。", "不是狗，是兔子", "以上都不是"]
    path = tmp_path / f"答案.{ending}"
    if ending in ("csv", "tsv"):
        gap = "\t" if ending == "tsv" else ";"
        path.write_text(
            "\n".join(["index" + gap + "prediction", *(f"{i}{gap}{one}" for i, one in enumerate(said))]), "utf-8"
        )
    else:
        rows = [
            json.dumps({"index": i, "prediction": one}, ensure_ascii=ending == "json") for i, one in enumerate(said)
        ]
        path.write_text("[" + ",".join(rows) + "]" if ending == "json" else "\n".join(rows), "utf-8")
    report = score(read_predictions(path), asked)
    assert [one.letter for one in report.rows] == ["B", "B", "B", None, "C", "D"]
    assert report.problems == ()


def test_many_problems_are_kept_short(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("index,prediction\n0,A\n" + "x,A\n" * (MOST_PROBLEMS + 500))
    report = score(read_predictions(path), [Question(0, "?", (("A", "a"), ("B", "b")), "A", category="ocr")])
    assert outcome(report) == {0: True}
    assert len(report.problems) == MOST_PROBLEMS + 1
    assert report.problems[-1].text == "there are more than 10,000 problems; from here on none is listed"
    assert max(len(str(one)) for one in report.problems) < 120
    long = tmp_path / "b.csv"
    long.write_text("index,prediction\n0,A\n" + "x" * 100_000 + ",B\n")
    assert max(len(str(one)) for one in read_predictions(long).problems) < 120
    (tmp_path / "c.tsv").write_text(f"{HEAD}{'x' * 999}\tq\ta\tb\t\t\t{'y' * 999}\tocr\t\tdev\n" * 2)
    problems = []
    assert list(read_tsv(tmp_path / "c.tsv", problems=problems)) == []
    assert 0 < max(len(str(one)) for one in problems) < 120


def test_many_rows_are_a_stream(tmp_path):
    rows = 50_000
    path = tmp_path / "a.tsv"
    with path.open("w") as file:
        file.write(HEAD)
        file.writelines(f"{i}\tWhat is shown in {i}?\ta\tb\tc\td\tB\tocr\t0\tdev\n" for i in range(1, rows + 1))
    began = time.process_time()
    problems = []
    assert sum(one.answer == "B" for one in read_tsv(path, problems=problems)) == rows
    assert time.process_time() - began < 5  # .7 s; benchmarks/mmbench_rows.py reads a million
    assert len(problems) == MOST_PROBLEMS + 1  # no row has the index 0, which they all refer to
    first = "".join(path.read_text().splitlines(keepends=True)[:5_001])
    path.write_text(first)
    tracemalloc.start()
    assert sum(1 for _ in read_tsv(path, pictures=False)) == 5_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5e6  # what stays of a row: its index, and where its picture is


def test_answers_by_index_may_be_of_any_text():
    report = score(predictions_of({0: "\x00\ud800", 1: "B" * 200_000, 2: "", 3: "🅑"}), questions()[:4])
    assert [one.letter for one in report.rows] == [None, None, None, "B"]
