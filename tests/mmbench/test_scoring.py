"""Scores against closed forms, the published dev score of version 1.0, and the official toolkit's treatment of gaps."""

import csv
import io
import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from playground.mmbench import (
    L3,
    Prediction,
    Predictions,
    Problem,
    Question,
    Share,
    ability,
    circular,
    compare,
    l2_of,
    predictions_of,
    read_predictions,
    read_tsv,
    score,
    write_sheet,
)
from playground.mmbench.pandas_cells import as_pandas
from playground.mmbench.taxonomy import L2
from playground.mmbench.xlsx import read_xlsx

ANIMALS = ("teddy bear", "rabbit", "cat", "dog")


def question(index: int, answer: str = "B", category: str = "ocr", split: str = "dev", k: int = 4) -> Question:
    options = tuple(zip("ABCD"[:k], ANIMALS, strict=False))
    return Question(index, "?", options, answer, category=category, l2_category=l2_of(category) or "", split=split)


def right(rows, wrong=()):
    """Predictions that name each row's answer, but for some rows, which name the next letter."""
    return {row.index: (_next(row) if row.index in wrong else row.answer) for row in rows}


def _next(row):
    letters = [letter for letter, _ in row.options]
    return letters[(letters.index(row.answer) + 1) % len(letters)]


def test_guessing_earns_a_quarter_and_one_in_256_by_rotations():
    """3,000 questions of 4 options, letters drawn evenly: within 5 deviations."""
    n = 3000
    rows = list(circular(question(i, "ABCD"[i % 4]) for i in range(n)))
    rng = np.random.default_rng(0)
    report = score({row.index: "ABCD"[i] for row, i in zip(rows, rng.integers(0, 4, len(rows)), strict=True)}, rows)
    one = report.overall
    assert abs(one.vanilla.value - 1 / 4) < 5 * (3 / 16 / n) ** 0.5
    assert abs(one.vanilla_all - 1 / 4) < 5 * (3 / 16 / (4 * n)) ** 0.5
    assert abs(one.circular.value - 1 / 256) < 5 * (1 / 256 / n) ** 0.5
    assert all(abs(own.predicted - 1 / 4) < 0.02 and own.answers == 1 / 4 for own in report.letters)


def test_one_letter_for_all_earns_nothing_by_rotations_and_shows_its_bias():
    rows = list(circular(question(i, "ABCD"[i % 4]) for i in range(40)))
    report = score({row.index: "The answer is C." for row in rows}, rows)
    assert (report.overall.circular.value, report.overall.vanilla.value, report.overall.vanilla_all) == (0, 0.25, 0.25)
    assert [(one.letter, one.predicted, one.answers, one.found) for one in report.letters] == [
        ("A", 0, 0.25, 0), ("B", 0, 0.25, 0), ("C", 1, 0.25, 1), ("D", 0, 0.25, 0),
    ]  # fmt: skip


def test_the_published_dev_score_is_869_of_1164():
    """Overall is by question, not a mean of abilities: 869 right of the 1,164 of version 1.0 is 74.65635738831615 %."""
    rows = [question(1000 + i, category=name) for i, name in enumerate(n for n in L3 for _ in range(ability(n).dev))]
    wrong = {row.index for row in rows[:295]}
    report = score(right(rows, wrong), rows, profile="vlmevalkit")
    assert report.overall.n == 1164
    assert report.overall.circular.value * 100 == 74.65635738831615
    assert report.fractions()["CP"] == [1 / 296]  # 295 of 296 are wrong
    assert report.sheet()[:3] == [["Category", "DEV"], ["Overall", 74.7], ["AR", 100.0]]
    assert [line[0] for line in report.sheet()[1:]] == [
        "Overall", "AR", "CP", "FP-C", "FP-S", "LR", "RR", *sorted(L3),
    ]  # fmt: skip
    assert [report.find(name).n for name in ("perception", "reasoning", *L2)] == [
        732,
        432,
        296,
        293,
        143,
        199,
        115,
        118,
    ]


