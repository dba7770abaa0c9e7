"""The panel of paths without a page: measured once, rounds and the distilled map kept, Stop, words, files, program."""

import json
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pasted import drawn

from playground import flows
from playground.manager import ModelManager
from playground.tabs.flows import downloads, paths, training
from playground.tabs.flows.settings import Settings

SETTINGS = Settings(flow="rectified", seconds=1, layers=4, seed=2)


@pytest.fixture(scope="module")
def manager():
    return ModelManager("cpu", budget=2**30)


@pytest.fixture(scope="module")
def run():
    *_, (_, done) = training.train(SETTINGS, threading.Event(), "en")
    return done


@pytest.fixture(scope="module")
def kept(manager, run):
    *_, (_, made) = paths.show(manager, run, None, 0, 4, "euler", "en")
    return made


def reflowed(kept, seconds=1.0):
    frames = list(paths.reflow(kept, seconds, 4, "euler", threading.Event(), "en"))
    return frames, frames[-1][1]


@pytest.fixture(scope="module")
def twice(kept):
    """All frames of one round, and what it left."""
    return reflowed(kept)


def test_it_is_measured_once(manager, run, kept):
    frames = list(paths.show(manager, run, kept, 0, 2, "euler", "en"))
    assert len(frames) == 1
    assert frames[0][1] is kept
    assert set(frames[0][0]) == set(paths.SHOWN)
    assert f"{kept.rounds[0].journey.straightness:.3f}" in frames[0][0]["paths_verdict"]
    assert f"{kept.rounds[0].journey.distances[2]:.3f}" in frames[0][0]["paths_note"]


def test_reflow_and_distil(kept, twice, monkeypatch):
    frames, made = twice
    monkeypatch.setattr(paths, "DISTIL_STEPS", 500)
    assert "progressbar" in frames[0][0]["paths_progress"]
    assert len(made.rounds) == 2
    last = frames[-1][0]
    assert len(last["paths_table"]["rows"]) == 2
    assert [choice[1] for choice in last["paths_round"]["choices"]] == [0, 1]
    assert last["paths_round"]["value"] == 1
    assert "KL went from" in last["paths_verdict"]
    assert last["paths_progress"] == ""
    *_, (frame, distilled) = paths.distil(made, 4, threading.Event(), "zh-CN")
    assert distilled.one_distance < kept.rounds[0].journey.distances[1]
    assert len(frame["paths_table"]["rows"]) == 3
    assert frame["paths_solver"]["value"] == paths.DISTILLED
    assert f"{distilled.one_distance:.3f}" in frame["paths_note"]
    program = distilled.python(1, 4, paths.DISTILLED)
    assert f"flows.distil(one, rounds[-1].flow, steps={paths.DISTIL_STEPS}" in program
    assert "few = flows.hurry(one, density" in program
    more = paths.sampled(distilled, 0, 50, "rk4", "en")
    assert "Calls: 48." in more["paths_note"]


def test_stop(kept):
    stop = threading.Event()
    frames = paths.reflow(kept, 60, 4, "euler", stop, "en")
    next(frames)
    stop.set()
    *_, (_, made) = frames
    assert len(made.rounds) == 2, "what was learned is kept"
    frames = paths.distil(kept, 4, stop, "en")
    assert list(frames)[-1][1] is None, "half of a map is none"


def test_a_shipped_flow_may_be_sent_away_by_the_manager(manager):
    _, example = training.example(manager, Settings(flow="rectified", layers=8), "en")
    *_, (_, made) = paths.show(manager, example, None, 0, 4, "euler", "en")
    manager.evict()
    assert "Calls: 1." in paths.sampled(made, 0, 1, "euler", "en")["paths_note"]
    assert len(reflowed(made, 0.3)[1].rounds) == 2


def test_another_flow_has_no_paths(manager, run):
    frames = list(paths.show(manager, replace(run, settings=Settings(flow="glow")), None, 0, 4, "euler", "en"))
    assert "Glow does not learn by matching" in frames[-1][0]["paths_verdict"]
    assert frames[-1][0]["paths_film"] is None
    assert list(paths.show(manager, None, None, 0, 4, "euler", "en"))[-1][1] is None


def test_program_makes_the_rounds_again(twice, tmp_path, monkeypatch):
    _, made = twice
    left = drawn(made.python(1, 2, "midpoint"), tmp_path, monkeypatch)
    flow, again = made.rounds[-1].flow, left["rounds"][-1].flow
    assert all(torch.equal(p, q) for p, q in zip(flow.parameters(), again.parameters(), strict=True))
    assert len(left["rounds"]) == 2
    again = paths.sampled(made, 1, 2, "midpoint", "en")
    assert f"{left['few'].distance:.3f}" in again["paths_note"]


def test_before_a_round_the_program_shows_how(kept):
    program = kept.python(0, 4, "euler")
    assert "for _ in range(0):  # rounds of reflow" in program
    assert "seconds=1" in program


def test_files(twice, tmp_path):
    _, made = twice
    record = json.loads(Path(downloads.write_paths(made, tmp_path)).read_text(encoding="utf-8"))
    assert [one["round"] for one in record["rounds"]] == [0, 1]
    assert record["rounds"][1]["straightness"] == made.rounds[1].journey.straightness
    assert len(record["rounds"][0]["paths"][0]) == 200
    with zipfile.ZipFile(downloads.write_reflowed(made, tmp_path)) as archive:
        archive.extractall(tmp_path)
    again = flows.load(tmp_path / "moons-rectified-round-1")
    x = torch.zeros(3, 2)
    with torch.no_grad():
        torch.testing.assert_close(again.velocity(x, 0.5), made.rounds[1].flow.velocity(x, 0.5))
    assert again.config["rounds"] == 1


def test_a_source_of_ones_own():
    settings = Settings(flow="ot_cfm", begin="moons", density="letters", seconds=1)
    assert settings.options == {"layers": 4, "source": "moons"}
    assert "begin=moons" in settings.query()
    assert Settings.from_query({"flow": "ot_cfm", "begin": "moons"})[0].begin == "moons"
    assert Settings.from_query({"begin": "mars"})[1] == [("begin", "mars")]
    assert "begin" not in replace(settings, flow="maf").query(), "no part of what is seen"
    *_, (_, run) = training.train(settings, threading.Event(), "en")
    assert run.model.source.name == "moons"
    assert "source='moons'" in run.python("train")
