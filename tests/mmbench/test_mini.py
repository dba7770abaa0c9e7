"""The mini benchmark: as many of each ability, right options that the pictures bear out, the same ones from a seed."""

import io
import random
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from playground import world
from playground.mmbench.mini import FIRST, MINI_ABILITIES, TEXTS, mini_benchmark, mini_drafts
from playground.mmbench.mini_pictures import INKS, QUALITIES, STYLES, bar_chart, sign
from playground.mmbench.taxonomy import L3, l1_of, l2_of
from playground.world.claims import related


@pytest.fixture(scope="module")
def asked():
    return list(mini_benchmark(65))


def pixels(question):
    return np.asarray(Image.open(io.BytesIO(question.picture)).convert("RGB"), dtype=float)


def right(question):
    return dict(question.options)[question.answer]


def test_thirteen_abilities_in_turn(asked):
    assert set(MINI_ABILITIES) <= set(L3)
    assert len(MINI_ABILITIES) == 13
    assert set(Counter(question.category for question in asked).values()) == {5}
    assert {l1_of(question.l2_category) for question in asked} == {"perception", "reasoning"}
    for question in asked:
        assert question.l2_category == l2_of(question.category)
        assert 2 <= len(question.options) <= 4
        assert len({text for _, text in question.options}) == len(question.options)
    assert [question.index for question in asked] == list(range(65))


@pytest.fixture(scope="module")
def drafts():
    return [one.question for one in mini_drafts(650)]


def test_no_letter_is_right_more_often_than_another(drafts):
    for count in (2, 3, 4):
        places = Counter(q.answer for q in drafts if len(q.options) == count)
        assert len(places) == count
        assert max(places.values()) - min(places.values()) <= 1


def by_length(question, sign):
    """What guessing by length is worth: the longest, or shortest, evenly among those as long."""
    lengths = {letter: sign * len(text) for letter, text in question.options}
    best = [letter for letter, length in lengths.items() if length == max(lengths.values())]
    return (question.answer in best) / len(best)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_length_gives_nothing_away(language):
    """Within 4 standard errors of chance, overall; and no ability is told by it."""
    asked = [one.question for one in mini_drafts(650, language=language)]
    chance = np.array([1 / len(q.options) for q in asked])
    for sign_ in (1, -1):
        found = np.array([by_length(q, sign_) for q in asked])
        assert abs((found - chance).mean()) < 4 * (found - chance).std() / len(asked) ** 0.5
        for name in MINI_ABILITIES:
            mine = np.array([q.category == name for q in asked])
            assert abs((found - chance)[mine].mean()) < 0.15, name


def test_no_question_is_answered_by_its_words(drafts):
    """Of questions with the same words and options, each option is right as often; shapes do not tell what rolls.

    In four abilities the words vary with what is mentioned, and only the kind of question is fair.
    """
    vary = {"attribute_recognition", "attribute_comparison", "spatial_relationship", "object_localization"}
    right_of, words = {}, re.compile(r"sphere|cube|cylinder|cone|torus|球|柱|锥|环")
    for q in drafts:
        options = frozenset(text for _, text in q.options)
        if q.category not in vary:
            right_of.setdefault((q.question, options), Counter())[right(q)] += 1
        if q.category in ("future_prediction", "function_reasoning") or "hole" in q.question or "point" in q.question:
            assert not any(words.search(text) for text in options)
    for (_, options), seen in right_of.items():
        assert max(seen.values()) - min(seen[option] for option in options) <= 1
    same = [q for q in drafts if q.question.startswith("Do the")]
    assert len(same) > 20
    assert sum(right(q) == "yes" for q in same) / len(same) == pytest.approx(0.5, abs=0.05)


def test_the_sum_is_no_more_often_in_the_middle(drafts):
    ranks = Counter()
    for q in drafts:
        if "sum" in q.question:
            ranks[sorted(int(text) for _, text in q.options).index(int(right(q)))] += 1
    n = sum(ranks.values())
    assert n > 15
    assert ranks[1] + ranks[2] < 0.5 * n + 4 * (n / 4) ** 0.5
    assert min(ranks[0], ranks[3]) > n / 4 - 4 * (n * 3 / 16) ** 0.5


def test_colours_do_not_tell_shapes():
    """Where an object is named by its colour, any colour may have any shape."""
    seen = Counter()
    for number in range(600):
        made = MINI_ABILITIES["function_reasoning"][1](number, random.Random(0), "en")
        if made is not None:
            seen[made.right.split()[0]] += 1
    assert len(seen) == 8
    assert max(seen.values()) < 2.5 * min(seen.values())


