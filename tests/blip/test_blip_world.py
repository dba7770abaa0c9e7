"""The shipped BLIPs hold the figures of their cards, on seeds that nothing was trained on; their words look right."""

import json

import numpy as np
import pytest

from playground import blip, checkpoints, world
from playground.blip.world_figures import answer_figures, pair_figures
from playground.world.figures import pictures_of

SLACK = 0.03  # a card's figure minus this
COUNT = 200  # of the card's 800 scenes a figure: minutes less
SEEN = {"blip-world": pair_figures, "blip-world-answers": answer_figures}


@pytest.fixture(scope="module")
def model():
    return blip.load(checkpoints.ROOT / "blip-world")


@pytest.mark.parametrize("name", SEEN)
def test_a_shipped_blip_holds_its_figures(name):
    folder = checkpoints.ROOT / name
    kept = json.loads((folder / "figures.json").read_text("utf-8"))
    card = (folder / "README.md").read_text("utf-8")
    found = {one.name: one for one in SEEN[name](blip.load(folder), COUNT)}
    assert set(found) == {told["name"] for told in kept["figures"]}
    for told in kept["figures"]:
        assert f"| {told['name']} | {told['value']:.1%} | {told['chance']:.1%} |" in card
        assert found[told["name"]].value >= told["value"] - SLACK, told["name"]


def test_words_look_at_their_object(model):
    """Of two objects the words for the left one look further left."""
    scenes = [world.sample(world.EVALUATION + 8_000_000 + i, objects=2, pairs="seen") for i in range(20)]
    apart = []
    for scene, image in zip(scenes, pictures_of(scenes), strict=True):
        (written,) = blip.write(model, [image], "greedy", limits=blip.Limits(79, 1))
        looks = blip.look_caption(model, image, written.ids)
        places = [i for i, word in enumerate(looks.words) if word in world.SHAPES]
        if len(places) == 2 and len(scene.objects) == 2:
            columns = looks.maps[places].sum(1)  # (2, columns)
            centres = (columns * np.arange(columns.shape[1])).sum(1) / columns.sum(1)
            apart.append(centres[1] - centres[0])
    assert len(apart) >= 18
    assert np.mean(np.array(apart) > 0.5) >= 0.8


def test_it_says_the_same_in_both_languages(model):
    scenes = [world.sample(world.EVALUATION + 9_000_000 + i, objects=1, pairs="seen") for i in range(40)]
    limits = blip.Limits(79, 1)
    said = blip.caption(model, pictures_of(scenes, 128), "greedy", prompt="图片：", limits=limits)
    assert np.mean([text == world.describe(scene, "zh") for text, scene in zip(said, scenes, strict=True)]) >= 0.9
