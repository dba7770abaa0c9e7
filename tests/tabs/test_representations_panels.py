"""The Representations tab without a browser: every panel's link, controls, program and files; two panels' jobs."""

import json
import threading
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from playground import representations
from playground.tabs.panels import write
from playground.tabs.representations import PANELS, few_labels, infomax
from playground.tabs.representations.panel import PanelSettings

STILL = threading.Event()


@pytest.fixture(scope="module")
def learned():
    return list(infomax.train(infomax.Settings(seconds=1), None, threading.Event(), "en"))


@pytest.fixture(scope="module")
def compared():
    settings = few_labels.Settings(methods=("vicreg",), seconds=1, draws=2, ways=("probe",))
    return settings, list(few_labels.run(settings, None, threading.Event(), "en"))


@pytest.mark.parametrize("name", PANELS)
def test_every_setting_is_a_control_and_comes_back_from_a_link(name):
    panel = PANELS[name]
    with gr.Blocks():
        w = SimpleNamespace()
        panel.lay_out(w)
    for part in (*panel.settings.names(), *panel.shown, *panel.jobs):
        assert hasattr(w, f"{name}_{part}"), part
    usual = panel.settings()
    assert usual.query() == f"tab=representations&panel={name}"
    asked = {"seed": "7", "panel": name}
    settings, wrong = panel.settings.from_query(asked)
    assert settings.seed == 7
    assert not wrong
    assert panel.settings.of([getattr(settings, one) for one in panel.settings.names()]) == settings
    settings, wrong = panel.settings.from_query({"seed": "-1"})
    assert settings == usual
    assert wrong == [("seed", "-1")]
    assert {field.type for field in fields(panel.settings)} <= {"int", "float", "bool", "str", "tuple[str, ...]"} | {
        int, float, bool, str, tuple[str, ...],
    }  # fmt: skip


@pytest.mark.parametrize("name", PANELS)
def test_every_panel_opens_with_something_to_see_in_both_languages(name):
    panel = PANELS[name]
    for language in ("en", "zh-CN"):
        frames = list(panel.show(panel.settings(), None, threading.Event(), language))
        assert set(frames[-1][0]) <= {*panel.shown, "progress"}
        assert frames[-1][0]["progress"] == ""
        assert any(hasattr(value, "to_json") for value in frames[-1][0].values()), "a figure"


def test_a_link_keeps_several_choices_and_no_file():
    settings = few_labels.Settings(methods=("moco", "byol"), ways=("probe",), changes=(), seconds=3)
    asked = dict(part.split("=") for part in settings.query().replace("%7C", "|").split("&"))
    assert few_labels.Settings.from_query(asked) == (settings, [])
    kept = PANELS["information"].settings(upload="/tmp/secret.csv", source="csv")
    assert "secret" not in kept.query()


def test_a_text_that_is_long_is_in_no_link():
    long = PANELS["language"].settings(text="word " * 2000)
    assert len(long.query()) < 2000


def test_infomax_learns_with_progress_and_its_result_is_shown_again(learned):
    assert "Starting" in learned[0][0]["progress"]
    assert any("Training: step" in frame["progress"] for frame, _ in learned[1:-1])
    last, kept = learned[-1]
    assert last["progress"] == ""
    assert len(last["table"]["rows"]) == 2
    assert "With one label a class" in last["verdict"]
    ((again, nothing),) = infomax.show(kept.settings, kept, threading.Event(), "en")
    assert nothing is None
    assert again["verdict"] == last["verdict"]
    ((other, _),) = infomax.show(infomax.Settings(seed=3), kept, threading.Event(), "en")
    assert "Not trained yet" in other["verdict"]


def test_infomax_stops_and_keeps_what_it_has():
    stop = threading.Event()
    running = infomax.train(infomax.Settings(seconds=60), None, stop, "zh-CN")
    next(running), next(running)
    stop.set()
    *_, (frame, kept) = running
    assert "已停止" in frame["progress"]
    assert kept.last.step < 5000


def test_the_one_view_form_is_worse_than_random_weights_and_the_panel_says_why():
    first, *_, last = representations.watch_infomax(representations.Recipe("dim_one_view"), steps=60, batch=64)
    kept = infomax.Learned(infomax.Settings(views="one"), first, last)
    ((frame, _),) = infomax.show(kept.settings, kept, threading.Event(), "en")
    assert "worse than random weights" in frame["verdict"]


