"""Choice extraction: VLMEvalKit's decisions, by a table measured on it, and ours on answers of many kinds."""

import random
import time
from collections import Counter

import pytest
from extraction_cases import cases, templated

from playground.mmbench.extraction import PROFILES, explain_choice, extract_choice
from playground.mmbench.extraction_robust import RULES

ANIMALS = ("teddy bear", "rabbit", "cat", "dog")
YES_NO = ("Yes", "No")
NUMBERS = ("1", "2", "12", "21")
REFUSED = (
    "Sorry, I can't help with images of people yet.", "I can't process this file.",
    "I'm sorry, but without the image provided", "Cannot determine the answer",
)  # fmt: skip
# VLMEvalKit e8e78f05's answers: "Z" for a refusal.
UPSTREAM: list[tuple[str, str | None, tuple[object, ...]]] = [
    *((text, "B", ANIMALS) for text in ("(B)", "**B**", "B:", "#B", r"\boxed{B}", "B. rabbit", "答案是 B")),
    *((text, None, ANIMALS) for text in ('"B"', "'B'", "`B`", "$B$", "<B>", "B?", "B-", "B。", "（B）")),
    *((text, None, ANIMALS) for text in ("答案是B", "选B", "b", "(b)", "option c", "B because the ears are long")),
    *((text, "B", ANIMALS) for text in ("The answer is b", "B because of ears", "The answer is blue")),
    ("The correct answer is **B**. Here's why: the ears are long and the tail is short", "B", ANIMALS),
    ("I think A is the best choice here", None, ANIMALS),
    ("The correct answer is a rabbit", "A", ANIMALS),
    ("The answer is definitely the rabbit", "D", ANIMALS),
    ("The answer is clearly teddy bear, as it is soft", "C", ANIMALS),
    ("A cat", "A", ANIMALS),
    ("A cat sits on the mat", "C", ANIMALS),
    ("The answer is not B", "B", ANIMALS),
    ("The best answer is B... wait, the answer is D", "B", ANIMALS),
    ("Not B, but D", None, ANIMALS),
    ("The answer isn't B, the answer is D", "D", ANIMALS),
    *((text, None, ANIMALS) for text in ("B or C", "B/C", "A B C D")),
    ("D D", "D", ANIMALS),
    ("A, A, A", "A", ANIMALS),
    ("<think>maybe C</think> B", "B", ANIMALS),
    ("<think>Could be D. But no.</think>A", "D", ANIMALS),
    ("scattered toys", "C", ANIMALS),
    ("yesterday", "A", YES_NO),
    ("nope", "B", YES_NO),
    ("I do not know", None, YES_NO),
    ("12", None, NUMBERS),
    ("3", "A", (3, 4)),
    ("up there", "E", ("left", "right", "down", "back", "up")),
    ("The answer is E", "E", ("left", "right", "down", "back", "up")),
    ("The answer is E, as I said before, of course", None, ("left", "right", "down", "back", "up")),
    ("Z", "Z", ANIMALS),
    ("I choose Z", "Z", ANIMALS),
    *((text, None, ANIMALS) for text in ("None of the above", "nan", "")),
    ("Cannot determine the answer from B", "Z", ANIMALS),
    ("cannot determine the answer from here, sadly", None, ANIMALS),
    ("Failed to obtain answer via API.", None, ANIMALS),
    ("Failed to obtain answer via API. B", None, ANIMALS),
    ("Failed to obtain answer via API", "B", ("some other long option", "obtain")),  # its text is searched all the same
    *((text, None, ANIMALS) for text in ("{'answer': 'B'}", '{"answer": "B"}')),
    ("A", "A", ("B", "A")),
    ("The answer is D", None, YES_NO),  # no such option; and "no" is in no word of it
    ("It is a rabbit and it hops about in the gras", "B", ANIMALS),  # twice the options' 22 signs
    ("It is a rabbit and it hops about in the grass", None, ANIMALS),
    ("B c d e f", None, ANIMALS),  # the fifth token from the end
    ("B c d e", "B", ANIMALS),
    ("B x y z B", None, ANIMALS),  # it is the first occurrence that must lie in the last four
    ("", "A", ("",)),
    ("anything", None, ("", "any")),
    ("B because the long ears are visible", None, ANIMALS),
    ("The answer is clearly teddy bear, as seen", "C", ANIMALS),
    *((f"it is {mark}B{mark}", "B", ANIMALS) for mark in ".()[],:;!*#{}"),
    *((f"it is {mark}B{mark}", None, ANIMALS) for mark in "?\"'`$<-/|_"),
    *((f"{text} B", "Z", ANIMALS) for text in REFUSED),
    *((f"{text.lower()} B", "B", ANIMALS) for text in REFUSED),  # case matters; and B is then the last token
    ("Failed to obtain answer via API: cat", "C", ANIMALS),
    ("Z or B", "B", ANIMALS),
    ("Z, not A or B", None, ANIMALS),
    ("x B B B B", "B", ANIMALS),
    ("B x B y B", None, ANIMALS),
    ("one two three four B\n\n", "B", ANIMALS),
    ("答案\u3000B", "B", ANIMALS),  # the wide blank parts tokens too
    ("F", "F", ("a", "e", "i", "o", "u", "y")),
    ("the ANSWER  is **c, for all of its many reasons", "C", ANIMALS),
    ("the answer is (C), for all of its many reasons", None, ANIMALS),  # the pattern knows stars, no brackets
    ("the answer is: C, for all of its many reasons", None, ANIMALS),
    ("2.0", "B", (1, 2.0, 3)),
    ("2", None, (1, 2.0, 3)),  # 2.0 is not in it
    ("a DOG", "B", ("Cat", "dOg")),
    ("abcdefgh", "A", ("abcd",)),  # as long as twice the text
    ("abcdefghi", None, ("abcd",)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "letter", "options"), UPSTREAM)
