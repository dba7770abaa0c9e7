"""The made-up sheet: the same from the same seed, in the official columns, with what real sheets have wrong."""

from collections import Counter

import pytest

from playground import mmbench
from playground.mmbench import extraction_robust
from playground.mmbench.example_sheet import COLUMNS, example_questions, example_rows, write_example


def test_the_same_seed_gives_the_same_sheet_and_another_another():
    assert example_rows() == example_rows()
    assert example_rows(seed=1)[1:] != example_rows()[1:]
    assert example_rows()[0] == list(COLUMNS)
    for count in (0, 1_001):
        with pytest.raises(ValueError, match="between 1 and 1,000"):
            example_questions(count)


@pytest.mark.parametrize("ending", ["xlsx", "csv"])
def test_it_is_scored_and_what_is_wrong_in_it_is_told(ending, tmp_path):
    path = tmp_path / f"example.{ending}"
    write_example(path)
    given = mmbench.read_predictions(path)
    asked = {one.index: one for one in mmbench.circular(example_questions())}
    counts = Counter(row.index for row in given.rows)
    assert len(asked.keys() - counts.keys()) == 2, "rotations that are missing"
    assert sorted(counts.values())[-2:] == [1, 2]
    assert counts.keys() - asked.keys() == {999_999}
    assert all(row.options == asked[row.index].options for row in given.rows if row.index in asked)
    report = mmbench.score(given)
    told = " ".join(map(str, report.problems))
    for words in ("'x-17' is no whole number", "is there twice, with another answer", "without its options"):
        assert words in told
    assert report.incomplete == 2
    assert len(report.rules) >= 10
    assert report.rules.keys() <= extraction_robust.RULES.keys()
    assert 0.2 < report.overall.circular.value < report.overall.vanilla.value < 0.9
    official = mmbench.score(given, profile="vlmevalkit")
    assert official.overall.circular.value < report.overall.circular.value
