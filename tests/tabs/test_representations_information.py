"""The panel "Mutual information": settings, pictures before and after a race, and the program."""

import json
import math
import threading
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from pasted import drawn

from playground.i18n import refusal
from playground.representations.estimate import ESTIMATORS, Reading
from playground.representations.race import race
from playground.representations.samples import example
from playground.tabs.representations import information
from playground.tabs.representations.information import PANEL, Ran, Settings, program

GO = threading.Event()


def quick(monkeypatch, steps=8):
    """Races of a few steps, whatever the seconds."""
    made = race

    def short(*args, seconds, every, **options):
        assert seconds >= 2
        assert every > 0
        return made(*args, steps=steps, every=0, **options)

    monkeypatch.setattr(information, "race", short)


def test_every_control_and_part_is_laid_out():
    with gr.Blocks():
        w = SimpleNamespace()
        PANEL.lay_out(w)
    for name in (*Settings.names(), *PANEL.shown, *PANEL.jobs):
        assert (
            getattr(w, f"information_{name}").elem_id
            == f"representations-information-{name.replace('ratio_note', 'ratio-note')}"
        )


def test_links_keep_settings():
    settings = Settings(
        seed=3, source="csv", distribution="wiggly", information=4.5, dimension=3, columns_x="a, b", columns_y="c",
        ranked=False, estimators=("nwj", "smile"), batch=64, critic="concat", seconds=9,
    )  # fmt: skip
    query = dict(pair.split("=") for pair in settings.query().split("&"))
    assert query["estimators"] == "nwj%7Csmile"
    again, wrong = Settings.from_query(
        {key: value.replace("%7C", "|").replace("%2C+", ", ") for key, value in query.items()}
    )
    assert again == settings
    assert not wrong
    assert Settings(upload="/tmp/x.csv").query() == Settings().query()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": "air"}, "source must be one of known, csv"),
        ({"distribution": "x"}, "distribution must be one of gaussian"),
        ({"information": 11.0}, "information must lie between 0 and 10, not 11.0"),
        ({"dimension": 21}, "between 1 and 20, not 21"),
        ({"estimators": ("guess",)}, "estimators must be one of info_nce"),
        ({"batch": 8}, "between 16 and 512"),
        ({"critic": "x"}, "critic must be one of separable, concat"),
        ({"seconds": 60}, "between 2 and 20, not 60"),
    ],
)
def test_refused_settings(change, words):
    with pytest.raises(ValueError, match=words):
        Settings(**change)


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("source", ["known", "csv"])
def test_before_a_run_there_is_a_sample_and_what_needs_no_network(source, language):
    ((frame, kept),) = PANEL.show(Settings(source=source, information=0.8), None, GO, language)
    assert kept is None
    bars = frame["sample"].data[1]
    assert len(bars.x) == 3
    np.testing.assert_allclose(bars.x, 0.8, atol=0.15)
    assert frame["progress"] == ""
    assert len(frame["chart"].data) == 3, "three lines that are known"
    assert frame["table"]["rows"] == []


def test_a_wide_sample_has_no_histogram():
    ((frame, _),) = PANEL.show(Settings(dimension=6, information=0.0, distribution="additive"), None, GO, "en")
    assert len(frame["sample"].data[1].x) == 2


def test_a_race_ends_with_table_verdict_and_log_ratios(monkeypatch):
    quick(monkeypatch)
    settings = Settings(batch=32)
    frames = list(PANEL.jobs["run"](settings, None, GO, "en"))
    assert frames[0][0]["progress"]
    assert all(kept is None for _, kept in frames[:-1])
    last, kept = frames[-1]
    assert last["progress"] == ""
    assert [row["cells"][0] for row in last["table"]["rows"]] == ["InfoNCE", "NWJ", "JSD", "MINE", "SMILE"]
    assert last["verdict"].startswith("**The truth is 2.00 nats.**")
    assert last["ratios"]["visible"] is True
    assert "InfoNCE" in last["ratio_note"]
    assert set().union(*(frame for frame, _ in frames)) - {"progress"} == set(PANEL.shown)
    ((again, _),) = PANEL.show(settings, kept, GO, "zh-CN")
    assert again["verdict"].startswith("**真值是 2.00 奈特")
    ((other, _),) = PANEL.show(replace(settings, seed=1), kept, GO, "en")
    assert other["table"]["rows"] == []


def test_stop_keeps_what_was_read(monkeypatch):
    quick(monkeypatch, steps=1000)
    stop = threading.Event()
    frames = PANEL.jobs["run"](Settings(), None, stop, "en")
    next(frames)
    next(frames)
    stop.set()
    (frame, kept), *more = frames
    assert not more
    assert kept.race.lanes[0].step < 10
    assert "%" in frame["progress"]
    assert frame["table"]["rows"]


