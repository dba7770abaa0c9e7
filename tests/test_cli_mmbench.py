"""`playground mmbench`: a benchmark made, answered with resume, and scored, from the command line."""

import json

import pytest
from typer.testing import CliRunner

from playground import mmbench
from playground.cli import app
from playground.mmbench.mini import mini_benchmark


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("mini") / "mini.tsv"
    done = CliRunner().invoke(app, ["mmbench", "mini", str(path), "--count", "26"])
    assert done.exit_code == 0, done.output
    return path


def invoke(*arguments):
    return CliRunner().invoke(app, ["mmbench", *map(str, arguments)])


def test_rotations_are_rows_of_their_own_that_borrow_their_picture(made):
    rows = list(mmbench.read_tsv(made))
    asked = list(mini_benchmark(26))
    assert len(rows) == sum(len(question.options) for question in asked)
    assert [row.index for row in rows[:1]] == [0]
    turned = next(row for row in rows if row.index == 1_000_000)
    assert turned.question == asked[0].question
    assert dict(turned.options)[turned.answer] == dict(asked[0].options)[asked[0].answer]
    assert mmbench.read_picture(turned.picture) == asked[0].picture


def test_one_letter_for_ever_passes_nothing_and_saves_calls(made, tmp_path):
    out = tmp_path / "letters.jsonl"
    done = invoke("run", made, out, "--model", "B")
    assert done.exit_code == 0, done.output
    assert "saved since a rotation had failed" in done.output
    asked = len(out.read_text("utf-8").splitlines())
    assert asked < len(list(mmbench.read_tsv(made)))
    report, sheet = tmp_path / "report.json", tmp_path / "sheet.csv"
    scored = invoke("score", out, "--questions", made, "--report", report, "--sheet", sheet)
    assert scored.exit_code == 0, scored.output
    assert "Circular **0.0%**" in scored.output
    assert sheet.stat().st_size > 100
    assert json.loads(report.read_text("utf-8"))["profile"] == "robust"


def test_a_run_goes_on_where_it_was_cut_off(made, tmp_path):
    whole, part = tmp_path / "whole.jsonl", tmp_path / "part.jsonl"
    assert invoke("run", made, whole, "--model", "chance").exit_code == 0
    lines = whole.read_text("utf-8").splitlines(keepends=True)
    part.write_text("".join(lines[:7]) + lines[7][:9], "utf-8")
    assert invoke("run", made, part, "--model", "chance").exit_code == 0
    assert sorted(part.read_text("utf-8").splitlines()) == sorted(whole.read_text("utf-8").splitlines())


def test_what_cannot_be_is_refused_in_a_sentence(made, tmp_path):
    broken = tmp_path / "broken.jsonl"
    broken.write_text("nonsense\n{}\n", "utf-8")
    for arguments, words in (
        (["mini", tmp_path / "x.tsv", "--count", "0"], "between 1 and 100,000"),
        (["run", made, tmp_path / "x.tsv"], "written as .jsonl"),
        (["run", made, tmp_path / "x.jsonl", "--model", "x", "--kind", "magic"], "clip or blip"),
        (["run", made, broken], "is no prediction"),
        (["run", tmp_path / "nowhere.tsv", tmp_path / "x.jsonl"], "nowhere.tsv"),
        (["score", tmp_path / "nowhere.jsonl"], "is not there"),
        (["score", made, "--report", tmp_path / "x.pdf"], ".md or .json"),
    ):
        done = invoke(*arguments)
        assert done.exit_code == 2, arguments
        assert words in " ".join(done.output.replace("│", " ").split()), done.output
