"""What is kept is written in every format with all it knows, whole or not at all, and is a set again."""

import csv
import errno
import json
import multiprocessing
import os
import resource
import signal
import sys
import tarfile

import datasets
import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet
from small_blip import small_blip
from small_sets import lay_set

from playground import blip
from playground.blip import exports
from playground.blip.clean import by_pair, clean, decisions
from playground.blip.exports import export, export_unread, format_of
from playground.blip.rules import Rule
from playground.blip.sets import PairSet, open_set
from playground.pictures import read_image

datasets.disable_progress_bars()
COUNT = 9
ENDINGS = ("png", "jpg", "webp")
NAMES = {"kept.csv", "kept.jsonl", "kept.parquet", "kept.npy", "kept.tar", "kept"}
RULE = Rule("clip", top_share=0.6)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Pictures of three formats, one of them unreadable, with uids as DataComp's."""
    texts = ["a red cube", 'the "ball", 红', "", "blue"]
    rows = [{"image": f"{i}.{ENDINGS[i % 3]}", "text": texts[i % 4], "uid": f"{9 - i:032x}"} for i in range(COUNT)]
    return lay_set(tmp_path_factory.mktemp("set"), rows, damaged=4)


@pytest.fixture(scope="module")
def job(source, tmp_path_factory):
    """Of this set, with a scorer whose numbers depend on the text, and two captions of each picture."""
    model = small_blip(tmp_path_factory.mktemp("words"), "caption", "match", std=0.3)
    folder = tmp_path_factory.mktemp("job") / "out"
    options = {"limits": blip.Limits(12, 6), "candidates": 2, "part": 4}
    list(clean(open_set(source), folder, model, model, scorer=score, **options))
    return folder


def score(_, texts):
    return np.array([len(text) / 100 for text in texts])


def kept(job):
    return [one for one in decisions(job, rule=RULE) if one.kept]


def facts(row):
    return [row[name] for name in ("uid", "image", "text", "source", "itm", "itc", "clip")]


def wanted(job):
    return [[d.uid, d.file, d.text, d.source, d.probability, d.cosine, d.clip] for d in kept(job)]


def all_texts(job):
    """By uid, what rows say of all texts of a picture."""
    return {
        own[0].uid: [
            {"text": d.text, "source": d.source, "itm": d.probability, "itc": d.cosine, "clip": d.clip, "kept": d.kept}
            for d in own
        ]
        for own in by_pair(decisions(job, rule=RULE))
    }


def members(path):
    with tarfile.open(path) as archive:
        return [(one.name, archive.extractfile(one).read()) for one in archive]


