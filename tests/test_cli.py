"""The command line: what it trains, what it keeps, what it refuses."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from playground import cli, flows, world

RUN = CliRunner()


def test_train_flow_keeps_weights_curve_and_card(tmp_path):
    folder = tmp_path / "made"
    done = RUN.invoke(
        cli.app, ["train", "flow", "--flow", "nice", "--layers", "4", "--steps", "20", "--out", str(folder)]
    )
    assert done.exit_code == 0, done.output
    again = flows.build("nice", layers=4)
    list(flows.fit(again, flows.density("moons"), steps=20))
    made = flows.load(folder)
    assert all((a == b).all() for a, b in zip(made.parameters(), again.parameters(), strict=True))
    assert json.loads((folder / "history.json").read_text())["step"] == 20
    card = (folder / "README.md").read_text()
    assert "--flow nice --density moons --steps 20" in card
    assert "20 steps, seed 0" in card


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--steps", "0"], "steps must lie between 1"),
        (["--flow", "gan"], "gan"),
        (["--density", "cats"], "no density is called"),
        (["--layers", "0"], "layers"),
    ],
)
def test_impossible_options_are_refused_in_one_sentence(arguments, words, tmp_path):
    done = RUN.invoke(cli.app, ["train", "flow", "--out", str(tmp_path / "x"), *arguments])
    assert done.exit_code == 2
    assert words in " ".join(done.output.replace("│", " ").split())
    assert not (tmp_path / "x").exists()


def test_still_lifes_are_drawn_with_their_words(tmp_path):
    done = RUN.invoke(cli.app, ["draw-world", str(tmp_path / "w"), "--count", "3", "--size", "32", "--seed", "41"])
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in (tmp_path / "w" / "captions.jsonl").read_text("utf-8").splitlines()]
    assert [line["file"] for line in lines] == ["000000041.png", "000000042.png", "000000043.png"]
    scene = world.sample(42)
    assert lines[1]["en"] == world.describe(scene)
    with Image.open(tmp_path / "w" / "000000042.png") as picture:
        shown = np.asarray(picture)
    expected = (world.render(scene, 32).permute(1, 2, 0) * 255).round().byte().numpy()
    assert np.abs(shown.astype(int) - expected).max() <= 1