def test_the_right_object_is_the_one():
    """What is asked for by use or form is so in the scene, and of no other object."""
    shapes = {"hang": "torus", "dice": "cube", "rolls": "sphere", "hole": "torus", "point": "cone"}
    found = Counter()
    for name in ("function_reasoning", "future_prediction", "physical_property_reasoning"):
        for ask in MINI_ABILITIES[name]:
            for number in range(30):
                made = ask(number, random.Random(0), "en")
                key = made and next((key for key in shapes if key in made.text), None)
                if not key:
                    continue
                found[key] += 1
                scene = world.sample(FIRST + number, objects=(2, 3, 4), pairs="all")
                assert [f"{o.color} object" for o in scene.objects if o.shape == shapes[key]] == [made.right]
                assert sorted([made.right, *made.wrong]) == sorted(f"{o.color} object" for o in scene.objects)
    assert set(found) == set(shapes)


def test_a_draft_is_the_question_and_draws_the_same_picture_each_time(asked):
    for one, question in zip(mini_drafts(40), asked, strict=False):
        assert replace(question, picture=None) == one.question
        assert one.draw() == one.draw() == question.picture
    assert len({question.picture for question in asked}) == len(asked)


def test_a_seed_gives_the_same_and_another_others(asked):
    again = list(mini_benchmark(20))
    assert again == asked[:20]
    assert [q.picture for q in mini_benchmark(20, seed=1)] != [q.picture for q in again]


def test_pictures_bear_out_quality_and_style(asked):
    words = {english: key for key, (english, _) in TEXTS.items()}
    seen = Counter()
    for question in asked:
        key = words.get(right(question))
        if question.category not in ("image_quality", "image_style"):
            continue
        picture = pixels(question)
        seen[key] += 1
        if key == "dark":
            assert picture.mean() < 70
        if key in ("grey", "lines"):
            assert np.abs(picture[..., 0] - picture[..., 2]).mean() < 2
        if key == "noisy":
            assert np.abs(np.diff(picture[..., 0], axis=1)).mean() > 20
        if key == "blurred":
            assert np.abs(np.diff(picture[..., 0], axis=1)).mean() < 3
    assert len(seen) >= 6


def test_a_chart_has_the_bars_it_is_asked_about():
    picture = np.asarray(bar_chart({"red": 9, "blue": 3, "green": 5, "orange": 1}, 128), dtype=int)
    counts = {}
    for name, ink in INKS.items():
        colour = np.array([int(ink[i : i + 2], 16) for i in (1, 3, 5)])
        counts[name] = (np.abs(picture - colour).sum(2) < 12).sum()
    assert sorted(counts, key=counts.get) == ["orange", "blue", "green", "red"]
    assert counts["red"] / counts["blue"] == pytest.approx(3, abs=0.4)


def test_depth_is_as_the_scene_has_it():
    found = 0
    for ask, relation in zip(MINI_ABILITIES["physical_relation"], ("front", "behind"), strict=True):
        for number in range(25):
            made = ask(number, random.Random(0), "en")
            if made is None:
                continue
            found += 1
            scene = world.sample(FIRST + number, objects=(2, 3, 4), pairs="all")
            i = next(i for i, o in enumerate(scene.objects) if f"{o.color} {o.shape}" == made.right)
            assert all(related(scene, i, j, relation) for j in range(len(scene.objects)) if j != i)
    assert found > 10


def test_chinese_says_the_same():
    english, chinese = (list(mini_benchmark(13, language=one)) for one in ("en", "zh"))
    assert [q.picture for q in english] == [q.picture for q in chinese]
    assert [q.answer for q in english] == [q.answer for q in chinese]
    assert all(any("\u4e00" <= c <= "\u9fff" for c in q.question) for q in chinese)


def test_a_sign_is_drawn_and_what_cannot_be_is_refused():
    plain, other = (np.asarray(sign(word, 128, random.Random(0)), dtype=int) for word in ("OPEN", "TAXI"))
    assert (plain != other).any(2).mean() > 0.02
    assert QUALITIES.keys() == {"sharp", "blurred", "noisy", "dark"}
    assert STYLES.keys() == {"colour", "grey", "lines", "mosaic"}
    for wrong, said in (({"count": 0}, "between 1 and 100,000"), ({"language": "fr"}, "en or zh")):
        with pytest.raises(ValueError, match=said):
            mini_benchmark(**wrong)
