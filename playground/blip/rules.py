"""What is kept of a scored set: the paper's rule (Li et al. 2022) and those of DataComp (Gadre et al. 2023)."""

import heapq
import math
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

import numpy as np

from playground.blip.tokenizer import cleaned

__all__ = ["CONDITIONS", "PAPER", "Decision", "Rule", "Scored", "Source", "decide", "decide_all", "either", "score_of"]

Source = Literal["web", "written"]
Score = Literal["itm", "clip"]
# Why a text may be dropped; the last four are the basic conditions of DataComp.
CONDITIONS = ("unread", "wordless", "score", "words", "characters", "side", "aspect")
WORDS, CHARACTERS = 2, 5  # a text has more, by `str.split` and by `len`
SIDE, ASPECT = 200, 3  # pixels of a picture's shorter side at least, and the longer one's multiple of it at most
Place = tuple[float, str, int]  # in an order by score, the highest first, then by uid, then as they come


@dataclass(frozen=True)
class Scored:
    """One text of one picture and all its scores; where the picture cannot be read, `error` says why, and no score."""

    uid: str
    source: Source
    text: str
    probability: float | None = None  # of a match, by the head that sees both (ITM); None without a filter
    cosine: float | None = None  # of the embeddings, each made alone (ITC)
    clip: float | None = None  # of another scorer, such as a CLIP's cosine
    error: str = ""
    file: str = ""  # the picture's, by its name in the set, where it has one
    width: int | None = None  # of the picture, pixels; None where it cannot be read
    height: int | None = None


@dataclass(frozen=True)
class Decision(Scored):
    """A scored text, whether it is kept, and which of `CONDITIONS` it fails if not."""

    kept: bool = False
    failed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """What a text must be to be kept: one that says something, of a picture that can be read, whose score is high
    enough, and which meets the basic conditions where these are asked.

    The score is the probability of a match (`itm`, the paper's) or that of the scorer (`clip`). High enough is
    `threshold` or more; or among the `top_share` in (0, 1] of the texts of its source that have a score and say
    something, rounded down: equal scores are taken by uid. (DataComp's own script keeps one more, and all that are
    equal to it.) Each condition is set by itself: a share is one of all texts, not of those that pass the others.

    `basic` are DataComp's conditions on the text (more than 2 words and 5 characters) and on the picture (shorter side
    of 200 pixels or more, longer side of 3 times that or less). Its English, by fastText, is left out: the model that
    tells languages would have to be fetched. Raises `ValueError` for none of threshold and share or both, and for
    numbers out of range.
    """

    by: Score = "itm"
    threshold: float | None = None
    top_share: float | None = None
    basic: bool = False

    def __post_init__(self) -> None:
        if self.by not in get_args(Score):
            raise ValueError(f"by must be one of {', '.join(get_args(Score))}, not {self.by!r}")
        if self.threshold is None and self.top_share is None:
            raise ValueError("a rule needs a threshold, such as .28 of a CLIP's cosine, or a top share, such as .3")
        if self.threshold is not None and self.top_share is not None:
            raise ValueError("give either a threshold or a top share, not both")
        if self.top_share is not None and not 0 < self.top_share <= 1:
            raise ValueError(f"the top share must lie in (0, 1], not {self.top_share}")
        if self.threshold is not None and self.by == "itm" and not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold must lie in [0, 1], not {self.threshold}")
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise ValueError(f"threshold must be a finite number, not {self.threshold}")


PAPER = Rule(threshold=0.5)


def either(threshold: float | None, rule: Rule | None) -> Rule:
    """The rule that is given, or the paper's at a threshold, by default its own. Raises `ValueError` for both."""
    if threshold is not None and rule is not None:
        raise ValueError("give either a threshold, of the paper's rule, or a rule")
    return rule or (PAPER if threshold is None else Rule(threshold=threshold))


