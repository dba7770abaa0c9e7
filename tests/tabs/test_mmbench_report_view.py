"""The view of a report: every part in both languages, what is flagged, splits, tables and the files."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from playground import mmbench
from playground.i18n import TEXTS
from playground.mmbench import extraction_robust, extraction_rules
from playground.mmbench.example_sheet import example_questions
from playground.mmbench.xlsx import read_xlsx
from playground.tabs.mmbench import report_view


def scored(answer=lambda one: one.answer, profile="robust", split=lambda _: "dev", keep=lambda _: True, count=24):
    """A report on the rotations of still lifes, and the rows that were asked."""
    rows = [replace(one, split=split(one)) for one in mmbench.circular(example_questions(count))]
    said = {one.index: answer(one) for one in rows if keep(one)}
    return mmbench.score(mmbench.predictions_of(said, "my model.xlsx"), rows, profile=profile)


@pytest.fixture(scope="module")
def report():
    return scored(lambda one: "A" if one.index % 3 else one.answer)


def test_every_part_is_laid_out_under_its_panel():
    with gr.Blocks():
        w = SimpleNamespace()
        report_view.lay_out(w, "somewhere")
    for part in (*report_view.SHOWN, *report_view.FILES):
        assert getattr(w, f"somewhere_{part}").elem_id == f"mmbench-somewhere-{part}"


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_a_frame_fills_every_part(report, language):
    frame = report_view.frame(report, language)
    assert set(frame) == set(report_view.SHOWN) == set(report_view.empty())
    best = report.overall
    for share in (best.circular, best.vanilla):
        assert f"{share.value:.1%}" in frame["verdict"]
    assert f"{100 * best.gap.value:.1f}" in frame["verdict"]
    assert "`robust`" in frame["verdict"]
    bars = frame["bars"]["value"]
    assert best.circular.value in list(bars.data[0].x)
    assert frame["letters"]["visible"] is True
    names = json.dumps([row["cells"] for row in frame["table"]["rows"]], ensure_ascii=False)
    assert ("空间关系" in names) == (language == "zh-CN")
    assert ("Spatial relationship" in names) == (language == "en")


def test_abilities_stand_under_their_parents(report):
    names = [row["cells"][0] for row in report_view.frame(report, "en")["table"]["rows"]]
    assert names[0] == "Overall"
    at = names.index("\u2003Fine-grained perception, several objects")
    assert names.index("\u2003\u2003Spatial relationship") > at
    assert names.index("\u2003\u2003Object localization") < at
    assert len(names) == len(report.scores)


def test_what_is_missing_is_flagged_in_plain_words():
    holes = scored(keep=lambda one: one.index not in (1_000_000, 5) and one.index % 1_000_000 != 7)
    assert (holes.incomplete, holes.missing) == (2, 1)
    text = report_view.verdict(holes, "en")
    assert "**Questions with rotations missing: 2.** They count as wrong" in text
    assert "**Questions without any answer: 1.** They count as wrong" in text
    official = scored(keep=lambda one: one.index != 1_000_000, profile="vlmevalkit")
    assert "As in VLMEvalKit, those that are there decide" in report_view.verdict(official, "en")
    assert "缺少部分轮换" in report_view.verdict(holes, "zh-CN")
    whole = report_view.verdict(scored(), "en")
    assert "missing" not in whole
    assert "A letter was found in every answer." in whole


def test_a_file_without_rotations_says_that_luck_is_counted():
    rows = example_questions(12)
    once = mmbench.score({one.index: one.answer for one in rows}, rows)
    assert "there are no rotations here" in report_view.verdict(once, "en")


def test_draws_are_counted_with_their_hits():
    one = scored()
    rows = tuple(replace(row, rule="fallback") if i < 5 else row for i, row in enumerate(one.rows))
    rows = (replace(rows[0], hit=False), *rows[1:])
    text = report_view.verdict(replace(one, rows=rows), "en")
    assert "**Letters drawn at random: 5**" in text
    assert "4 of them happen to be right" in text


def test_a_choice_of_split_only_where_there_are_several(report):
    assert report_view.frame(report, "en", "")["split"]["visible"] == "hidden"
    two = scored(lambda one: one.answer if one.index % 2 else "A", split=lambda one: "dev" if one.index % 2 else "test")
    assert report_view.frame(two, "en")["split"]["visible"] == "hidden", "a panel without that choice"
    chosen = report_view.frame(two, "en", "dev")
    assert chosen["split"]["visible"] is True
    assert [value for _, value in chosen["split"]["choices"]] == ["", "dev", "test"]
    assert chosen["verdict"].startswith("`dev`: **Circular 100.0%**")
    assert list(chosen["bars"]["value"].data[0].x) == [1.0] * len(chosen["bars"]["value"].data[0].x)
    whole = report_view.frame(two, "en", "")
    assert "Circular 100.0%" not in whole["verdict"]
    assert [row["cells"][0] for row in whole["table"]["rows"] if row["best"]] == ["dev", "test", "All"]
    gone = report_view.frame(two, "en", "train")
    assert gone["verdict"] == whole["verdict"], "a split of the file before"


def test_problems_are_listed_by_row_and_counted():
    problems = tuple(mmbench.Problem(i, "index", f"no question has the index {i}; the prediction is left out")
                     for i in range(1, 61))  # fmt: skip
    shown = report_view.problem_table(problems, "zh-CN")
    assert len(shown["rows"]) == 50
    assert shown["rows"][0]["cells"] == ["1", "index", "没有索引为 1 的题目；该预测略去。"]
    assert "60" in shown["columns"][2]["label"]
    assert report_view.problem_table((), "en")["rows"] == []


def test_every_problem_of_scoring_has_its_chinese():
    rows = list(mmbench.circular(example_questions(8)))
    sheet = [mmbench.Prediction(one.index, "A", i) for i, one in enumerate(rows, 2) if one.index not in (0, 1_000_001)]
    sheet += [sheet[0], replace(sheet[1], prediction="B"), mmbench.Prediction(77, "A", 99)]
    sheet[2] = replace(sheet[2], options=(("A", "x"), ("B", "y")))
    asked = [replace(one, answer=None) if one.index == 6 else one for one in rows]
    for profile in mmbench.PROFILES:
        report = mmbench.score(mmbench.Predictions(tuple(sheet)), asked, profile=profile)
        assert len(report.problems) > 6
        for row in report_view.problem_table(report.problems, "zh-CN")["rows"]:
            assert not re.search(r"[a-z]{4,} [a-z]{2,}", row["cells"][2]), row["cells"]


def test_every_rule_has_its_name():
    rules = {*extraction_robust.RULES, "judge", "fallback", "no_options", "unparsed"}
    rules |= {"refusal", "token", "z_token", "answer_is", "too_long", "several_texts", "nothing", "text"}
    assert set(extraction_rules.RULES) <= rules
    for language in TEXTS:
        names = report_view.rule_names(language)
        assert rules <= names.keys()
        assert not any("." in name for name in names), "a sentence why is no name"


def test_the_files_are_the_librarys(report, tmp_path):
    kept = SimpleNamespace(report=report)
    made = {name: save(None, kept, tmp_path, "en") for name, save in report_view.FILES.items()}
    assert made["save_sheet"].endswith("my_model_acc.xlsx")
    sheet = [cells for _, cells in read_xlsx(made["save_sheet"])]
    assert sheet[0] == ["Category", "DEV"]
    assert float(sheet[1][1]) == pytest.approx(100 * report.overall.circular.value, abs=0.05)
    assert Path(made["save_markdown"]).read_text("utf-8") == report.markdown()
    lines = list(csv.reader(io.StringIO(Path(made["save_questions"]).read_text("utf-8-sig"))))
    assert len(lines) == 1 + report.overall.n
    columns, rows, extra = report_view.record(report)
    assert len(columns) == len(rows[0])
    assert extra["profile"] == "robust"
    json.dumps([rows, extra])
