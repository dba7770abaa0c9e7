"""The panel "Why circular": a guesser's numbers, the recorded models' leaning, one question, program and files."""

import json
import random
import threading
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from pasted import drawn

from playground.i18n import refusal
from playground.mmbench import by_chance, by_letter, rotated
from playground.mmbench import record as records
from playground.mmbench.mini import mini_drafts
from playground.mmbench.record import Sitting, ask_all, record_of
from playground.tabs.mmbench import why, why_models
from playground.tabs.mmbench.why import PANEL, Settings, leaning
from playground.tabs.panels import write

GO = threading.Event()
COUNT = 52


def leaner(questions):
    """Knows every other question, and takes A for the rest, three times of four."""
    said = []
    for one in questions:
        draw = random.Random(one.index)
        guess = "A" if draw.random() < 0.75 else draw.choice([letter for letter, _ in one.options])
        said.append(one.answer if one.index % 1_000_000 % 2 else guess)
    return said


@pytest.fixture(scope="module")
def small():
    questions = [one.question for one in mini_drafts(COUNT, seed=0)]
    who = {
        "chance": by_chance(),
        "always A": by_letter("A"),
        "leaner": leaner,
        "guesser": by_chance(3),
        "knows": lambda rows: [r.answer for r in rows],
    }
    models = {
        name: Sitting("", tuple(one for batch in ask_all(questions, answer) for one in batch))
        for name, answer in who.items()
    }
    return record_of(questions, models, seed=0, language="en")


@pytest.fixture(autouse=True)
def shipped(small, monkeypatch):
    """The record of these tests instead of the one that ships."""
    for place in (why, why_models, records):
        monkeypatch.setattr(place, "mini_record", lambda: small)


def look(language="en", **settings):
    *_, (frame, kept) = PANEL.show(Settings(**settings), None, GO, language)
    return frame, kept


def test_every_control_and_part_is_laid_out():
    with gr.Blocks():
        w = SimpleNamespace()
        PANEL.lay_out(w)
    for name in (*Settings.names(), *PANEL.shown, *PANEL.fills):
        assert getattr(w, f"why_{name}").elem_id == f"mmbench-why-{name}"
    assert w.why_model.value == "leaner"


def test_an_even_guesser_has_the_papers_numbers():
    frame, kept = look(known=0, preference=0)
    assert "25.0% are right as they stand and 0.39% in all" in look(known=60, preference=0)[0]["verdict"]
    assert kept.guess.vanilla == pytest.approx(1 / 4)
    assert kept.guess.circular == pytest.approx(1 / 256)
    assert frame["verdict"].startswith("**Vanilla 25.0%, circular 0.4%")
    assert "25.0% are right as they stand and 0.39% in all 4 rotations" in frame["verdict"]
    assert look("zh-CN", known=0, preference=0)[0]["verdict"].startswith("**普通 25.0%，循环 0.4%")


def test_who_always_says_a_scores_all_where_a_is_always_right_and_nothing_by_rotation():
    _, kept = look(known=0, preference=100, skew=100)
    assert (kept.guess.vanilla, kept.guess.circular) == (1, 0)
    assert kept.guess.vanilla_all == pytest.approx(1 / 4)


@pytest.mark.parametrize("k", [2, 3, 4])
@pytest.mark.parametrize("percent", [0, 40, 100])
def test_a_leaning_is_shares_of_which_the_first_grows(k, percent):
    shares = leaning(k, percent)
    assert sum(shares) == pytest.approx(1)
    assert shares[0] - shares[1] == pytest.approx(percent / 100)


def test_whoever_knows_all_loses_nothing():
    frame, _ = look(known=100)
    assert frame["verdict"] == "**Vanilla 100.0%, circular 100.0%.** Who knows everything loses nothing by rotation."


def test_the_models_are_drawn_told_and_listed(small):
    frame, kept = look()
    assert set(frame) == {*PANEL.shown, "progress"}
    assert frame["progress"] == ""
    rows = {row["cells"][0]: row["cells"] for row in frame["models"]["rows"]}
    assert list(rows) == ["Chance", "Always A", "leaner", "guesser", "knows"]
    assert rows["Always A"][2] == "0.0%"
    assert rows["Always A"][4] == "A 100%"
    assert rows["knows"][1:] == ["100.0%", "100.0%", "0.0", "–", "–", "–", "100.0%", "100.0%"]
    vanilla = sum(own[0] == right for own, right in zip(small.models["leaner"].chosen, small.answers, strict=True))
    assert rows["leaner"][1] == f"{vanilla / COUNT:.1%}"
    assert "**leaner leans the most.**" in frame["leaning"]
    assert "it chose A in" in frame["leaning"]
    assert "**leaner 的位置偏好最强**。" in look("zh-CN")[0]["leaning"]
    assert [one.name for one in kept.models] == list(small.models)
    texts = [trace.name for trace in frame["guess"].data]
    assert "leaner" in texts
    assert "Always A" not in texts


def test_a_record_in_which_nobody_errs_has_no_leaning(monkeypatch):
    questions = [one.question for one in mini_drafts(26, seed=0)]
    chosen = tuple(one for batch in ask_all(questions, lambda rows: [r.answer for r in rows]) for one in batch)
    alone = record_of(questions, {"knows": Sitting("", chosen)}, seed=0, language="en")
    for place in (why, why_models, records):
        monkeypatch.setattr(place, "mini_record", lambda: alone)
    assert "no model answered any wrongly" in look()[0]["leaning"]


