"""The CLIP tab without a browser: downloads with progress and Stop, files, the endpoints, what is refused."""

import csv
import io
import json
import threading
import zipfile
from pathlib import Path

import gradio as gr
import pytest
from endpoints_of import encoded, endpoints_of
from PIL import Image
from saved_pictures import saved

from playground import catalog, clip, world
from playground.tabs import fetching as fetching_module
from playground.tabs.clip import api, downloads, folder, models, search, why, zero_shot
from playground.tabs.clip.settings import PANELS, Settings
from playground.tabs.pictures import EXAMPLES, PHOTOGRAPHS, example, photograph


@pytest.fixture
def endpoints(manager, monkeypatch):
    return endpoints_of(api, manager, monkeypatch)


def test_classify_over_the_api(endpoints):
    answer = endpoints["classify"](encoded(example(EXAMPLES[1])), ["a yellow sphere", "a red cube"])
    assert answer["label"] == "a yellow sphere"
    assert sum(answer["probabilities"].values()) == pytest.approx(1)
    for wrong, words_of in (
        ({"image": "?"}, "data URL or base64"),
        ({"image": encoded(example(EXAMPLES[1])), "labels": []}, "labels must be"),
        ({"image": encoded(example(EXAMPLES[1])), "model": "gpt"}, "model must be one of"),
    ):
        given = {"labels": ["a", "b"]} | wrong
        with pytest.raises(gr.Error, match=words_of):
            endpoints["classify"](**given)


def test_search_over_the_api(endpoints):
    found = endpoints["search"]("a large blue cube", count=3, pictures=40)
    assert [hit["score"] for hit in found] == sorted((hit["score"] for hit in found), reverse=True)
    assert found[0]["text"] == world.describe(world.sample(found[0]["seed"]))
    with pytest.raises(gr.Error, match="count must lie between 1 and 50"):
        endpoints["search"]("a cube", count=0)


def test_a_zip_is_labelled_and_graded(manager, tmp_path):
    path = tmp_path / "pics.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for seed, name in ((EXAMPLES[1], "yellow_sphere"), (EXAMPLES[1], "red_cube")):
            archive.writestr(f"{name}/{seed}.png", saved(example(seed)))
        archive.writestr("red_cube/notes.txt", "no picture")
        archive.writestr("red_cube/broken.png", b"\x89PNG no more")
    settings = Settings(labels="a yellow sphere\na red cube")
    frames = list(folder.run(manager, settings, [str(path)], threading.Event(), "en"))
    update, made = frames[-1]
    assert [result.label for result in made.results if not result.error] == ["a yellow sphere"] * 2
    assert "50.0%" in update["folder_verdict"]
    assert "1 could not be read" in update["folder_verdict"]
    assert "1 other files" in update["folder_verdict"]
    for kind in folder.KINDS:
        assert Path(folder.write(kind, made, tmp_path)).stat().st_size > 100


def test_stop_keeps_what_is_labelled_and_it_goes_on_from_there(manager, tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "FRAME", 0.0)
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(40):
            archive.writestr(f"{i:02d}.png", saved(example(EXAMPLES[i % 10], 64)))
    settings, flag = Settings(), threading.Event()
    running = folder.run(manager, settings, [str(path)], flag, "en")
    next(running)
    flag.set()
    *_, (update, part) = running
    assert 0 < len(part.results) < 40
    assert "Stopped after" in update["folder_verdict"]
    encoded_now: list[int] = []
    real = clip.labelling._encode
    monkeypatch.setattr(clip.labelling, "_encode", lambda m, x, w: encoded_now.append(len(x)) or real(m, x, w))
    *_, (_, made) = folder.run(manager, settings, [str(path)], threading.Event(), "en")
    assert len(made.results) == 40
    assert sum(encoded_now) <= 40 - len(part.results) + 16


