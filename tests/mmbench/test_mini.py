"""The mini benchmark: as many of each ability, right options that the pictures bear out, the same ones from a seed."""

import io
import random
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from playground import world
from playground.mmbench.mini import FIRST, MINI_ABILITIES, TEXTS, mini_benchmark
from playground.mmbench.mini_pictures import INKS, QUALITIES, STYLES, bar_chart, sign
from playground.mmbench.taxonomy import L3, l1_of, l2_of
from playground.world.claims import related


@pytest.fixture(scope="module")
def asked():
    return list(mini_benchmark(130))


def pixels(question):
    return np.asarray(Image.open(io.BytesIO(question.picture)).convert("RGB"), dtype=float)


def right(question):
    return dict(question.options)[question.answer]


def test_thirteen_abilities_in_turn(asked):
    assert set(MINI_ABILITIES) <= set(L3)
    assert len(MINI_ABILITIES) == 13
    assert set(Counter(question.category for question in asked).values()) == {10}
    assert {l1_of(question.l2_category) for question in asked} == {"perception", "reasoning"}
    for question in asked:
        assert question.l2_category == l2_of(question.category)
        assert 2 <= len(question.options) <= 4
        assert len({text for _, text in question.options}) == len(question.options)
    assert [question.index for question in asked] == list(range(130))


def test_the_right_option_is_anywhere():
    places = Counter(q.answer for q in mini_benchmark(312) if len(q.options) == 4)
    assert min(places[letter] for letter in "ABCD") > 0.55 * sum(places.values()) / 4


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
    draw = random.Random(0)
    found = 0
    for number in range(40):
        made = MINI_ABILITIES["physical_relation"](number, draw, "en")
        if made is None:
            continue
        found += 1
        _, text, name, _ = made
        scene = world.sample(FIRST + number, objects=(2, 3, 4))
        i = next(i for i, o in enumerate(scene.objects) if f"{o.color} {o.shape}" == name)
        relation = "front" if "nearest" in text else "behind"
        assert all(related(scene, i, j, relation) for j in range(len(scene.objects)) if j != i)
    assert found > 5


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