def test_a_rotation_that_fails_fails_the_question():
    rows = list(circular([question(1), question(2)]))
    report = score(right(rows, {2000001}), rows)
    one, two = report.groups
    assert (one.hit, one.vanilla, one.failed, two.hit, two.failed) == (False, True, 2000001, True, None)
    assert report.overall.circular.value == 0.5
    assert report.overall.gap.value == 0.5
    assert (report.overall.rows, report.overall.vanilla_all) == (8, 7 / 8)


def test_rotations_that_are_missing_are_told_and_count_by_profile():
    """1 is whole, 2 lacks a rotation, 3 lacks one and is wrong, 4 lacks its first pass, 5 has nothing at all."""
    rows = list(circular(question(i) for i in range(1, 6)))
    answers = right(rows, {3})
    for index in (2000002, 3000003, 4, *(5 + i * 1000000 for i in range(4))):
        del answers[index]
    robust, upstream = (score(answers, rows, profile=name) for name in ("robust", "vlmevalkit"))
    assert [one.hit for one in robust.groups] == [True, False, False, False, False]
    assert robust.overall.circular.value == 1 / 5
    assert (robust.incomplete, robust.missing) == (3, 1)
    assert [(one.index, one.hit) for one in upstream.groups] == [(1, True), (2, True), (3, False)]
    assert upstream.overall.circular.value == 2 / 3
    texts = [str(one) for one in robust.problems]
    assert len(texts) == len(upstream.problems) == 4
    assert texts[0] == "column index: question 2 has 3 of its 4 rows, not 2000002; it counts as wrong"
    assert texts[1].endswith("one that is there is wrong already")
    assert texts[3].endswith("question 5 has 0 of its 4 rows, not 5, 1000005, 2000005, 3000005; it counts as wrong")
    own = Predictions(tuple(Prediction(row.index, row.answer, 0, row.options, row.answer) for row in rows[:-1]))
    report = score(own)  # without the questions, the rotations are as many as the options
    assert [one.expected for one in report.groups] == [4] * 5
    assert [one.hit for one in report.groups] == [True] * 4 + [False]


def test_predictions_that_are_there_twice_count_once_or_as_upstream():
    rows = list(circular([question(1, k=2), question(2, k=2)]))
    given = [Prediction(row.index, row.answer, i) for i, row in enumerate(rows, 2)]
    twice = Predictions((*given, Prediction(1, _next(rows[0]), 6)))
    robust, upstream = (score(twice, rows, profile=name) for name in ("robust", "vlmevalkit"))
    assert robust.overall.circular.value == 1
    assert upstream.overall.circular.value == 1 / 3  # question 1 has two lines, both wrong
    assert robust.problems == (
        Problem(6, "prediction", "1 is there twice, with another answer; the first counts"),
    )  # fmt: skip
    assert upstream.problems[0].text.endswith("both count")


def test_what_cannot_be_scored_is_told_and_the_rest_scored():
    rows = [question(1), question(2), Question(3, "?", question(3).options, None, split="dev")]
    report = score({1: "B", 2: "no idea", 3: "B", 99: "A"}, rows)
    assert [(one.index, one.letter, one.hit) for one in report.rows] == [(1, "B", True), (2, None, False)]
    assert (report.unparsed, report.extraction_success) == (1, 0.5)
    assert [one.text for one in report.problems] == [
        "3 cannot be scored without its answer; the prediction is left out",
        "no question has the index 99; the prediction is left out",
    ]
    for profile in ("robust", "vlmevalkit"):
        with pytest.raises(ValueError, match="can be scored: column answer: 3 cannot be scored without its answer"):
            score({3: "B"}, rows, profile=profile)
    upstream = score({1: "B", 2: "no idea", 3: "B"}, rows, profile="vlmevalkit")
    assert (upstream.overall.circular.value, upstream.missing) == (1 / 3, 0)
    with pytest.raises(ValueError, match="profile must be one of robust, vlmevalkit, not 'best'"):
        score({1: "B"}, rows, profile="best")


