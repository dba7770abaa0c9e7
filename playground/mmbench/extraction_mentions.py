"""Where an answer names an option, by its label or by its text.

Each mention becomes one sign in a shadow of the answer, as long as the answer itself, in which the rules of
`extraction_rules` are then plain patterns.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

__all__ = [
    "ANY", "LABEL", "MANY", "NEGATED", "POLAR", "POSITIVE", "TEXT", "WEAK", "Mention", "Words", "marked", "normalized",
    "shadow", "sign", "words_of",
]  # fmt: skip


def words_of(*words: str) -> frozenset[str]:
    return frozenset(one for text in words for one in text.split())


# Kinds of signs, 64 code points of the private use area each: a label; a bare capital that may be no label ("vitamin
# C"); an option's text; a text such as yes or no, which answers also use as plain words; one that is denied.
LABEL, WEAK, TEXT, POLAR, NEGATED = range(5)
BASE, WIDTH = 0xE000, 64
MANY = "\uf000"  # several options named in one breath: "B or C"
POLAR_TEXTS = words_of(
    "yes no true false right wrong correct incorrect none 是 否 对 错 有 无 是的 不是 正确 错误 对的 没有 不对"
)

SYNONYMS = {
    "yes": ("yep", "yeah", "yup"), "no": ("nope", "nah"), "false": ("not true", "isn't true", "untrue"),
    "incorrect": ("not correct", "isn't correct"), "是": ("是的",), "否": ("不是",), "错误": ("不正确", "不对"),
}  # fmt: skip
# "C is right" and "the right answer" tell of an option: there "right" is not one itself.
JUDGING = re.compile(r"\b(?:right|correct|true|wrong|incorrect|false)\b", re.IGNORECASE)
JUDGED = re.compile(r"(?:^|[^\w'])[A-Z]\)?\s{1,2}(?:is|would be|must be|seems)\s{1,2}(?:the |clearly )?$")
JUDGES = re.compile(r"\s{1,2}(?:answer|option|choice)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Mention:
    """Characters `start` to `end` of the answer that name the option `letter`."""

    start: int
    end: int
    letter: str
    kind: int


def sign(kind: int, letter: str) -> str:
    """The sign of a kind for an option."""
    return chr(BASE + WIDTH * kind + ord(letter) - ord("A"))


def _range(first: int, last: int) -> str:
    return f"{chr(BASE + WIDTH * first)}-{chr(BASE + WIDTH * (last + 1) - 1)}"


ANY = f"[{_range(LABEL, POLAR)}]"  # a pattern's class of the signs that name an option and do not deny it


def marked(kind: int, last: int | None = None) -> str:
    """The pattern of a sign of a kind, or of the kinds from it to `last`."""
    return f"[{_range(kind, kind if last is None else last)}]"


ODD = {
    "。": "!", "、": ",", "“": '"', "”": '"', "‘": "'", "’": "'", "\u200b": " ", "\ufeff": " ", "【": "[", "】": "]",
    "「": '"', "」": '"', "『": '"', "』": '"', "《": "<", "》": ">", "〈": "<", "〉": ">", "′": "'",
    "–": "-", "—": "-", "\u2026": ".", "\u2212": "-", "🅐": "A", "🅑": "B", "🅒": "C", "🅓": "D",
    "🅰": "A", "🅱": "B", "🅾": "O", "🅿": "P",
}  # fmt: skip
PARENTHESIZED = {chr(0x249C + i): chr(ord("a") + i) for i in range(26)}  # the sign for (a) is one character


def normalized(text: str) -> str:
    """The answer with full-width, circled and curly signs as their plain ones, as long as it was."""
    if text.isascii():
        return text
    table = {}
    for one in set(text):
        plain = ODD.get(one) or PARENTHESIZED.get(one) or unicodedata.normalize("NFKC", one)
        plain = " " if "\ue000" <= plain <= "\uf8ff" else plain  # private signs mean our own here
        if len(plain) == 1 and plain != one:
            table[ord(one)] = plain
    return text.translate(table)


CJK = "㐀-鿿"
WORD = re.compile(
    rf"(?:(?<![\w.])-)?(?:\d{{1,3}}(?:,\d{{3}})+(?!\d)|\d+)(?:[.:]\d+)*|[{CJK}]|[^\W\d_{CJK}]+(?:'[a-z]+)?|%", re.I
)
NUMBERS = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
    "ten": "10", "eleven": "11", "twelve": "12", "zero": "0",
}  # fmt: skip
WHOLE = re.compile(r"(?<=\d)\.0+$")  # $10.00 is $10
ARTICLES = frozenset(("a", "an", "the"))
# What may stand before a text of one Chinese character, which else may be part of a longer word (熊猫 is no 猫).
BEFORE_ONE = frozenset("是为选只条个一张的有:，,。.答案了像匹头辆朵和或者与跟及不没非见到选")


class Words:
    """An answer's words in lower case, with their places, with and without articles, to find sequences of them in."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.found = list(WORD.finditer(text))
        self.names = [_name(one.group()) for one in self.found]
        self.all = _line(self.names, range(len(self.names)))
        kept = [i for i, one in enumerate(self.names) if one not in ARTICLES]
        self.bare = _line(self.names, kept)

    def places(self, option: str) -> Iterator[tuple[int, int]]:
        """The spans at which an option's words stand, articles aside."""
        names = [_name(one.group()) for one in WORD.finditer(option)]
        yield from self._places(names, self.all)
        bare = names if len(names) == 1 else [one for one in names[:-1] if one not in ARTICLES] + names[-1:]
        if bare != names or len(bare) > 1:
            yield from self._places(bare, self.bare)

    def _places(self, names: list[str], line: tuple[str, list[int], list[int]]) -> Iterator[tuple[int, int]]:
        joined, starts, indices = line
        sought = f" {' '.join(names)} "
        at = joined.find(sought) if names else -1
        while at >= 0:
            first = bisect_left(starts, at + 1)
            yield self.found[indices[first]].start(), self.found[indices[first + len(names) - 1]].end()
            at = joined.find(sought, at + 1)


