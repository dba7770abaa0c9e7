"""The Python panel: pasted into a file, its program makes the very weights of the picture beside it."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from pasted import drawn
from PIL import Image
from sketches import drawing

from playground import flows
from playground.manager import ModelManager
from playground.tabs.flows import training
from playground.tabs.flows.program import race_program, train_program
from playground.tabs.flows.settings import Settings, pack

ROOT = Path(__file__).parents[2]


def tab_run(settings, *, frames=None):
    """What the tab keeps of a training; stopped after so many frames."""
    stop = threading.Event()
    for i, (_, done) in enumerate(training.train(settings, stop, "en")):
        run = done
        if i == frames:
            stop.set()
    return run


def check(settings, folder, monkeypatch, **options):
    run = tab_run(settings, **options)
    left = drawn(run.python("train"), folder, monkeypatch)
    np.testing.assert_array_equal(left["panels"]["learned"], run.lane.log_p)
    np.testing.assert_array_equal(left["panels"]["density"], run.truth.log_p)
    inside = np.isfinite(left["samples"]).all(axis=1) if len(run.lane.points) else slice(0, 0)
    np.testing.assert_array_equal(left["samples"][inside], run.lane.points)
    return run


@pytest.mark.parametrize("density", flows.DENSITIES)
def test_every_density(density, tmp_path, monkeypatch):
    check(Settings(density=density, layers=2, seconds=1), tmp_path, monkeypatch)


@pytest.mark.parametrize("flow", flows.FLOWS)
def test_every_flow(flow, tmp_path, monkeypatch):
    run = check(Settings(flow=flow, layers=2, seconds=1, seed=3), tmp_path, monkeypatch)
    assert 10 < len(run.lane.pace) <= 100  # on a slow machine one step takes several stages


def test_a_stopped_run(tmp_path, monkeypatch):
    run = check(Settings(seconds=60, seed=1), tmp_path, monkeypatch, frames=4)
    assert 0 < run.lane.progress < 0.5
    assert len(run.lane.pace) < 50


def test_a_flow_that_folds(tmp_path, monkeypatch):
    """It has no inverse, so its program draws no samples."""
    run = tab_run(Settings(flow="planar", layers=4, seconds=1, seed=5, constrained=False))
    left = drawn(run.python("train"), tmp_path, monkeypatch)
    np.testing.assert_array_equal(left["panels"]["learned"], run.lane.log_p)
    assert "samples" not in left


def test_another_python_makes_the_same(tmp_path):
    """One whole program, pasted into a file and run by a Python that may use every core."""
    run = tab_run(Settings(source="draw", drawing=pack(drawing()), flow="spline", layers=2, seconds=1, seed=5))
    program = run.python("train") + "np.save('learned.npy', panels['learned'])\n"
    (tmp_path / "pasted.py").write_text(program, encoding="utf-8")
    environ = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    environ["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(
        [sys.executable, "pasted.py"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.load(tmp_path / "learned.npy"), run.lane.log_p, atol=1e-3)


@pytest.mark.parametrize("panel", ["layers", "microscope"])
def test_closer_looks(panel, tmp_path, monkeypatch):
    run = tab_run(Settings(layers=2, seconds=1))
    left = drawn(run.python(panel), tmp_path, monkeypatch)
    assert torch.equal(*(torch.cat([p.flatten() for p in flow.parameters()]) for flow in (left["flow"], run.model)))


def test_a_race(tmp_path, monkeypatch):
    names = ["spline", "planar"]
    *_, (_, _, race) = training.race(Settings(seconds=1, seed=2), names, threading.Event(), "en")
    left = drawn(race.python(), tmp_path, monkeypatch)
    assert list(left["panels"]) == ["density", *names]
    assert left["step"].step == race.lanes[-1].step
    np.testing.assert_array_equal(flows.log_prob_grid(left["flow"], n=120), race.lanes[-1].log_p)


@pytest.mark.parametrize("name", ["points.csv", "cat.png"])
def test_an_upload(name, tmp_path, monkeypatch):
    file = tmp_path / name
    if name.endswith("csv"):
        x = np.random.default_rng(0).normal(size=(50, 2))
        file.write_text("x,y\n" + "\n".join(f"{a:.4f},{b:.4f}" for a, b in x))
    else:
        Image.fromarray((255 * (1 - drawing())).astype(np.uint8)).save(file)
    check(Settings(source="upload", upload=str(file), layers=2, seconds=1), tmp_path, monkeypatch)


def test_a_flow_without_its_constraint_has_no_example():
    """Every shipped flow keeps the constraint: it would be another flow than the one that is set."""
    manager = ModelManager("cpu", budget=2**30)
    assert training.example(manager, Settings(flow="planar", constrained=False), "en")[1] is None
    assert training.example(manager, Settings(flow="planar"), "en")[1] is not None


def test_example_is_given_by_its_steps():
    manager = ModelManager("cpu", budget=2**30)
    _, run = training.example(manager, Settings(), "en")
    assert "steps=2000, seed=0" in run.python("train")


def test_before_a_run_the_program_trains_for_the_seconds_set():
    assert "seconds=7, seed=3" in train_program(Settings(seconds=7, seed=3))
    assert "layers=2" in train_program(Settings(layers=2))
    program = race_program(Settings(seconds=7), ["glow", "maf"])
    assert "racers = ['glow', 'maf']" in program
    assert "seconds=7" in program


def test_code_in_a_link_never_reaches_the_program():
    """base64 ignores what follows its padding; the program must not."""
    evil = pack(drawing()).rstrip("=") + '=="); __import__("os").system("echo"); x=("'
    settings, _ = Settings.from_query({"source": "draw", "drawing": evil})
    assert "system" not in train_program(settings)