def test_few_labels_draws_its_chart_as_it_goes(compared):
    settings, frames = compared
    last, kept = frames[-1]
    assert last["progress"] == ""
    assert len(last["table"]["rows"]) == 3
    assert "is best" in last["verdict"]
    assert any("Learning without labels: VICReg" in frame.get("progress", "") for frame, _ in frames)
    ((again, _),) = few_labels.show(settings, kept, threading.Event(), "en")
    assert again["verdict"] == last["verdict"]


def test_few_labels_stops():
    stop = threading.Event()
    running = few_labels.run(few_labels.Settings(seconds=60), None, stop, "en")
    next(running)
    stop.set()
    *_, (frame, kept) = running
    assert "Stopped" in frame["progress"]
    assert kept.experiment.stage in ("grade", "pretrain")


def test_what_cannot_be_is_refused_with_its_limit():
    for kind, wrong, words in (
        (infomax, {"seconds": 0}, "seconds must lie between 1 and 60"),
        (infomax, {"objective": "magic"}, "objective must be one of"),
        (few_labels, {"ways": ()}, "choose a linear probe, fine-tuning or both"),
        (few_labels, {"methods": ("magic",)}, "method must be one of"),
        (few_labels, {"draws": 1}, "draws must be a whole number between 2 and 10"),
    ):
        with pytest.raises(ValueError, match=words):
            kind.Settings(**wrong)
    with pytest.raises(ValueError, match="the local or the global part"):
        list(infomax.show(infomax.Settings(local=0), None, threading.Event(), "en"))
    with pytest.raises(ValueError, match="not in the browser"):
        list(few_labels.run(few_labels.Settings(data="world"), None, threading.Event(), "en"))


def test_files(learned, compared, tmp_path):
    settings, frames = compared
    path = Path(write("csv", few_labels.PANEL, settings, frames[-1][1], tmp_path))
    lines = path.read_text("utf-8").splitlines()
    assert lines[0] == "method,way,labels_a_class,draw,accuracy"
    assert len(lines) == 1 + 3 * 5 * 2
    kept = learned[-1][1]
    path = Path(write("json", infomax.PANEL, kept.settings, kept, tmp_path))
    record = json.loads(path.read_text("utf-8"))
    assert record["link"] == kept.settings.query()
    assert len(record["rows"]) == kept.last.step
    assert record["after"]["one_label"] == kept.last.merit.one_label


@pytest.mark.parametrize(
    ("panel", "settings"),
    [
        (infomax, infomax.Settings(seconds=1, objective="jsd", prior=0.1, whole=1.0)),
        (
            few_labels,
            few_labels.Settings(methods=("margin",), seconds=1, draws=2, ways=("probe",), changes=("rotate",)),
        ),
        (few_labels, few_labels.Settings(data="world")),
    ],
)
def test_programs_run(panel, settings, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile("\n".join(panel.program(settings, "en")), "program", "exec"), {})
    told = capsys.readouterr().out
    if isinstance(settings, few_labels.Settings):
        assert "random fine_tune 1 0." in told if settings.data == "world" else "margin probe 50 0." in told
    else:
        assert told.startswith("0 0.")
    assert getattr(settings, "data", "") == "world" or (tmp_path / "picture.html").stat().st_size > 1000


def test_the_worlds_record_is_saved_and_a_live_one_comes_back_after_it(compared, tmp_path):
    settings, frames = compared
    kept = frames[-1][1]
    world = few_labels.Settings(data="world", ways=("probe",))
    ((_, result),) = few_labels.show(world, kept, threading.Event(), "en")
    record = json.loads(Path(write("json", few_labels.PANEL, world, result, tmp_path)).read_text("utf-8"))
    assert record["command"] == representations.world_record().command
    assert {row[1] for row in record["rows"]} == {"probe"}
    ((_, again),) = few_labels.show(settings, result, threading.Event(), "en")
    record = json.loads(Path(write("json", few_labels.PANEL, settings, again, tmp_path)).read_text("utf-8"))
    assert "vicreg" in record["losses"]


def test_fields_of_a_kind_that_no_control_gives_are_refused():
    class Odd(PanelSettings):
        PANEL = "odd"

    with pytest.raises(ValueError, match="seed must be a whole number"):
        Odd.of(["seven"])
    assert representations.METHODS.keys() == {
        "nt_xent", "margin", "moco", "byol", "vicreg", "denoising", "dim", "dim_one_view",
    }  # fmt: skip
