"""A benchmark of our own in MMBench's format: 13 of its 20 abilities, on pictures made from a seed.

What faces, celebrities, feelings and people do cannot be drawn here and is left out.
"""

import io
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from playground import world
from playground.mmbench.mini_pictures import INKS, QUALITIES, STYLES, bar_chart, handwritten, sign
from playground.mmbench.questions import LETTERS, Question
from playground.mmbench.taxonomy import l2_of
from playground.world.claims import mention, related
from playground.world.figures import pictures_of
from playground.world.questions import ABILITIES as OF_THE_WORLD
from playground.world.words import noun

__all__ = ["MINI_ABILITIES", "mini_benchmark"]

FIRST = 980_000_000  # of the scenes' seeds: none that anything was trained on
SIDE = 128  # pixels
SPLIT = "dev"
Made = tuple[Image.Image, str, str, list[str]] | None  # picture, question, the right option, the wrong ones
Ask = Callable[[int, random.Random, str], Made]

TEXTS: Mapping[str, tuple[str, str]] = {  # English, Chinese
    "sharp": ("sharp and clear", "清晰"),
    "blurred": ("blurred", "模糊"),
    "noisy": ("full of noise", "布满噪点"),
    "dark": ("much too dark", "过暗"),
    "colour": ("a colour picture", "彩色图片"),
    "grey": ("a black-and-white picture", "黑白图片"),
    "lines": ("a line drawing", "线条画"),
    "mosaic": ("a mosaic of squares", "方块马赛克"),
    "solids": ("solids on a table", "桌上的几何体"),
    "chart": ("a bar chart", "柱状图"),
    "text": ("a sign with a word", "写着单词的牌子"),
    "digits": ("handwritten digits", "手写数字"),
    "red": ("red", "红色"),
    "blue": ("blue", "蓝色"),
    "green": ("green", "绿色"),
    "orange": ("orange", "橙色"),
    "ask_quality": ("How good is this picture?", "这张图片的质量如何？"),
    "ask_style": ("In which style is this picture?", "这张图片是什么风格？"),
    "ask_topic": ("What does this picture show?", "这张图片的主题是什么？"),
    "ask_sign": ("Which word is on the sign?", "牌子上写的是哪个单词？"),
    "ask_digits": ("Which number is written here?", "这里写的是哪个数？"),
    "ask_high": ("Which bar is the highest?", "哪根柱子最高？"),
    "ask_low": ("Which bar is the lowest?", "哪根柱子最矮？"),
    "ask_sum": ("What is the sum of the two highest bars?", "最高的两根柱子之和是多少？"),
    "ask_hang": ("Which object could hang on a peg?", "哪个物体可以挂在钉子上？"),
    "ask_stack": ("Which object could be a dice?", "哪个物体可以当骰子？"),
    "ask_near": ("Which object is nearest to the viewer?", "哪个物体离观看者最近？"),
    "ask_far": ("Which object is farthest from the viewer?", "哪个物体离观看者最远？"),
}
WORDS = ("OPEN", "EXIT", "STOP", "CAFE", "BANK", "TAXI", "HOTEL", "MUSIC", "BREAD", "RIVER", "NORTH", "SALE", "PARK")


def mini_benchmark(count: int = 1000, *, seed: int = 0, language: str = "en") -> Iterator[Question]:
    """So many questions, each ability in turn, with pictures of 128 x 128 as JPEG; a seed gives the same ones.

    Raises `ValueError` for another language than en and zh and for a number outside 1..100,000.
    """
    if language not in ("en", "zh"):
        raise ValueError(f"questions are in en or zh, not {language!r}")
    if not 1 <= count <= 100_000:
        raise ValueError(f"count must lie between 1 and 100,000, not {count}")
    return _questions(count, seed, language)


def _questions(count: int, seed: int, language: str) -> Iterator[Question]:
    names, tries = list(MINI_ABILITIES), Counter[str]()
    for index in range(count):
        name = names[index % len(names)]
        made = None
        while made is None:  # a scene may have nothing to be asked of this kind
            number = seed * 10_000_019 + 1_000_003 * names.index(name) + tries[name]
            tries[name] += 1
            draw = random.Random(f"mini {number}")
            made = MINI_ABILITIES[name](number, draw, language)
        picture, text, right, wrong = made
        options = [right, *wrong[:3]]
        draw.shuffle(options)
        yield Question(
            index=index, question=text, options=tuple(zip(LETTERS, options, strict=False)),
            answer=LETTERS[options.index(right)], category=name, l2_category=l2_of(name) or "", split=SPLIT,
            picture=_jpeg(picture),
        )  # fmt: skip


def _of_the_world(name: str) -> Ask:
    def ask(number: int, draw: random.Random, language: str) -> Made:
        scene = world.sample(FIRST + number % 10_000_000)
        found = [one for one in world.questions(scene, language) if one.ability == name]
        if not found:
            return None
        one = draw.choice(found)
        wrong = [option for i, option in enumerate(one.options) if i != one.answer]
        return _still(scene), one.text, one.options[one.answer], wrong

    return ask


