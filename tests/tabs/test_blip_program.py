"""The Python panel of the BLIP tab: its program gives the very numbers that stand beside it."""

import threading
from pathlib import Path

import pytest
from numpy.testing import assert_allclose
from pasted import executed
from sketches import painting

from playground import checkpoints
from playground.tabs.blip import ask, caption, match
from playground.tabs.blip.program import program
from playground.tabs.blip.settings import PANELS, Settings
from playground.tabs.pictures import EXAMPLES


@pytest.mark.parametrize(
    "settings",
    [
        Settings(example=EXAMPLES[7], beams=2, top_p=0.8, seed=3),
        Settings(source="draw", drawing=painting(), prompt="图片：", max_length=12, penalty=1.1),
    ],
)
def test_captions(settings, manager, capsys):
    executed(program("caption", settings))
    *_, (_, made) = caption.show(manager, settings, threading.Event(), "en")
    wanted = [f"{line.strategy}: {line.text} ({line.written.score:.3f})" for line in made.lines]
    assert capsys.readouterr().out.splitlines() == wanted


def test_matches(manager):
    settings = Settings(texts="a yellow sphere\nan 'odd' \"text\"")
    ((_, made),) = match.show(manager, settings, threading.Event(), "en")
    assert_allclose(executed(program("match", settings))["found"].probability, made.matches.probability, atol=1e-6)


def test_answers(manager, capsys):
    settings = Settings(questions="how many objects are there?")
    executed(program("ask", settings))
    *_, (_, made) = ask.show(manager, settings, threading.Event(), "en")
    best = made.answers[0][0]
    assert capsys.readouterr().out.splitlines()[0] == f"{settings.asked[0]} {best.text}: {best.probability:.4f}"


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(rule="share", scorer="clip-world", share=0.5, basic=False, min_length=3, candidates=2),
    ],
)
def test_a_set(settings, tmp_path, monkeypatch, capsys):
    from test_blip_events import a_set

    from playground.pictures.unpacking import unpack

    unpack(Path(a_set(tmp_path / "a.zip")), tmp_path / "pictures")
    (tmp_path / "checkpoints").symlink_to(checkpoints.ROOT)
    monkeypatch.chdir(tmp_path)
    executed(program("clean", settings))
    assert "6 of 6 pairs" in capsys.readouterr().out
    assert (tmp_path / "kept.jsonl").is_file()


def test_every_panel_has_a_program():
    for panel in PANELS:
        compile(program(panel, Settings()), "pasted.py", "exec")
