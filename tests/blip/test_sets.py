"""Sets in all kinds give the same pairs; what is no set, and columns of other names, are refused with a word."""

import io
import json
import sys
import tarfile
import tracemalloc

import datasets
import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet
from saved_pictures import saved
from small_sets import write_csv, write_jsonl

from playground.blip.sets import open_set
from playground.pictures import read_image

datasets.disable_progress_bars()
TEXTS = ["a red cube", 'ein "Würfel", rot', "红色的球", "", "two\nlines"]


def picture(i):
    return saved(Image.new("RGB", (8 + i, 6), (40 * i, 10, 20)))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pics").mkdir()
    for i in range(5):
        (tmp_path / "pics" / f"{i}.png").write_bytes(picture(i))
    return tmp_path


def rows(**names):
    names = {"image": "image", "text": "text"} | names
    return [{names["image"]: f"pics/{i}.png", names["text"]: text} for i, text in enumerate(TEXTS)]


def write_tar(path, files):
    """A shard of files, each a name and a content."""
    with tarfile.open(path, "w") as archive:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def members(numbers=range(5), as_json=False):
    """The files of the samples with these numbers."""
    for i in numbers:
        text = json.dumps({"caption": TEXTS[i]}).encode() if as_json else TEXTS[i].encode()
        yield f"{i:04d}.png", picture(i)
        yield f"{i:04d}.{'json' if as_json else 'txt'}", text


def write_dataset(path, columns, pictures=None):
    """As their library writes it; `pictures` is the column that is one of pictures."""
    found = datasets.Dataset.from_dict(columns)
    (found.cast_column(pictures, datasets.Image()) if pictures else found).save_to_disk(path)


def check(found, uids, total=5):
    assert found.total == total
    for _ in range(2):  # again and again
        pairs = list(found)
        assert [pair.uid for pair in pairs] == uids
        assert [pair.text for pair in pairs] == TEXTS
        assert [read_image(pair.image).size for pair in pairs] == [(8 + i, 6) for i in range(5)]


@pytest.mark.parametrize("name", ["captions.csv", "captions.jsonl"])
def test_a_folder_with_a_table(folder, name):
    (write_csv if name.endswith("csv") else write_jsonl)(folder / name, rows())
    check(open_set(folder), [f"pics/{i}.png#{i}" for i in range(5)])
    assert open_set(folder / name).kind == name.split(".")[1]


def test_other_names_of_columns(folder):
    write_csv(
        folder / "mine.csv", [{"uid": f"u{i}", **row} for i, row in enumerate(rows(image="file_name", text="TEXT"))]
    )
    check(open_set(folder), [f"u{i}" for i in range(5)])


def test_parquet_of_bytes_of_structs_and_of_paths(folder):
    for name, images in (
        ("bytes", [picture(i) for i in range(5)]),
        ("structs", [{"bytes": picture(i), "path": None} for i in range(5)]),
        ("paths", [f"pics/{i}.png" for i in range(5)]),
    ):
        parquet.write_table(pyarrow.table({"image": images, "text": TEXTS}), folder / f"{name}.parquet")
        uids = [f"{f'pics/{i}.png' if name == 'paths' else ''}#{i}" for i in range(5)]
        check(open_set(folder / f"{name}.parquet"), uids)


def test_a_data_set_on_disk(folder):
    pictures = [{"bytes": picture(i), "path": f"{i}.png"} for i in range(5)]
    write_dataset(folder / "a", {"image": pictures, "text": TEXTS}, "image")
    check(open_set(folder / "a"), [f"#{i}" for i in range(5)])
    write_dataset(folder / "b", {"file": pictures, "caption": TEXTS, "id": [*"abcd", None], "more": [1] * 5}, "file")
    check(open_set(folder / "b"), [*"abcd", "#4"])
    write_dataset(folder / "c", {"image": [f"../pics/{i}.png" for i in range(5)], "text": TEXTS})
    assert [pair.image for pair in open_set(folder / "c")] == [b""] * 5  # out of the data set's folder
    assert open_set(folder / "a").kind == "datasets"


def test_pictures_of_a_data_set_stay_the_files_they_are(folder):
    pictures = [{"bytes": b"no picture", "path": None}, None]
    write_dataset(folder / "a", {"image": pictures, "text": ["a", "b"]}, "image")
    assert [pair.image for pair in open_set(folder / "a")] == [b"no picture", b""]


def test_a_large_data_set_is_read_a_little_at_a_time(folder):
    write_dataset(folder / "a", {"image": [{"bytes": bytes(20_000)}] * 1500, "text": ["a"] * 1500}, "image")
    tracemalloc.start()
    assert sum(len(pair.image) for pair in open_set(folder / "a")) == 30_000_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * 256 * 20_000  # of 30 MB


def test_splits_are_named_and_one_of_them_is_a_set(folder):
    whole = datasets.Dataset.from_dict({"image": [picture(i) for i in range(5)], "text": TEXTS})
    datasets.DatasetDict({"train": whole, "test": whole}).save_to_disk(folder / "both")
    with pytest.raises(ValueError, match=r"a data set of splits; give one of them: .*both/test, .*both/train"):
        open_set(folder / "both")
    check(open_set(folder / "both" / "train"), [f"#{i}" for i in range(5)])