def decide(one: Scored, threshold: float | Rule) -> Decision:
    """A text decided by itself: by the paper's rule at this threshold, or by a rule with a threshold.

    Raises `ValueError` for a rule with a share, which only the whole set decides (`decide_all`), and where the score or
    the picture's size, by which it decides, was not kept.
    """
    rule = threshold if isinstance(threshold, Rule) else Rule(threshold=threshold)
    if rule.top_share is not None:
        raise ValueError("a top share is one of a whole set: decide it by decide_all")
    assert rule.threshold is not None
    return _decided(one, rule, score_of(one, rule.by) >= rule.threshold)


def decide_all(scored: Callable[[], Iterable[Scored]], rule: Rule) -> Iterator[Decision]:
    """All texts that `scored()` gives, decided. With a share it is called twice, and once more for each source in which
    some of equal scores are taken and others not; a number a text is in memory, and the uids of such texts.

    Raises `ValueError` where the score or the picture's size, by which it is decided, was not kept.
    """
    if rule.top_share is None:
        return (decide(one, rule) for one in scored())
    last = _last_places(scored, rule)
    return (_decided(one, rule, _place(one, rule, i) <= last[one.source]) for i, one in enumerate(scored()))


def score_of(one: Scored, by: Score) -> float:
    """The score that decides; NaN, which is above nothing, for a picture that cannot be read.

    Raises `ValueError` where a score was not made.
    """
    score = one.probability if by == "itm" else one.clip
    if score is not None or one.error:
        return math.nan if score is None else score
    wanted = "probability of a match: clean the set with a filter" if by == "itm" else "CLIP's score: give a scorer"
    raise ValueError(f"the texts have no {wanted} to decide by it, in another folder")


def _decided(one: Scored, rule: Rule, high: bool) -> Decision:
    failed = tuple(_failures(one, rule, high))
    return Decision(**vars(one) | {"kept": not failed, "failed": failed})


def _failures(one: Scored, rule: Rule, high: bool) -> Iterator[str]:
    if one.error:
        yield "unread"
        return
    if not cleaned(one.text):
        yield "wordless"
    if not high:
        yield "score"
    if rule.basic:
        yield from _basic(one)


def _basic(one: Scored) -> Iterator[str]:
    if one.width is None or one.height is None:
        raise ValueError("the pictures' sizes were not kept when this set was cleaned; clean it in another folder")
    if len(one.text.split()) <= WORDS:
        yield "words"
    if len(one.text) <= CHARACTERS:
        yield "characters"
    short, long = sorted((one.width, one.height))
    if short < SIDE:
        yield "side"
    if long > ASPECT * short:
        yield "aspect"


def _place(one: Scored, rule: Rule, number: int) -> Place:
    """Of a text that takes part; another's is behind all."""
    score = score_of(one, rule.by)
    taking_part = not math.isnan(score) and bool(cleaned(one.text))
    return (-score, one.uid, number) if taking_part else (math.inf, "", number)


def _last_places(scored: Callable[[], Iterable[Scored]], rule: Rule) -> Mapping[str, Place]:
    """By source, the place of the last text that is within the share; before all where none is."""
    scores = {source: array("d") for source in get_args(Source)}
    for one in scored():
        place = _place(one, rule, 0)
        if place[0] < math.inf:
            scores[one.source].append(place[0])
    last: dict[str, Place] = dict.fromkeys(scores, (-math.inf, "", 0))
    for source, own in scores.items():
        count = int(Fraction(str(rule.top_share)) * len(own))  # .29 of 100 is 29, where int(.29 * 100) is 28
        if not count:
            continue
        ordered = np.frombuffer(own)
        cut = float(np.partition(ordered, count - 1)[count - 1])
        room = count - int((ordered < cut).sum())  # for those with the last one's score
        if room == (ordered == cut).sum():
            last[source] = (math.nextafter(cut, math.inf), "", 0)
        else:
            places = (_place(one, rule, i) for i, one in enumerate(scored()) if one.source == source)
            last[source] = heapq.nsmallest(room, (place for place in places if place[0] == cut))[-1]
    return last