POSITIVE = frozenset([MANY, *(sign(kind, chr(ord("A") + i)) for kind in range(NEGATED) for i in range(26))])


def _name(word: str) -> str:
    return NUMBERS.get(word.lower()) or WHOLE.sub("", word.replace(",", "").lower())


def _line(names: list[str], kept: "list[int] | range") -> tuple[str, list[int], list[int]]:
    """The kept words with a space on either side, where each begins in that line, and which it is."""
    starts, at = [], 1
    for i in kept:
        starts.append(at)
        at += len(names[i]) + 1
    return f" {' '.join(names[i] for i in kept)} ", starts, list(kept)


def _texts(text: str, options: Mapping[str, str]) -> list[Mention]:
    """The options' texts in the answer; of those that lie within a longer option's text only that one."""
    words = Words(text)
    keys = {letter: tuple(_name(one.group()) for one in WORD.finditer(option)) for letter, option in options.items()}
    found: set[Mention] = set()
    polar = {letter for letter, option in options.items() if option.strip(" .。").lower() in POLAR_TEXTS}
    for letter, option in options.items():
        if len(option.strip()) == 1 and option.strip().upper() in options:
            continue  # an option that is a label: labels go before texts
        kind = POLAR if len(polar) > 1 and letter in polar else TEXT
        same = sum(one == keys[letter] for one in keys.values()) > 1
        places = _literal(text, option) if same or not keys[letter] else words.places(option)
        others = SYNONYMS.get(option.strip(" .。").lower(), ()) if kind == POLAR else ()
        said = (place for other in others for place in words.places(other) if text[place[1] : place[1] + 1] != "-")
        for start, end in (*places, *said):
            one_character = end - start == 1 and "㐀" <= text[start] <= "鿿"
            if one_character and start and not (text[start - 1] in BEFORE_ONE or not text[start - 1].isalpha()):
                continue
            if one_character and "是否" in (text[start - 1 : end], text[start : end + 1]):
                continue  # whether
            if JUDGING.fullmatch(text, start, end) and (
                JUDGED.search(text[max(0, start - 24) : start]) or JUDGES.match(text, end)
            ):
                continue
            found.add(Mention(start, end, letter, kind))
    return _longest(found)