def test_data_sets_that_cannot_be_read(folder, monkeypatch):
    write_dataset(folder / "a", {"img": [1], "words": ["a"]})
    with pytest.raises(ValueError, match="the columns img, words; one for the image must be called one of image"):
        open_set(folder / "a")
    write_dataset(folder / "b", {"image": [b"a"], "words": ["a"]})
    with pytest.raises(ValueError, match="one for the text must be called one of text, caption"):
        open_set(folder / "b")
    (folder / "b" / "data-00000-of-00001.arrow").write_bytes(b"text")
    with pytest.raises(ValueError, match=r"the data set .*b is damaged"):
        open_set(folder / "b")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ValueError, match="uv sync --extra datasets"):
        open_set(folder / "a")


def test_webdataset_shards(folder):
    write_tar(folder / "a.tar", members(range(3)))
    write_tar(folder / "b.tar", members(range(3, 5), as_json=True))
    check(open_set(folder), [f"{'a' if i < 3 else 'b'}/{i:04d}" for i in range(5)], None)
    assert len(list(open_set(folder / "a.tar"))) == 3


def test_names_of_shards_are_names(folder, monkeypatch):
    """Nothing in them is a command, or a pattern."""
    for name in ("pipe:touch owned; cat .tar", "x{0..1}.tar"):
        write_tar(folder / name, members(range(2)))
    monkeypatch.chdir(folder)
    assert len(list(open_set("."))) == 4
    assert not (folder / "owned").exists()


def test_uids_of_shards_are_those_of_their_json(folder):
    """As DataComp's have them; the text stays that of the .txt."""
    told = b'{"uid": "f0", "text": "b"}'
    write_tar(folder / "a.tar", (("1.png", picture(1)), ("1.txt", b"a"), ("1.json", told)))
    (pair,) = open_set(folder / "a.tar")
    assert (pair.uid, pair.text, pair.image) == ("f0", "a", picture(1))


def test_damaged_samples_and_shards(folder):
    damaged = (("1.json", b"{]"), ("1.png", picture(1)), ("2.json", b"null"), ("3.txt", b"\xff a"))
    write_tar(folder / "a.tar", damaged)
    pairs = list(open_set(folder / "a.tar"))
    assert [(pair.uid, pair.text, len(pair.image) > 0) for pair in pairs] == [
        ("a/1", "", True), ("a/2", "", False), ("a/3", "\ufffd a", False),
    ]  # fmt: skip
    write_tar(folder / "b.tar", members())
    (folder / "b.tar").write_bytes((folder / "b.tar").read_bytes()[:700])
    with pytest.raises(ValueError, match=r"the shard .*b\.tar is damaged"):
        list(open_set(folder / "b.tar"))
    write_jsonl(
        folder / "captions.jsonl", [{"image": "a\0b.png", "text": "half \ud83d"}, {"image": "0.png", "text": None}]
    )
    pairs = list(open_set(folder / "captions.jsonl"))
    assert [(pair.image == b"", pair.text) for pair in pairs] == [(True, "half ?"), (False, "")]


def test_a_path_that_leads_out_of_the_folder_is_no_picture(folder):
    inner = folder / "pics"
    write_csv(inner / "captions.csv", [{"image": "../secret.png", "text": "a"}, {"image": "", "text": "b"}])
    (folder / "secret.png").write_bytes(picture(0))
    assert [pair.image for pair in open_set(inner)] == [b"", b""]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda f: write_csv(f / "captions.csv", [{"img": 1, "words": 2}]), "the columns img, words; one for the im"),
        (lambda f: write_csv(f / "captions.csv", [{"image": 1, "words": 2}]), "one for the text must be called one of"),
        (lambda f: (f / "captions.csv").write_text("image,text\n"), "has no rows"),
        (lambda f: (f / "captions.csv").write_bytes(b"image,text\n\xff\xfe,a\n"), "no CSV file in UTF-8"),
        (lambda f: (f / "captions.jsonl").write_text("{]"), "line 1 of .* is no JSON"),
        (lambda f: (f / "captions.jsonl").write_text("[1]"), "is no JSON object"),
        (lambda f: (f / "captions.parquet").write_bytes(b"text"), "is no parquet file"),
        (lambda _: None, "holds no set: put captions.csv"),
    ],
)  # fmt: skip
def test_what_is_no_set(tmp_path, make, words):
    make(tmp_path)
    with pytest.raises(ValueError, match=words):
        open_set(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no"):
        open_set(tmp_path / "none")
    (tmp_path / "x.zip").write_bytes(b"")
    with pytest.raises(ValueError, match="is no set: it must be a folder, or end in"):
        open_set(tmp_path / "x.zip")


def test_ten_thousand_rows_are_read_one_by_one(tmp_path):
    write_jsonl(tmp_path / "captions.jsonl", [{"image": f"{i}.png", "text": "a " * 200} for i in range(10_000)])
    found = open_set(tmp_path)
    assert found.total == 10_000
    assert next(iter(found)).uid == "0.png#0"
    assert np.unique([pair.uid for pair in found]).size == 10_000
