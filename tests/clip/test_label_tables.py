"""What labelling found: counted against folders, written to files, and from the command line."""

import csv
import json
import zipfile

import numpy as np
import pyarrow.parquet
import pytest
from numpy.testing import assert_array_equal
from small_words import lay_pictures, picture, small_words_clip
from typer.testing import CliRunner

from playground import checkpoints, cli, cli_label, clip
from playground.clip.labelling import Labelled

LABELS = ("red", "green ball", "=b")
RUN = CliRunner()


def result(name, folder, index, error=""):
    values = np.zeros(0, np.float32)
    if not error:
        values = np.full(3, 0.25, np.float32)
        values[index or 0] = 0.5
    label = "" if index is None else LABELS[index]
    return Labelled(name, folder, LABELS, index, label, values, values, error)


RESULTS = [
    result("a/red/1.png", "red", 0),
    result('a/RED/2, "two".png', "RED", 1),
    result("green_ball/红.png", "green_ball", 1),
    result("Green Ball/4.png", "Green Ball", None),
    result("red/5.png", "red", None, "damaged,\nand more"),
    result("zoo/6.png", "zoo", 0),
    result("7.png", "", 0),
]


def test_confusion():
    found = clip.confusion(RESULTS)
    assert_array_equal(found.matrix, [[1, 1, 0], [0, 1, 0], [0, 0, 0]])
    assert (found.labels, found.count, found.accuracy, found.unknown) == (LABELS, 4, 0.5, ("", "zoo"))
    none = clip.confusion(RESULTS[-2:])
    assert (none.count, none.accuracy) == (0, None)
    with pytest.raises(ValueError, match="no results"):
        clip.confusion([])


def test_tables_hold_every_picture(tmp_path):
    for suffix in (".csv", ".json", ".parquet", ".CSV"):
        clip.write_table(RESULTS, tmp_path / f"t{suffix}")
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [r.name for r in RESULTS]
    assert rows[4] == {
        "name": "red/5.png",
        "folder": "red",
        "label": "",
        "error": "damaged,\nand more",
    } | dict.fromkeys(["probability", "cosine", "p(red)", "p(green ball)", "p(=b)"], "")
    assert float(rows[1]["p(green ball)"]) == float(rows[1]["probability"]) == 0.5
    objects = json.loads((tmp_path / "t.json").read_text("utf-8"))
    assert objects == pyarrow.parquet.read_table(tmp_path / "t.parquet").to_pylist()
    assert [one["label"] for one in objects] == [r.label for r in RESULTS]
    clip.write_table(RESULTS[4:5], tmp_path / "error.parquet")
    assert str(pyarrow.parquet.read_schema(tmp_path / "error.parquet").field("p(red)").type) == "double"