def test_files_of_the_panels(manager, tmp_path):
    settings = Settings(searched=20, temperature=2.0)
    ((_, shown),) = zero_shot.show(manager, settings, threading.Event(), "en")
    path = Path(downloads.write("csv", "zero_shot", shown, tmp_path))
    rows = list(csv.reader(io.StringIO(path.read_text("utf-8"))))
    assert rows[0][:4] == ["label", "cosine", "probability", "independent"]
    assert [row[0] for row in rows[1:]] == settings.names
    *_, (_, kept) = search.index(manager, settings, [], threading.Event(), "en")
    path = Path(downloads.write("json", "search", kept, tmp_path))
    record = json.loads(path.read_text("utf-8"))
    assert len(record["rows"]) == 20
    assert record["link"] == settings.query("search")  # of what was indexed, whatever the controls say now
    for panel in PANELS:
        with pytest.raises(ValueError, match="nothing to save"):
            downloads.write("csv", panel, None, tmp_path)


def test_files_of_a_folder_and_of_a_training(manager, tmp_path):
    path = tmp_path / "one.png"
    example(EXAMPLES[0]).save(path)
    *_, (_, labelled) = folder.run(manager, Settings(), [str(path)], threading.Event(), "en")
    (row,) = csv.DictReader(io.StringIO(Path(downloads.write("csv", "folder", labelled, tmp_path)).read_text("utf-8")))
    assert row["name"] == "one.png"
    *_, (_, learned) = why.train(Settings(steps=50), threading.Event(), "en")
    record = json.loads(Path(downloads.write("json", "why", learned, tmp_path)).read_text("utf-8"))
    assert record["columns"] == ["step", "loss", "temperature", "color", "size", "shape"]
    assert [row[0] for row in record["rows"]] == list(range(1, 51))
    assert record["rows"][-1][3] == pytest.approx(learned.glimpse.skills[0].accuracy[-1])
    assert record["link"] == Settings(steps=50).query("why")


def test_many_texts_are_embedded_with_progress_and_stop(manager, monkeypatch):
    monkeypatch.setattr(zero_shot, "FRAME", 0.0)
    labels = "\n".join(f"{a} {b}" for a in world.COLORS for b in world.SHAPES)
    templates = "\n".join(f"{{}} {i}" for i in range(20))
    settings, stop = Settings(labels=labels, templates=templates), threading.Event()
    frames = zero_shot.show(manager, settings, stop, "en")
    first, _ = next(frames)
    assert "Embedding texts: 12 of 40 labels" in first["progress"]
    stop.set()
    ((last, nothing),) = frames
    assert "Stopped" in last["progress"]
    assert nothing is None
    *between, (update, shown) = zero_shot.show(manager, settings, threading.Event(), "en")
    assert len(between) == 1  # 24 were embedded already; 36 and the rest are left
    assert update["progress"] == ""
    assert shown.rating.by_template.shape == (1, 40, 20)
    ((_, again),) = zero_shot.show(manager, settings, threading.Event(), "en")  # the texts are kept
    assert (again.rating.cosines == shown.rating.cosines).all()


def test_a_folder_tells_of_its_texts_first(manager, monkeypatch, tmp_path):
    monkeypatch.setattr(folder, "FRAME", 0.0)
    path, stop = tmp_path / "one.png", threading.Event()
    example(EXAMPLES[0]).save(path)
    settings = Settings(templates="\n".join(f"{{}} {i}" for i in range(100)))
    frames = folder.run(manager, settings, [str(path)], stop, "en")
    assert "Embedding texts: 2 of 6 labels" in next(frames)[0]["progress"]
    stop.set()
    ((last, nothing),) = frames
    assert "Stopped" in last["progress"]
    assert nothing is None
    *_, (_, made) = folder.run(manager, settings, [str(path)], threading.Event(), "en")
    assert len(made.results) == 1


def test_the_example_set_is_labelled_and_graded(manager, tmp_path):
    path, again = (Path(downloads.example_set(tmp_path)) for _ in range(2))
    assert path.read_bytes() == again.read_bytes()  # so that an interrupted run is found again
    *_, (update, made) = folder.run(manager, Settings(), [str(path)], threading.Event(), "en")
    assert len(made.results) == 36
    graded = clip.confusion(made.results)
    assert graded.labels == tuple(Settings().names)
    assert graded.count == 36
    assert graded.accuracy > 0.9
    assert "of the 36 whose folder is a label" in update["folder_verdict"]