def _literal(text: str, option: str) -> Iterator[tuple[int, int]]:
    """Places of an option that words do not tell from another, such as +5 beside -5: sign by sign."""
    pattern = re.compile(rf"(?<![\w+\-.<>=/]){re.escape(option.strip())}(?![\w+\-<>=/])", re.IGNORECASE)
    yield from (one.span() for one in pattern.finditer(text) if one.end() > one.start())


def _longest(found: set[Mention]) -> list[Mention]:
    kept: list[Mention] = []
    for one in sorted(found, key=lambda one: (one.start, -one.end, one.letter)):
        if kept and one.end <= kept[-1].end:
            if one.start == kept[-1].start and one.end == kept[-1].end and one.letter != kept[-1].letter:
                kept[-1] = Mention(one.start, one.end, "", TEXT)  # two options of the same text: neither
            continue
        kept.append(one)
    return [one for one in kept if one.letter]


# A letter by itself. Not one within a word, a name (A-frame), an abbreviation (U.S.), a mark (B+, °C) or a possessive.
ALONE = re.compile(
    r"(?<![A-Za-z0-9À-ɏ&°+])(?<![A-Za-z]')(?<!(?:Mr|Ms|Dr)\. )(?<![A-Za-z0-9]-)(?<![A-Za-z]\.)(?<![Nn]/)([A-Za-z])"
    r"(?![A-Za-z0-9À-ɏ&+°#]|'[A-Za-z]|-[A-Za-z0-9]|\.[A-Za-z](?![A-Za-z]))"
)
OPEN, CLOSE = "([{<\"'`*$_|~", ")]}>\"'`*$_|~"
# The word before a bare letter that is a label; after another word ("vitamin C", "Team B") the letter may be a name.
BEFORE = words_of(
    "is be was are it's that's i'd so thus therefore hence then definitely probably clearly likely maybe perhaps",
    "certainly surely obviously possibly possible think believe say guess feel suspect with for on to as option",
    "options choice choices answer answers choose chose pick picked select selected choosing picking selecting not",
    "or and nor neither either both between but than only just correct right said mark namely over against about",
    "why whether if because that out exclude eliminate reject unlike except instead of from since while prefer go",
    "vote yes no mean meant me hmm ok okay final best wait actually rather it like sorry isn't don't reads says",
    "output outputs result picks selects chooses answered true matches fits",
)
NAMES = frozenset("素图点组型班层座楼队级区段线角病肝咖卡")  # 维生素C, 图A, 点B
AFTER = (  # words after a capital A, which is then a label and no article
    "is was because since as seems looks fits matches would must should or and but due given appears it i for with "
    "wins best definitely here describes shows represents corresponds can could will has does isn't doesn't most makes "
    "to through vs versus"
)
LABEL_GOES_ON = re.compile(rf"[^\S\n]*+(?:$|[^\w\s]|[{CJK}]|\n|(?:{AFTER.replace(' ', '|')})\b|[A-Z]\b)", re.IGNORECASE)
SMALL_A_GOES_ON = re.compile(rf"[^\S\n]*+(?:$|[^\w\s]|[{CJK}]|\n|(?:because|since|as|is)\b)", re.IGNORECASE)
CUE = re.compile(
    r"(?:\b(?:option|choice|answer|letter|label|choose|chose|pick|select|chosen|selected|go(?:ing)? with|boxed)"
    r"(?:\s{0,3}(?:is|:|=|as|was|would be|should be|must be|->|\{))?|选项?|答案[是为:]?|[是为])"
    r"[\s:\"'(*`\[{]{0,4}$",
    re.IGNORECASE,
)
HEAD = re.compile(r"\s*+[(\[\"'`*#>\-]{0,4}([A-Za-z])[)\]\"'`*]{0,4}(?:\s*+$|[.):,](?=\s|$|[A-Z])|\s*+\n)")
LAST_WORD = re.compile(r"([A-Za-z']+|[^\sA-Za-z'])[\s]*$")