def _changed(kinds: Mapping[str, Callable[[Image.Image, random.Random], Image.Image]], asked: str) -> Ask:
    """Which of several changes a still life has gone through."""

    def ask(number: int, draw: random.Random, language: str) -> Made:
        right = draw.choice(list(kinds))
        picture = kinds[right](_still(world.sample(FIRST + number % 10_000_000)), draw)
        return picture, _worded(asked, language), _worded(right, language), _others(kinds, right, language)

    return ask


def _topic(number: int, draw: random.Random, language: str) -> Made:
    kinds = {
        "solids": lambda: _still(world.sample(FIRST + number % 10_000_000)),
        "chart": lambda: bar_chart(_heights(draw), SIDE),
        "text": lambda: sign(draw.choice(WORDS), SIDE, draw),
        "digits": lambda: handwritten([one for one, _ in _digits(draw, 2)], SIDE),
    }
    right = draw.choice(list(kinds))
    return kinds[right](), _worded("ask_topic", language), _worded(right, language), _others(kinds, right, language)


def _ocr(_: int, draw: random.Random, language: str) -> Made:
    if draw.random() < 0.5:
        right, *wrong = draw.sample(WORDS, 4)
        return sign(right, SIDE, draw), _worded("ask_sign", language), right, wrong
    drawn = _digits(draw, 2)
    right = "".join(str(label) for _, label in drawn)
    wrong = draw.sample([str(n) for n in range(10, 100) if str(n) != right], 3)
    return handwritten([one for one, _ in drawn], SIDE), _worded("ask_digits", language), right, wrong


def _chart(_: int, draw: random.Random, language: str) -> Made:
    heights = _heights(draw)
    ordered = sorted(heights, key=heights.__getitem__)
    kind = draw.choice(["ask_high", "ask_low", "ask_sum"])
    picture, text = bar_chart(heights, SIDE), _worded(kind, language)
    if kind == "ask_sum":
        total = heights[ordered[-1]] + heights[ordered[-2]]
        near = [str(n) for n in range(total - 4, total + 5) if n != total and n > 0]
        return picture, text, str(total), draw.sample(near, 3)
    right = ordered[-1 if kind == "ask_high" else 0]
    return picture, text, _worded(right, language), _others(heights, right, language)


def _use(number: int, draw: random.Random, language: str) -> Made:
    """What an object is good for, which its shape decides."""
    kind, shape = draw.choice([("ask_hang", "torus"), ("ask_stack", "cube")])
    scene = world.sample(FIRST + number % 10_000_000, objects=(2, 3, 4))
    return _which(scene, kind, [o.shape == shape for o in scene.objects], language)


def _depth(number: int, draw: random.Random, language: str) -> Made:
    """Which object is nearest, or farthest, where that is beyond doubt."""
    scene = world.sample(FIRST + number % 10_000_000, objects=(2, 3, 4))
    kind = draw.choice(["ask_near", "ask_far"])
    relation = "front" if kind == "ask_near" else "behind"
    every = range(len(scene.objects))
    truth = [all(related(scene, i, j, relation) for j in every if j != i) for i in every]
    return _which(scene, kind, truth, language)


def _which(scene: world.Scene, asked: str, truth: Sequence[bool], language: str) -> Made:
    """The one object of a scene of which something is true."""
    names = [_name(o, language) for o in scene.objects]
    if sum(truth) != 1 or len(set(names)) < len(names):
        return None
    right = names[list(truth).index(True)]
    return _still(scene), _worded(asked, language), right, [name for name in names if name != right]


MINI_ABILITIES: Mapping[str, Ask] = {
    "image_style": _changed(STYLES, "ask_style"),
    "image_topic": _topic,
    "image_quality": _changed(QUALITIES, "ask_quality"),
    **{name: _of_the_world(name) for name in OF_THE_WORLD},
    "ocr": _ocr,
    "function_reasoning": _use,
    "physical_relation": _depth,
    "structuralized_imagetext_understanding": _chart,
}


def _name(o: world.Object, language: str) -> str:
    return noun(mention(o, "color", "shape"), language)


def _heights(draw: random.Random) -> dict[str, int]:
    return dict(zip(draw.sample(list(INKS), 4), draw.sample(range(1, 10), 4), strict=True))


def _digits(draw: random.Random, count: int) -> list[tuple[np.ndarray, int]]:
    """Handwritten digits of scikit-learn's with their labels, the first of them not 0."""
    bunch = _bunch()
    chosen: list[tuple[np.ndarray, int]] = []
    while len(chosen) < count:
        i = draw.randrange(len(bunch.target))
        if chosen or bunch.target[i]:
            chosen.append((bunch.images[i] / 16, int(bunch.target[i])))
    return chosen


@cache
def _bunch() -> Any:
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    return load_digits()


def _still(scene: world.Scene) -> Image.Image:
    return pictures_of([scene], SIDE)[0]


def _others(names: Mapping[str, object], right: str, language: str) -> list[str]:
    return [_worded(name, language) for name in names if name != right]


def _worded(name: str, language: str) -> str:
    return TEXTS[name][language == "zh"]


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=92)
    return out.getvalue()
