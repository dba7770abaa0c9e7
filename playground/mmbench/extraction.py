"""Which option a model's free answer means: by VLMEvalKit's rules, or by ours, which heed words and denials."""

import math
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from playground.mmbench import extraction_robust, extraction_vlmevalkit

__all__ = ["PROFILES", "Extraction", "explain_choice", "extract_choice"]

DECIDERS: dict[str, Callable[[str, Mapping[str, str]], extraction_vlmevalkit.Verdict]] = {
    "robust": extraction_robust.decide,
    "vlmevalkit": extraction_vlmevalkit.decide,
}
PROFILES = tuple(DECIDERS)


@dataclass(frozen=True)
class Extraction:
    """What an answer was taken to mean, and why."""

    letter: str | None  # of the option meant; None where the answer names none, or several
    rule: str  # that decided: a stable key of `extraction_vlmevalkit` or `extraction_robust.RULES`
    span: tuple[int, int] | None  # of the characters of str(answer) that the letter rests on
    refused: bool  # the answer declines to choose: VLMEvalKit's "Z"
    considered: tuple[str, ...]  # letters that the deciding rule had before it
    profile: str


def extract_choice(
    prediction: object, options: Mapping[str, object] | Sequence[object], profile: str = "robust"
) -> str | None:
    """The letter of the option that an answer means, or None where it means none (a refusal too).

    `options` are texts by capital letter, or in order from A; None and NaN are no options. Raises `ValueError` for an
    unknown profile, no options, and keys that are not one capital letter.
    """
    return explain_choice(prediction, options, profile).letter


def explain_choice(
    prediction: object, options: Mapping[str, object] | Sequence[object], profile: str = "robust"
) -> Extraction:
    """As `extract_choice`, with the rule that decided and what it rests on."""
    if profile not in DECIDERS:
        raise ValueError(f"profile must be one of {', '.join(PROFILES)}, not {profile!r}")
    own = _options(options, whole=profile == "robust")
    if profile == "robust" and _missing(prediction):
        return Extraction(None, "empty", None, False, (), profile)
    letter, rule, span, considered = DECIDERS[profile](str(prediction), own)
    return Extraction(None if letter == "Z" and "Z" not in own else letter, rule, span,
                      letter == "Z" and "Z" not in own, considered, profile)  # fmt: skip


def _options(options: Mapping[str, object] | Sequence[object], *, whole: bool) -> dict[str, str]:
    """The options that exist, as text; a whole number that a table made 3.0 is 3 where `whole` is asked."""
    if isinstance(options, str):
        raise ValueError(f"options must be several texts, not the one text {options!r}")
    if not isinstance(options, Mapping):
        if len(options) > len(string.ascii_uppercase):
            raise ValueError(f"there may be at most 26 options, not {len(options)}")
        options = dict(zip(string.ascii_uppercase, options, strict=False))
    for key in options:
        if not (isinstance(key, str) and len(key) == 1 and key in string.ascii_uppercase):
            raise ValueError(f"an option's key must be one letter from A to Z, not {key!r}")
    own = {key: _text(value, whole) for key, value in options.items() if not _missing(value)}
    if not own:
        raise ValueError("there must be at least one option that is not empty")
    return own


def _text(value: object, whole: bool) -> str:
    return str(int(value)) if whole and isinstance(value, float) and value.is_integer() else str(value)


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
