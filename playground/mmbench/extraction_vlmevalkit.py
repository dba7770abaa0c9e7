"""The letter that VLMEvalKit (August 2026) reads out of an answer by its rules, before any judge is asked.

Written from descriptions of its behaviour and tested against answers recorded of it, not beside the toolkit itself.
"""

import re
from collections.abc import Mapping

__all__ = ["decide"]

REFUSALS = (  # case matters
    "Sorry, I can't help with images of people yet.",
    "I can't process this file.",
    "I'm sorry, but without the image provided",
    "Cannot determine the answer",
)
FAILED = "Failed to obtain answer via API"
MARKS = str.maketrans(dict.fromkeys(".()[],:;!*#{}", " "))
LAST = 4  # tokens of the answer in which the only letter must first occur (since pull request 1175)
TOKEN = re.compile(r"\S+")
# Since pull request 1552; no word boundary, so the b of "blue" is one, and E is none.
ANSWER_IS = re.compile(r"(?:correct\s+)?answer\s+is\s+\**([ABCD])", re.IGNORECASE)
LENGTH = 2  # times the length of all option texts together: a longer answer is not searched for them

Verdict = tuple[str | None, str, tuple[int, int] | None, tuple[str, ...]]


def decide(text: str, options: Mapping[str, str]) -> Verdict:
    """The letter, "Z" for a refusal or None; the rule; the span of `text` it rests on; the letters considered.

    Where the environment variable VERBOSE is set, upstream also refuses an only letter beside an "A" in more than three
    tokens. That variable is not read here: a score must not hang on it.
    """
    return _by_label(text, options) or _by_text(text, options)


def _by_label(text: str, options: Mapping[str, str]) -> Verdict | None:
    if FAILED in text:
        return None  # and on to the option texts, as upstream
    for refusal in REFUSALS:
        if refusal in text:
            start = text.index(refusal)
            return "Z", "refusal", (start, start + len(refusal)), ()
    tokens = list(TOKEN.finditer(text.translate(MARKS)))
    first: dict[str, int] = {}
    for place, token in enumerate(tokens):
        first.setdefault(token.group(), place)
    found = tuple(letter for letter in options if letter in first)
    if len(found) == 1 and first[found[0]] >= len(tokens) - LAST:
        return found[0], "token", tokens[first[found[0]]].span(), found
    if not found and "Z" in first:
        return "Z", "z_token", tokens[first["Z"]].span(), ()
    said = ANSWER_IS.search(text)
    if said and said.group(1).upper() in options:
        return said.group(1).upper(), "answer_is", said.span(), found
    return None


def _by_text(text: str, options: Mapping[str, str]) -> Verdict:
    lowered = text.lower()
    if len(lowered) > LENGTH * sum(map(len, options.values())):
        return None, "too_long", None, ()
    found = tuple(letter for letter, option in options.items() if option.lower() in lowered)
    if len(found) != 1:
        return None, "several_texts" if found else "nothing", None, found
    option = options[found[0]].lower()
    start = lowered.index(option)
    return found[0], "text", (start, min(start + len(option), len(text))), found