def test_photographs_are_pictures(tmp_path):
    names = {photograph(tmp_path).rsplit("/", 1)[1] for _ in range(len(PHOTOGRAPHS))}
    assert len(names) == len(PHOTOGRAPHS)


def test_own_pictures_are_searched_and_bad_ones_named(manager, tmp_path):
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    example(EXAMPLES[0]).save(good)
    bad.write_bytes(b"text")
    *_, (_, kept) = search.index(manager, Settings(), [str(good), str(bad)], threading.Event(), "en")
    assert kept.names == ("good.png",)
    assert "bad.png" in kept.skipped[0]
    assert "1 files were left out" in search.find(manager, Settings(), kept, "en")["search_verdict"]
    with pytest.raises(ValueError, match="none of the 1 files is a picture"):
        list(search.index(manager, Settings(), [str(bad)], threading.Event(), "en"))


@pytest.fixture
def fetching(monkeypatch):
    """A download whose steps the test lets go one by one, and what ended it."""
    steps, ended = [threading.Event() for _ in range(3)], []

    def download(source, progress):
        try:
            for i, step in enumerate(steps, 1):
                assert step.wait(20)
                progress(i * 10**6, 3 * 10**6)
        except InterruptedError:
            ended.append(source)
            raise

    monkeypatch.setattr(clip, "download", download)
    monkeypatch.setattr(fetching_module, "_here", set())
    monkeypatch.setattr(fetching_module, "FRAME", 0.01)
    return steps, ended


def test_a_model_is_fetched_with_progress_and_not_twice(fetching):
    steps, _ = fetching
    bars = models.download("ViT-B-32 OpenAI", threading.Event(), "en")
    assert "0 of 605 MB" in next(bars)
    steps[0].set()
    assert any("1 of 3 MB" in one for one in bars if one and steps[0].is_set() and _go(steps, one))
    assert list(models.download("ViT-B-32 OpenAI", threading.Event(), "en")) == []
    assert list(models.download("clip-world", threading.Event(), "en")) == []  # it ships


def _go(steps, bar):
    """Let the rest go once the first megabyte has been told."""
    if "1 of 3 MB" in bar:
        for step in steps:
            step.set()
        return True
    return False


def test_stop_ends_a_download(fetching):
    steps, ended = fetching
    flag = threading.Event()
    bars = models.download("SigLIP B-16", flag, "en")
    next(bars)
    flag.set()
    for step in steps:
        step.set()
    list(bars)
    for thread in threading.enumerate():
        if thread.name == "download":
            thread.join(20)
    assert ended == [catalog.CLIPS["SigLIP B-16"].source]
    assert not fetching_module._here


def test_a_failed_download_is_said(monkeypatch):
    def download(source, _progress):
        raise FileNotFoundError(f"{source} is not reached")

    monkeypatch.setattr(clip, "download", download)
    monkeypatch.setattr(fetching_module, "_here", set())
    with pytest.raises(FileNotFoundError, match="is not reached"):
        list(models.download("ViT-L-14 OpenAI", threading.Event(), "en"))


def test_every_entry_of_the_picker_can_be_named_to_the_manager():
    for name, known in catalog.CLIPS.items():
        spec = catalog.spec(f"clip/{name}")
        assert spec.key == f"clip/{name}"
        assert models.line(name, "en")
        assert known.megabytes > 0
    with pytest.raises(ValueError, match="no CLIP is called 'x'"):
        catalog.clip_spec("x")


def test_unknown_words_and_photographs_are_named(manager, tmp_path):
    path = tmp_path / "cat.png"
    Image.new("RGB", (80, 60), "brown").save(path)
    settings = Settings(source="upload", upload=str(path), labels="a cat\na red sphere", margin=-1.0)
    ((update, _),) = zero_shot.show(manager, settings, threading.Event(), "en")
    assert "“cat”" in update["verdict"]
    assert "for photographs choose another" in update["verdict"]
    settings = Settings(labels="a blue torus", margin=0.99)
    ((update, _),) = zero_shot.show(manager, settings, threading.Event(), "en")
    assert "None of these" in update["verdict"]
