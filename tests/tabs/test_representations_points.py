"""The panel "Contrastive": every control draws at once, and the program walks the same way."""

import threading
import time
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from pasted import drawn

from playground.i18n import refusal
from playground.tabs.representations.points import PANEL, Settings, program

GO = threading.Event()


def shown(settings, kept=None, language="en"):
    ((frame, walked),) = PANEL.show(settings, kept, GO, language)
    return frame, walked


def test_every_control_and_part_is_laid_out():
    with gr.Blocks():
        w = SimpleNamespace()
        PANEL.lay_out(w)
    for name in (*Settings.names(), *PANEL.shown):
        assert getattr(w, f"points_{name}").elem_id == f"representations-points-{name}"


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("loss", ["margin", "nt_xent"])
def test_a_film_a_table_and_words(loss, language):
    frame, walked = shown(Settings(loss=loss), language=language)
    assert set(frame) == {*PANEL.shown, "progress"}
    assert frame["progress"] == ""
    assert len(frame["film"].frames) == 31
    np.testing.assert_array_equal(frame["film"].frames[-1].data[3].x, walked.runs[loss][-1].at[:, 0])
    assert len(walked.runs["margin"]) == len(walked.runs["nt_xent"]) == 61
    assert [row["best"] for row in frame["table"]["rows"]] == [loss == "margin", loss == "nt_xent"]
    assert not any("nan" in cell for row in frame["table"]["rows"] for cell in row["cells"])
    _, same = shown(Settings(loss=loss), walked)
    assert same is walked


def test_numbers_of_the_verdict_are_those_of_the_run():
    frame, walked = shown(Settings())
    last = walked.runs["margin"][-1]
    assert f"{last.similar:.2f} apart" in frame["verdict"]
    assert f"{last.active:.0f} at the end" in frame["verdict"]
    frame, walked = shown(Settings(loss="nt_xent", pairs=6, classes=3))
    assert "has 2 negatives of its own class" in frame["verdict"]
    assert f"{walked.runs['nt_xent'][0].active:.1f} of the 10 negatives" in frame["verdict"]


def test_one_class_collapses():
    frame, walked = shown(Settings(classes=1, rate=0.5))
    assert "collapse" in frame["verdict"]
    assert walked.runs["margin"][-1].loss < 1e-6
    assert "–" in frame["table"]["rows"][0]["cells"], "there is no different pair to measure"
    assert np.ptp(walked.runs["nt_xent"][-1].at, axis=0).min() > 1


def test_it_is_quick():
    shown(Settings())
    begun = time.perf_counter()
    shown(Settings(pairs=12, seed=1))
    assert time.perf_counter() - begun < 3, "well below a second, but machines are shared"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"loss": "x"}, "loss must be one of margin, nt_xent"),
        ({"margin": 2.5}, "margin must lie between 0.1 and 2"),
        ({"temperature": 0.01}, "temperature must lie between 0.05 and 1"),
        ({"rate": 1.0}, "rate must lie between 0.01 and 0.5"),
        ({"pairs": 20}, "pairs must be a whole number between 3 and 12"),
        ({"classes": 7}, "classes must be a whole number between 1 and 6"),
        ({"classes": 5, "pairs": 4}, "5 classes are more than the 4 pairs"),
    ],
)
def test_refused_settings(change, words):
    with pytest.raises(ValueError, match=words) as refused:
        Settings(**change)
    assert "英文" not in refusal("zh-CN", refused.value)


def test_links_keep_settings():
    settings = Settings(loss="nt_xent", temperature=0.1, pairs=5, classes=2, seed=9)
    query = dict(pair.split("=") for pair in settings.query().split("&"))
    assert Settings.from_query(query) == (settings, [])


def test_the_record_has_every_step():
    settings = Settings()
    columns, rows, head = PANEL.record(settings, shown(settings)[1])
    rows = list(rows)
    assert len(rows) == 122
    assert {len(row) for row in rows} == {len(columns)}
    assert len(head["ends"]["nt_xent"]) == 16


def test_the_program_walks_the_same_way(tmp_path, monkeypatch):
    settings = Settings(loss="nt_xent", temperature=0.2, pairs=4, classes=2, seed=5)
    left = drawn("\n".join(program(settings, "en")), tmp_path, monkeypatch)
    _, walked = shown(settings)
    for loss, steps in walked.runs.items():
        np.testing.assert_array_equal(left["runs"][loss][-1].at, steps[-1].at)
    assert (tmp_path / "courses.html").exists()
