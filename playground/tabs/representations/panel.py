"""What the settings of this tab's panels have in common: the tab, and the seed of all that is drawn."""

from dataclasses import dataclass
from typing import ClassVar

from playground.tabs import panel
from playground.tabs.checks import whole

__all__ = ["MAX_SEED", "TAB", "PanelSettings"]

TAB = "representations"
MAX_SEED = 2**31 - 1


@dataclass(frozen=True)
class PanelSettings(panel.PanelSettings):
    """Controls of which one is a seed; raises `ValueError` as theirs do."""

    TAB: ClassVar[str] = TAB

    seed: int = 0

    def __post_init__(self) -> None:
        whole("seed", self.seed, 0, MAX_SEED)