def test_an_empty_cell_is_pandas_nan_in_the_toolkits_profile_alone():
    """An option "nan" is then in the answer, and an option None does not exist."""
    one = Question(1, "?", (("A", "banana"), ("B", "an"), ("C", "None")), "B")
    assert [row.letter for row in score({1: ""}, [one]).rows] == [None]
    assert [row.letter for row in score({1: ""}, [one], profile="vlmevalkit").rows] == ["B"]
    assert [row.letter for row in score({1: "C"}, [one]).rows] == ["C"]
    assert [row.letter for row in score({1: "C"}, [one], profile="vlmevalkit").rows] == [None]


def test_a_columns_cells_are_what_pandas_makes_of_them():
    """Every column of three of these cells, against pandas itself: numbers, floats where a cell is empty, texts."""
    pandas = pytest.importorskip("pandas")
    cells = (
        "3",
        "4",
        "",
        "007",
        "+5",
        "-2",
        "2.50",
        "1e3",
        "nan",
        "None",
        " 3",
        "3 ",
        "x",
        "1,000",
        ".5",
        "5.",
        "-.5e-3",
    )
    columns = list(itertools.product(cells, repeat=3))
    text = "\n".join("\t".join(line) for line in zip(*columns, strict=True))
    head = "\t".join(f"c{i}" for i in range(len(columns)))
    table = pandas.read_csv(io.StringIO(f"{head}\n{text}\n"), sep="\t")
    for i, column in enumerate(columns):
        theirs = ["" if one != one or one is None else str(one) for one in table[f"c{i}"]]
        assert ["" if one in ("nan", "None") else one for one in as_pandas(column)] == theirs, column


def test_the_toolkits_profile_reads_numbers_as_pandas_does(tmp_path):
    """Options C are whole numbers, and one is empty: C is then 3.0, 7.0; A has no empty cell, B is text."""
    lines = ["index\tquestion\tA\tB\tC\tanswer\tsplit", "1\t?\t1\ttwo\t3\tC\tdev", "2\t?\t1\t2\t\tB\tdev",
             "3\t?\t5\t2\t7\tC\tdev"]  # fmt: skip
    (tmp_path / "q.tsv").write_text("\n".join(lines))
    rows = list(read_tsv(tmp_path / "q.tsv"))
    answers = {1: "it is 3", 2: "2", 3: "7.0"}
    letters = {
        profile: [row.letter for row in score(answers, rows, profile=profile).rows]
        for profile in ("robust", "vlmevalkit")
    }
    assert letters["robust"][:2] == ["C", "B"]
    assert letters["vlmevalkit"] == [None, "B", "C"]  # "it is 3" does not hold 3.0, and 7.0 is C
    # Predictions of a table are a column too: 3 beside an empty one is 3.0, which holds 3.
    (tmp_path / "p.csv").write_text("index,prediction,A,B\n1,3,x,3.0\n2,,x,y\n")
    (tmp_path / "p.jsonl").write_text('{"index": 1, "prediction": "3"}\n{"index": 2, "prediction": ""}\n')
    asked = [Question(1, "?", (("A", "x"), ("B", "3.0")), "B"), Question(2, "?", (("A", "x"), ("B", "y")), "B")]
    for name, letter in (("p.csv", "B"), ("p.jsonl", None)):
        report = score(read_predictions(tmp_path / name), asked, profile="vlmevalkit")
        assert report.rows[0].letter == letter
    assert score(read_predictions(tmp_path / "p.csv"), asked).rows[0].prediction == "3"


