"""Our reading of an answer: few rules in a fixed order, each with its reason; of two options named, none is taken."""

import re
from collections.abc import Mapping

from playground.mmbench import extraction_rules as rules
from playground.mmbench.extraction_mentions import (  # fmt: skip
    LABEL,
    MANY,
    NEGATED,
    POLAR,
    POSITIVE,
    TEXT,
    WEAK,
    Mention,
    Words,
    normalized,
    shadow,
    sign,
    words_of,
)

__all__ = ["RULES", "decide"]

RULES = rules.RULES
Verdict = tuple[str | None, str, tuple[int, int] | None, tuple[str, ...]]
NUMERALS = dict(zip("零两二三四五六七八九", "0223456789", strict=True)) | {"十": "10"}
# Words that may lead in an option's own.
LEAD = words_of(
    "the a an it is it's its this that there are they they're he she i count think see answer my would be in picture",
    "image shows of correct so",
)
EMPTY = words_of("nan none null")  # what an empty cell of a table reads as


def decide(text: str, options: Mapping[str, str]) -> Verdict:
    """The letter, "Z" for a refusal or None; the rule of `RULES`; the span of `text`; the letters considered."""
    plain = normalized(text)
    begin, end = _spoken(plain)
    if not plain[begin:end].strip():
        return None, "unfinished" if plain.strip() else "empty", None, ()
    if plain.strip().lower() in EMPTY and not any(plain.strip().lower() in one.lower() for one in options.values()):
        return None, "empty", None, ()
    spoken = rules.TOKENS.sub(lambda one: " " * len(one.group()), plain[begin:end])
    letter, rule, span, considered = _first_turn(spoken, options) or _Reading(spoken, options).verdict()
    return letter, rule, None if span is None else (span[0] + begin, span[1] + begin), considered


def _first_turn(text: str, options: Mapping[str, str]) -> Verdict | None:
    """What stands before a question that the model goes on to ask itself, if it names an option; a hint that is
    repeated with the question is no answer."""
    found = rules.NEXT.search(text)
    if found is None or rules.HINT.match(text):
        return None
    said = _Reading(text[: found.start()], options).verdict()
    return said if said[0] in options else None


def _spoken(text: str) -> tuple[int, int]:
    """Where the answer proper begins and ends: after the last thought that is closed, before one that is not."""
    begin, end = 0, len(text)
    for found in rules.THOUGHT.finditer(text):
        closes = found.group(1) == "/" or found.group(2) == "/" or found.group(3) == "final"
        begin, end = (found.end(), len(text)) if closes else (begin, min(end, found.start()))
    return begin, max(begin, end)