def test_vlmevalkit_decides_as_upstream_did(text, letter, options):
    found = explain_choice(text, options, "vlmevalkit")
    assert (found.letter, found.refused) == ((None, True) if letter == "Z" else (letter, False))


def test_vlmevalkit_reads_what_str_makes_of_an_answer_and_no_environment(monkeypatch):
    monkeypatch.setenv("VERBOSE", "1")
    assert extract_choice("so A it is", ANIMALS, "vlmevalkit") == "A"
    assert extract_choice(3, [3, 4], "vlmevalkit") == "A"
    assert extract_choice(float("nan"), ["naan", "an"], "vlmevalkit") == "B"
    assert extract_choice(None, YES_NO, "vlmevalkit") == "B"  # the no of None
    options = {"A": "Cat", "B": "Dog"}
    assert extract_choice("CAT", options, "vlmevalkit") == "A"
    assert options == {"A": "Cat", "B": "Dog"}


def test_robust_reads_what_answers_mean():
    counts = Counter()
    for text, options, letter in cases():
        found = extract_choice(text, options)
        counts[bool(letter), "right" if found == letter else "wrong" if found else "undecided"] += 1
        assert found in (letter, None), text
    assert counts[False, "right"] == 703
    assert counts[True, "right"] >= 1495
    assert counts[True, "undecided"] <= 8


def test_robust_reads_every_template():
    assert [(text, options) for text, options, letter in templated() if extract_choice(text, options) != letter] == []


@pytest.mark.parametrize(
    ("text", "letter", "rule", "quoted"),
    [
        ("The answer is blue", None, "nothing", None),
        ("The correct answer is a rabbit", "B", "claim", "rabbit"),
        ("<think>C?</think> so (B), I think", "B", "label", "(B)"),
        ("答案：（Ｂ）", "B", "claim", "（Ｂ）"),
        ("\\boxed{B} and not D", "B", "final", "{B}"),
        ("B. rabbit", "B", "head", "B. rabbit"),
        ("Long ears.\nB", "B", "tail", "B"),
        ("a rabbit sits here", "B", "text", "rabbit"),
        ("Rabbits", "B", "part", "Rabbits"),
        ("B or C", None, "several", None),
        ("I cannot tell", None, "refusal", "cannot tell"),
        ("B. Wait, that is wrong.", None, "withdrawn", None),
        ("B\n\nQuestion: And this?\nA. cow\nB. pig\nAnswer: A", "B", "head", "B"),  # it goes on to ask itself
        ("Hint: a cat is small.\nQuestion: What is it?\nAnswer: D", "D", "claim", "D"),  # it repeats what it was asked
        ("Well, but rabbit: it has long ears", "B", "head", "rabbit"),
        ("<think>B", None, "unfinished", None),
        ("nan", None, "empty", None),
    ],
)
def test_robust_says_by_which_rule_and_on_what(text, letter, rule, quoted):
    found = explain_choice(text, ANIMALS)
    assert (found.letter, found.rule, found.refused) == (letter, rule, rule == "refusal")
    assert (found.span and text[slice(*found.span)]) == quoted
    assert rule in RULES


WORDS = (
    "apple brown dance table cabin dragon beach bread cloud desk artist dolphin cable anchor boat candle branch crown "
    "drum arrow basket castle daisy axe bell cactus door acorn banjo coral dagger ant bear chair duck"
)