def test_what_reading_the_questions_found_is_in_the_report(tmp_path):
    """A generator's problems are whole once it is consumed, which is when the score reads them."""
    lines = ["index\tquestion\tA\tB\tanswer", "1\t?\tcat\tdog\tB", "x\t?\tcat\tdog\tB", "1\t?\tcat\tdog\tB"]
    (tmp_path / "q.tsv").write_text("\n".join(lines))
    problems = []
    report = score({1: "B", 9: "A"}, read_tsv(tmp_path / "q.tsv", problems=problems), problems=problems)
    assert [one.text for one in report.problems] == [
        "'x' is no whole number; the row is left out",
        "1 is there twice; the second row is left out",
        "no question has the index 9; the prediction is left out",
    ]
    assert report.problems[:2] == tuple(problems)
    problems = []
    with pytest.raises(ValueError, match="scored: row 3, column index: 'x' is no whole number"):
        score({9: "A"}, read_tsv(tmp_path / "q.tsv", problems=problems), problems=problems)


def test_accuracy_by_rules_and_of_all_rows():
    """Of 8 rows the rules decide 6, one of them a refusal, and of these 4 are right: 6/8, 4/6, 4/8."""
    rows = [question(i) for i in range(8)]
    answers = dict(enumerate(["B", "B", "B", "B", "A", "Cannot determine the answer", "fur", "hm"]))
    report = score(answers, rows)
    shares = report.matching
    assert (shares.exact_match_rate, shares.matched_acc, shares.exact_match_acc) == (6 / 8, 4 / 6, 4 / 8)
    assert (shares.judged, shares.judged_acc, shares.llm_match_acc) == (0, None, None)
    assert report.decided == {"rules": 6, "judge": 0, "fallback": 0, "unparsed": 2}
    assert "| 75.0 | 66.7 | 50.0 | 0.0 |  |  |" in report.markdown()


def test_splits_stand_apart_and_one_that_nobody_answered_is_left_out():
    rows = [question(1), question(2, split="test"), question(3, split="test"), question(4, split="hidden"),
            question(5, category="image_style")]  # fmt: skip
    report = score(right([rows[i] for i in (0, 1, 2, 4)], {3}), rows)
    assert report.splits == ("dev", "test")
    assert report.missing == 0
    assert report.fractions() == {
        "Overall": [1, 0.5], "CP": [1, None], "FP-S": [1, 0.5], "image_style": [1, None], "ocr": [1, 0.5],
    }  # fmt: skip
    assert report.overall.split is None
    assert report.overall.circular.value == 3 / 4
    assert score({1: "B"}, [Question(1, "?", question(1).options, "B")]).splits == ("none",)


def test_intervals_are_those_of_the_binomial():
    """Drawn again, n questions of which a share p is right are Binomial(n, p), nearly normal; and seeds repeat."""
    rows = [question(i) for i in range(200)]
    reports = [score(right(rows, range(60)), rows, seed=seed) for seed in (0, 0, 1)]
    one = reports[0].overall.circular
    assert one.value == 0.7
    deviation = (0.7 * 0.3 / 200) ** 0.5
    assert abs(one.low - (0.7 - 1.96 * deviation)) <= 0.005  # a question is .005
    assert abs(one.high - (0.7 + 1.96 * deviation)) <= 0.005
    assert reports[0].scores == reports[1].scores
    sure = score(right(rows), rows).overall
    assert (sure.circular.low, sure.gap.high) == (1, 0)


def test_two_reports_are_compared_question_by_question():
    rows = [question(i) for i in range(100)]
    a = score(right(rows, range(30)), rows)
    b = score(right(rows[:90], range(20, 25)), rows[:90])
    found = compare(a, b)
    assert (found.n, found.only_a, found.only_b) == (90, (), (*range(20), *range(25, 30)))
    assert found.difference.value == 25 / 90
    # 25 of 90 gained, none lost: the paired deviation is (p (1 - p) / n)^1/2 = .047, the unpaired one would be .057
    assert abs(found.difference.high - found.difference.low - 2 * 1.96 * 0.0472) < 0.02
    assert (found.not_in_b, found.not_in_a) == (tuple(range(90, 100)), ())
    assert compare(b, a).difference.value == -25 / 90
    with pytest.raises(ValueError, match="one report is by robust and one by vlmevalkit"):
        compare(a, score(right(rows), rows, profile="vlmevalkit"))
    with pytest.raises(ValueError, match="share no question"):
        compare(score({0: "B"}, rows[:1]), score({1: "B"}, rows[1:2]))


