"""Words: what is said is true, what is changed is false, and every question has one right answer."""

import random
import re
from collections import Counter

import pytest

from playground import world
from playground.world.claims import OPPOSITE, RELATIONS, Claim, Mention, claim, exchanged, falsified, paired, related
from playground.world.words import noun

SCENES = [world.sample(seed) for seed in range(150)]


def test_descriptions_say_everything_from_left_to_right():
    for scene in SCENES:
        parts = world.describe(scene).split(" left of ")
        for part, o in zip(parts, scene.objects, strict=True):
            assert part.split(" ", 1)[1] == f"{o.size} {o.color} {o.material} {o.shape}"


def test_what_is_said_is_true_and_what_is_changed_is_false():
    kinds, changed = Counter(), 0
    for scene in SCENES:
        draw = random.Random(scene.seed)
        for _ in range(10):
            said = claim(scene, draw)
            assert said.holds(scene), said
            kinds[said.kind] += 1
            wrong = falsified(scene, said, draw)
            if wrong is not None:
                changed += 1
                assert not wrong.holds(scene)
                for m in wrong.mentions:
                    assert (m.color, m.shape) not in world.HELD_OUT, "in no text of training"
    assert set(kinds) == {"chain", "list", "relation", "count"}
    assert changed > 0.9 * kinds.total()


def test_pairs_and_what_a_bag_of_words_cannot_tell():
    kinds, changed = Counter(), Counter()
    for scene in SCENES:
        if len(scene.objects) < 2:
            continue
        draw = random.Random(scene.seed)
        for _ in range(10):
            pair = paired(scene, draw)
            assert pair.holds(scene)
            assert pair.mentions[0].said == pair.mentions[1].said
            kinds[pair.relation] += 1
            wrong = exchanged(scene, pair, draw)
            if wrong is None:
                continue
            changed[wrong.kind] += 1
            assert not wrong.holds(scene)
            same, swapped = Counter(world.say(pair).split()), Counter(world.say(wrong).split())
            for turned in ({}, {"left": 1, "right": -1}, {"left": -1, "right": 1}):  # or the relation's word is turned
                if swapped == Counter({word: same[word] + turned.get(word, 0) for word in {*same, *turned}}):
                    break
            else:
                raise AssertionError((pair, wrong))
            for m in wrong.mentions:
                known = {(o.color, o.shape) for o in scene.objects}
                assert (m.color, m.shape) not in world.HELD_OUT - known
    assert set(kinds) == {None, "left", "right"}
    assert min(changed["list"], changed["relation"]) > 100


def scene_of(*objects):
    return world.Scene(objects, SCENES[0].light, SCENES[0].camera, 1)


def test_claims_by_hand():
    ball = world.Object("sphere", "red", "large", "metal", (-1.2, 0.8))
    cube = world.Object("cube", "blue", "small", "matte", (1.2, -0.8))
    scene = scene_of(ball, cube)
    red, blue = Mention(color="red"), Mention(color="blue")
    assert Claim("relation", (red, blue), "left").holds(scene)
    assert Claim("relation", (red, blue), "front").holds(scene)
    assert not Claim("relation", (red, blue), "behind").holds(scene)
    assert not Claim("relation", (blue, red), "left").holds(scene)
    assert Claim("chain", (red, blue)).holds(scene)
    assert not Claim("chain", (blue, red)).holds(scene)
    assert not Claim("chain", (red,)).holds(scene), "a chain names all"
    assert not Claim("list", (Mention(shape="sphere"), Mention(color="red"))).holds(scene), "each is another object"
    assert Claim("count", (Mention(),), count=2).holds(scene)
    assert Claim("count", (Mention(shape="cone"),), count=0).holds(scene)
    assert world.say(Claim("relation", (red, blue), "front")) == "a red object in front of a blue object"
    assert world.say(Claim("count", (Mention(shape="torus"),), count=2)) == "two tori"
    assert world.say(Claim("count", (Mention(shape="cube"),), count=1)) == "one cube"
    assert world.say(Claim("relation", (red, blue), "front"), "zh") == "一个红色的物体在一个蓝色的物体前面"


