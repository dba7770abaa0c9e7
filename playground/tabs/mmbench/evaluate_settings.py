"""The controls of the panel "Evaluate", and which of them say what is asked, not what is looked at."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from playground.mmbench import PROFILES
from playground.tabs.checks import choice, whole
from playground.tabs.mmbench.evaluate_cards import OUTCOMES
from playground.tabs.mmbench.evaluate_models import CHOICES
from playground.tabs.mmbench.panel import PanelSettings

__all__ = ["COUNT", "LANGUAGES", "SETS", "Settings"]

SETS, LANGUAGES = ("mini", "tsv"), ("en", "zh")
COUNT, MOST_SEED, MOST_FIRST = (13, 1000), 2**31 - 1, 100_000
LONGEST = 200  # characters of a name


@dataclass(frozen=True)
class Settings(PanelSettings):
    """The panel's controls."""

    PANEL: ClassVar[str] = "evaluate"
    UNLINKED: ClassVar[tuple[str, ...]] = ("split",)  # a radio refuses what it does not offer

    model: str = "clip-world"
    source: str = ""  # of another model: a repository, or a folder
    data: str = "mini"
    language: str = "en"
    count: int = 130
    seed: int = 0
    upload: str = ""
    part: str = ""  # the split of a TSV that is asked; "": all
    first: int = 0  # so many questions of it; 0: all
    profile: str = "robust"
    split: str = ""  # of the report; "": all together
    ability: str = ""
    outcome: str = "all"
    position: int = 1  # among the questions of the ability and outcome
    session: str = ""

    def __post_init__(self) -> None:
        choice("model", self.model, [name for _, name in CHOICES])
        choice("data", self.data, SETS)
        choice("language", self.language, LANGUAGES)
        whole("count", self.count, *COUNT)
        whole("seed", self.seed, 0, MOST_SEED)
        whole("first", self.first, 0, MOST_FIRST)
        choice("profile", self.profile, PROFILES)
        choice("outcome", self.outcome, OUTCOMES)
        whole("position", self.position, 1, MOST_FIRST)
        for name in ("source", "part", "split", "ability"):
            if len(text := getattr(self, name)) > LONGEST:
                raise ValueError(f"{name} has {len(text):,} characters, more than the {LONGEST} allowed")

    def asks(self) -> Self:
        """What is asked of whom: the same for settings that only look at another part of it."""
        mini = self.data == "mini"
        unused = {"upload": "", "part": "", "first": 0} if mini else {"language": "en", "count": 130, "seed": 0}
        unused |= {} if self.model == "other" else {"source": ""}
        return replace(self, split="", ability="", outcome="all", position=1, session="", **unused)  # type: ignore[arg-type]
