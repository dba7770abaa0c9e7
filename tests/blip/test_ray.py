"""The engine of Ray writes what the local one does, whoever is killed, and tells what is wrong as that does."""

import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ray_cluster import cluster  # noqa: F401  # a fixture
from small_blip import small_blip
from small_sets import lay_set
from typer.testing import CliRunner

from playground import blip, cli, ray_parts
from playground.blip.clean import clean
from playground.blip.ray_engine import RayEngine
from playground.blip.sets import open_set

COUNT, PART = 24, 2
OPTIONS = {"limits": blip.Limits(12, 6), "part": PART, "candidates": 2}
DRIVER = """
import sys
sys.path[:0] = {path!r}
from test_ray import RayEngine, loading, open_set, run
load = loading({model!r}, rest=0.2)
for step in run(open_set({source!r}), {out!r}, load, RayEngine(load, workers=1, address={address!r})):
    print(step.done, flush=True)
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    one = small_blip(folder, "caption", "match", std=0.3)
    blip.save(one, folder)
    (folder / "pickle").write_bytes(pickle.dumps(one))
    return str(folder)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    texts = ["a red cube"] * (COUNT - 2) + ["last", "a red cube"]
    rows = [{"image": f"{i}.png", "text": text, "uid": f"uid{i}"} for i, text in enumerate(texts)]
    return lay_set(tmp_path_factory.mktemp("set"), rows, damaged=7)


def loading(model, rest=0.0, grave=None):
    """A `load` that travels by value, as no worker knows this file; its scorer takes its time, and the first process
    that sees the last texts is killed, and leaves a mark."""

    def load(_):
        def scorer(_, texts):
            time.sleep(rest)
            if grave and "last" in texts and not Path(grave).exists():
                Path(grave).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return np.array([len(text) for text in texts]) / 100

        one = pickle.loads(Path(model, "pickle").read_bytes())  # sooner than blip.load, in each process
        return one, one, scorer

    return load


def run(pairs, out, load, engine=None):
    captioner, judge, scorer = load("cpu")
    return clean(pairs, out, captioner, judge, scorer=scorer, engine=engine, **OPTIONS)


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(Path(folder).glob("part-*.jsonl"))}


def test_a_killed_driver_a_killed_worker_and_a_fault_in_the_set_change_nothing(cluster, source, model, tmp_path):  # noqa: F811
    pairs, load, out = open_set(source), loading(model), tmp_path / "out"
    list(run(pairs, tmp_path / "whole", load))
    local = run(pairs, out, load)
    next(local), next(local)
    local.close()
    script = DRIVER.format(path=sys.path, model=model, address=cluster, source=str(source), out=str(out))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as driver:
        done = [int(driver.stdout.readline()) for _ in range(3)]
        driver.send_signal(signal.SIGKILL)
    assert done == [PART, 2 * PART, 3 * PART]  # it went on where the local engine was
    written = {path: path.stat().st_mtime_ns for path in out.glob("part-*.jsonl")}
    assert 3 <= len(written) < len(contents(tmp_path / "whole"))

    def damaged():
        yield from pairs
        raise ValueError("the next shard is damaged")

    grave, told = tmp_path / "grave", []
    engine = RayEngine(loading(model, grave=str(grave)), workers=2)
    with pytest.raises(ValueError, match="the next shard is damaged"):
        told.extend(run(replace(pairs, pairs=damaged), out, load, engine))
    assert grave.exists()
    assert told[0].done == PART * len(written)
    assert told[-1].fresh == COUNT - told[0].done
    assert {path: path.stat().st_mtime_ns for path in written} == written
    assert contents(out) == contents(tmp_path / "whole")
    assert [step.done for step in run(pairs, out, load, lambda *_: pytest.fail("it is done"))] == [COUNT]


@pytest.mark.usefixtures("cluster")
def test_the_command(source, model, tmp_path):
    command = ["--captioner", model, "--candidates", "2", "--output", "kept.csv"]
    for name, options in (("here", []), ("ray", ["--engine", "ray", "--workers", "1"])):
        done = CliRunner().invoke(cli.app, ["capfilt", str(source), str(tmp_path / name), *command, *options])
        assert done.exit_code == 0, done.output
    for path in (tmp_path / "here").iterdir():
        assert path.read_bytes() == (tmp_path / "ray" / path.name).read_bytes(), path


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--address", "auto"], "--address, --workers, --cpus and --gpus need --engine ray"),
        (["--workers", "2"], "need --engine ray"),
        (["--engine", "ray", "--workers", "0"], "workers must be at least 1, not 0"),
        (["--engine", "ray", "--cpus", "0"], "cpus must be above 0, not 0"),
        (["--engine", "ray", "--gpus", "-1"], "gpus must be at least 0, not -1"),
        (["--engine", "ray", "--address", "ray://head:10001"], "address must be auto or host:port of a cluster's head"),
        (["--engine", "ray"], "uv sync --extra ray"),
    ],
)
def test_refusals(options, words, source, model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)  # as where it is not installed
    command = ["capfilt", str(source), str(tmp_path / "out"), "--captioner", model]
    done = CliRunner().invoke(cli.app, [*command, *options])
    assert done.exit_code == 2
    assert words in " ".join(done.output.replace("│", " ").split())  # in a box of lines


def test_a_cluster_that_is_not_there_is_told_at_once(model):
    pytest.importorskip("ray")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(OSError, match=f"no cluster answers at {address}"):
            RayEngine(loading(model), address=address).pool.begin(ray_parts.ray_library())


def test_what_a_worker_cannot_load_is_told():
    def load(device):
        raise FileNotFoundError(f"there is no model for {device}")

    worker = ray_parts._Worker(load, "cuda", 1)
    told = ray_parts._unpacked(worker(ray_parts._table(3, [])))
    assert isinstance(told, FileNotFoundError)
    assert str(told) == "there is no model for cuda"