def test_a_table_is_whole_or_not_there(tmp_path, monkeypatch):
    path = tmp_path / "t.csv"
    path.write_text("old")
    with pytest.raises(ValueError, match=r"must end with one of \.csv, \.json, \.parquet"):
        clip.write_table(RESULTS, tmp_path / "t.xlsx")
    with pytest.raises(ValueError, match="no results"):
        clip.write_table([], path)
    monkeypatch.setattr(checkpoints.Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        clip.write_table(RESULTS, path)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("t.csv", "old")]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a model m, pictures p, and the same in p.zip."""
    folder = tmp_path_factory.mktemp("place")
    clip.save(small_words_clip(), folder / "m")
    lay_pictures(folder / "p", 12)
    (folder / "p" / "red" / "broken.png").write_bytes(b"no picture")
    (folder / "p" / "notes.txt").write_bytes(b"")
    with zipfile.ZipFile(folder / "p.zip", "w") as archive:
        for path in sorted((folder / "p").rglob("*.*")):
            archive.write(path, path.relative_to(folder / "p").as_posix())
    return folder


def label(place, source, out, *options, labels="red, green ball,blue"):
    given = ["--labels", labels] if labels else []
    return RUN.invoke(
        cli.app,
        ["label", str(place / source), "--model", str(place / "m"), "--out", str(out), *given, *map(str, options)],
    )


def words(done):
    return " ".join(done.output.replace("│", " ").split())


def test_the_command_line_labels_a_folder_and_a_zip(place, tmp_path):
    done = label(place, "p", tmp_path / "a.csv", "--template", "a photo of a {}", "--template", "{}")
    assert done.exit_code == 0, done.output
    results = list(
        clip.label_pictures(
            clip.load(place / "m"),
            clip.find_pictures(place / "p"),
            ["red", "green ball", "blue"],
            ["a photo of a {}", "{}"],
        )
    )
    accuracy = clip.confusion(results).accuracy
    assert f"accuracy {accuracy:.1%} of 8 pictures in folders that are labels" in words(done)
    assert "folders that are no label: other" in words(done)
    assert "1 could not be read, such as red/broken.png" in words(done)
    assert "1 other files were passed over" in words(done)
    clip.write_table(results, tmp_path / "expected.csv")
    (tmp_path / "labels.txt").write_text("red\n\ngreen ball\nblue\n", encoding="utf-8-sig")
    options = ["--labels-file", tmp_path / "labels.txt", "--template", "a photo of a {}", "--template", "{}"]
    done = label(place, "p.zip", tmp_path / "b.csv", *options, labels="")
    assert done.exit_code == 0, done.output
    texts = [(tmp_path / name).read_text() for name in ("a.csv", "b.csv", "expected.csv")]
    assert texts[0] == texts[1] == texts[2]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "b.csv", "expected.csv", "labels.txt"]


def test_the_command_line_goes_on_after_an_interruption(place, tmp_path, monkeypatch):
    out, journal = tmp_path / "a.json", tmp_path / "a.json.journal.jsonl"

    def interrupted(*arguments, **options):
        for i, step in enumerate(clip.label_pictures(*arguments, **options)):
            if i == 7:
                raise KeyboardInterrupt
            yield step

    with monkeypatch.context() as patch:
        patch.setattr(cli_label, "label_pictures", interrupted)
        assert label(place, "p", out).exit_code == 130
    assert journal.exists()
    assert not out.exists()
    done = label(place, "p", out, labels="red")
    assert done.exit_code == 2
    assert "is the journal of another run: its labels are" in words(done)
    read, reads = clip.PictureFile.read, []
    monkeypatch.setattr(clip.PictureFile, "read", lambda self: reads.append(self.name) or read(self))
    assert label(place, "p", out).exit_code == 0
    assert len(reads) == 13 - 8
    assert len(json.loads(out.read_text("utf-8"))) == 13
    assert not journal.exists()


@pytest.mark.parametrize(
    ("source", "out", "labels", "options", "said"),
    [
        ("none", "a.csv", "red", [], "there is no folder and no zip"),
        ("m", "a.csv", "red", [], "there is no picture in"),
        ("p", "a.txt", "red", [], "must end with one of .csv, .json, .parquet"),
        ("p", "a.csv", "", [], "either by --labels or by --labels-file"),
        ("p", "a.csv", " , ", [], "there is no label"),
        ("p", "a.csv", "red,red", [], "'red' is given twice"),
        ("p", "a.csv", "red", ["--template", "photo"], "a template needs {}"),
        ("p", "a.csv", "", ["--labels-file", "/none/labels.txt"], "/none/labels.txt"),
        ("p", "a.csv", "red", ["--model", "/none/m"], "neither a folder nor a repository"),
    ],
)
def test_the_command_line_refuses_in_one_sentence(place, tmp_path, source, out, labels, options, said):
    done = label(place, source, tmp_path / out, *options, labels=labels)
    assert done.exit_code == 2, done.output
    assert said in words(done)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_is_what_it_says():
    assert picture(1) != picture(2)
