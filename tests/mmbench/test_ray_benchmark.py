"""The engine of Ray answers what the local one does, in its order, whoever is killed, and tells what is wrong."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from ray_cluster import cluster  # noqa: F401  # a fixture
from typer.testing import CliRunner

from playground import cli
from playground.mmbench import read_tsv, write_tsv
from playground.mmbench.answerers import picture_of
from playground.mmbench.asking import ANSWERS
from playground.mmbench.mini import mini_benchmark
from playground.mmbench.ray_engine import RayEngine
from playground.mmbench.running import run

QUESTIONS = list(mini_benchmark(24, seed=9))  # asked as they stand: each pass is a job of Ray's of its own


def loading(grave=None):
    """A `load` that travels by value, as no worker knows this file. Its answers are of the picture and the options; the
    first process that sees question 13 is killed, and leaves a mark."""

    def load(_):
        def answer(questions):
            if grave and not Path(grave).exists() and any(one.index == 13 for one in questions):
                Path(grave).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            seen = [sum(picture_of(one).resize((1, 1)).getpixel((0, 0))) for one in questions]
            return [
                f"({one.answer})" if (light + len(one.options[0][1])) % 7 else "unclear"
                for light, one in zip(seen, questions, strict=True)
            ]

        return answer

    return load


def told(steps):
    return [(step.circular, [str(problem) for problem in step.problems]) for step in steps]


@pytest.mark.usefixtures("cluster")
def test_a_killed_worker_and_damaged_pictures_change_nothing(tmp_path):
    write_tsv(tmp_path / "mini.tsv", QUESTIONS)
    questions = list(read_tsv(tmp_path / "mini.tsv"))
    questions[3] = replace(questions[3], picture=None)
    questions[8] = replace(questions[8], picture=QUESTIONS[8].picture[:100])
    local = list(run(questions, loading()("cpu"), tmp_path / "local", name="m", batch=5, vanilla=True))
    assert 3 < local[-1].circular.passed < 22
    grave = tmp_path / "grave"
    engine = RayEngine(loading(str(grave)), workers=2)
    steps = run(questions, None, tmp_path / "ray", name="m", batch=5, vanilla=True, engine=engine)
    first = next(steps)
    steps.close()  # stopped, it goes on with what is kept
    assert first.fresh == 5
    again = list(run(questions, None, tmp_path / "ray", name="m", batch=5, vanilla=True, engine=engine))
    assert grave.exists()
    assert told(again) == told(local)
    assert again[-1].fresh == local[-1].fresh - 4  # of the five one has no picture that can be read
    kept = [sorted((tmp_path / name / ANSWERS).read_text("utf-8").splitlines()) for name in ("local", "ray")]
    assert kept[0] == kept[1]


@pytest.mark.usefixtures("cluster")
def test_the_command_writes_the_same(tmp_path):
    write_tsv(tmp_path / "mini.tsv", QUESTIONS[:9])
    for name, options in (("here", []), ("ray", ["--engine", "ray", "--workers", "1"])):
        command = [
            "mmbench",
            "run",
            str(tmp_path / "mini.tsv"),
            str(tmp_path / name / "p.jsonl"),
            "--model",
            "clip-world",
            "--vanilla",
        ]
        done = CliRunner().invoke(cli.app, [*command, *options])
        assert done.exit_code == 0, done.output
    for file in ("p.jsonl", f"answers/{ANSWERS}"):
        assert (tmp_path / "here" / file).read_bytes() == (tmp_path / "ray" / file).read_bytes()


@pytest.mark.usefixtures("cluster")
def test_what_a_worker_cannot_load_or_answer_is_told_here(tmp_path):
    def missing(device):
        raise FileNotFoundError(f"there is no model for {device}")

    def broken(_):
        def answer(_):
            raise ValueError("the model is broken")

        return answer

    for load, kind, words in ((missing, OSError, "there is no model for cpu"), (broken, ValueError, "model is broken")):
        with pytest.raises(kind, match=words):
            list(run(QUESTIONS[:2], None, tmp_path, name="m", engine=RayEngine(load, workers=1)))
