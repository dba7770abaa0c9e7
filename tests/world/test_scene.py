"""Scenes: the same from a seed, of the pairs that are asked for, with left and right beyond doubt."""

from collections import Counter
from itertools import pairwise

import pytest

from playground import world
from playground.world.scene import ASIDE, stands_well

FIRST = world.EVALUATION


def test_a_seed_is_one_scene():
    assert world.sample(7) == world.sample(7)
    assert world.sample(7) != world.sample(8)


def test_what_is_drawn_is_drawn_alike():
    scenes = [world.sample(seed) for seed in range(1500)]
    objects = [o for scene in scenes for o in scene.objects]
    assert set(Counter(len(scene.objects) for scene in scenes)) == {1, 2, 3, 4}
    for values, seen in (
        (world.COLORS, Counter(o.color for o in objects)),
        (world.SHAPES, Counter(o.shape for o in objects)),
        (world.SIZES, Counter(o.size for o in objects)),
        (world.MATERIALS, Counter(o.material for o in objects)),
    ):
        assert set(seen) == set(values)
        assert max(seen.values()) < 1.6 * min(seen.values())


def test_held_out_pairs_never_meet_in_training():
    """Every colour loses one shape, and every shape keeps colours."""
    assert sorted(color for color, _ in world.HELD_OUT) == sorted(world.COLORS)
    assert {shape for _, shape in world.HELD_OUT} == set(world.SHAPES)
    pairs = {(o.color, o.shape) for seed in range(2000) for o in world.sample(seed).objects}
    assert pairs == {(c, s) for c in world.COLORS for s in world.SHAPES} - world.HELD_OUT
    for seed in range(FIRST, FIRST + 50):
        assert all((o.color, o.shape) in world.HELD_OUT for o in world.sample(seed, pairs="held-out").objects)


def test_objects_stand_apart_from_left_to_right():
    for seed in range(300):
        scene = world.sample(seed, objects=4)
        x = [place[0] for place in scene.places()]
        assert all(b - a >= ASIDE for a, b in pairwise(x))
        for o in scene.objects:
            assert stands_well(o, [other for other in scene.objects if other is not o], scene.camera)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"seed": -1}, "0 or more"),
        ({"seed": 1, "objects": 5}, "1 to 4"),
        ({"seed": 1, "objects": ()}, "1 to 4"),
        ({"seed": 1, "pairs": "held-out"}, "for evaluation alone"),
        ({"seed": 1, "pairs": "all"}, "for evaluation alone"),
        ({"seed": FIRST, "pairs": "some"}, "seen, all or held-out"),
    ],
)
def test_what_cannot_be_is_refused(given, why):
    with pytest.raises(ValueError, match=why):
        world.sample(**given)
