"""Questions with options about a still life, one family an ability, as multiple-choice benchmarks have them."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from playground.world.claims import Mention, mention, related
from playground.world.scene import COLORS, MATERIALS, SHAPES, Object, Scene
from playground.world.words import COUNTS, COUNTS_ZH, ZH, noun

__all__ = ["ABILITIES", "Question", "questions"]

OPTIONS = 4  # at most


@dataclass(frozen=True)
class Question:
    """A question with one right option."""

    ability: str  # of `ABILITIES`, named as in MMBench
    text: str
    options: tuple[str, ...]
    answer: int  # index of the right option

    @property
    def letter(self) -> str:
        return "ABCD"[self.answer]


def questions(scene: Scene, language: str = "en") -> list[Question]:
    """All that can be asked of the scene without doubt, one of each kind; the same scene asks the same.

    Raises `ValueError` for another language than en and zh.
    """
    if language not in ("en", "zh"):
        raise ValueError(f"questions are in en or zh, not {language!r}")
    asked = []
    for ability, kinds in ABILITIES.items():
        for i, ask in enumerate(kinds):
            draw = random.Random(f"{scene.seed} {ability} {i}")
            made = ask(scene, draw, language)
            if made is not None:
                text, right, wrong = made
                options = [right, *wrong[: OPTIONS - 1]]
                draw.shuffle(options)
                asked.append(Question(ability, text, tuple(options), options.index(right)))
    return asked


Asked = tuple[str, str, list[str]] | None  # the text, the right option, the wrong ones
Ask = Callable[[Scene, random.Random, str], Asked]


def _word(value: str, language: str) -> str:
    return ZH[value] if language == "zh" else value


def _unique(scene: Scene, draw: random.Random, without: str) -> Iterator[tuple[Object, Mention]]:
    """Objects that a mention without one attribute means alone, with the shortest such mention."""
    objects = list(scene.objects)
    draw.shuffle(objects)
    names = [name for name in ("shape", "color", "size", "material") if name != without]
    for o in objects:
        for count in range(1, len(names) + 1):
            meant = mention(o, *names[:count])
            if sum(meant.fits(other) for other in scene.objects) == 1:
                yield o, meant
                break


def _attribute(name: str, values: Sequence[str], english: str, chinese: str) -> Ask:
    def ask(scene: Scene, draw: random.Random, language: str) -> Asked:
        for o, meant in _unique(scene, draw, name):
            others = [value for value in values if value != getattr(o, name)]
            wrong = [_word(value, language) for value in draw.sample(others, len(others))]
            text = (english if language == "en" else chinese).format(noun(meant, language))
            return text, _word(getattr(o, name), language), wrong
        return None

    return ask


def _how_many(scene: Scene, draw: random.Random, language: str) -> Asked:
    names = COUNTS if language == "en" else [f"{number}个" for number in COUNTS_ZH]
    right = len(scene.objects)
    others = draw.sample([n for n in range(1, 6) if n != right], 4)
    text = "How many objects are there?" if language == "en" else "图中有几个物体？"
    return text, names[right], [names[n] for n in others]


def _how_many_such(scene: Scene, draw: random.Random, language: str) -> Asked:
    names = COUNTS if language == "en" else [f"{number}个" for number in COUNTS_ZH]
    name = draw.choice(["color", "shape", "material", "size"])
    meant = mention(draw.choice(scene.objects), name)
    right = sum(meant.fits(o) for o in scene.objects)
    others = draw.sample([n for n in range(5) if n != right], 4)
    what = noun(meant, language, plural=True)
    text = f"How many {what} are there?" if language == "en" else f"图中有几个{what}？"
    return text, names[right], [names[n] for n in others]


def _where(scene: Scene, draw: random.Random, language: str) -> Asked:
    """In which third of the picture, where that is beyond doubt."""
    words = ("left", "middle", "right") if language == "en" else ("左侧", "中间", "右侧")
    places = {id(o): place[0] for o, place in zip(scene.objects, scene.places(), strict=True)}
    for o, meant in _unique(scene, draw, ""):
        x = places[id(o)]
        third = 0 if x < -0.42 else 2 if x > 0.42 else 1 if abs(x) < 0.24 else None
        if third is not None:
            what = noun(meant, language)
            text = f"In which part of the picture is the {what}?" if language == "en" else f"{what}在图片的哪一部分？"
            return text, words[third], [word for i, word in enumerate(words) if i != third]
    return None


def _outermost(scene: Scene, draw: random.Random, language: str) -> Asked:
    """Which object is the leftmost or the rightmost."""
    if len(scene.objects) < 2:
        return None
    named = [noun(mention(o, "color", "shape"), language) for o in scene.objects]
    if len(set(named)) < len(named):
        return None
    last = draw.random() < 0.5
    if language == "en":
        text = f"Which object is farthest to the {'right' if last else 'left'}?"
    else:
        text = f"哪个物体在最{'右' if last else '左'}边？"
    right = named[-1 if last else 0]
    return text, right, [name for name in named if name != right]


def _between(scene: Scene, draw: random.Random, language: str) -> Asked:
    """How one stands to another."""
    pairs = [(o, m) for o, m in _unique(scene, draw, "")]
    if len(pairs) < 2:
        return None
    (one, first), (other, second) = pairs[:2]
    i, j = scene.objects.index(one), scene.objects.index(other)
    side = related(scene, i, j, "left")
    depth = next((name for name in ("front", "behind") if related(scene, i, j, name)), None)
    a, b = noun(first, language), noun(second, language)
    if depth is not None and draw.random() < 0.5:
        words = (
            {"front": "in front of it", "behind": "behind it"}
            if language == "en"
            else {"front": "前面", "behind": "后面"}
        )
        text = f"Where is the {a}, seen from the {b}?" if language == "en" else f"{a}在{b}的前面还是后面？"
        return text, words[depth], [word for key, word in words.items() if key != depth]
    words = {"left": "to the left", "right": "to the right"} if language == "en" else {"left": "左边", "right": "右边"}
    text = f"On which side of the {b} is the {a}?" if language == "en" else f"{a}在{b}的哪一边？"
    right = "left" if side else "right"
    return text, words[right], [word for key, word in words.items() if key != right]


def _alike(name: str, english: str, chinese: str) -> Ask:
    """What two objects share, or whether they do."""

    def ask(scene: Scene, draw: random.Random, language: str) -> Asked:
        pairs = [(o, m) for o, m in _unique(scene, draw, name)]
        if len(pairs) < 2:
            return None
        (one, first), (other, second) = pairs[:2]
        same = getattr(one, name) == getattr(other, name)
        yes, no = ("yes", "no") if language == "en" else ("是", "不是")
        text = (english if language == "en" else chinese).format(noun(first, language), noun(second, language))
        return text, yes if same else no, [no if same else yes]

    return ask


def _larger(scene: Scene, draw: random.Random, language: str) -> Asked:
    """Which of two is the larger."""
    pairs = [(o, m) for o, m in _unique(scene, draw, "size")]
    for i, (one, first) in enumerate(pairs):
        for other, second in pairs[i + 1 :]:
            if one.size != other.size:
                a, b = noun(first, language), noun(second, language)
                text = f"Which is larger, the {a} or the {b}?" if language == "en" else f"{a}和{b}哪个更大？"
                right = a if one.size == "large" else b
                return text, right, [b if right == a else a]
    return None


def _reasoned(english: str, chinese: str, truth: Callable[[Object], bool]) -> Ask:
    """Which object does something that its shape or material alone decides."""

    def ask(scene: Scene, _: random.Random, language: str) -> Asked:
        named = {noun(mention(o, "color", "shape"), language): truth(o) for o in scene.objects}
        right = [name for name, does in named.items() if does]
        if len(named) < len(scene.objects) or len(named) < 2 or len(right) != 1:
            return None
        return english if language == "en" else chinese, right[0], [name for name in named if name != right[0]]

    return ask


# ability -> its kinds of questions
ABILITIES: Mapping[str, tuple[Ask, ...]] = {
    "attribute_recognition": (
        _attribute("color", list(COLORS), "What colour is the {}?", "{}是什么颜色的？"),
        _attribute("shape", SHAPES, "What shape is the {}?", "{}是什么形状的？"),
        _attribute("material", MATERIALS, "Is the {} matte or metal?", "{}是哑光的还是金属的？"),
    ),
    "object_localization": (_how_many, _how_many_such, _where, _outermost),
    "spatial_relationship": (_between,),
    "attribute_comparison": (
        _larger,
        _alike("color", "Do the {} and the {} have the same colour?", "{}和{}颜色相同吗？"),
        _alike("shape", "Do the {} and the {} have the same shape?", "{}和{}形状相同吗？"),
        _alike("material", "Are the {} and the {} of the same material?", "{}和{}材质相同吗？"),
    ),
    "physical_property_reasoning": (
        _reasoned("Which object is like a mirror?", "哪个物体像镜子？", lambda o: o.material == "metal"),
        _reasoned("Which object has a hole?", "哪个物体有孔？", lambda o: o.shape == "torus"),
        _reasoned("Which object comes to a point?", "哪个物体有尖顶？", lambda o: o.shape == "cone"),
    ),
    "future_prediction": (
        _reasoned(
            "The table is tilted a little to one side. Which object rolls away first?",
            "把桌面稍微向一侧倾斜，哪个物体最先滚走？",
            lambda o: o.shape == "sphere",
        ),
    ),
}  # fmt: skip
