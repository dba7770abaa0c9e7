"""The shipped CLIPs hold the figures of their cards, on seeds that nothing was trained on."""

import json

import pytest

from playground import checkpoints, clip
from playground.clip.world_figures import world_figures

SLACK = 0.03  # a card's figure minus this


@pytest.mark.parametrize("name", ["clip-world", "clip-world-plain"])
def test_a_shipped_clip_holds_its_figures(name):
    folder = checkpoints.ROOT / name
    kept = json.loads((folder / "figures.json").read_text("utf-8"))
    card = (folder / "README.md").read_text("utf-8")
    for told, found in zip(kept["figures"], world_figures(clip.load(folder), kept["count"]), strict=True):
        assert told["name"] == found.name
        assert f"| {told['name']} | {told['value']:.1%} | {told['chance']:.1%} |" in card
        assert found.value >= told["value"] - SLACK, told["name"]
        assert found.chance == told["chance"]


def test_false_texts_and_a_decoder_teach_what_other_texts_do_not():
    figures = {
        name: {one["name"]: one["value"] for one in json.loads((folder / "figures.json").read_text("utf-8"))["figures"]}
        for name in ("clip-world", "clip-world-plain")
        if (folder := checkpoints.ROOT / name)
    }
    for what in ("material, seen pairs", "material, held-out pairs", "left and right", "colour binding"):
        assert figures["clip-world"][what] > figures["clip-world-plain"][what] + 0.35
    for what in ("left and right", "colour binding"):
        assert abs(figures["clip-world-plain"][what] - 0.5) < 0.08  # CLIP's known weakness: a guess


def test_it_reads_english_and_chinese_and_says_what_it_cannot():
    from playground import world
    from playground.world.figures import pictures_of

    model = clip.load(checkpoints.ROOT / "clip-world")
    scenes = [world.sample(world.EVALUATION + 7_000_000 + i, objects=1) for i in range(100)]
    images = pictures_of(scenes, 96)  # another size than that of training
    colors = list(world.COLORS)
    for labels in (
        [f"a {color} thing" for color in colors],
        [f"一个{world.words.ZH[color]}物体" for color in colors],
    ):
        given = clip.classify(model, images, labels).argmax(1)
        right = [colors.index(scene.objects[0].color) for scene in scenes]
        assert sum(a == b for a, b in zip(given, right, strict=True)) >= 95
    assert model.tokenizer.unknown(["a photo of a red zebra"]) == ["zebra"]
