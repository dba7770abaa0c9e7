"""What has a name here, looked up and made; an unknown name is refused with those there are."""

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, TypeVar

__all__ = ["check_name", "look_up", "make"]

T = TypeVar("T")
_signature = cache(inspect.signature)  # else most of the time that making a solver takes


def check_name(kind: str, name: object, known: Collection[str]) -> None:
    """Raise `ValueError` unless the name is known.

    >>> check_name("solver", "magic", ["ddim", "heun"])
    Traceback (most recent call last):
    ValueError: no solver is called 'magic'; choose one of ddim, heun
    """
    if not isinstance(name, str) or name not in known:
        raise ValueError(f"no {kind} is called {name!r}; choose one of {', '.join(known)}")


def look_up(kind: str, name: str, table: Mapping[str, T]) -> T:
    """The entry of a table. Raises `ValueError` for an unknown name."""
    check_name(kind, name, table.keys())
    return table[name]


def make(kind: str, name: str, table: Mapping[str, Callable[..., T]], options: Mapping[str, Any]) -> T:
    """What the constructor of that name makes, a dataclass, with its `options`: all of them, the defaults too."""
    constructor = look_up(kind, name, table)
    bound = _signature(constructor).bind(**options)
    bound.apply_defaults()
    made: Any = constructor(**options)
    return replace(made, options=bound.arguments)
