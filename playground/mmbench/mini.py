"""A benchmark of our own in MMBench's format: 13 of its 20 abilities, on pictures made from a seed.

What faces, celebrities, feelings and people do cannot be drawn here and is left out. No question is to be answered
without its picture: right letters are as frequent as each other among questions of as many options, and so are the
right options of a question that has the same ones again; options never tell what the question asks for.
"""

import io
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import count as counter
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

__all__ = ["MINI_ABILITIES", "Draft", "Made", "mini_benchmark", "mini_drafts"]

FIRST = 980_000_000  # of the scenes' seeds: none that anything was trained on
APART = 400_009  # between the first seeds of two kinds of questions
SIDE = 128  # pixels
SPLIT = "dev"


@dataclass(frozen=True)
class Made:
    """A question before its options have letters, and how its picture is drawn."""

    picture: Callable[[random.Random], Image.Image]
    text: str
    right: str
    wrong: Sequence[str]


@dataclass(frozen=True)
class Draft:
    """A question without its picture, and what draws that: the same JPEG each time."""

    question: Question
    draw: Callable[[], bytes]


Ask = Callable[[int, random.Random, str], Made | None]  # a number, what it draws from, the language

TEXTS: Mapping[str, tuple[str, str]] = {  # English, Chinese
    "sharp": ("sharp and clear", "清晰"),
    "blurred": ("blurred", "模糊"),
    "noisy": ("full of noise", "布满噪点"),
    "dark": ("much too dark", "过暗"),
    "colour": ("a colour photo", "彩色照片"),
    "grey": ("a black-and-white photo", "黑白照片"),  # a line drawing is black and white, but no photo
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
    "ask_mirror": ("Which object is like a mirror?", "哪个物体像镜子？"),
    "ask_hole": ("Which object has a hole?", "哪个物体有孔？"),
    "ask_point": ("Which object comes to a point?", "哪个物体有尖顶？"),
    "ask_roll": (
        "The table is tilted a little to one side. Which object rolls away first?",
        "把桌面稍微向一侧倾斜，哪个物体最先滚走？",
    ),
    "ask_near": ("Which object is nearest to the viewer?", "哪个物体离观看者最近？"),
    "ask_far": ("Which object is farthest from the viewer?", "哪个物体离观看者最远？"),
}
WORDS = ("OPEN", "EXIT", "STOP", "CAFE", "BANK", "TAXI", "HOTEL", "MUSIC", "BREAD", "RIVER", "NORTH", "SALE", "PARK")


def mini_benchmark(count: int = 1000, *, seed: int = 0, language: str = "en") -> Iterator[Question]:
    """So many questions, each ability in turn, with pictures of 128 x 128 as JPEG; a seed gives the same ones.

    Raises `ValueError` for another language than en and zh and for a number outside 1..100,000.
    """
    drafts = mini_drafts(count, seed=seed, language=language)
    return (replace(one.question, picture=one.draw()) for one in drafts)


def mini_drafts(count: int = 1000, *, seed: int = 0, language: str = "en") -> Iterator[Draft]:
    """The same questions at a tenth of the time, their pictures to be drawn later. Raises `ValueError` likewise."""
    if language not in ("en", "zh"):
        raise ValueError(f"questions are in en or zh, not {language!r}")
    if not 1 <= count <= 100_000:
        raise ValueError(f"count must lie between 1 and 100,000, not {count}")
    return _drafts(count, seed, language)


