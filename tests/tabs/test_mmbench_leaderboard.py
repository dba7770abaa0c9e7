"""The panel "Leaderboard": shipped and kept runs beside each other, the pair, its questions, and who sees whose."""

import json
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from playground import mmbench
from playground.mmbench.record import mini_record
from playground.mmbench.runs import Runs
from playground.tabs.mmbench import kept
from playground.tabs.mmbench.leaderboard import PANEL, Settings
from playground.tabs.panels import write


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A folder of runs of one's own, and an app that nobody else reaches."""
    monkeypatch.setenv("PLAYGROUND_HOME", str(tmp_path))
    for name in ("SPACE_ID", "GRADIO_SERVER_NAME", "GRADIO_SHARE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def questions(count=12, text="What is it"):
    options = (("A", "cat"), ("B", "dog"), ("C", "car"))
    return [
        mmbench.Question(i, f"{text} {i}?", options, "ABC"[i % 3], category="ocr", l2_category=mmbench.l2_of("ocr"))
        for i in range(count)
    ]


def keep(right, name="mine", asked=None, session=""):
    """A run that answers the first `right` questions rightly, and A to the others."""
    asked = asked or questions()
    rows = list(mmbench.circular(asked))
    said = {one.index: one.answer if mmbench.group_of(one.index) < right else "A" for one in rows}
    report = mmbench.score(said, rows)
    return kept.store(session).keep(name, "a set", asked, said, report)


def last(settings, language="en"):
    """All that the frames of a look set, the newest of each part."""
    found, result = {}, None
    for frame, made in PANEL.show(settings, None, threading.Event(), language):
        found |= frame
        result = made or result
    return found, result


def test_controls_and_link():
    with gr.Blocks():
        w = SimpleNamespace()
        PANEL.lay_out(w)
    for part in (*Settings.names(), *PANEL.shown, *PANEL.jobs, *PANEL.fills):
        assert hasattr(w, f"leaderboard_{part}"), part
    asked = {"published": "True", "side": "both", "drawn": "shipped/chance", "session": "stolen"}
    settings, wrong = Settings.from_query(asked)
    assert not wrong
    assert settings == Settings(published=True, side="both", drawn=("shipped/chance",))
    assert Settings.of([getattr(settings, one) for one in Settings.names()], "me").session == "me"


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_what_ships_is_there_before_anything_is_run(language):
    found, result = last(Settings(), language)
    record = mini_record()
    assert len(found["board"]["rows"]) == len(record.models)
    best = max(record.models, key=lambda name: record.report(name).overall.circular.value)
    assert found["board"]["rows"][0]["cells"][0] == best
    assert set(found) <= {*PANEL.shown, "progress"}
    assert found["progress"] == ""
    assert result.comparison.n == record.count
    assert "pg-q" in found["cards"]
    assert found["cards"].count("<article") == 2
    only = mmbench.compare(record.report("clip-world"), record.report("blip-world-answers")).only_a
    assert [int(row["id"]) for row in found["listed"]["rows"]] == list(only[: len(found["listed"]["rows"])])


def test_two_kept_runs_are_compared_question_by_question():
    a, b = keep(4, "weak"), keep(9, "strong")
    found, result = last(Settings(first=a.id, second=b.id, side="only_b"))
    assert result.comparison.difference.value == pytest.approx(5 / 12)
    assert [row["id"] for row in found["listed"]["rows"]] == ["4", "5", "6", "7", "8"]
    assert "+41.7" in found["verdict"]
    assert "weak" in found["cards"]
    assert "strong" in found["cards"]
    assert [row["cells"][0] for row in found["board"]["rows"] if row["best"]] == ["strong", "weak"]
    both, _ = last(Settings(first=a.id, second=b.id, side="both"))
    assert [row["id"] for row in both["listed"]["rows"]] == ["0", "1", "2", "3"]


def test_two_runs_that_share_no_question_leave_no_other_pair_in_their_place():
    a, b = keep(4), keep(9, asked=questions(12, "Another"))
    found, result = last(Settings(first=a.id, second=b.id))
    assert "share no question" in found["verdict"]
    assert found["cards"] == ""
    assert not found["listed"]["rows"]
    assert found["splits"]["visible"] == found["difference"]["visible"] == "hidden"
    assert result.comparison is None


def test_a_name_in_the_verdict_is_no_markdown():
    a = keep(4, "![x](https://evil.example/x.png)")
    found, _ = last(Settings(first=a.id, second=keep(9, "<b>").id))
    assert "![x](" not in found["verdict"]
    assert "<b>" not in found["verdict"].replace("\\<b", "")


def test_the_program_compares_no_run_that_is_gone():
    assert "compare(" not in "\n".join(PANEL.program(Settings(first="gone"), "en"))
    assert "compare(" in "\n".join(PANEL.program(Settings(), "en"))


def test_runs_of_one_name_are_told_apart_and_other_questions_are_left_out():
    a, b = keep(4), keep(9, asked=[*questions(6), *questions(12, "Another")[6:]])
    found, result = last(Settings(first=a.id, second=b.id))
    assert {row["cells"][0] for row in found["board"]["rows"]} >= {"mine", "mine (2)"}
    assert result.comparison.n == 6
    assert "6 questions have the same number in both" in found["verdict"]
    assert (result.comparison.name_a, result.comparison.name_b) == ("mine", "mine (2)")


def test_a_kept_run_beside_a_shipped_one_on_the_questions_of_both():
    record = mini_record()
    asked = list(record.questions()[:20])
    rows = list(mmbench.circular(asked))
    said = {one.index: one.answer for one in rows}
    run = Runs().keep("perfect", "the first 20", asked, said, mmbench.score(said, rows))
    found, result = last(Settings(second=run.id, side="only_b"))
    hits = {one.index: one.hit for one in record.report("clip-world").groups}
    assert result.comparison.only_b == tuple(i for i in range(20) if not hits[i])
    assert result.comparison.n == 20
    assert "data:image" in found["cards"]


def test_the_same_run_twice_is_no_pair():
    found, result = last(Settings(first="shipped/chance", second="shipped/chance"))
    assert "two different runs" in found["verdict"]
    assert result.comparison is None
    found, _ = last(Settings(first="gone"))
    assert "two different runs" in found["verdict"]


def test_renaming_and_deleting_and_what_is_refused():
    run = keep(4)
    list(PANEL.jobs["rename"](Settings(own=run.id, name="better"), None, threading.Event(), "en"))
    assert [one.name for one in Runs().list().runs] == ["better"]
    with pytest.raises(ValueError, match="characters that can be printed"):
        list(PANEL.jobs["rename"](Settings(own=run.id, name=""), None, threading.Event(), "en"))
    list(PANEL.jobs["forget"](Settings(own=run.id), None, threading.Event(), "en"))
    assert not Runs().list().runs
    with pytest.raises(ValueError, match="choose a run of your own"):
        list(PANEL.jobs["forget"](Settings(), None, threading.Event(), "en"))
    with pytest.raises(ValueError, match="no id of a run"):
        list(PANEL.jobs["forget"](Settings(own="../../etc"), None, threading.Event(), "en"))
    for wrong, said in (({"side": "x"}, "side must be one of"), ({"drawn": tuple("abcdefg")}, "at most 6 runs"),
                        ({"name": "x" * 121}, "at most 120 characters")):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            Settings(**wrong)


def test_where_the_app_is_hosted_a_visitor_sees_no_other_ones_runs(monkeypatch, tmp_path):
    monkeypatch.setenv("SPACE_ID", "people/app")
    monkeypatch.setattr(kept.tempfile, "gettempdir", lambda: str(tmp_path))
    keep(4, "secret", session="ann")
    assert [one.name for one in kept.entries("ann")[0] if not one.shipped] == ["secret"]
    assert not [one for one in kept.entries("bob")[0] if not one.shipped]
    assert not Runs().list().runs


def test_a_damaged_run_is_told_and_the_others_are_shown(home):
    keep(4)
    bad = home / "mmbench" / "20260101-000000-bad-abcdef"
    bad.mkdir()
    (bad / "run.json").write_text("{")
    found, _ = last(Settings())
    assert "cannot be read" in found["sources"]
    assert any(row["cells"][0] == "mine" for row in found["board"]["rows"])


def test_published_figures_stand_beside_with_their_sources():
    found, _ = last(Settings(published=True))
    names = [row["cells"][0] for row in found["board"]["rows"]]
    assert "GPT-4v" in names
    assert "https://arxiv.org/abs/2307.06281" in found["sources"]
    assert found["board"]["rows"][names.index("GPT-4v")]["id"] is None


def test_program_and_files(tmp_path):
    keep(4)
    settings = Settings(published=True)
    script = tmp_path / "program.py"
    script.write_text("\n".join(PANEL.program(settings, "en")), encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert "mine" in done.stdout
    assert "difference" in done.stdout or "Share(" in done.stdout
    _, result = last(settings)
    told = json.loads(Path(write("json", PANEL, settings, result, tmp_path)).read_text("utf-8"))
    assert told["pair"]["questions"] == mini_record().count
    assert "GPT-4v" in {row[0] for row in told["rows"]}
