"""`playground capfilt` writes a cleaned set and its report by the rule that is asked, and says what it refuses."""

import csv
import json

import numpy as np
import pytest
from PIL import Image
from small_blip import small_blip
from small_sets import write_csv
from test_clean import fill_disk
from typer.testing import CliRunner

from playground import blip, cli

COUNT = 7


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    blip.save(small_blip(folder, "caption", "match", std=0.3), folder)
    blip.save(small_blip(folder, "caption", std=0.3), folder / "captioner")
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Pictures large and small, one of them unreadable, with texts that are short, empty and very long."""
    folder = tmp_path_factory.mktemp("set")
    texts = ["a red cube", "", "red cube " * 5000, "blue", "a ball on the cube", "the ball", "a blue ball"]
    for i in range(COUNT):
        colour = tuple(np.random.default_rng(i).integers(0, 255, 3).tolist())
        Image.new("RGB", (400, 100 * i + 40), colour).save(folder / f"{i}.png")
    (folder / "5.png").write_bytes(b"no picture")
    write_csv(folder / "captions.csv", [{"image": f"{i}.png", "text": text} for i, text in enumerate(texts)])
    return folder


def run(source, out, model, *options):
    done = CliRunner().invoke(cli.app, ["capfilt", str(source), str(out), "--captioner", str(model), *options])
    return done.exit_code, " ".join(done.output.replace("│", " ").split())  # refusals come in a box of lines


def test_a_set_is_cleaned_and_decided_again_by_other_rules(source, model, tmp_path):
    out = tmp_path / "out"
    code, said = run(source, out, model, "--output", "kept.csv", "--clip", "checkpoints/clip-world")
    assert code == 0, said
    assert f"{COUNT} of {COUNT} pairs" in said
    assert "1 pictures could not be read" in said
    with (out / "kept.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(float(row["itm"]) >= 0.5 and -1 <= float(row["clip"]) <= 1 for row in rows)
    assert json.loads((out / "report.json").read_text("utf-8"))["pairs"] == COUNT
    assert "5.png#5,5.png" in (out / "unread.csv").read_text("utf-8")
    parts = [(path.name, path.stat().st_mtime_ns) for path in sorted(out.glob("part-*"))]
    code, said = run(source, out, model, "--clip", "checkpoints/clip-world", "--keep", "clip", "--top-share", ".5",
                     "--basic", "--output", "best.tar")  # fmt: skip
    assert code == 0, said
    assert f"best-*.tar; {out}" in said.replace("- *", "-*")
    told = json.loads((out / "report.json").read_text("utf-8"))
    assert told["rule"] == {"by": "clip", "threshold": None, "top_share": 0.5, "basic": True}
    assert told["failing"]["side"]["web"] == 2  # of 40 and 140 pixels
    assert told["failing"]["score"]["written"] == 3
    assert (out / "best-00000.tar").is_file()
    assert [(path.name, path.stat().st_mtime_ns) for path in sorted(out.glob("part-*"))] == parts  # nothing again
    code, said = run(source, out, model, "--seed", "3")
    assert code == 2
    assert "another job" in said


def test_a_clip_can_be_the_filter_where_the_captioner_cannot_match(source, model, tmp_path):
    own = ("--clip", "checkpoints/clip-world")
    code, said = run(source, tmp_path / "out", model / "captioner", *own, "--keep", "clip", "--threshold", "-1")
    assert code == 0, said
    lines = (tmp_path / "out" / "kept.jsonl").read_text("utf-8").splitlines()
    assert {json.loads(line)["itm"] for line in lines} == {None}
    assert len(lines) >= COUNT - 2
    code, said = run(source, tmp_path / "new", model / "captioner", *own)
    assert code == 2
    assert "can caption, and not match" in said


def test_a_full_disk_is_told_and_the_same_command_goes_on(source, model, tmp_path, monkeypatch):
    fill_disk(monkeypatch, 600)
    code, said = run(source, tmp_path / "out", model)
    assert code == 2
    assert "is full; free some room, and go on by the same command" in said
    monkeypatch.undo()
    code, said = run(source, tmp_path / "out", model)
    assert code == 0, said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--keep", "clip", "--threshold", ".3"], "--keep clip needs a CLIP: name it by --clip"),
        (["--keep", "clip", "--clip", "x"], "needs a threshold, such as .28"),
        (["--keep", "clip", "--clip", "x", "--threshold", "28"], "lies in [-1, 1], not 28"),
        (["--threshold", ".5", "--top-share", ".3"], "either a threshold or a top share, not both"),
        (["--top-share", "30"], "top share must lie in (0, 1], not 30"),
        (["--output", "kept.xls"], "must end in .csv"),
    ],
)
def test_options_that_contradict_each_other_are_refused_at_once(source, tmp_path, options, words):
    code, said = run(source, tmp_path / "out", "no-such-model", *options)
    assert code == 2
    assert words in said
    assert not (tmp_path / "out").exists()
