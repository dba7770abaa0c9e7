"""A set is cleaned in parts: the same as in one go after a kill; decided again, exported, reported."""

import csv
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet
from small_blip import small_blip

from playground import blip, checkpoints
from playground.blip.clean import clean, decisions, export
from playground.blip.report import page, report
from playground.blip.sets import open_set

LIMITS = blip.Limits(12, 6)
COUNT = 23


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    return small_blip(folder, "caption", "match", std=0.3), small_blip(folder, "match", std=0.3, seed=1)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set")
    draw = np.random.default_rng(0)
    rows = []
    for i in range(COUNT):
        Image.fromarray(draw.integers(0, 255, (30, 40, 3), dtype=np.uint8)).save(folder / f"{i}.png")
        rows.append({"image": f"{i}.png", "text": ["a red cube", "the ball", "blue"][i % 3], "uid": f"{i:032x}"})
    (folder / "7.png").write_bytes(b"no picture")
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def run(source, out, models, **options):
    return list(clean(open_set(source), out, *models, **{"limits": LIMITS, "part": 5, "candidates": 2} | options))


def contents(folder):
    return b"".join(path.read_bytes() for path in sorted(Path(folder).glob("part-*.jsonl")))


def test_all_texts_once_in_order(source, models, tmp_path):
    told = run(source, tmp_path / "out", models)
    assert [one.done for one in told] == [0, 5, 10, 15, 20, COUNT]
    assert told[-1].total == COUNT
    assert told[-1].unread == 1
    found = list(decisions(tmp_path / "out"))
    assert Counter(one.uid for one in found) == {f"{i:032x}": 1 if i == 7 else 3 for i in range(COUNT)}
    assert told[-1].told == Counter(one.source for one in found)
    assert told[-1].kept == {s: sum(one.kept for one in found if one.source == s) for s in ("web", "written")}
    wanted = blip.capfilt(open_set(source), *models, limits=LIMITS, candidates=2)
    for a, b in zip(found, wanted, strict=True):
        assert (a.uid, a.text, a.source, a.kept) == (b.uid, b.text, b.source, b.kept)


def test_a_stopped_run_goes_on(source, models, tmp_path):
    whole = run(source, tmp_path / "whole", models)
    steps = clean(open_set(source), tmp_path / "out", *models, limits=LIMITS, part=5, candidates=2)
    next(steps), next(steps), next(steps)
    steps.close()
    (tmp_path / "out" / "tmpabc").write_text("half a part")  # what a kill may leave of a write
    rest = run(source, tmp_path / "out", models)
    assert rest[0].done == 10
    assert rest[0].fresh == 0
    assert rest[-1].fresh == 13
    assert rest[-1].kept == whole[-1].kept
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert [one.done for one in run(source, tmp_path / "out", models)] == [COUNT]  # done is done


