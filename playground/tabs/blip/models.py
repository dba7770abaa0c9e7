"""The BLIP tab's models: what the pickers say of each, and a lease with the download before it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from playground import blip, catalog
from playground.i18n import say
from playground.manager import ModelManager
from playground.tabs import fetching

__all__ = ["choices", "download", "fetched", "leased", "line", "offering"]


def offering(task: str) -> list[str]:
    """The names of those that can do a task."""
    return [name for name, known in catalog.BLIPS.items() if task in known.tasks]


def choices(task: str) -> list[tuple[str, str]]:
    """A picker's choices: a name with the size and the licence."""
    found = [(name, catalog.BLIPS[name]) for name in offering(task)]
    return [(f"{name} · {known.megabytes} MB · {known.licence}", name) for name, known in found]


def line(name: str, language: str) -> str:
    """What the picker says below the choice."""
    known = catalog.BLIPS[name]
    key = "photographs" if known.photographs else "world"
    return say(language, f"blip.model.{key}", name=name, source=known.source, size=known.megabytes)


@contextmanager
def leased(manager: ModelManager, name: str) -> Iterator[blip.BLIP]:
    """The model, in memory while it is used."""
    with manager.lease(catalog.blip_spec(name), owner="blip") as model:
        yield model


def fetched(name: str) -> None:
    """As `fetching.fetched`."""
    fetching.fetched(catalog.BLIPS[name], blip.download)


def download(name: str, stop: threading.Event, language: str) -> Iterator[str]:
    """As `fetching.download`."""
    yield from fetching.download(name, catalog.BLIPS[name], blip.download, stop, language)