def test_captions_are_many_and_from_short_to_detailed():
    said = [text for scene in SCENES for text in world.captions(scene, 4)]
    assert len(set(said)) > 0.75 * len(said)
    words = [len(text.split()) for text in said]
    assert min(words) <= 3
    assert max(words) > 20
    assert all(re.fullmatch(r"[a-z ,]+", text) for text in said)
    assert not any(f"a {vowel}" in text for text in said for vowel in ("orange", "object"))
    assert world.caption(SCENES[3], 5) == world.caption(SCENES[3], 5)


def test_chinese_captions_are_chinese():
    for scene in SCENES:
        for text in (world.describe(scene, "zh"), *world.captions(scene, 3, "zh")):
            assert re.fullmatch(r"[一-鿿、：，]+", text), text


def test_negatives_differ_in_one_thing():
    for scene in SCENES:
        for true, false in world.negatives(scene, 2):
            assert true != false
            assert Counter(true.split()).total() - (Counter(true.split()) & Counter(false.split())).total() <= 6


def test_junk_says_nothing_of_shapes():
    texts = [world.junk(seed) for seed in range(400)]
    assert len(set(texts)) > 250
    assert not any(shape in text for text in texts for shape in world.SHAPES)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_ability_is_asked_for_and_the_answer_is_no_habit(language):
    asked = [q for scene in SCENES for q in world.questions(scene, language)]
    assert {q.ability for q in asked} == set(world.ABILITIES)
    for q in asked:
        assert len(set(q.options)) == len(q.options) <= 4
        assert len(q.options) >= 2
    four = Counter(q.letter for q in asked if len(q.options) == 4)
    assert max(four.values()) < 1.5 * min(four.values())
    chosen = Counter(q.options[q.answer] for q in asked if len(q.options) == 2)
    assert max(chosen.values()) < 0.4 * sum(chosen.values())


def test_answers_are_right():
    """Read off the scene by another way: by the words of question and option."""
    checked = Counter()
    for scene in SCENES:
        meant = {noun(Mention(**dict(zip(names, values, strict=True)))): o for o in scene.objects
                 for names in _subsets() for values in [[getattr(o, n) for n in names]]}  # fmt: skip
        for q in world.questions(scene):
            right = q.options[q.answer]
            if match := re.fullmatch(r"What colour is the (.+)\?", q.text):
                assert meant[match[1]].color == right
            elif match := re.fullmatch(r"Which is larger, the (.+) or the (.+)\?", q.text):
                sizes = {part: meant[part].size for part in match.groups()}
                assert sizes[right] == "large"
                assert sorted(sizes.values()) == ["large", "small"]
            elif q.text == "How many objects are there?":
                assert ("no", "one", "two", "three", "four")[len(scene.objects)] == right
            elif match := re.fullmatch(r"On which side of the (.+) is the (.+)\?", q.text):
                x = [scene.places()[scene.objects.index(meant[part])][0] for part in match.groups()]
                assert right == ("to the left" if x[1] < x[0] else "to the right")
            elif q.text == "Which object has a hole?":
                assert meant[right].shape == "torus"
            elif match := re.fullmatch(r"Do the (.+) and the (.+) have the same shape\?", q.text):
                assert right == ("yes" if len({meant[part].shape for part in match.groups()}) == 1 else "no")
            else:
                continue
            checked[q.ability] += 1
    assert len(checked) == 5


def _subsets():
    names = ("size", "color", "material", "shape")
    return [[n for i, n in enumerate(names) if mask >> i & 1] for mask in range(1, 16)]


def test_another_language_is_refused():
    with pytest.raises(ValueError, match="en or zh"):
        world.describe(SCENES[0], "fr")
    with pytest.raises(ValueError, match="en or zh"):
        world.questions(SCENES[0], "fr")


def test_relations_have_their_opposites():
    for scene in SCENES[:40]:
        count = len(scene.objects)
        for i in range(count):
            for j in range(count):
                if i != j:
                    for relation in RELATIONS:
                        assert not (related(scene, i, j, relation) and related(scene, i, j, OPPOSITE[relation]))
                        assert related(scene, i, j, relation) == related(scene, j, i, OPPOSITE[relation])
