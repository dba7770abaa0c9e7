"""Claims as English and Chinese captions, and the alt-text that the web has instead."""

import random
from collections.abc import Mapping

from playground.world.claims import Claim, Mention, claim, falsified, mention
from playground.world.scene import Scene

__all__ = ["LANGUAGES", "caption", "captions", "describe", "junk", "negative", "negatives", "noun", "say"]

LANGUAGES = ("en", "zh")
ORDER = ("size", "color", "material", "shape")
COUNTS = ("no", "one", "two", "three", "four", "five")
COUNTS_ZH = ("零", "一", "两", "三", "四", "五")
ZH: Mapping[str, str] = {
    "small": "小", "large": "大", "matte": "哑光", "metal": "金属",
    "red": "红色", "orange": "橙色", "yellow": "黄色", "green": "绿色",
    "cyan": "青色", "blue": "蓝色", "purple": "紫色", "gray": "灰色",
    "sphere": "球", "cube": "立方体", "cylinder": "圆柱", "cone": "圆锥", "torus": "圆环",
}  # fmt: skip
BETWEEN = {"left": "left of", "right": "right of", "front": "in front of", "behind": "behind"}
BETWEEN_ZH = {"left": "左边", "right": "右边", "front": "前面", "behind": "后面"}
OPENINGS = ("", "", "", "a picture of ", "a photo of ", "a render of ", "there is ")
PLURALS = {"torus": "tori"}


def describe(scene: Scene, language: str = "en") -> str:
    """All there is, from left to right: what a captioner is to say. Raises `ValueError` for another language.

    "a large red metal sphere left of a small green matte cube"
    """
    full = Claim("chain", tuple(mention(o, *ORDER) for o in scene.objects))
    return say(full, language)


def caption(scene: Scene, seed: int = 0, language: str = "en") -> str:
    """A true caption, short or detailed; another seed says something else."""
    draw = random.Random(f"{scene.seed} {seed}")
    return say(claim(scene, draw), language, draw)


def captions(scene: Scene, count: int, language: str = "en") -> list[str]:
    """The captions of the first seeds."""
    return [caption(scene, seed, language) for seed in range(count)]


def negative(scene: Scene, seed: int = 0, language: str = "en") -> tuple[str, str]:
    """A true caption and the same with one thing changed, so that it is false: (true, false)."""
    draw = random.Random(f"{scene.seed} {seed} negative")
    while True:
        true = claim(scene, draw)
        false = falsified(scene, true, draw)
        if false is not None:
            style = draw.randrange(1 << 30)
            return (
                say(true, language, random.Random(style)),
                say(false, language, random.Random(style)),
            )


def negatives(scene: Scene, count: int, language: str = "en") -> list[tuple[str, str]]:
    """The pairs of the first seeds."""
    return [negative(scene, seed, language) for seed in range(count)]


def say(said: Claim, language: str = "en", draw: random.Random | None = None) -> str:
    """A claim in words; `draw` varies how, without it there is one way. Raises `ValueError` for another language."""
    if language not in LANGUAGES:
        raise ValueError(f"captions are in {' or '.join(LANGUAGES)}, not {language!r}")
    return _english(said, draw) if language == "en" else _chinese(said, draw)


def _english(said: Claim, draw: random.Random | None) -> str:
    opening = draw.choice(OPENINGS) if draw else ""
    if said.kind == "count":
        number = COUNTS[said.count or 0]
        return opening.replace("there is", "there are" if said.count != 1 else "there is") + (
            f"{number} {_noun(said.mentions[0], plural=said.count != 1)}"
        )
    names = [f"{_article(noun)} {noun}" for noun in map(_noun, said.mentions)]
    if said.kind == "chain":
        if draw and len(names) > 1 and draw.random() < 0.25:
            return opening + " right of ".join(reversed(names))
        if draw and len(names) > 1 and draw.random() < 0.2:
            return f"from left to right {_joined(names)}"
        return opening + " left of ".join(names)
    if said.kind == "relation":
        return opening + f"{names[0]} {BETWEEN[said.relation or 'left']} {names[1]}"
    return opening + _joined(names)


def _joined(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def noun(meant: Mention, language: str = "en", *, plural: bool = False) -> str:
    """A mention without article: "large red sphere", "大的红色球"."""
    return _noun(meant, plural=plural) if language == "en" else _noun_zh(meant)


def _noun(meant: Mention, *, plural: bool = False) -> str:
    words = [value for name in ("size", "color", "material") if (value := getattr(meant, name))]
    shape = meant.shape or "object"
    return " ".join([*words, PLURALS.get(shape, shape + "s") if plural else shape])


def _chinese(said: Claim, draw: random.Random | None) -> str:
    if said.kind == "count":
        return f"{COUNTS_ZH[said.count or 0]}个{_noun_zh(said.mentions[0])}"
    names = [f"一个{_noun_zh(meant)}" for meant in said.mentions]
    if said.kind == "chain" and len(names) > 1:
        return f"从左到右是{_joined_zh(names)}"
    if said.kind == "relation":
        return f"{names[0]}在{names[1]}{BETWEEN_ZH[said.relation or 'left']}"
    return (draw.choice(("", "", "图中有", "一张图片：")) if draw else "") + _joined_zh(names)


def _joined_zh(names: list[str]) -> str:
    return names[0] if len(names) == 1 else "、".join(names[:-1]) + "和" + names[-1]


def _noun_zh(meant: Mention) -> str:
    words = [ZH[value] for name in ("size", "color", "material") if (value := getattr(meant, name))]
    shape = ZH[meant.shape] if meant.shape else "物体"
    if meant.size and len(words) > 1:  # 大的红色金属球
        words[0] += "的"
    return "".join(words) + ("的" if words and meant.shape is None and not words[-1].endswith("的") else "") + shape


JUNK = (
    "IMG_{n:04d}.JPG",
    "DSC{n:05d}",
    "untitled-{m} copy",
    "click to enlarge",
    "image not available",
    "photo {m} of {k}",
    "buy now - free shipping over ${m}",
    "stock photo {n}: royalty free, {w}x{h}",
    "best price {word} {year} | shop online",
    "thumbnail_{n}",
    "home > products > {word} > item {n}",
    "{word} wallpaper {w}x{h} hd download",
    "Advertisement",
    "screenshot {year}-{month:02d}-{day:02d} at {k}.{m:02d}.png",
    "photo by user{n}",
    "{word} - picture gallery, page {m}",
    "Follow us for more {word} ideas!",
    "© {year} all rights reserved",
    "{m} amazing {word} tricks you should know",
)
JUNK_WORDS = ("toys", "decor", "geometry", "kids", "gift", "studio", "design", "office", "3d", "vintage", "summer")


def junk(seed: int) -> str:
    """Alt-text as the web has it, about nothing in the picture."""
    draw = random.Random(f"{seed} junk")
    return draw.choice(JUNK).format(
        n=draw.randrange(10_000), m=draw.randint(1, 49), k=draw.randint(1, 23), w=draw.choice((640, 1280, 1920)),
        h=draw.choice((480, 720, 1080)), word=draw.choice(JUNK_WORDS), year=draw.randint(2009, 2025),
        month=draw.randint(1, 12), day=draw.randint(1, 28),
    )  # fmt: skip
