"""What a person has set in the CLIP tab: checked, and kept in a link."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from playground import catalog, clip
from playground.tabs.checks import between, choice, integer, whole
from playground.tabs.picture_settings import PictureSettings, lines

__all__ = ["MARGIN", "MOST_LABELS", "PANELS", "SCORES", "SEARCHED", "STEPS", "TEMPERATURE", "Settings"]

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
class Settings(PictureSettings):
    """The controls of the tab; raises `ValueError`, in one plain sentence with the limit, for what cannot be."""

    TAB = "clip"
    PANELS = PANELS
    READ: ClassVar[Mapping[str, Callable[[str], Any]]] = {
        "margin": float,
        "temperature": float,
        "searched": integer,
        "steps": integer,
        "seed": integer,
    }

    model: str = "clip-world"
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
        super().__post_init__()
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
