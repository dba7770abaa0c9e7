"""Settings of a tab that is about one picture: its four fields, and the link that keeps them all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self
from urllib.parse import urlencode

from playground.tabs.checks import choice, integer
from playground.tabs.drawings import pack_paint, unpack_paint
from playground.tabs.pictures import EXAMPLES, SOURCES, complete

__all__ = ["PictureSettings", "lines"]

READ: Mapping[str, Callable[[str], Any]] = {
    "example": integer,
    "drawing": lambda text: pack_paint(unpack_paint(text)),  # what else it may hold never reaches the Python panel
}


@dataclass(frozen=True)
class PictureSettings:
    """A tab's settings are these and its own; raises `ValueError` for a source or an example that is not there."""

    TAB: ClassVar[str]
    PANELS: ClassVar[tuple[str, ...]]  # the first is the usual one
    READ: ClassVar[Mapping[str, Callable[[str], Any]]]  # how a link's text becomes a field that is no text

    source: str = "example"
    example: int = EXAMPLES[1]
    drawing: str = ""  # packed by `drawings.pack_paint`
    upload: str = ""  # a file on this machine: in no link

    def __post_init__(self) -> None:
        choice("source", self.source, SOURCES)
        choice("example", str(self.example), map(str, EXAMPLES))

    def query(self, panel: str = "") -> str:
        """The link's query string: only what differs from the usual; an uploaded picture is in no link."""
        usual, pairs = type(self)(), {"tab": self.TAB}
        if panel and panel != self.PANELS[0]:
            pairs["panel"] = panel
        for field in fields(self):
            value = getattr(self, field.name)
            left_out = field.name == "upload" or (field.name == "drawing" and self.source != "draw")
            if not left_out and value != getattr(usual, field.name):
                pairs[field.name] = f"{value:g}" if isinstance(value, float) else str(value)
        if pairs.get("source") == "upload":
            del pairs["source"]
        return urlencode(pairs)

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> tuple[Self, list[tuple[str, str]]]:
        """The settings of a link, and what of it was not possible as (name, value): those keep their usual value."""
        settings, wrong = cls(), []
        read = {**READ, **cls.READ}
        for field in fields(cls):
            if field.name in query and field.name != "upload":
                try:
                    changed: dict[str, Any] = {field.name: read.get(field.name, str)(query[field.name])}
                    settings = replace(settings, **changed)
                except ValueError:
                    wrong.append((field.name, query[field.name][:40]))
        return settings if complete(settings) else replace(settings, source=cls.source), wrong


def lines(text: str) -> list[str]:
    """The lines that say something, each once stripped."""
    return [line.strip() for line in text.splitlines() if line.strip()]