def test_killed_at_any_time_nothing_is_lost_or_done_twice(source, models, tmp_path):
    for name, model in zip(("captioner", "filter"), models, strict=True):
        blip.save(model, tmp_path / name)
    script = f"""
import torch
torch.set_num_threads(1)
from playground import blip
from playground.blip.clean import clean
from playground.blip.sets import open_set
models = [blip.load({str(tmp_path)!r} + "/" + name) for name in ("captioner", "filter")]
for step in clean(open_set({str(source)!r}), {str(tmp_path / "out")!r}, *models, limits=blip.Limits(12, 6), part=2,
                  candidates=2):
    print(step.done, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        for _ in range(3):
            process.stdout.readline()
        time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=120)
    run(source, tmp_path / "whole", models, part=2)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_another_job_and_a_folder_of_others_are_refused(source, models, tmp_path):
    run(source, tmp_path / "out", models)
    with pytest.raises(ValueError, match="holds another job, which differs in seed"):
        run(source, tmp_path / "out", models, seed=1)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    with pytest.raises(ValueError, match="is not empty, and holds no job"):
        run(source, tmp_path / "full", models)
    assert (tmp_path / "full" / "letter.txt").read_text() == "dear"
    shorter = open_set(source)
    with pytest.raises(ValueError, match="which differs in total"):
        list(clean(blip.sets.PairSet(shorter.kind, shorter.source, 3, lambda: iter(list(shorter)[:3])),
                   tmp_path / "out", *models, limits=LIMITS, part=5, candidates=2))  # fmt: skip
    for options, words in (({"threshold": 2}, "threshold must lie"), ({"part": 0}, "part must be at least 1")):
        with pytest.raises(ValueError, match=words):
            run(source, tmp_path / "new", models, **options)


def test_a_set_that_has_changed_and_a_part_that_is_gone_are_refused(source, models, tmp_path):
    import shutil

    own = tmp_path / "set"
    shutil.copytree(source, own)
    run(own, tmp_path / "out", models)
    rows = (own / "captions.jsonl").read_text().splitlines()
    (own / "captions.jsonl").write_text("\n".join([*rows[:-2], rows[-1], rows[-2]]) + "\n")
    with pytest.raises(ValueError, match="has others there: it is another set"):
        run(own, tmp_path / "out", models)
    (own / "captions.jsonl").write_text("\n".join(rows) + "\n")
    (tmp_path / "out" / "part-000002.jsonl").unlink()
    with pytest.raises(ValueError, match=r"a part of .* is missing"):
        run(own, tmp_path / "out", models)


def test_what_cannot_be_leaves_no_job(source, models, tmp_path):
    for options, words in (({"top_p": 2.0}, "top_p must lie"), ({"limits": blip.Limits(3, 1)}, "leaves no room")):
        with pytest.raises(ValueError, match=words):
            run(source, tmp_path / "out", models, **options)
    assert not (tmp_path / "out").exists()


def test_several_texts_of_a_picture(source, models, tmp_path):
    own = tmp_path / "set"
    own.mkdir()
    (own / "0.png").write_bytes((source / "0.png").read_bytes())
    (own / "captions.csv").write_text("image,text\n0.png,a ball\n0.png,a red cube\n0.png,blue\n")
    run(own, tmp_path / "out", models)
    told = report(tmp_path / "out")
    assert (told["pairs"], told["unread"]) == (3, 0)
    written = [one.text for one in decisions(tmp_path / "out") if one.source == "written"]
    assert len(set(written)) > 2  # each pair has draws of its own


def test_a_full_disk_stops_the_run_and_it_goes_on_later(source, models, tmp_path, monkeypatch):
    real, left = checkpoints.write_bytes, [3]

    def write(path, content):
        if not left[0]:
            raise OSError(28, "No space left on device")
        left[0] -= 1
        real(path, content)

    monkeypatch.setattr(checkpoints, "write_bytes", write)
    with pytest.raises(OSError, match="No space left"):
        run(source, tmp_path / "out", models)
    monkeypatch.undo()
    assert len(list((tmp_path / "out").glob("part-*"))) == 2
    run(source, tmp_path / "out", models)
    run(source, tmp_path / "whole", models)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_exports(source, models, tmp_path):
    run(source, tmp_path / "out", models)
    kept = [one for one in decisions(tmp_path / "out", 0.4) if one.kept]
    for name in ("a.csv", "a.jsonl", "a.parquet"):
        assert export(tmp_path / "out", tmp_path / name, threshold=0.4) == len(kept)
    with (tmp_path / "a.csv").open(encoding="utf-8") as file:
        from_csv = [(row["uid"], row["text"], float(row["itm"])) for row in csv.DictReader(file)]
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text("utf-8").splitlines()]
    for rows in (lines, parquet.read_table(tmp_path / "a.parquet").to_pylist()):
        assert [(row["uid"], row["text"], row["itm"]) for row in rows] == from_csv
    assert from_csv == [(one.uid, one.text, one.probability) for one in kept]
    export(tmp_path / "out", tmp_path / "a.npy", threshold=0.4)
    uids = np.load(tmp_path / "a.npy")
    assert uids.dtype == np.dtype("u8,u8")
    assert [f"{a:016x}{b:016x}" for a, b in uids] == sorted({one.uid for one in kept})
    with pytest.raises(ValueError, match="must end in"):
        export(tmp_path / "out", tmp_path / "a.xls")


def test_a_report(source, models, tmp_path):
    run(source, tmp_path / "out", models)
    found = report(tmp_path / "out", 0.5)
    json.dumps(found)
    assert (found["pairs"], found["unread"]) == (COUNT, 1)
    for source_name, count in (("web", COUNT - 1), ("written", 2 * (COUNT - 1))):
        assert sum(found["texts"][source_name].values()) == sum(found["histogram"][source_name]) == count
    kept = sum(found["texts"][name]["kept"] for name in ("web", "written"))
    assert kept == sum(one.kept for one in decisions(tmp_path / "out"))
    assert all(one["probability"] >= 0.5 for one in found["samples"]["kept"])
    assert found["samples"]["unread"][0]["uid"] == f"{7:032x}"
    found["samples"]["kept"][0]["text"] = "<script>alert(1)</script>"
    told = page(found)
    assert "<script>" not in told
    assert "&lt;script&gt;" in told
    assert told.count("<tr><td>") == 2 + len(found["samples"]["kept"]) + len(found["samples"]["dropped"])
    assert report(tmp_path / "out", 1.0)["texts"]["web"]["kept"] <= found["texts"]["web"]["kept"]


def test_the_command(source, models, tmp_path):
    from typer.testing import CliRunner

    from playground import cli

    blip.save(models[0], tmp_path / "model")
    command = ["capfilt", str(source), str(tmp_path / "out"), "--captioner", str(tmp_path / "model")]
    done = CliRunner().invoke(cli.app, [*command, "--output", "kept.csv", "--clip", "checkpoints/clip-world"])
    assert done.exit_code == 0, done.output
    assert f"{COUNT} of {COUNT} pairs" in done.output
    with (tmp_path / "out" / "kept.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["source"] for row in rows} <= {"web", "written"}
    assert all(-1 <= float(row["clip"]) <= 1 for row in rows)
    assert json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))["pairs"] == COUNT
    done = CliRunner().invoke(cli.app, [*command, "--seed", "3"])
    assert done.exit_code == 2
    assert "another job" in " ".join(done.output.replace("│", " ").split())  # in a box of lines