def _drafts(count: int, seed: int, language: str) -> Iterator[Draft]:
    names, fair, places = list(MINI_ABILITIES), _Fair(), _Places(seed)
    kinds = [(name, i) for name in names for i in range(len(MINI_ABILITIES[name]))]
    numbers = {kind: counter(seed * 10_000_019 + APART * i) for i, kind in enumerate(kinds)}
    for index in range(count):
        name = names[index % len(names)]
        kind = (name, index // len(names) % len(MINI_ABILITIES[name]))
        while True:  # a scene may have nothing to be asked of this kind, or what has come up too often
            number = next(numbers[kind])
            draw = random.Random(f"mini {kind} {number}")
            made = MINI_ABILITIES[name][kind[1]](number, draw, language)
            if made is not None and fair.takes(kind, made):
                break
        options = list(made.wrong[:3])
        draw.shuffle(options)
        place = places.next(len(options) + 1)
        options.insert(place, made.right)
        question = Question(
            index=index, question=made.text, options=tuple(zip(LETTERS, options, strict=False)),
            answer=LETTERS[place], category=name, l2_category=l2_of(name) or "", split=SPLIT,
        )  # fmt: skip
        yield Draft(question, partial(_drawn, made.picture, f"mini picture {kind} {number}"))


def _drawn(picture: Callable[[random.Random], Image.Image], seed: str) -> bytes:
    out = io.BytesIO()
    picture(random.Random(seed)).save(out, "JPEG", quality=92)
    return out.getvalue()


class _Fair:
    """Takes a question only if its right option has been right no more often than any other of the same options, so
    that "are they alike?" is not mostly answered by no."""

    def __init__(self) -> None:
        self.right = defaultdict[tuple[object, frozenset[str]], Counter[str]](Counter)

    def takes(self, kind: object, made: Made) -> bool:
        options = frozenset((made.right, *made.wrong[:3]))
        seen = self.right[kind, options]
        fair = seen[made.right] <= min(seen[option] for option in options)
        seen[made.right] += fair
        return fair


class _Places:
    """Where the right option goes: of each k questions with k options, once in each place."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(f"mini places {seed}")
        self.left = defaultdict[int, list[int]](list)

    def next(self, options: int) -> int:
        if not self.left[options]:
            self.left[options] = self.draw.sample(range(options), options)
        return self.left[options].pop()


def _scene(number: int) -> world.Scene:
    return world.sample(FIRST + number % 10_000_000)


def _several(number: int) -> world.Scene:
    """A still life of 2 to 4 objects in which any colour meets any shape, so that a colour never tells a shape."""
    return world.sample(FIRST + number % 10_000_000, objects=(2, 3, 4), pairs="all")


def _of_the_world(name: str) -> tuple[Ask, ...]:
    def kind(of: Callable[[world.Scene, random.Random, str], tuple[str, str, list[str]] | None]) -> Ask:
        def ask(number: int, draw: random.Random, language: str) -> Made | None:
            scene = _scene(number)
            found = of(scene, draw, language)
            return None if found is None else Made(lambda _: _still(scene), *found)

        return ask

    return tuple(map(kind, OF_THE_WORLD[name]))


def _changed(kinds: Mapping[str, Callable[[Image.Image, random.Random], Image.Image]], asked: str) -> Ask:
    """Which of several changes a still life has gone through."""

    def ask(number: int, draw: random.Random, language: str) -> Made:
        right = draw.choice(list(kinds))

        def picture(pen: random.Random) -> Image.Image:
            return kinds[right](_still(_scene(number)), pen)

        return Made(picture, _worded(asked, language), _worded(right, language), _others(kinds, right, language))

    return ask


def _topic(number: int, draw: random.Random, language: str) -> Made:
    kinds: Mapping[str, Callable[[random.Random], Image.Image]] = {
        "solids": lambda _: _still(_scene(number)),
        "chart": lambda pen: bar_chart(_heights(pen), SIDE),
        "text": lambda pen: sign(pen.choice(WORDS), SIDE, pen),
        "digits": lambda pen: handwritten([one for one, _ in _digits(pen, 2)], SIDE),
    }
    right = draw.choice(list(kinds))
    return Made(kinds[right], _worded("ask_topic", language), _worded(right, language), _others(kinds, right, language))


def _sign(_: int, draw: random.Random, language: str) -> Made:
    right, *wrong = draw.sample(WORDS, 4)
    return Made(lambda pen: sign(right, SIDE, pen), _worded("ask_sign", language), right, wrong)


def _number(_: int, draw: random.Random, language: str) -> Made:
    drawn = _digits(draw, 2)
    right = "".join(str(label) for _, label in drawn)
    wrong = draw.sample([str(n) for n in range(10, 100) if str(n) != right], 3)
    return Made(lambda _: handwritten([one for one, _ in drawn], SIDE), _worded("ask_digits", language), right, wrong)


def _bar(kind: str, place: int) -> Ask:
    """Which bar stands at this place by height."""

    def ask(_: int, draw: random.Random, language: str) -> Made:
        heights = _heights(draw)
        right = sorted(heights, key=heights.__getitem__)[place]
        others = _others(heights, right, language)
        return Made(lambda _: bar_chart(heights, SIDE), _worded(kind, language), _worded(right, language), others)

    return ask


def _sum(_: int, draw: random.Random, language: str) -> Made:
    """The sum of the two highest bars, which is no more often in the middle of the options than their least."""
    heights = _heights(draw)
    total, below = sum(sorted(heights.values())[-2:]), draw.randrange(4)
    near = [*draw.sample(range(total - 4, total), below), *draw.sample(range(total + 1, total + 5), 3 - below)]
    return Made(lambda _: bar_chart(heights, SIDE), _worded("ask_sum", language), str(total), [str(n) for n in near])


def _which(kind: str, truth: Callable[[world.Object], bool], *named: str) -> Ask:
    """The one object of which something is true, by what does not tell it."""

    def ask(number: int, _: random.Random, language: str) -> Made | None:
        scene = _several(number)
        return _one(scene, kind, [truth(o) for o in scene.objects], named, language)

    return ask


def _depth(kind: str, relation: str) -> Ask:
    """Which object is nearest, or farthest, where that is beyond doubt."""

    def ask(number: int, _: random.Random, language: str) -> Made | None:
        scene = _several(number)
        every = range(len(scene.objects))
        truth = [all(related(scene, i, j, relation) for j in every if j != i) for i in every]
        return _one(scene, kind, truth, ("color", "shape"), language)

    return ask


def _one(scene: world.Scene, kind: str, truth: Sequence[bool], named: Sequence[str], language: str) -> Made | None:
    names = [noun(mention(o, *named), language) for o in scene.objects]
    if sum(truth) != 1 or len(set(names)) < len(names):
        return None
    right = names[list(truth).index(True)]
    wrong = [name for name in names if name != right]
    return Made(lambda _: _still(scene), _worded(kind, language), right, wrong)


# Each ability with its kinds of questions, which are asked in turn.
MINI_ABILITIES: Mapping[str, tuple[Ask, ...]] = {
    "image_style": (_changed(STYLES, "ask_style"),),
    "image_topic": (_topic,),
    "image_quality": (_changed(QUALITIES, "ask_quality"),),
    **{name: _of_the_world(name) for name in OF_THE_WORLD},
    "physical_property_reasoning": (
        _which("ask_mirror", lambda o: o.material == "metal", "color", "shape"),
        _which("ask_hole", lambda o: o.shape == "torus", "color"),
        _which("ask_point", lambda o: o.shape == "cone", "color"),
    ),
    "future_prediction": (_which("ask_roll", lambda o: o.shape == "sphere", "color"),),
    "ocr": (_sign, _number),
    "function_reasoning": (
        _which("ask_hang", lambda o: o.shape == "torus", "color"),
        _which("ask_stack", lambda o: o.shape == "cube", "color"),
    ),
    "physical_relation": (_depth("ask_near", "front"), _depth("ask_far", "behind")),
    "structuralized_imagetext_understanding": (_bar("ask_high", -1), _bar("ask_low", 0), _sum),
}


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
