"""Answers that are easily misread: what a person reads in each, and what the two profiles of `extraction` do."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["GROUPS", "TRICKY", "Tricky"]

GROUPS = (
    "article", "substring", "negation", "retraction", "quotes", "lower_case", "thinking", "chinese", "refusal",
    "numbers", "none_above", "place",
)  # fmt: skip


@dataclass(frozen=True)
class Tricky:
    """An answer to a question of these options, from A on: the letters read by a person and by each profile."""

    group: str
    answer: str
    options: Sequence[str]
    person: str | None  # None: the answer names no option, or declines
    robust: str | None
    vlmevalkit: str | None

    @property
    def missed(self) -> tuple[str, ...]:
        """The profiles that read something else than a person."""
        return tuple(name for name in ("robust", "vlmevalkit") if getattr(self, name) != self.person)


ANIMALS = ("teddy bear", "rabbit", "cat", "dog")
COLOURS = ("red", "blue", "green", "yellow")
YES_NO = ("Yes", "No")
COUNTS = ("2", "3", "4", "5")
RIDERS = ("a man", "a woman", "a man riding a horse", "a woman riding a bike")
OR_NONE = ("cat", "dog", "horse", "None of the above")
ZH_ANIMALS = ("猫", "狗", "兔子", "鸟")
OF: Sequence[tuple[str, Sequence[str], str, str | None, str | None, str | None]] = (
    # group, options, answer; what a person, robust and vlmevalkit read
    ("article", ANIMALS, "The correct answer is a rabbit.", "B", "B", "A"),
    ("article", ANIMALS, "A cat", "C", "C", "A"),
    ("article", ("Vitamin C", "Vitamin D", "Vitamin A"), "Oranges are rich in vitamin C.", "A", "A", "C"),
    ("article", ANIMALS, "The answer is a small furry animal with long ears", "B", None, "A"),
    ("substring", COLOURS, "The answer is blue", "B", "B", "B"),
    ("substring", ANIMALS, "The answer is definitely the rabbit", "B", "B", "D"),
    ("substring", ANIMALS, "The answer is clearly teddy bear, as the ears are round.", "A", "A", "C"),
    ("substring", ANIMALS, "scattered toys", None, None, "C"),
    ("substring", YES_NO, "yesterday", None, None, "A"),
    ("substring", ("male", "female"), "a female", "B", "B", None),
    ("substring", RIDERS, "a man riding a horse", "C", "C", None),
    ("negation", ANIMALS, "The answer is not B", None, None, "B"),
    ("negation", ANIMALS, "Not B, but D", "D", "D", None),
    ("negation", ANIMALS, "It is not a cat, it is a dog.", "D", "D", None),
    ("negation", ANIMALS, "The answer isn't B, the answer is D", "D", "D", "D"),
    ("negation", ANIMALS, "It is not a dog. It has long ears and hops.", "B", None, "D"),
    ("negation", ANIMALS, "I can rule out A, B and D.", "C", None, None),
    ("retraction", ANIMALS, "The best answer is B... wait, the answer is D", "D", "D", "B"),
    ("retraction", ANIMALS, "A. No, on second thought, C.", "C", "C", None),
    ("retraction", ANIMALS, "At first I thought it was a cat, but it is a dog.", "D", "D", None),
    ("retraction", ANIMALS, "B. Actually no, that is wrong.", None, None, None),
    ("quotes", ANIMALS, '"B"', "B", "B", None),
    ("quotes", ANIMALS, "{'answer': 'B'}", "B", "B", None),
    ("quotes", ANIMALS, "`C`", "C", "C", None),
    ("quotes", ANIMALS, "$\\boxed{B}$", "B", "B", "B"),
    ("lower_case", ANIMALS, "b", "B", "B", None),
    ("lower_case", ANIMALS, "option c", "C", "C", None),
    ("lower_case", ANIMALS, "The answer is b", "B", "B", "B"),
    ("thinking", ANIMALS, "<think>Could be D. But no.</think>A", "A", "A", "D"),
    ("thinking", ANIMALS, "<think>maybe C</think> B", "B", "B", "B"),
    ("thinking", ANIMALS, "<think>It has long ears, so B", None, None, "B"),
    ("chinese", ZH_ANIMALS, "答案是B", "B", "B", None),
    ("chinese", ZH_ANIMALS, "（B）", "B", "B", None),
    ("chinese", ZH_ANIMALS, "B。", "B", "B", None),
    ("chinese", ZH_ANIMALS, "不是猫，是狗。", "B", "B", None),
    ("chinese", ("是", "否"), "不是", "B", "B", "A"),
    ("refusal", ANIMALS, "I'm sorry, but I cannot see the image.", None, None, None),
    ("refusal", ANIMALS, "Cannot determine the answer from B", None, None, None),
    ("refusal", ANIMALS, "Sorry, I cannot be sure, but I would say B.", "B", "B", "B"),
    ("numbers", ("1", "2", "12", "21"), "12", "C", "C", None),
    ("numbers", COUNTS, "three", "B", "B", None),
    ("numbers", COUNTS, "There are 3 of them.", "B", "B", None),
    ("none_above", OR_NONE, "None of the above", "D", "D", "D"),
    ("none_above", ANIMALS, "None of the above", None, None, None),
    ("none_above", OR_NONE, "It is none of them: D", "D", None, "D"),
    ("place", ANIMALS, "B because the long ears are visible in the picture", "B", "B", None),
    ("place", ANIMALS, "I think A is the best choice here", "A", "A", None),
    ("place", ANIMALS, "B or C", None, None, None),
    ("place", ANIMALS, "Of A and B only B has long ears.", "B", None, None),
)
TRICKY = tuple(Tricky(group, answer, options, *read) for group, options, answer, *read in OF)