@pytest.mark.parametrize("number", [0, 2, 5, 17])
def test_a_question_is_shown_in_all_its_rotations_with_everyones_letters(number, small):
    frame, kept = look(number=number, model="always A")
    base = small.questions()[number]
    right = [rotated(base, i).answer for i in range(len(base.options))]
    assert kept.right == "".join(right)
    assert frame["card"].count("pg-q-turn") - frame["card"].count("pg-q-turns") == len(right)
    assert "data:image" in frame["card"]
    assert frame["card"].count('class="pg-q-hit"') == right.count("A")
    rows = {row["cells"][0]: row["cells"] for row in frame["answers"]["rows"]}
    assert rows["Always A"][1:-1] == [f"{'✓' if letter == 'A' else '✗'} A" for letter in right]
    assert [rows["Always A"][-1], rows["knows"][-1]] == ["✗", "✓"]
    assert frame["told"].startswith(f"**Question {number}: ")
    assert "in every rotation.** Below, the answers of Always A" in frame["told"]
    assert len(frame["picks"].data[0].z) == len(right)


def test_a_row_without_a_letter_is_a_miss(small, monkeypatch):
    silent = {name: Sitting("", tuple("-" * len(one) for one in own.chosen)) for name, own in small.models.items()}
    mute = record_of(small.questions(), silent, seed=0, language="en")
    for place in (why, why_models, records):
        monkeypatch.setattr(place, "mini_record", lambda: mute)
    frame, _ = look()
    assert frame["answers"]["rows"][0]["cells"][1] == "✗ –"
    assert frame["card"].count("pg-q-unread") == len(small.questions()[0].options)
    assert "Decided by: empty" in frame["card"]
    assert "no model answered any wrongly with a letter" in frame["leaning"]


def test_the_first_look_shows_the_guesser_before_the_models_are_scored():
    why_models.models.cache_clear()
    why_models.questions.cache_clear()
    first, second, third = list(PANEL.show(Settings(), None, GO, "en"))
    assert {"verdict", "guess", "progress"} == set(first[0])
    assert "card" not in second[0]
    assert second[0]["progress"]
    assert third[0]["progress"] == ""
    assert first[1] is second[1] is None
    assert len(list(PANEL.show(Settings(), None, GO, "en"))) == 1
    gone = threading.Event()
    gone.set()
    ((frame, kept),) = PANEL.show(Settings(), None, gone, "en")
    assert (frame, kept) == ({"progress": ""}, None)


def test_fills():
    assert 0 <= PANEL.fills["another"]("", Path(), "en")["number"] < COUNT
    assert PANEL.fills["models"]("chance", Path(), "en") == {"model": "chance"}
    for _ in range(10):
        found = PANEL.fills["lucky"]("", Path(), "en")
        assert found["model"] in ("leaner", "guesser")
        _, kept = look(**found)
        own = kept.chosen[found["model"]]
        assert [a == b for a, b in zip(own, kept.right, strict=True)] == [True] + [False] * (len(own) - 1)


def test_what_cannot_be_is_refused():
    for wrong, chinese in (
        ({"known": 101}, "会的题 必须是 0 与 100 之间的整数"),
        ({"options": 5}, "选项 必须是 2 与 4 之间的整数"),
        ({"number": COUNT}, f"题号 必须是 0 与 {COUNT - 1} 之间的整数"),
        ({"model": "nobody"}, "nobody"),
    ):
        with pytest.raises(ValueError, match="must be") as refused:
            Settings(**wrong)
        assert chinese in refusal("zh-CN", refused.value)


def test_a_link_keeps_the_settings():
    settings = Settings(known=10, preference=90, skew=5, options=3, number=7, model="chance")
    asked = dict(pair.split("=") for pair in settings.query().split("&"))
    assert Settings.from_query(asked) == (settings, [])
    assert Settings().query() == "tab=mmbench&panel=why"
    assert Settings.from_query({"number": "999999"})[1] == [("number", "999999")]


def test_the_program_says_what_the_panel_does(tmp_path, monkeypatch, capsys, small):
    settings = Settings(known=30, preference=55, skew=20, options=3, number=4)
    lines = "\n".join(PANEL.program(settings, "en")).replace(
        "for name in record.models:", 'for name in ("always A", "leaner"):'
    )
    left = drawn(lines, tmp_path, monkeypatch)
    _, kept = look(**{name: getattr(settings, name) for name in Settings.names()})
    assert left["found"].vanilla == pytest.approx(kept.guess.vanilla, abs=1e-5)
    assert left["found"].circular == pytest.approx(kept.guess.circular, abs=1e-5)
    told = capsys.readouterr().out
    assert f"vanilla {kept.guess.vanilla:.1%}, circular {kept.guess.circular:.1%}" in told
    assert small.models["leaner"].chosen[4] in told


def test_files(tmp_path, small):
    settings = Settings(number=3)
    _, kept = look(number=3)
    record = json.loads(Path(write("json", PANEL, settings, kept, tmp_path)).read_text("utf-8"))
    rows = {row[0]: row for row in record["rows"]}
    assert rows["always A"][1:6] == [pytest.approx(small.answers.count("A") / COUNT), 0, *rows["always A"][3:4], "A", 1]
    assert rows["knows"][-1] == record["right"]
    assert record["guesser"]["vanilla"] == pytest.approx(kept.guess.vanilla)
    csv = Path(write("csv", PANEL, settings, kept, tmp_path)).read_text("utf-8").splitlines()
    assert csv[0].endswith("known_by_circular,question_3")
    assert len(csv) == 1 + len(small.models)
