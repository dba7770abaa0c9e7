"""The MMBench tab: a model or a file of predictions graded by CircularEval, and why that is fair."""

from playground.manager import ModelManager
from playground.tabs import panels
from playground.tabs.mmbench import api, evaluate, lab, leaderboard, score, why
from playground.tabs.mmbench.panel import TAB
from playground.tabs.panel import Panel

__all__ = ["build", "offer", "panels_of"]

offer = api.build  # the endpoints, which are there before the tab is opened


def panels_of(manager: ModelManager) -> dict[str, Panel]:
    """The panels, by name, in their order."""
    return {
        "evaluate": evaluate.panel(manager),
        "score": score.panel(manager),
        "lab": lab.PANEL,
        "leaderboard": leaderboard.PANEL,
        "why": why.PANEL,
    }


def build(manager: ModelManager) -> None:
    """Lay out the tab and wire it."""
    panels.build(TAB, panels_of(manager))
