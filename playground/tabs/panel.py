"""What a panel of a tab is: settings with their link, components, pictures, jobs and files; `panels` wires them."""

import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Self, get_type_hints
from urllib.parse import urlencode

import gradio as gr

from playground.tabs.checks import integer, number

__all__ = ["Frames", "Panel", "PanelSettings", "Record", "if_any"]

MOST_LINKED = 1500  # characters of a text that a link keeps
SPLIT = "|"  # between several choices in a link
Frames = Generator[tuple[dict[str, Any], Any]]  # what components show, by name; and what is kept of it, or None
Record = tuple[list[str], Iterable[Sequence[Any]], dict[str, Any]]  # columns, rows, and what stands above them in JSON


@dataclass(frozen=True)
class PanelSettings:
    """A panel's controls, each field one of them; raises `ValueError`, in one plain sentence, for what cannot be.

    Fields are of int, float, bool, str or tuple[str, ...]; those of `UPLOADS` are files on this machine, those of
    `SECRETS` are forgotten once a job has them; neither is in a link, nor are those of `UNLINKED`, whose choices come
    with an upload. A field `session` has no control: it is the name of the browser session that asks.
    """

    TAB: ClassVar[str]
    PANEL: ClassVar[str]
    UPLOADS: ClassVar[tuple[str, ...]] = ("upload",)
    SECRETS: ClassVar[tuple[str, ...]] = ()
    UNLINKED: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The fields, in the order of the controls."""
        return tuple(one.name for one in fields(cls) if one.name != "session")

    def query(self) -> str:
        """The link's query string: only what differs from the usual, so that links stay short."""
        usual, pairs = type(self)(), {"tab": self.TAB, "panel": self.PANEL}
        for one in self._linked():
            value = getattr(self, one.name)
            if value != getattr(usual, one.name):
                text = _written(value)
                if len(text) <= MOST_LINKED:
                    pairs[one.name] = text
        return urlencode(pairs)

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> tuple[Self, list[tuple[str, str]]]:
        """The settings of a link, and what of it was not possible as (name, value): those keep their usual value."""
        settings, wrong, kinds = cls(), [], get_type_hints(cls)
        for one in cls._linked():
            if one.name in query:
                try:
                    changed: dict[str, Any] = {one.name: READ.get(kinds[one.name], _several)(query[one.name])}
                    settings = replace(settings, **changed)
                except ValueError:
                    wrong.append((one.name, query[one.name][:40]))
        return settings, wrong

    @classmethod
    def of(cls, values: Sequence[Any], session: str = "") -> Self:
        """The settings of the controls' values, in the order of the fields."""
        kinds = get_type_hints(cls)
        given = {name: _read(kinds[name], value) for name, value in zip(cls.names(), values, strict=True)}
        if "session" in kinds:
            given["session"] = session
        return cls(**given)

    def without_secrets(self) -> Self:
        """The same, to be kept."""
        nothing: dict[str, Any] = dict.fromkeys(self.SECRETS, "")
        return replace(self, **nothing)

    @classmethod
    def _linked(cls) -> list[Field[Any]]:
        unlinked = {*cls.UPLOADS, *cls.SECRETS, *cls.UNLINKED, "session"}
        return [one for one in fields(cls) if one.name not in unlinked]


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

    `fills` are buttons and tables `w.<panel>_<name>` whose click sets controls: from the row clicked ("" of a button),
    a folder for files and the language come values by field. `files` are buttons `w.<panel>_<name>` that save a file of
    (settings, kept, folder, language), and return its path.
    """

    settings: type[PanelSettings]
    lay_out: Callable[[SimpleNamespace], None]
    shown: tuple[str, ...]  # components that frames fill, without the panel's name; "progress" is the tab's own
    show: Callable[[Any, Any, threading.Event, str], Frames]
    jobs: Mapping[str, Callable[[Any, Any, threading.Event, str], Frames]]
    program: Callable[[Any, str], list[str]]  # lines of Python, of the settings and the language
    record: Callable[[Any, Any], Record]  # of the settings and what is kept
    fills: Mapping[str, Callable[[str, Path, str], Mapping[str, Any]]] = field(default_factory=dict)
    files: Mapping[str, Callable[[Any, Any, Path, str], str]] = field(default_factory=dict)
