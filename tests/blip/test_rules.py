"""Rules decide as written down by hand, a share exactly and in little memory, and refuse what they cannot decide."""

import random
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground import blip
from playground.blip.rules import PAPER, Rule, Scored, decide, decide_all

FINE = Scored("a", "web", "a red cube", 0.7, 0.1, 0.3, width=640, height=480)


@pytest.mark.parametrize(
    ("changes", "rule", "failed"),
    [
        ({}, PAPER, ()),
        ({"probability": 0.5}, PAPER, ()),
        ({"probability": 0.4999}, PAPER, ("score",)),
        ({"probability": float("nan")}, Rule(threshold=0.0), ("score",)),
        ({"text": " !.. "}, PAPER, ("wordless",)),
        ({"text": "", "probability": 0.1}, PAPER, ("wordless", "score")),
        ({"probability": None, "error": "is no picture"}, PAPER, ("unread",)),
        ({"probability": 0.1}, Rule("clip", 0.3), ()),
        ({"clip": 0.29}, Rule("clip", 0.3), ("score",)),
        ({"clip": -0.1, "probability": None}, Rule("clip", -0.2), ()),
        ({"text": "red cube"}, PAPER, ()),
        ({"text": "red cubes"}, Rule(threshold=0.5, basic=True), ("words",)),
        ({"text": "a b c"}, Rule(threshold=0.5, basic=True), ("characters",)),
        ({"text": "a b cd"}, Rule(threshold=0.5, basic=True), ()),
        ({"height": 200}, Rule(threshold=0.5, basic=True), ("aspect",)),
        ({"height": 214}, Rule(threshold=0.5, basic=True), ()),
        ({"width": 199, "height": 199}, Rule(threshold=0.5, basic=True), ("side",)),
        ({"width": 200, "height": 600}, Rule(threshold=0.5, basic=True), ()),
        ({"width": 200, "height": 601, "clip": 0.1, "text": "ab"}, Rule("clip", 0.3, basic=True),
         ("score", "words", "characters", "aspect")),
    ],
)  # fmt: skip
def test_conditions(changes, rule, failed):
    one = replace(FINE, **changes)
    (decision,) = decide_all(lambda: [one], rule)
    assert decision.failed == failed
    assert decision.kept == (not failed)
    assert decide(decision, rule) == decision  # what is decided can be decided again
    assert [getattr(decision, name) for name in ("uid", "text", "clip", "width")] == [
        one.uid, one.text, one.clip, one.width,
    ]  # fmt: skip


def test_a_number_is_the_papers_rule():
    for probability in (0.1, 0.3, 0.5):
        one = replace(FINE, probability=probability)
        assert blip.decide(one, 0.3) == decide(one, Rule(threshold=0.3))
        assert blip.decide(one, 0.3).kept == (probability >= 0.3)


def test_basic_conditions_are_those_of_the_benchmark():
    """Beside arrays, as DataComp decides them, on random texts and sizes."""
    draw = random.Random(0)
    some = [
        replace(FINE, text="".join(draw.choice("ab  ") for _ in range(draw.randint(0, 9))), width=draw.randint(1, 900),
                height=draw.randint(1, 900), probability=1.0)
        for _ in range(2000)
    ]  # fmt: skip
    sides = np.array([(one.width, one.height) for one in some])
    long = np.array([len(one.text.split()) > 2 and len(one.text) > 5 for one in some])
    wanted = long & (sides.min(1) >= 200) & (sides.max(1) / sides.min(1) <= 3.0)
    found = [decision.kept for decision in decide_all(lambda: some, Rule(threshold=0.5, basic=True))]
    assert found == wanted.tolist()
    assert 20 < sum(found) < 1980


scores = st.one_of(st.none(), st.integers(0, 4).map(lambda n: n / 4))
texts = st.lists(st.tuples(st.sampled_from(["web", "written"]), scores, st.sampled_from(["a cube", "!"])), max_size=40)


