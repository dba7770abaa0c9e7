"""What MMBench asks about: 2 abilities of level 1, 6 of level 2 and 20 of level 3 (Liu et al. 2024)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = [
    "ABBREVIATIONS",
    "ABILITIES",
    "DEV_ROWS",
    "L1",
    "L2",
    "L3",
    "VERSIONS",
    "Ability",
    "ability",
    "l1_of",
    "l2_of",
]

# Of version 1.1, the paper's, only the sum is known (3,217 questions): its dev counts are those of the file loaded.
VERSIONS = ("1.0", "1.1")
DEV_ROWS = 4329  # of version 1.0: its 1,164 questions of the dev split and their rotations


@dataclass(frozen=True)
class Ability:
    """One ability: its name as the TSV writes it, in English and in Chinese, the one it is part of, and the number of
    questions about it in the dev split of version 1.0."""

    name: str
    level: int
    english: str
    chinese: str
    parent: str | None
    dev: int
    abbreviation: str = ""


# Counts: the only ones that fit two published lists of scores; they sum to 1,164 and give all six scores of level 2.
_L1 = (("perception", "Perception", "感知"), ("reasoning", "Reasoning", "推理"))
_L2 = (
    ("coarse_perception", "CP", "Coarse perception", "粗粒度感知", "perception"),
    ("finegrained_perception (instance-level)", "FP-S", "Fine-grained perception, one object",
     "细粒度感知(单实例)", "perception"),
    ("finegrained_perception (cross-instance)", "FP-C", "Fine-grained perception, several objects",
     "细粒度感知(跨实例)", "perception"),
    ("attribute_reasoning", "AR", "Attribute reasoning", "属性推理", "reasoning"),
    ("relation_reasoning", "RR", "Relation reasoning", "关系推理", "reasoning"),
    ("logic_reasoning", "LR", "Logic reasoning", "逻辑推理", "reasoning"),
)  # fmt: skip
_L3 = (
    ("image_style", "Image style", "图像风格", "CP", 53),
    ("image_topic", "Image topic", "图像主题", "CP", 36),
    ("image_scene", "Image scene", "图像场景", "CP", 104),
    ("image_emotion", "Image emotion", "图像情感", "CP", 50),
    ("image_quality", "Image quality", "图像质量", "CP", 53),
    ("object_localization", "Object localization", "物体定位", "FP-S", 81),
    ("attribute_recognition", "Attribute recognition", "属性识别", "FP-S", 74),
    ("celebrity_recognition", "Celebrity recognition", "名人识别", "FP-S", 99),
    ("ocr", "Text recognition (OCR)", "文字识别(OCR)", "FP-S", 39),
    ("spatial_relationship", "Spatial relationship", "空间关系", "FP-C", 45),
    ("attribute_comparison", "Attribute comparison", "属性比较", "FP-C", 44),
    ("action_recognition", "Action recognition", "动作识别", "FP-C", 54),
    ("physical_property_reasoning", "Physical property reasoning", "物理属性推理", "AR", 75),
    ("function_reasoning", "Function reasoning", "功能推理", "AR", 79),
    ("identity_reasoning", "Identity reasoning", "身份推理", "AR", 45),
    ("social_relation", "Social relation", "社会关系", "RR", 43),
    ("nature_relation", "Nature relation", "自然关系", "RR", 48),
    ("physical_relation", "Physical relation", "物理关系", "RR", 24),
    ("structuralized_imagetext_understanding", "Structured image-text understanding", "结构化图文理解", "LR", 78),
    ("future_prediction", "Future prediction", "未来预测", "LR", 40),
)
_FULL = {short: name for name, short, *_ in _L2}


def _all() -> dict[str, Ability]:
    counts = dict.fromkeys((name for name, *_ in (*_L1, *_L2)), 0)
    above = {name: parent for name, *_, parent in _L2}
    for *_, short, dev in _L3:
        counts[_FULL[short]] += dev
        counts[above[_FULL[short]]] += dev
    found = [Ability(name, 1, english, chinese, None, counts[name]) for name, english, chinese in _L1]
    for name, short, english, chinese, parent in _L2:
        found.append(Ability(name, 2, english, chinese, parent, counts[name], short))
    found += [Ability(name, 3, english, chinese, _FULL[short], dev) for name, english, chinese, short, dev in _L3]
    return {one.name: one for one in found}


ABILITIES: Mapping[str, Ability] = MappingProxyType(_all())
L1, L2, L3 = (tuple(name for name, one in ABILITIES.items() if one.level == level) for level in (1, 2, 3))
ABBREVIATIONS: Mapping[str, str] = MappingProxyType({name: ABILITIES[name].abbreviation for name in L2})


def ability(name: str) -> Ability:
    """The ability of this name of the TSV, at any level. Raises `ValueError` for another."""
    if name not in ABILITIES:
        raise ValueError(f"no ability of MMBench is called {name[:60]!r}; there are {', '.join(ABILITIES)}")
    return ABILITIES[name]


def l2_of(category: str) -> str | None:
    """The level-2 ability of one of level 3; None for a category that is not MMBench's, such as CCBench's."""
    one = ABILITIES.get(category)
    return one.parent if one is not None and one.level == 3 else None


def l1_of(l2_category: str) -> str | None:
    """The level-1 ability of one of level 2; None for one that is not MMBench's."""
    one = ABILITIES.get(l2_category)
    return one.parent if one is not None and one.level == 2 else None
