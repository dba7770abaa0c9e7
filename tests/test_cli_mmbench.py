"""`playground mmbench`: a benchmark made, answered with resume, and scored, from the command line."""

import json
from dataclasses import replace

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
    assert "0 of 26 questions right in every rotation, 0.0%" in done.output
    asked = len(out.read_text("utf-8").splitlines())
    assert asked < len(list(mmbench.read_tsv(made)))
    report, sheet = tmp_path / "report.json", tmp_path / "sheet.csv"
    scored = invoke("score", out, "--questions", made, "--report", report, "--sheet", sheet)
    assert scored.exit_code == 0, scored.output
    assert "Circular **0.0%**" in scored.output
    assert sheet.stat().st_size > 100
    assert json.loads(report.read_text("utf-8"))["profile"] == "robust"


@pytest.mark.parametrize("kind", ["xlsx", "csv", "tsv", "jsonl"])
def test_predictions_are_scored_without_the_questions(kind, made, tmp_path):
    out = tmp_path / f"p.{kind}"
    done = invoke("run", made, out, "--model", "chance", "--vanilla")
    assert done.exit_code == 0, done.output
    found = mmbench.score(mmbench.read_predictions(out))
    assert found.overall.n == 26
    assert f"{found.overall.circular.value:.1%}" in done.output


def test_a_run_goes_on_where_it_was_cut_off(made, tmp_path):
    whole, part, kept = tmp_path / "whole.jsonl", tmp_path / "part.jsonl", tmp_path / "answers" / "answers.jsonl"
    first = invoke("run", made, whole, "--model", "chance")
    assert first.exit_code == 0
    lines = kept.read_text("utf-8").splitlines(keepends=True)
    kept.write_text("".join(lines[:7]) + lines[7][:9], "utf-8")
    second = invoke("run", made, part, "--model", "chance")
    assert second.exit_code == 0
    assert "and 7 were remembered" in second.output
    assert part.read_text("utf-8") == whole.read_text("utf-8")
    assert sorted(kept.read_text("utf-8").splitlines(keepends=True)) == sorted(lines)
    other = invoke("run", made, part, "--model", "chance", "--answers", tmp_path / "others")
    assert "and 0 were remembered" in other.output


def test_a_model_of_a_folder_and_of_a_name_answer_alike(made, tmp_path):
    for name, model in (("one", "blip-world-answers"), ("two", "checkpoints/blip-world-answers")):
        done = invoke("run", made, tmp_path / f"{name}.csv", "--model", model, "--device", "cpu")
        assert done.exit_code == 0, done.output
        assert "and 0 were remembered" in done.output
    assert (tmp_path / "one.csv").read_text("utf-8") == (tmp_path / "two.csv").read_text("utf-8")


def test_the_models_are_listed(made, tmp_path):
    done = invoke("run", made, tmp_path / "x.csv", "--model", "list")
    assert done.exit_code == 0
    assert "SmolVLM 256M: transformers, 513 MB, Apache-2.0" in done.output
    assert "majority: fixed" in done.output


def test_what_cannot_be_is_refused_in_a_sentence(made, tmp_path):
    broken = tmp_path / "broken" / "answers.jsonl"
    broken.parent.mkdir()
    broken.write_text("nonsense\n{}\n", "utf-8")
    (tmp_path / "none.tsv").write_text("index\tquestion\tA\tB\n", "utf-8")
    for arguments, words in (
        (["mini", tmp_path / "x.tsv", "--count", "0"], "between 1 and 100,000"),
        (["run", made, tmp_path / "x.pdf"], "predictions are written as .xlsx, .tsv, .csv, .jsonl, not as 'x.pdf'"),
        (["run", made, tmp_path / "x.jsonl", "--model", "no-such/model"], "neither a folder nor a repository"),
        (["run", made, tmp_path / "x.jsonl", "--answers", broken.parent], "line 1, is no answer that was kept"),
        (["run", made, tmp_path / "x.jsonl", "--workers", "2"], "need --engine ray"),
        (["run", made, tmp_path / "x.jsonl", "--engine", "ray", "--workers", "0"], "workers must be at least 1"),
        (["run", made, tmp_path / "x.jsonl", "--device", "tpu"], "no device is called 'tpu'"),
        (["run", made, tmp_path / "x.jsonl", "--profile", "kind"], "profile must be one of robust, vlmevalkit"),
        (["run", made, tmp_path / "x.jsonl", "--batch", "0"], "batch must be 1 or more"),
        (["run", tmp_path / "none.tsv", tmp_path / "x.jsonl"], "none.tsv has no question"),
        (["run", tmp_path / "nowhere.tsv", tmp_path / "x.jsonl"], "nowhere.tsv"),
        (["score", tmp_path / "nowhere.jsonl"], "is not there"),
        (["score", made, "--report", tmp_path / "x.pdf"], ".md or .json"),
    ):
        done = invoke(*arguments)
        assert done.exit_code == 2, arguments
        assert words in " ".join(done.output.replace("│", " ").split()), done.output


def test_a_high_index_alone_makes_no_rotation(tmp_path):
    """Of one's own set with indices over a million every question is asked; of one with rotations each once."""
    asked = [replace(one, index=one.index + 5_000_000) for one in mini_benchmark(4)]
    mmbench.write_tsv(tmp_path / "high.tsv", asked)
    done = invoke("run", tmp_path / "high.tsv", tmp_path / "p.csv", "--vanilla")
    assert done.exit_code == 0, done.output
    assert "of 4 questions right" in done.output


def test_questions_are_scored_in_every_form_in_which_they_are_asked(made, tmp_path):
    out, lines = tmp_path / "p.jsonl", tmp_path / "set.jsonl"
    invoke("run", made, out, "--model", "chance")
    mmbench.write_jsonl(lines, mmbench.read_tsv(made))
    mmbench.write_folder(tmp_path / "set", mmbench.read_tsv(made))
    said = [invoke("score", out, "--questions", place).stdout for place in (made, lines, tmp_path / "set")]
    assert "26 questions" in said[0]
    assert said == said[:1] * 3
