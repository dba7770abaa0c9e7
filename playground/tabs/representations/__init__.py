"""The Representations tab: shared information, learning by contrast, and the road from n-grams to InfoNCE."""

from playground.manager import ModelManager
from playground.tabs import panels
from playground.tabs.panel import Panel
from playground.tabs.representations import api, few_labels, infomax, information, language, points
from playground.tabs.representations.panel import TAB

__all__ = ["PANELS", "build", "offer"]

PANELS: dict[str, Panel] = {
    "information": information.PANEL,
    "points": points.PANEL,
    "infomax": infomax.PANEL,
    "few_labels": few_labels.PANEL,
    "language": language.PANEL,
}
offer = api.build  # the endpoints, which are there before the tab is opened


def build(_: ModelManager) -> None:
    """Lay out the tab and wire it; what it trains belongs to one person, so the manager has no part in it."""
    panels.build(TAB, PANELS)
