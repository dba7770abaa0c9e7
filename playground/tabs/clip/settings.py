"""What a person has set in the CLIP tab: checked, and kept in a link."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import urlencode

from playground import catalog, clip
from playground.tabs.checks import between, choice, integer, whole
from playground.tabs.drawings import pack_paint, unpack_paint
from playground.tabs.pictures import EXAMPLES, SOURCES, complete

__all__ = [
    "MARGIN", "MOST_LABELS", "PANELS", "SCORES", "SEARCHED", "STEPS", "TEMPERATURE", "Settings", "lines",
]  # fmt: skip

PANELS = ("zero_shot", "folder", "search", "why")
SCORES = ("softmax", "independent", "cosine")
MOST_LABELS, MOST_TEMPLATES, MOST_TEXTS, LONGEST = 200, 100, 2000, 6000
TEMPERATURE, MARGIN = (0.1, 20.0), (-1.0, 1.0)
STEPS = (50, 3000)  # of the live training
SEARCHED = (20, 400)  # still lifes in the search
LABELS = "\n".join(
    ["a red sphere", "a yellow sphere", "a yellow cube", "a blue torus", "a gray cylinder", "two objects"]
)


@dataclass(frozen=True)
class Settings:
    """The controls of the tab; raises `ValueError`, in one plain sentence with the limit, for what cannot be."""

    model: str = "clip-world"
    source: str = "example"
    example: int = EXAMPLES[1]
    drawing: str = ""  # packed by `drawings.pack_paint`
    upload: str = ""  # a file on this machine: in no link
    labels: str = LABELS
    templates: str = "\n".join(clip.TEMPLATES["world"])
    neutral: str = ""
    margin: float = 0.2
    temperature: float = 1.0
    score: str = "softmax"
    query_words: str = "a large blue object"
    searched: int = 60
    steps: int = 900  # of the live training
    objective: str = "info_nce"
    seed: int = 0

    def __post_init__(self) -> None:
        choice("model", self.model, catalog.CLIPS)
        choice("source", self.source, SOURCES)
        choice("example", str(self.example), map(str, EXAMPLES))
        for name in ("labels", "templates"):
            if len(getattr(self, name)) > LONGEST:
                raise ValueError(f"{name} take at most {LONGEST:,} characters, not {len(getattr(self, name)):,}")
        if not 1 <= len(self.names) <= MOST_LABELS:
            raise ValueError(f"labels must be 1 to {MOST_LABELS}, one a line, not {len(self.names)}")
        read = [clip.clean(name) for name in self.names]
        if twice := [name for i, name in enumerate(self.names) if read[i] in read[:i]]:
            raise ValueError(f"the label {twice[0]!r} is there twice")
        if not 1 <= len(self.sentences) <= MOST_TEMPLATES:
            raise ValueError(f"templates must be 1 to {MOST_TEMPLATES}, one a line, not {len(self.sentences)}")
        if (texts := len(self.names) * len(self.sentences)) > MOST_TEXTS:
            raise ValueError(f"labels times templates must be at most {MOST_TEXTS:,}, not {texts:,}")
        for template in self.sentences:
            if "{}" not in template:
                raise ValueError(f"a template needs {{}} where the label goes, and {template!r} has none")
        if len(self.neutral) > 200 or len(self.query_words) > 200:
            raise ValueError("a text for one box takes at most 200 characters")
        between("margin", self.margin, *MARGIN)
        between("temperature", self.temperature, *TEMPERATURE)
        choice("score", self.score, SCORES)
        whole("pictures", self.searched, *SEARCHED)
        whole("training steps", self.steps, *STEPS)
        choice("objective", self.objective, clip.OBJECTIVES)
        whole("seed", self.seed, 0, 2**31 - 1)

    @property
    def names(self) -> list[str]:
        """The labels."""
        return lines(self.labels)

    @property
    def sentences(self) -> list[str]:
        """The templates."""
        return lines(self.templates)

    def query(self, panel: str = PANELS[0]) -> str:
        """The link's query string: only what differs from the usual; an uploaded picture is in no link."""
        usual, pairs = Settings(), {"tab": "clip"}
        if panel != PANELS[0]:
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
    def from_query(cls, query: Mapping[str, str]) -> "tuple[Settings, list[tuple[str, str]]]":
        """The settings of a link, and what of it was not possible as (name, value): those keep their usual value."""
        settings, wrong = cls(), []
        for field in fields(cls):
            if field.name in query and field.name != "upload":
                try:
                    changed: dict[str, Any] = {field.name: READ.get(field.name, str)(query[field.name])}
                    settings = replace(settings, **changed)
                except ValueError:
                    wrong.append((field.name, query[field.name][:40]))
        return settings if complete(settings) else replace(settings, source=cls.source), wrong


def lines(text: str) -> list[str]:
    """The lines that say something, each once stripped."""
    return [line.strip() for line in text.splitlines() if line.strip()]


READ: Mapping[str, Callable[[str], Any]] = {
    "example": integer,
    "drawing": lambda text: pack_paint(unpack_paint(text)),  # what else it may hold never reaches the Python panel
    "margin": float,
    "temperature": float,
    "searched": integer,
    "steps": integer,
    "seed": integer,
}
