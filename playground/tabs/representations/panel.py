"""What a panel of the Representations tab is: settings with their link, components, pictures, jobs and files."""

import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import SimpleNamespace
from typing import Any, ClassVar, Self, get_type_hints
from urllib.parse import urlencode

import gradio as gr

from playground.tabs.checks import integer, number, whole

__all__ = ["MAX_SEED", "TAB", "Frames", "Panel", "PanelSettings", "Record", "if_any"]

TAB = "representations"
MAX_SEED = 2**31 - 1
MOST_LINKED = 1500  # characters of a text that a link keeps
SPLIT = "|"  # between several choices in a link
Frames = Generator[tuple[dict[str, Any], Any]]  # what components show, by name; and what is kept of it, or None
Record = tuple[list[str], Iterable[Sequence[Any]], dict[str, Any]]  # columns, rows, and what stands above them in JSON


@dataclass(frozen=True)
class PanelSettings:
    """A panel's controls, each field one of them; raises `ValueError`, in one plain sentence, for what cannot be.

    Fields are of int, float, bool, str or tuple[str, ...]; one named `upload` is a file on this machine and in no link.
    """

    PANEL: ClassVar[str]

    seed: int = 0

    def __post_init__(self) -> None:
        whole("seed", self.seed, 0, MAX_SEED)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The fields, in the order of the controls."""
        return tuple(field.name for field in fields(cls))

    def query(self) -> str:
        """The link's query string: only what differs from the usual, so that links stay short."""
        usual, pairs = type(self)(), {"tab": TAB, "panel": self.PANEL}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "upload" and value != getattr(usual, field.name):
                text = _written(value)
                if len(text) <= MOST_LINKED:
                    pairs[field.name] = text
        return urlencode(pairs)

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> tuple[Self, list[tuple[str, str]]]:
        """The settings of a link, and what of it was not possible as (name, value): those keep their usual value."""
        settings, wrong, kinds = cls(), [], get_type_hints(cls)
        for field in fields(cls):
            if field.name in query and field.name != "upload":
                try:
                    changed: dict[str, Any] = {field.name: READ.get(kinds[field.name], _several)(query[field.name])}
                    settings = replace(settings, **changed)
                except ValueError:
                    wrong.append((field.name, query[field.name][:40]))
        return settings, wrong

    @classmethod
    def of(cls, values: Sequence[Any]) -> Self:
        """The settings of the controls' values, in the order of the fields."""
        given: dict[str, Any] = {}
        for field, value in zip(fields(cls), values, strict=True):
            kind = get_type_hints(cls)[field.name]
            given[field.name] = _read(kind, value)
        return cls(**given)


def if_any(figure: Any) -> Any:
    """A figure for a component that is seen only where there is one."""
    return gr.update(value=figure, visible="hidden" if figure is None else True)


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return SPLIT.join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _boolean(text: str) -> bool:
    if text not in ("True", "False"):
        raise ValueError(f"must be True or False, not {text[:40]!r}")
    return text == "True"


def _several(text: str) -> tuple[str, ...]:
    return tuple(text.split(SPLIT)) if text else ()


def _read(kind: Any, value: Any) -> Any:
    """A control's value as a field; what cannot be one is handed on, to be refused."""
    if kind is int:
        return number(value)
    if kind is float:
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if kind is str:
        return value or ""
    return value if kind is bool else tuple(value or ())


READ: Mapping[Any, Callable[[str], Any]] = {int: integer, float: float, bool: _boolean, str: str}


@dataclass(frozen=True)
class Panel:
    """A panel: components are `w.<panel>_<name>`, controls named as the settings' fields, in `lay_out`.

    `show` draws the settings as they are, from what is kept where it suits them; `jobs` are what its buttons
    `w.<panel>_<job>` begin. Both take (settings, kept, stop, language) and yield frames.
    """

    settings: type[PanelSettings]
    lay_out: Callable[[SimpleNamespace], None]
    shown: tuple[str, ...]  # components that frames fill, without the panel's name; "progress" is the tab's own
    show: Callable[[Any, Any, threading.Event, str], Frames]
    jobs: Mapping[str, Callable[[Any, Any, threading.Event, str], Frames]]
    program: Callable[[Any, str], list[str]]  # lines of Python, of the settings and the language
    record: Callable[[Any, Any], Record]  # of the settings and what is kept