class _Reading:
    """One answer: its shadow, in which lists and denials have been marked, and the rules asked of it."""

    def __init__(self, text: str, options: Mapping[str, str]) -> None:
        self.text, self.options = text, options
        self.signs, self.mentions = shadow(text, options)
        self.paired: set[int] = set()  # labels that stand with their text
        self.groups: dict[int, tuple[str, ...]] = {}
        if self.mentions:
            self._merge()
            self._gather()
            self._deny()
        self.line = "".join(self.signs)
        self.asserted = [i for i in sorted(self.mentions) if self.line[i] in POSITIVE]
        self.turn = self._turn()

    def verdict(self) -> Verdict:
        if self._withdrawn():
            return None, "withdrawn", None, ()
        naming = (self._final, self._claim, self._refusal, self._head, self._tail, self._label, self._text)
        for ask in naming if self.mentions else (self._refusal, self._part):
            found = ask()
            if found is not None:
                return found
        return None, "nothing", None, ()

    # What is marked before the rules are asked.

    def _merge(self) -> None:
        """A label beside a text ("B. rabbit", "rabbit (B)") is one mention; where they differ, the label's."""
        line, at = "".join(self.signs), 0
        while found := rules.SAME.search(line, at):
            first, second = self.mentions[found.start(1)], self.mentions[found.start(3)]
            kinds = {first.kind in (LABEL, WEAK), second.kind in (LABEL, WEAK)}
            tight = first.kind in (LABEL, WEAK) and re.fullmatch(r"\s*[.):\]][\s*\"']*", found.group(2))
            enclosed = self.text[second.start] in "([" if second.kind == LABEL else False
            if kinds == {True, False} and (first.letter == second.letter or tight or enclosed):
                letter = first.letter if first.kind in (LABEL, WEAK) else second.letter
                self.signs[first.start] = sign(LABEL, letter)
                self.signs[second.start] = " "
                self.mentions[first.start] = Mention(first.start, second.end, letter, LABEL)
                self.paired.add(first.start)
                at = found.end()
            else:
                at = found.start(3)

    def _gather(self) -> None:
        """Options named in one breath become one sign: of the option, if it is always the same, else of several."""
        line = "".join(self.signs)
        for found in rules.TOGETHER.finditer(line):
            at = [i for i in range(found.start(), found.end()) if i in self.mentions and self.signs[i] != " "]
            letters = tuple(dict.fromkeys(self.mentions[i].letter for i in at))
            if (
                not rules.JOINED.search(found.group())
                and self.mentions[at[0]].kind == POLAR
                and line[found.end() :].strip()
            ):
                continue  # "Yes, no cat"
            if (
                len(at) == 2
                and not rules.JOINED.search(found.group())
                and rules.DENIED.search(line, max(0, at[0] - 60), at[0] + 1)
            ):
                continue  # "not the cat, the rabbit" denies the first alone
            self.signs[at[0] + 1 : found.end()] = " " * (found.end() - at[0] - 1)
            if len(letters) > 1:
                self.signs[at[0]] = MANY
                self.groups[at[0]] = letters

    def _deny(self) -> None:
        line = "".join(self.signs)
        asked = list(rules.ASKED.finditer(line))
        last = max(self.mentions, default=0)
        for one in asked:
            if one.group(2) or len(asked) > 1 or rules.ASKS.fullmatch(line) or one.start(1) < last:
                self.signs[one.start(1)] = sign(NEGATED, self.mentions[one.start(1)].letter)
        for pattern in (rules.DENIED, rules.DENIED_AFTER):
            for found in pattern.finditer(line):
                at = found.start(1)
                self.signs[at] = sign(NEGATED, self.mentions[at].letter)

    # The rules.

    def _final(self) -> Verdict | None:
        found = [one.start(1) for one in rules.FINAL.finditer(self.line)]
        return self._at(found[-1], "final") if found else None

    def _claim(self) -> Verdict | None:
        after = self.turn
        places = sorted(
            {m.start(1) for p in (rules.CLAIM, rules.CLAIM_AFTER) for m in p.finditer(self.line) if m.start(1) >= after}
        )
        firm = [i for i in places if not rules.MAYBE.search(self.line[max(0, i - 30) : i])] or places
        letters = {self.groups.get(i) or (self.mentions[i].letter,) for i in firm}
        if not firm:
            return None
        if len(letters) > 1 and not rules.SO.search(self.line[firm[-2] : firm[-1]]):
            return None, "several", None, tuple(dict.fromkeys(one for own in letters for one in own))
        return self._at(firm[-1], "claim", tuple(sorted({one for own in letters for one in own})))

    def _refusal(self) -> Verdict | None:
        found = rules.REFUSAL.search(self.line)
        head = rules.HEAD.match(self.line)
        if found and rules.HEDGED.search(self.line, found.end()):
            return None
        if found and not (head and head.start(1) < found.start()):
            return "Z", "refusal", found.span(), ()
        if not self.asserted and "Z" not in self.options and rules.JUST_Z.fullmatch(self.text):
            return "Z", "refusal", None, ()
        return None

    def _head(self) -> Verdict | None:
        found = rules.HEAD.match(self.line, self.turn) or rules.HEAD_TEXT.match(self.line, self.turn)
        if not found:
            return None
        place = found.start(1)
        own = self.mentions[place].letter
        others = [i for i in self.asserted if i > place and (i in self.groups or self.mentions[i].letter != own)]
        if found.re is rules.HEAD:  # beside a statement others may be spoken of, but not in a list
            others = [i for i in others if i in self.paired or rules.LISTED.match(self.line, max(0, i - 4))]
        else:  # "Yes, there is no cat" says yes
            others = [i for i in others if i in self.groups or self.mentions[i].kind != POLAR]
        return None if others else self._at(place, "head")

    def _tail(self) -> Verdict | None:
        last = max((i for i in self.asserted if i not in self.groups), default=None)
        if (
            last is None
            or re.search(r"\w", self.line[last + 1 :])
            or not rules.NEAR_END.search(self.line[max(0, last - 60) : last])
        ):
            return None
        others = {self.mentions[i].letter for i in self.asserted} - {self.mentions[last].letter}
        if others and not rules.SO.search(self.line[max(0, last - 60) : last]):
            return None
        return self._at(last, "tail")

    def _label(self) -> Verdict | None:
        return self._only("label", (LABEL,))

    def _text(self) -> Verdict | None:
        kinds = (TEXT, POLAR) if rules.WHOLE.fullmatch(self.line) else (TEXT,)
        return self._only("text", kinds)

    def _only(self, rule: str, kinds: tuple[int, ...]) -> Verdict | None:
        after = self.turn
        places = [i for i in self.asserted if self.mentions[i].kind in kinds and i >= after]
        letters = tuple(sorted({one for i in places for one in self.groups.get(i) or (self.mentions[i].letter,)}))
        if len(letters) > 1:
            return None, "several", None, letters
        return self._at(places[0], rule) if letters else None

    def _part(self) -> Verdict | None:
        """Asked only where no option is mentioned at all."""
        spoken = Words(self.text)
        said = [NUMERALS.get(one, one) for one in spoken.names if one not in LEAD]
        if not said or len(said) > 30:
            return None
        own = " ".join(map(_singular, said))
        fits = []
        for letter, option in self.options.items():
            names = Words(option).names
            words = [NUMERALS.get(one, one) for one in names[:-1] if one not in LEAD] + names[-1:]
            line = " ".join(map(_singular, words))
            name = all(one[0].isupper() for one in (*option.split(), spoken.found[-1].group()))
            surname = name and line.split()[1:] == [own]
            if line and (
                line == own or surname or (f" {own} " in f" {line} " and 2 * len(said) + (len(said) > 1) > len(words))
            ):
                fits.append(letter)
        return (fits[0], "part", (0, len(self.text)), tuple(fits)) if len(fits) == 1 else None

    def _turn(self) -> int:
        """Where the answer takes back what it said so far, if an option follows; 0 where it does not."""
        turns = [one.end() for one in rules.BACK.finditer(self.line)]
        places = self.asserted
        return next((turn for turn in reversed(turns) if places and places[-1] >= turn), 0)

    def _withdrawn(self) -> bool:
        last = max(self.asserted, default=0)
        back = rules.BACK.search(self.line, last + 1)
        return bool(back and rules.WITHDRAWN.search(self.line, back.end()))

    def _at(self, place: int, rule: str, considered: tuple[str, ...] = ()) -> Verdict:
        if place in self.groups:
            return None, "several", None, self.groups[place]
        one = self.mentions[place]
        return one.letter, rule, (one.start, one.end), considered or (one.letter,)


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
