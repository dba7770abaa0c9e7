"""The BLIP tab's models: what the pickers say of each, and a lease with the download before it."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager

from playground import blip, catalog
from playground.i18n import say
from playground.manager import ModelManager
from playground.tabs import fetching

__all__ = ["download", "fetched", "leased", "line", "offering"]


def offering(task: str) -> dict[str, catalog.Blip]:
    """Those that can do a task."""
    return {name: known for name, known in catalog.BLIPS.items() if task in known.tasks}


def line(name: str, language: str) -> str:
    """What the picker says below the choice."""
    known = catalog.BLIPS[name]
    key = "photographs" if known.photographs else "world"
    return say(language, f"blip.model.{key}", name=name, source=known.source, size=known.megabytes)


def leased(manager: ModelManager, name: str) -> AbstractContextManager[blip.BLIP]:
    """The model, in memory while it is used."""
    return manager.lease(catalog.blip_spec(name), owner="blip")


def fetched(name: str) -> None:
    """As `fetching.fetched`."""
    fetching.fetched(catalog.BLIPS[name], blip.download)


def download(name: str, stop: threading.Event, language: str) -> Iterator[str]:
    """As `fetching.download`."""
    return fetching.download(name, catalog.BLIPS[name], blip.download, stop, language)
