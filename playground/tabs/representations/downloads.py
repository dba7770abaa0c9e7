"""Files of the Representations tab: what the open panel has come to, as CSV and as JSON."""

from pathlib import Path
from typing import Any

from playground.tabs.files import place, write_table
from playground.tabs.representations.panel import Panel, PanelSettings

__all__ = ["KINDS", "write"]

KINDS = ("csv", "json")


def write(kind: str, panel: Panel, settings: PanelSettings, result: Any, folder: Path) -> str:
    """Make the file of a kind in `KINDS` below `folder`, of what the panel keeps; returns its path."""
    columns, lines, extra = panel.record(settings, result)
    path = place(folder, f"{settings.PANEL.replace('_', '-')}.{kind}")
    return write_table(kind, path, columns, lines, {"panel": settings.PANEL, "link": settings.query(), **extra})
