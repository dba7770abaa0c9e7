"""What the settings of this tab's panels have in common: the tab."""

from dataclasses import dataclass
from typing import ClassVar

from playground.tabs import panel

__all__ = ["TAB", "PanelSettings"]

TAB = "mmbench"


@dataclass(frozen=True)
class PanelSettings(panel.PanelSettings):
    """Controls of a panel; raises `ValueError` for what cannot be."""

    TAB: ClassVar[str] = TAB