def test_tables(job, tmp_path):
    rule = {"rule": RULE}
    assert 0 < len(kept(job)) < 3 * COUNT
    for name in ("kept.csv", "kept.jsonl", "kept.parquet"):
        assert export(job, tmp_path / name, **rule) == len(kept(job))
    with (tmp_path / "kept.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [facts(row | {name: float(row[name]) for name in ("itm", "itc", "clip")}) for row in rows] == wanted(job)
    lines = [json.loads(line) for line in (tmp_path / "kept.jsonl").read_text("utf-8").splitlines()]
    for rows in (lines, parquet.read_table(tmp_path / "kept.parquet").to_pylist()):
        assert [facts(row) for row in rows] == wanted(job)
        assert all(row["texts"] == all_texts(job)[row["uid"]] for row in rows)


@pytest.mark.parametrize("name", ["kept.csv", "kept.jsonl", "kept.parquet"])
def test_a_table_beside_the_pictures_is_a_set(job, source, name):
    export(job, source / name, rule=RULE)
    pairs = list(open_set(source / name))
    (source / name).unlink()
    assert [(pair.uid, pair.image, pair.text) for pair in pairs] == [
        (d.uid, source / d.file, d.text) for d in kept(job)
    ]


def test_uids_are_of_pairs_whose_own_text_is_kept(job, tmp_path):
    assert export(job, tmp_path / "kept.npy", rule=RULE) == len(kept(job))
    uids = np.load(tmp_path / "kept.npy")
    assert uids.dtype == np.dtype("u8,u8")
    own = {d.uid for d in kept(job) if d.source == "web"}
    assert [f"{a:016x}{b:016x}" for a, b in uids] == sorted(own)
    assert own < {d.uid for d in kept(job)}  # of others only what was written is
    export(job, tmp_path / "none.npy", threshold=1.0)
    assert np.load(tmp_path / "none.npy").dtype == uids.dtype


def test_shards_hold_the_files_as_they_came(job, source, tmp_path, monkeypatch):
    monkeypatch.setattr(exports, "SHARD", 4)
    assert export(job, tmp_path / "kept.tar", rule=RULE) == len(kept(job))
    shards = sorted(tmp_path.iterdir())
    assert [path.name for path in shards] == [f"kept-{i:05d}.tar" for i in range(-(-len(kept(job)) // 4))]
    found = [member for path in shards for member in members(path)]
    for i, (one, row) in enumerate(zip(kept(job), wanted(job), strict=True)):
        picture, text, told = found[3 * i : 3 * i + 3]
        assert picture == (f"{i:09d}.{one.file[-4:].strip('.')}", (source / one.file).read_bytes())
        assert text == (f"{i:09d}.txt", one.text.encode())
        assert facts(json.loads(told[1])) == row
        assert json.loads(told[1])["texts"] == all_texts(job)[one.uid]
    again = list(open_set(tmp_path))
    assert [(p.uid, p.text, p.image) for p in again] == [
        (one.uid, one.text, (source / one.file).read_bytes()) for one in kept(job)
    ]
    contents = [path.read_bytes() for path in shards]
    export(job, tmp_path / "kept.tar", rule=RULE)
    assert [path.read_bytes() for path in shards] == contents
    monkeypatch.setattr(exports, "SHARD", len(kept(job)))
    export(job, tmp_path / "kept.tar", rule=RULE)
    assert [path.name for path in tmp_path.iterdir()] == ["kept-00000.tar"]  # no old one is left behind it


def test_a_data_set_holds_the_files_as_they_came(job, source, tmp_path):
    assert export(job, tmp_path / "kept", rule=RULE) == len(kept(job))
    found = datasets.load_from_disk(tmp_path / "kept")
    assert found.features["image"] == datasets.Image()
    assert found[0]["image"].size == (40, 30)
    assert [facts(row)[2:] for row in found] == [row[2:] for row in wanted(job)]
    assert all(row["texts"] == all_texts(job)[row["uid"]] for row in found)
    again = list(open_set(tmp_path / "kept"))
    assert [(p.uid, p.text, p.image) for p in again] == [
        (one.uid, one.text, (source / one.file).read_bytes()) for one in kept(job)
    ]
    assert export(job, tmp_path / "kept", threshold=1.0) == 0  # another in its place, an empty one
    assert len(datasets.load_from_disk(tmp_path / "kept")) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize("name", ["kept.tar", "kept"])
def test_what_was_written_can_be_cleaned_and_written_again(job, name, tmp_path, tmp_path_factory):
    export(job, tmp_path / "one" / name, rule=RULE)
    first = open_set(tmp_path / "one" / ("" if name == "kept.tar" else name))
    model = small_blip(tmp_path_factory.mktemp("words"), "caption", std=0.3)
    rule = Rule("clip", threshold=0.0)
    list(clean(first, tmp_path / "job", model, None, rule=rule, candidates=0, scorer=score))
    assert export(tmp_path / "job", tmp_path / "two" / name, rule=rule) == len(kept(job))
    second = open_set(tmp_path / "two" / ("" if name == "kept.tar" else name))
    assert [(p.uid, p.text, p.image) for p in second] == [(p.uid, p.text, p.image) for p in first]


def test_pictures_that_are_in_memory(job, source, tmp_path):
    opened = [blip.Pair(p.uid, p.image, p.text) for p in open_set(source)]
    for i, pair in enumerate(opened):
        if i != 4:
            opened[i] = blip.Pair(pair.uid, Image.open(pair.image).convert("RGB"), pair.text)
    own = PairSet("mine", source, COUNT, lambda: iter(opened))
    export(job, tmp_path / "kept.tar", rule=RULE, pairs=own)
    by_uid = {pair.uid: pair.image for pair in opened}
    for pair in open_set(tmp_path):
        assert np.array_equal(read_image(pair.image), by_uid[pair.uid])


def test_pairs_that_could_not_be_read_are_listed(job, tmp_path):
    assert export_unread(job, tmp_path / "unread.csv") == 1
    with (tmp_path / "unread.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["uid"], row["image"]) == (f"{5:032x}", "4.jpg")
    assert "is no picture" in row["error"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_killed_export_leaves_nothing_that_looks_whole(job, name, tmp_path, monkeypatch):
    """Killed when half is written: what was there stays, and nothing new is."""
    monkeypatch.setattr(exports, "SHARD", 3)
    real = exports.by_pair

    def killing(told):
        for i, own in enumerate(real(told)):
            if i == 6:
                os.kill(os.getpid(), signal.SIGKILL)
            yield own

    def dying(path):
        exports.by_pair = killing
        export(job, path, rule=RULE)

    def killed(path):
        process = multiprocessing.get_context("fork").Process(target=dying, args=(path,))
        process.start()
        process.join(60)
        assert process.exitcode == -signal.SIGKILL

    (tmp_path / "new").mkdir()
    killed(tmp_path / "new" / name)
    assert all(path.name.startswith(f".{name}-") for path in (tmp_path / "new").iterdir())
    assert list((tmp_path / "new").rglob("*")) != []  # it had begun
    export(job, tmp_path / "old" / name, rule=RULE)
    before = contents(tmp_path / "old")
    killed(tmp_path / "old" / name)
    assert contents(tmp_path / "old") == before


def contents(folder):
    """All files but hidden ones, and those in hidden folders."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {
        path: path.read_bytes()
        for path in paths
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


@pytest.mark.parametrize("name", sorted(NAMES - {"kept.npy"}))
def test_a_full_disk_leaves_what_was_there(job, name, tmp_path):
    """Files that cannot grow, as on a full disk: writing fails in the middle, wherever it is done."""
    export(job, tmp_path / name, threshold=1.0)
    before = contents(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="too large") as raised:
            export(job, tmp_path / name, rule=RULE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert raised.value.errno in (errno.EFBIG, None)
    assert contents(tmp_path) == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_refusals(job, source, tmp_path, monkeypatch):
    assert {format_of(name) for name in NAMES} == {"csv", "jsonl", "parquet", "uids", "webdataset", "datasets"}
    for name in ("a.xls", "kept.tar.gz"):
        with pytest.raises(ValueError, match=r"must end in \.csv, .*, \.tar, or have no ending"):
            export(job, tmp_path / name)
    with pytest.raises(ValueError, match="is the place of the set itself"):
        export(job, source / "captions.jsonl")
    with pytest.raises(ValueError, match="is called as the job's own parts"):
        export(job, job / "part-000000.jsonl")
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("dear")
    with pytest.raises(ValueError, match="is no data set to replace"):
        export(job, tmp_path / "letters")
    with pytest.raises(ValueError, match="either a threshold"):
        export(job, tmp_path / "a.csv", threshold=0.5, rule=RULE)
    with pytest.raises(FileNotFoundError, match="holds no job"):
        export(tmp_path, tmp_path / "a.csv")
    other = PairSet("mine", source, 1, lambda: iter(list(open_set(source))[::-1]))
    with pytest.raises(ValueError, match="it is another set"):
        export(job, tmp_path / "kept.tar", pairs=other)
    fewer = PairSet("mine", source, 1, lambda: iter(list(open_set(source))[:-1]))
    with pytest.raises(ValueError, match="where the set has None"):
        export(job, tmp_path / "kept.tar", pairs=fewer)
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ValueError, match="uv sync --extra datasets"):
        export(job, tmp_path / "kept", rule=RULE)
    assert [path.name for path in tmp_path.iterdir()] == ["letters"]


def test_shards_do_not_replace_those_of_the_set(job, tmp_path, tmp_path_factory):
    export(job, tmp_path / "kept.tar", rule=RULE)
    model = small_blip(tmp_path_factory.mktemp("words"), "caption", "match", std=0.3)
    for source in (tmp_path, tmp_path / "kept-00000.tar"):
        out = tmp_path_factory.mktemp("job") / "out"
        list(clean(open_set(source), out, model, model, candidates=0))
        with pytest.raises(ValueError, match="is the place of the set itself"):
            export(out, tmp_path / "kept.tar")
