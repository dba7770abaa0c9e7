"""What a person has set in the BLIP tab: checked, and kept in a link."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from playground import blip, catalog
from playground.tabs.blip.models import offering
from playground.tabs.checks import between, choice, integer, whole
from playground.tabs.picture_settings import PictureSettings, lines
from playground.tabs.pictures import EXAMPLES

__all__ = [
    "BEAMS", "CANDIDATES", "CHINESE", "LENGTH", "MOST_QUESTIONS", "MOST_TEXTS", "NO_CLIP", "PANELS", "PENALTY",
    "QUESTIONS", "RULES", "TEXTS", "TOP_P", "Settings",
]  # fmt: skip

PANELS = ("caption", "match", "ask", "clean", "boot")
BEAMS, TOP_P, LENGTH, PENALTY, CANDIDATES = (1, 8), (0.1, 1.0), (0, 79), (1.0, 2.0), (0, 5)
MOST_TEXTS, MOST_QUESTIONS, LONGEST = 24, 6, 100_000
NO_CLIP = "none"
RULES = ("itm", "cosine", "share")
TEXTS = "\n".join(
    [
        "a small yellow matte sphere left of a large purple metal cylinder",
        "a large purple metal cylinder left of a small yellow matte sphere",
        "a small yellow metal sphere left of a large purple matte cylinder",
        "a yellow sphere",
        "a red cube",
        "两个物体",
        "a sunny day at the beach",
    ]
)
QUESTIONS = "\n".join(
    [
        "What colour is the cylinder?",
        "How many objects are there?",
        "Where is the cylinder, seen from the sphere?",
        "Which object is like a mirror?",
    ]
)
# What a page in Chinese begins with.
CHINESE = {
    "prompt": "图片：",
    "questions": "\n".join(["圆柱是什么颜色的？", "图中有几个物体？", "圆柱在球的前面还是后面？", "哪个物体像镜子？"]),
}


@dataclass(frozen=True)
class Settings(PictureSettings):
    """The controls of the tab; raises `ValueError`, in one plain sentence with the limit, for what cannot be."""

    TAB = "blip"
    PANELS = PANELS
    READ: ClassVar[Mapping[str, Callable[[str], Any]]] = {
        "min_length": integer,
        "max_length": integer,
        "beams": integer,
        "top_p": float,
        "penalty": float,
        "seed": integer,
        "pointed": integer,
        "candidates": integer,
        "threshold": float,
        "cosine": float,
        "share": float,
        "basic": lambda text: {"True": True, "False": False}.get(text, text),
    }

    example: int = EXAMPLES[7]
    captioner: str = "blip-world"
    matcher: str = "blip-world"  # of the panel Match, and the filter of Clean
    answerer: str = "blip-world-answers"
    prompt: str = ""  # what captions begin with; the model's own where it is empty
    min_length: int = 0  # tokens; 0: the model's own
    max_length: int = 0
    beams: int = 3
    top_p: float = 0.9
    penalty: float = 1.0
    seed: int = 0
    looked: str = "beam"  # the strategy whose words are looked at
    texts: str = TEXTS
    pointed: int = 1  # which text the maps are of
    questions: str = QUESTIONS
    candidates: int = 1
    scorer: str = NO_CLIP  # a CLIP whose cosine is kept beside
    rule: str = "itm"
    threshold: float = 0.5  # of the probability of a match
    cosine: float = 0.28  # of the CLIP's cosine
    share: float = 0.3  # of the texts of each source, by that cosine
    basic: bool = False

    def __post_init__(self) -> None:
        for name, task in (("captioner", "caption"), ("matcher", "match"), ("answerer", "answer")):
            choice(name, getattr(self, name), offering(task))
        super().__post_init__()
        if len(self.prompt) > 200:
            raise ValueError("a text for one box takes at most 200 characters")
        for name in ("texts", "questions"):
            if len(getattr(self, name)) > LONGEST:
                raise ValueError(f"{name} take at most {LONGEST:,} characters, not {len(getattr(self, name)):,}")
        whole("the shortest caption", self.min_length, *LENGTH)
        whole("the longest caption", self.max_length, *LENGTH)
        if self.max_length and self.min_length > self.max_length:
            raise ValueError(f"the shortest caption, {self.min_length}, is longer than the longest, {self.max_length}")
        whole("beams", self.beams, *BEAMS)
        between("nucleus", self.top_p, *TOP_P)
        between("repetition penalty", self.penalty, *PENALTY)
        whole("seed", self.seed, 0, 2**31 - 1)
        choice("strategy", self.looked, blip.STRATEGIES)
        if not 1 <= len(self.said) <= MOST_TEXTS:
            raise ValueError(f"texts must be 1 to {MOST_TEXTS}, one a line, not {len(self.said)}")
        whole("text", self.pointed, 1, MOST_TEXTS)
        if not 1 <= len(self.asked) <= MOST_QUESTIONS:
            raise ValueError(f"questions must be 1 to {MOST_QUESTIONS}, one a line, not {len(self.asked)}")
        whole("candidates", self.candidates, *CANDIDATES)
        choice("CLIP", self.scorer, [NO_CLIP, *catalog.CLIPS])
        choice("rule", self.rule, RULES)
        between("threshold", self.threshold, 0, 1)
        between("cosine", self.cosine, -1, 1)
        between("share", self.share, 0.01, 1)
        if not isinstance(self.basic, bool):
            raise ValueError(f"basic must be True or False, not {self.basic!r}")
        if self.rule != "itm" and self.scorer == NO_CLIP:
            raise ValueError("this rule goes by a CLIP's cosine: choose a CLIP")

    @property
    def said(self) -> list[str]:
        """The texts to match."""
        return lines(self.texts)

    @property
    def asked(self) -> list[str]:
        """The questions."""
        return lines(self.questions)

    @property
    def kept_by(self) -> blip.Rule:
        """What is kept of a cleaned set."""
        if self.rule == "itm":
            return blip.Rule(threshold=self.threshold, basic=self.basic)
        if self.rule == "cosine":
            return blip.Rule("clip", threshold=self.cosine, basic=self.basic)
        return blip.Rule("clip", top_share=self.share, basic=self.basic)

    @property
    def prompted(self) -> str | None:
        """What captions begin with, or None for the model's own."""
        return self.prompt or None

    def limits(self, own: blip.Limits) -> blip.Limits:
        """Of a caption, where the model's `own` fill in what is not set."""
        longest = self.max_length or max(own.max_length, self.min_length)
        shortest = min(self.min_length or own.min_length, longest)
        return blip.Limits(longest, shortest, self.penalty)
