"""`playground mmbench score --judge`: verdicts from an endpoint and from a local model, kept, gone on with, told."""

import json
import threading

import pytest
from judge_stand_in import StandIn, chat
from typer.testing import CliRunner

from playground.cli import app
from playground.mmbench import Question, circular, write_tsv
from playground.mmbench.verdicts import read_verdicts

KEY = "sk-s3cret-Zq81kfWv"
OPEN = "The one with the long ears."


@pytest.fixture
def stand_in(monkeypatch):
    monkeypatch.setenv("PLAYGROUND_JUDGE_KEY", KEY)
    server = StandIn()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def files(tmp_path):
    """Two questions of two options: one all open, of one the first pass is open and the second right by the rules."""
    options = (("A", "cat"), ("B", "rabbit"))
    rows = list(circular(Question(i, "Which animal?", options, "B", category="ocr", split="dev") for i in (1, 2)))
    write_tsv(tmp_path / "questions.tsv", rows)
    said = {row.index: OPEN for row in rows} | {1000002: "A"}
    lines = [json.dumps({"index": index, "prediction": text}) for index, text in said.items()]
    (tmp_path / "me.jsonl").write_text("\n".join(lines))
    return tmp_path


def invoke(files, *arguments):
    command = ["mmbench", "score", files / "me.jsonl", "--questions", files / "questions.tsv", *arguments]
    return CliRunner().invoke(app, list(map(str, command)))


def test_an_endpoint_judges_and_its_verdicts_are_not_asked_for_again(stand_in, files):
    stand_in.answers = [(200, {}, chat("B")), (200, {}, chat("A")), (200, {}, chat("B"))]
    judge = ("--judge", stand_in.address, "--judge-model", "qwen3")
    done = invoke(files, *judge, "--report", files / "report.json")
    assert done.exit_code == 0, done.output
    assert "Circular **100.0%**" in done.stdout
    assert "3 of 3 rows that the rules leave open, 3 calls, 0 saved" in done.stderr
    assert stand_in.asked[0][1]["Authorization"] == f"Bearer {KEY}"
    report = json.loads((files / "report.json").read_text())
    assert report["decided"] == {"rules": 1, "judge": 3, "fallback": 0, "unparsed": 0}
    assert report["judged"]["name"] == "qwen3"
    again = invoke(files, *judge, "--audit", "5")
    assert len(stand_in.asked) == 4  # the one row that the rules decide: B there, against A
    assert "On 1 rows that the rules decided, the judge agrees in 0.0%" in again.stdout
    path = files / "me.verdicts.jsonl"
    assert len(path.read_bytes().splitlines()) == len(read_verdicts(path)) == 4
    alone = invoke(files, "--verdicts", path)  # no judge is asked
    assert "Circular **100.0%**" in alone.stdout
    assert len(stand_in.asked) == 4
    assert "Circular **0.0%**" in invoke(files).stdout
    kept = "".join(one.read_text(errors="replace") for one in files.iterdir()) + done.output + again.output
    assert KEY not in kept


def test_a_run_that_is_refused_is_scored_as_far_as_it_came_and_goes_on(stand_in, files):
    stand_in.answers = [(200, {}, chat("B")), (401, {}, b"{}")]
    judge = ("--judge", stand_in.address, "--judge-model", "qwen3", "--verdicts", files / "v.jsonl")
    done = invoke(files, *judge)
    assert done.exit_code == 1
    said = " ".join(done.stderr.split())
    assert "the endpoint refuses the key (401); the 1 verdicts so far are kept in " in said
    assert "Decided by the rules: 1 rows; by the judge: 1; drawn at random: 0; by none: 2." in done.stdout
    stand_in.answers = [(200, {}, chat("A")), (200, {}, chat("B"))]
    assert "Circular **100.0%**" in invoke(files, *judge).stdout
    assert len(stand_in.asked) == 4


def test_a_draw_is_told(stand_in, files):
    stand_in.answers = [(200, {}, chat("I would not know"))]
    judge = ("--judge", stand_in.address, "--judge-model", "qwen3")
    done = invoke(files, *judge, "--fallback", "random", "--every")
    assert "drawn at random: 3; by none: 0." in done.stdout
    assert len(stand_in.asked) == 9
    none = invoke(files, *judge, "--every")
    assert "drawn at random: 0; by none: 3." in none.stdout
    assert len(stand_in.asked) == 9


def test_a_model_on_this_machine_judges(files, tmp_path):
    from test_judge_local import write_model

    folder = write_model(tmp_path / "llama")
    done = invoke(files, "--judge", folder, "--verdicts", files / "v.jsonl")
    assert done.exit_code == 0, done.output
    found = read_verdicts(files / "v.jsonl")
    assert {one.judge for one in found.values()} == {str(folder)}
    assert found[1].tries == 3  # random weights say no letter


def test_what_cannot_be_is_refused_in_a_sentence(files):
    (files / "v.jsonl").write_text("{}\n")
    for arguments, words in (
        (["--judge", "http://localhost/v1"], "the judge's model needs a name"),
        (["--judge", "http://localhost/v1?key=a", "--judge-model", "m"], "must hold no name, password"),
        (["--judge", files / "nowhere"], "is neither a folder nor a repository"),
        (["--verdicts", files / "v.jsonl"], "v.jsonl, line 1, is no verdict"),
        (["--judge", "http://localhost/v1", "--judge-model", "m", "--fallback", "best"], "fallback must be one of"),
    ):
        done = invoke(files, *arguments)
        assert done.exit_code == 2, arguments
        assert words in " ".join(done.output.replace("│", " ").split()), done.output


def test_what_another_judge_said_is_not_mixed_in(stand_in, files):
    """The second judge misses at the first pass and is not asked about the second: the first one's word stays out."""
    invoke(files, "--judge", stand_in.address, "--judge-model", "first")
    stand_in.answers = [(200, {}, chat("A")), (200, {}, chat("A"))]
    done = invoke(files, "--judge", stand_in.address, "--judge-model", "second", "--report", files / "report.json")
    assert done.exit_code == 0, done.output
    report = json.loads((files / "report.json").read_text())
    assert report["judged"]["name"] == "second"
    assert (report["decided"]["judge"], report["judged"]["not_judged"]) == (2, 1)
