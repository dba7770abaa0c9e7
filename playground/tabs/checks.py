"""What every tab's settings are checked with: a choice, a number in a range, a number in a link."""

import math
import re
from collections.abc import Iterable
from typing import Any

__all__ = ["between", "choice", "integer", "number", "whole"]


def choice(name: str, value: object, allowed: Iterable[str]) -> None:
    """Raise `ValueError` unless the value is one of those allowed."""
    known = list(allowed)
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, not {value!r}")


def whole(name: str, value: object, low: int, high: int) -> None:
    """Raise `ValueError` unless the value is a whole number in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number between {low:,} and {high:,}, not {value}")


def between(name: str, value: object, low: float, high: float) -> None:
    """Raise `ValueError` unless the value is a number in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{name} must lie between {low:g} and {high:g}, not {value}")


def integer(text: str) -> int:
    """A link's whole number; int() takes 1_0 and digits of other scripts, too."""
    if not re.fullmatch(r"-?[0-9]{1,12}", text):
        raise ValueError(f"must be a whole number, not {text[:40]!r}")
    return int(text)


def number(value: object) -> Any:
    """A whole number that came as a float (3.0) as an int; anything else as it is, for the checks above to refuse."""
    return int(value) if isinstance(value, float) and math.isfinite(value) and value.is_integer() else value