def test_a_table_of_ones_own(monkeypatch, tmp_path):
    quick(monkeypatch)
    path = tmp_path / "mine.csv"
    path.write_text(example(0.5, rows=300), encoding="utf-8")
    settings = Settings(source="csv", upload=str(path), batch=32, columns_x="weight", columns_y="length")
    (first, _), *_, (frame, kept) = PANEL.jobs["run"](settings, None, GO, "en")
    assert "truth" not in kept.known
    assert len(frame["table"]["columns"]) == 6, "no error without a truth"
    assert first["sample"].layout.xaxis.title.text == "weight"
    assert "Nobody knows the truth here" in frame["verdict"] or "No reading is steady" in frame["verdict"]
    with pytest.raises(ValueError, match="no column is called 'age'") as refused:
        list(PANEL.show(replace(settings, columns_x="age"), None, GO, "en"))
    assert "没有名为" in refusal("zh-CN", refused.value)
    with pytest.raises(ValueError, match="a batch of 512 is more than the 75 rows") as refused:
        list(PANEL.jobs["run"](replace(settings, batch=512), None, GO, "en"))
    assert "英文" not in refusal("zh-CN", refused.value)
    with pytest.raises(ValueError, match="choose at least one estimator"):
        list(PANEL.jobs["run"](replace(settings, estimators=()), None, GO, "en"))


def ran(**readings):
    """A race whose lanes read what is given."""
    *_, end = race(information.pairs("gaussian", 6.0), list(readings), steps=1, batch=128, hidden=4)
    lanes = [replace(lane, reading=Reading(*readings[lane.name], 100), ratio=None) for lane in end.lanes]
    return Ran(Settings(information=6.0), {"truth": 6.0, "ksg": 4.0}, replace(end, lanes=tuple(lanes)))


def test_every_reading_is_told_in_words():
    made = ran(
        info_nce=(4.7, 4.6, 4.8, False), nwj=(5.0, 4.0, 7.0, True), mine=(math.nan, math.nan, math.nan, True),
        smile=(6.4, 6.2, 6.6, False), jsd=(-5e9, -6e9, -4e9, True),
    )  # fmt: skip
    for language in ("en", "zh-CN"):
        ((frame, _),) = PANEL.show(made.settings, made, GO, language)
        cells = {row["cells"][0]: row["cells"] for row in frame["table"]["rows"]}
        told = json.dumps(cells) + frame["verdict"]
        assert "nan" not in told.lower()
    ((frame, _),) = PANEL.show(made.settings, made, GO, "en")
    cells = {row["cells"][0]: row["cells"] for row in frame["table"]["rows"]}
    assert cells["InfoNCE"][-3] == "at its ceiling"
    assert cells["NWJ"][-3] == "unstable"
    assert cells["MINE"][1] == cells["MINE"][-3] == "not finite"
    assert cells["JSD"][1] == "< −99"
    assert cells["SMILE"][3] == "+0.40"
    assert "SMILE with 6.40" in frame["verdict"]
    assert "log 128 = 4.85" in frame["verdict"]
    assert "SMILE reads more than the truth" in frame["verdict"]
    columns, rows, head = PANEL.record(made.settings, made)
    assert len(columns) == len(next(iter(rows)))
    assert head["readings"]["mine"]["state"] == "lost"
    none = ran(nwj=(5.0, 4.0, 7.0, True))
    ((frame, _),) = PANEL.show(none.settings, none, GO, "en")
    assert frame["verdict"].startswith("**No reading is steady.**")


@pytest.mark.parametrize("source", ["known", "csv"])
def test_the_program_runs_the_same_race(source, monkeypatch, tmp_path):
    settings = Settings(source=source, estimators=("info_nce", "smile"), batch=32, seed=2)
    lines = "\n".join(program(settings, "en")).replace("seconds=5, batch", "steps=20, batch")
    left = drawn(lines, tmp_path, monkeypatch)
    quick(monkeypatch, steps=20)
    *_, (_, kept) = PANEL.jobs["run"](settings, None, GO, "en")
    assert left["known"] == pytest.approx(dict(kept.known))
    for mine, theirs in zip(left["one"].lanes, kept.race.lanes, strict=True):
        assert mine.reading == theirs.reading
    assert (tmp_path / "log_ratios.html").exists() == (source == "known")
    assert set(ESTIMATORS) >= set(settings.estimators)