@pytest.mark.parametrize(
    "sentence", ["The answer is {}.", "The correct answer is a {}", "It is definitely the {}", "{}"]
)
def test_any_word_may_be_an_option(sentence):
    draw = random.Random(0)
    for _ in range(200):
        *options, other = draw.sample(WORDS.split(), 5)
        at = draw.randrange(4)
        assert extract_choice(sentence.format(options[at]), options) == "ABCD"[at]
        assert extract_choice(sentence.format(other), options) is None


def test_several_are_considered():
    assert explain_choice("B or C", ANIMALS).considered == ("B", "C")
    assert explain_choice("The options: cat, then dog", ANIMALS).considered == ("C", "D")


def test_options_may_be_numbers_missing_or_alike():
    assert extract_choice("3", {"A": 3.0, "B": 4.0, "C": float("nan"), "D": None}) == "A"
    assert extract_choice("C", {"A": "cat", "B": "dog", "C": None}) is None
    assert extract_choice("cat", ["cat", "cat"]) is None
    assert extract_choice("B", ["cat", "cat"]) == "B"
    assert extract_choice(float("nan"), ["nan", "pita"]) is None
    assert extract_choice(12, NUMBERS) == "C"
    assert extract_choice("This is Messi.", ["Barack Obama", "Lionel Messi"]) == "B"
    assert extract_choice("z", ["x", "y", "z"]) == "C"  # no refusal
    assert extract_choice("It costs $10.00", ["$5", "$10", "$15"]) == "B"
    assert extract_choice("It is 2.0", ["2", "2.0"]) == "B"
    assert extract_choice("1 + 2 = 3", (*NUMBERS[:2], "3")) == "C"
    assert extract_choice("12 in total: 1 here, 2 there", NUMBERS) == "C"
    assert extract_choice("The ball is heavier.", ["The ball is heavier than the dog", "The same", "Who knows?"]) == "A"
    assert extract_choice("不是，没有人", ["是", "否"]) == "B"
    assert extract_choice("Yep, there is", YES_NO) == "A"


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("Is it a cat?", ANIMALS), ("What is a cat?", ANIMALS), ("无法判断是否", ("是", "否")), ("是否", ("是", "否")),
        ("Question: What is it?\nOptions:\nA. teddy bear\nB. rabbit", ANIMALS), ("nope-ish", YES_NO),
        ("The same cup", ("The cup is full", "The cup is empty")),
    ],
)  # fmt: skip
def test_what_names_none_gets_no_letter(text, options):
    assert extract_choice(text, options) is None


def test_a_question_that_is_a_guess_counts():
    assert extract_choice("B?", ANIMALS) == "B"
    assert extract_choice("Messi", ["Thiago Messi", "Lionel Messi"]) is None
    assert extract_choice("The claim is false, as one sees", ["True", "False"]) == "B"
    assert extract_choice("\ue001 \uf000 \ue0c1", ANIMALS) is None  # private signs, which the shadow uses itself


@pytest.mark.parametrize(
    ("options", "profile", "words"),
    [
        (ANIMALS, "exact", "profile must be one of robust, vlmevalkit, not 'exact'"),
        ([], "robust", "at least one option"),
        ([None, float("nan")], "robust", "at least one option"),
        ("AB", "robust", "not the one text 'AB'"),
        ({"a": "cat"}, "vlmevalkit", "one letter from A to Z, not 'a'"),
        ({"AB": "cat"}, "vlmevalkit", "one letter from A to Z, not 'AB'"),
        (["x"] * 27, "robust", "at most 26 options, not 27"),
    ],
)
def test_refuses_what_are_no_options(options, profile, words):
    with pytest.raises(ValueError, match=words):
        extract_choice("A", options, profile)


UNITS = (
    "\n", " ", "a", "A ", "B, ", "B or ", "cat, ", "((B)) ", "answer is ", "answer is the ", "is not the ", "B is not ",
    "wait, ", "\\boxed{", "<think>", "<think></think>", "答案是", "不是", "猫", "I cannot really ", "1,000", "*", "_B_",
    "'", "initially ", "B (", "B: ", "A. cat\n", "The answer is B. ", "n't", "the a an ", "...", "so ", "teddy ",
    "\nquestion:", "\n # ", "B\nQuestion ", "well, ",
)  # fmt: skip


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("unit", UNITS)
def test_a_long_answer_takes_time_in_proportion(unit, profile):
    text = "answer is " + (unit * 50_000)[:50_000] + " (B"
    began = time.process_time()
    extract_choice(text, ANIMALS, profile)
    assert time.process_time() - began < 0.9  # .3 at most; a pattern that began at every newline took 3
