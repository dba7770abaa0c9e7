"""The Python panel of the CLIP tab: its program gives the very numbers that stand beside it."""

import threading

import numpy as np
import pytest
from numpy.testing import assert_allclose
from pasted import executed
from sketches import painting

from playground.tabs.clip import search, zero_shot
from playground.tabs.clip.program import program
from playground.tabs.clip.settings import Settings
from playground.tabs.pictures import EXAMPLES


@pytest.mark.parametrize(
    "settings",
    [
        Settings(example=EXAMPLES[4], labels="a red cube\nan 'odd' \"label\"", temperature=2.0, margin=0.1),
        Settings(source="draw", drawing=painting(), neutral="an object", templates="{}\na photo of {}"),
    ],
)
def test_zero_shot(settings, manager, capsys):
    left = executed(program("zero_shot", settings))
    ((_, shown),) = zero_shot.show(manager, settings, threading.Event(), "en")
    assert_allclose(left["rating"].probabilities, shown.rating.probabilities, atol=1e-6)
    assert_allclose(left["rating"].cosines, shown.rating.cosines, atol=1e-6)
    assert capsys.readouterr().out.count("cosine") == len(settings.names)


def test_search(manager, capsys):
    settings = Settings(query_words="a red cube", searched=20)
    executed(program("search", settings))
    *_, (_, kept) = search.index(manager, settings, [], threading.Event(), "en")
    frame = search.find(manager, settings, kept, "en")
    for line in capsys.readouterr().out.splitlines():
        score, _, text = line.partition(" ")
        assert text in frame["found"]
        assert any(f"{float(score) + shift:.3f} {text}" in frame["found"] for shift in (-6e-5, 6e-5))  # rounded twice


def test_folder(tmp_path, monkeypatch, manager):
    from PIL import Image

    from playground.tabs.pictures import example

    for seed in EXAMPLES[:3]:
        (tmp_path / "pictures").mkdir(exist_ok=True)
        example(seed).save(tmp_path / "pictures" / f"{seed}.png")
    monkeypatch.chdir(tmp_path)
    settings = Settings()
    text = program("folder", settings).replace("pictures.zip", "pictures")
    left = executed(text)
    assert len((tmp_path / "labels.csv").read_text("utf-8").splitlines()) == 4
    with Image.open(tmp_path / "pictures" / f"{EXAMPLES[1]}.png") as picture:
        settings = Settings(example=EXAMPLES[1], margin=-1.0)
        ((_, shown),) = zero_shot.show(manager, settings, threading.Event(), "en")
        assert picture.size == (256, 256)
    assert_allclose(left["results"][1].cosines, shown.rating.cosines[0], atol=1e-5)


def test_why(capsys):
    left = executed(program("why", Settings(steps=50)))
    assert left["glimpse"].step == 50
    assert np.isfinite(left["glimpse"].loss).all()
    assert "step 50: loss" in capsys.readouterr().out