@given(some=texts, percent=st.integers(1, 100), seed=st.integers(0, 9))
def test_a_share_is_exact_and_ties_are_taken_by_uid(some, percent, seed):
    told = [
        Scored(f"{i:02d}", source, text, clip=score, error="" if score is not None else "none")
        for i, (source, score, text) in enumerate(some)
    ]
    random.Random(seed).shuffle(told)
    rule = Rule("clip", top_share=percent / 100)
    kept = {one.uid for one in decide_all(lambda: iter(told), rule) if one.kept}
    wanted = set()
    for source in ("web", "written"):
        own = [one for one in told if one.source == source and not one.error and one.text != "!"]
        own.sort(key=lambda one: (-one.clip, one.uid))
        wanted |= {one.uid for one in own[: len(own) * percent // 100]}
    assert kept == wanted


def test_equal_captions_of_one_picture_are_single_texts():
    told = [replace(FINE, source="written")] * 7
    assert sum(one.kept for one in decide_all(lambda: told, Rule("clip", top_share=0.5))) == 3
    hundred = [replace(FINE, uid=str(i)) for i in range(100)]
    assert sum(one.kept for one in decide_all(lambda: hundred, Rule("clip", top_share=0.29))) == 29  # not int(28.99..)


def test_a_share_is_of_all_texts_whatever_else_they_must_be():
    told = [replace(FINE, uid=str(i), clip=i / 10, text="ab" if i > 7 else "a red cube") for i in range(10)]
    found = list(decide_all(lambda: told, Rule("clip", top_share=0.3, basic=True)))
    assert [one.uid for one in found if one.kept] == ["7"]
    assert [one.uid for one in found if "score" not in one.failed] == ["7", "8", "9"]


@pytest.mark.parametrize("equal", [False, True])
def test_a_share_keeps_a_number_a_text_in_memory(equal):
    count = 1_500

    def scored():
        draw = random.Random(0)
        for i in range(count):
            yield Scored(f"{i:032x}", "web", f"a red cube {i} " * 20, clip=1.0 if equal else draw.random())

    decisions = decide_all(scored, Rule("clip", top_share=0.01))
    tracemalloc.start()
    kept = sum(one.kept for one in decide_all(scored, Rule("clip", top_share=0.01)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert kept == 15
    assert peak < count * 60  # the texts alone would be ten times that
    if equal:
        assert [one.uid for one in decisions if one.kept] == [f"{i:032x}" for i in range(15)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "needs a threshold, such as"),
        ({"threshold": 0.5, "top_share": 0.3}, "either a threshold or a top share"),
        ({"top_share": 0.0}, "top share must lie in"),
        ({"top_share": 30}, "top share must lie in"),
        ({"threshold": 1.5}, r"threshold must lie in \[0, 1\]"),
        ({"threshold": float("nan")}, "threshold must lie in"),
        ({"by": "clip", "threshold": float("inf")}, "must be a finite number"),
        ({"by": "itc", "threshold": 0.5}, "by must be one of itm, clip"),
    ],
)
def test_rules_that_cannot_be(options, words):
    with pytest.raises(ValueError, match=words):
        Rule(**options)


def test_what_cannot_be_decided_is_refused():
    for changes, rule, words in (
        ({"clip": None}, Rule("clip", 0.3), "have no CLIP's score: give a scorer"),
        ({"clip": None}, Rule("clip", top_share=0.3), "have no CLIP's score: give a scorer"),
        ({"probability": None}, PAPER, "have no probability of a match"),
        ({"width": None}, Rule(threshold=0.5, basic=True), "sizes were not kept"),
    ):
        with pytest.raises(ValueError, match=words):
            list(decide_all(lambda changes=changes: [replace(FINE, **changes)], rule))
    with pytest.raises(ValueError, match="decide it by decide_all"):
        decide(FINE, Rule("clip", top_share=0.3))
