"""The CLIP tab's models: what the picker says of each, and a lease with the download before it."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager

from playground import catalog, clip
from playground.i18n import say
from playground.manager import ModelManager
from playground.tabs import fetching

__all__ = ["download", "fetched", "leased", "line"]


def line(name: str, language: str) -> str:
    """What the picker says below the choice."""
    known = catalog.CLIPS[name]
    key = "photographs" if known.photographs else "plain" if name.endswith("plain") else "world"
    return say(language, f"clip.model.{key}", name=name, source=known.source, size=known.megabytes)


def leased(manager: ModelManager, name: str) -> AbstractContextManager[clip.CLIP]:
    """The model, in memory while it is used."""
    return manager.lease(catalog.clip_spec(name), owner="clip")


def fetched(name: str) -> None:
    """As `fetching.fetched`."""
    fetching.fetched(catalog.CLIPS[name], clip.download)


def download(name: str, stop: threading.Event, language: str) -> Iterator[str]:
    """As `fetching.download`."""
    return fetching.download(name, catalog.CLIPS[name], clip.download, stop, language)