def _labels(text: str, options: Mapping[str, str], covered: list[Mention]) -> Iterator[Mention]:
    starts = [one.start for one in covered]
    head = HEAD.match(text)
    for found in ALONE.finditer(text):
        at = found.start()
        letter = found.group().upper()
        near = bisect_left(starts, at + 1) - 1
        if letter not in options or (near >= 0 and at < covered[near].end):
            continue
        start, end = _enclosed(text, at)
        before = text[max(0, start - 24) : start]
        upper = found.group().isupper()
        if end - start == 1 and "_" in text[max(0, at - 1) : at + 2]:
            continue  # of a name, such as B_1
        glued = before[-1:].isalnum() and before[-1:].isascii()
        if end - start > 1 and (upper or not glued) and not _apostrophe(text, start, end):
            yield Mention(start, end, letter, LABEL)
        elif head and head.start(1) == at:
            yield Mention(at, at + 1, letter, LABEL)
        elif letter in "AI" and not _stands(text, at):
            continue
        elif CUE.search(before):
            yield Mention(at, at + 1, letter, LABEL)
        elif upper or letter not in "AI":
            yield Mention(at, at + 1, letter, LABEL if _free(before) else WEAK)


def _enclosed(text: str, at: int) -> tuple[int, int]:
    """The span of a letter with the brackets, quotes or emphasis around it, if they are on both sides."""
    start, end = at, at + 1
    while start and at - start < 4 and text[start - 1] in OPEN:
        start -= 1
    if start == at and at >= 2 and text[at - 1] == " " and text[at - 2] in OPEN:
        start = at - 2
    if (text[end : end + 1] in (".", ":") or (start < at and text[end : end + 1] == " ")) and _closes(text, end + 1):
        end += 1
    last = end
    while last < len(text) and last - end < 4 and text[last] in CLOSE:
        last += 1
    return (start, last) if start < at and last > end else (at, at + 1)


def _stands(text: str, at: int) -> bool:
    """Whether an A is no article, or an I no pronoun, by what follows."""
    if text[at] in "Ii":
        return _at_end(text, at)
    return bool((SMALL_A_GOES_ON if text[at] == "a" else LABEL_GOES_ON).match(text, at + 1))


def _closes(text: str, at: int) -> bool:
    return at < len(text) and text[at] in CLOSE


def _apostrophe(text: str, start: int, end: int) -> bool:
    return text[start] == "'" and text[end - 1] != "'"


def _at_end(text: str, at: int) -> bool:
    return not text[at + 1 : at + 40].strip(" .!)*\"'")


def _free(before: str) -> bool:
    last = LAST_WORD.search(before)
    if last is None:
        return True
    word = last.group(1).lower()
    if word[0].isalpha() and word.isascii():
        return word in BEFORE
    return word not in NAMES and not word.isdigit() and word not in "°$€£%&"


def shadow(text: str, options: Mapping[str, str]) -> tuple[list[str], dict[int, Mention]]:
    """The signs of a normalized answer, each mention as its sign and blanks, and the mentions by where they begin."""
    texts = _texts(text, options)
    signs, mentions = list(text), {}
    for one in [*texts, *_labels(text, options, texts)]:
        signs[one.start : one.end] = [sign(one.kind, one.letter)] + [" "] * (one.end - one.start - 1)
        mentions[one.start] = one
    return signs, mentions