def test_the_report_is_written_in_every_form(tmp_path):
    rows = list(circular([question(1, k=2), question(2, k=2)]))
    answers = right(rows) | {1000001: "=1+1 | <i>"}
    report = score(predictions_of(answers, "me.xlsx"), rows)
    text = report.markdown()
    assert "Profile `robust`" in text
    assert "# MMBench: me.xlsx" in text
    assert "| dev | 0 | Overall | 2 | 50.0 |" in text
    back = json.loads(report.to_json())
    assert back["profile"] == "robust"
    assert back["fractions"]["Overall"] == [0.5]
    assert back["unparsed"] == 1
    write_sheet(tmp_path / "acc.xlsx", report.sheet())
    assert [cells for _, cells in read_xlsx(tmp_path / "acc.xlsx")] == [
        ["Category", "DEV"], ["Overall", "50"], ["FP-S", "50"], ["ocr", "50"],
    ]  # fmt: skip
    write_sheet(tmp_path / "q.csv", report.questions())
    with (tmp_path / "q.csv").open(encoding="utf-8-sig", newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["hit"], first["vanilla"], first["prediction"], first["failed index"]) == ("0", "1", "B", "1000001")
    assert first["failed prediction"] == "'=1+1 | <i>"  # no formula for Excel to run
    assert (second["hit"], second["failed index"]) == ("1", "")
    small = replace(report.scores[0], circular=Share(1 / 2000, 0, 1))
    assert replace(report, scores=(small,)).sheet()[1] == ["Overall", 0.0]  # .05, as pandas rounds it; round: .1
    with pytest.raises(ValueError, match=r"as .xlsx or .csv, not as 'a.txt'"):
        write_sheet(tmp_path / "a.txt", report.sheet())


@pytest.mark.parametrize("profile", ["robust", "vlmevalkit"])
@pytest.mark.parametrize("shift", [-1, 1])
def test_a_set_without_its_rotations_is_turned_as_the_predictions_are(profile, shift):
    """Else pass 0 alone would count, and vanilla be called circular. Own sets may be turned the other way."""
    base = [question(i, "ABCD"[i % 4]) for i in range(8)]
    rows = []
    for row in circular(base):
        n = row.index // 1_000_000 * shift
        texts = tuple(zip("ABCD", (ANIMALS[(i - n) % 4] for i in range(4)), strict=True))
        letter = "ABCD"[("ABCD".index(base[row.index % 1_000_000].answer) + n) % 4]
        rows.append(replace(row, options=texts, answer=letter))
    said = right(rows, wrong={3_000_002})
    told = tuple(Prediction(one.index, said[one.index], 0, one.options) for one in rows)
    report = score(Predictions(told), base, profile=profile)
    assert report.groups == score(said, rows, profile=profile).groups
    assert (report.overall.circular.value, report.overall.vanilla.value) == (7 / 8, 1)
    assert not report.problems
    if shift == 1:  # the official order is taken where the file tells no options
        assert score(said, base, profile=profile).groups == report.groups
    alone = {one.index: one.answer for one in base} | {77_000_099: "A"}
    assert score(alone, base, profile=profile).overall.circular.value == 1


def test_a_score_without_rotations_says_so():
    base = [question(i) for i in range(3)]
    said = {row.index: row.answer for row in circular(base)}
    words = "No question has rotations here"
    assert words in score({one.index: "B" for one in base}, base).markdown()
    assert words not in score(said, base).markdown()
