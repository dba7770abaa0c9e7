"""The CLIP tab's models: what the picker says of each, and a lease with the download before it."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from playground import catalog, clip
from playground.i18n import say
from playground.manager import ModelManager
from playground.tabs.progress import bar

__all__ = ["choices", "download", "fetched", "leased", "line"]

FRAME = 0.3  # seconds between two looks at a download
_here: set[str] = set()  # what has been fetched, or ships


def choices() -> list[tuple[str, str]]:
    """The picker's choices: a name with the size and the licence."""
    return [(f"{name} · {known.megabytes} MB · {known.licence}", name) for name, known in catalog.CLIPS.items()]


def line(name: str, language: str) -> str:
    """What the picker says below the choice."""
    known = catalog.CLIPS[name]
    key = "photographs" if known.photographs else "plain" if name.endswith("plain") else "world"
    return say(language, f"clip.model.{key}", name=name, source=known.source, size=known.megabytes)


@contextmanager
def leased(manager: ModelManager, name: str) -> Iterator[clip.CLIP]:
    """The model, in memory while it is used."""
    with manager.lease(catalog.clip_spec(name), owner="clip") as model:
        yield model


def fetched(name: str) -> None:
    """Fetch a model that is not here, without a word: never inside a lease, where it would hold up everybody's."""
    if name not in _here and not catalog.CLIPS[name].source.startswith("checkpoints/"):
        clip.download(catalog.CLIPS[name].source)
        _here.add(name)


def download(name: str, stop: threading.Event, language: str) -> Iterator[str]:
    """Fetch a model that is not here, as bars of progress; Stop leaves what is whole, and the next try goes on.

    Raises what `clip.download` raises, each one sentence.
    """
    known = catalog.CLIPS[name]
    if name in _here or known.source.startswith("checkpoints/"):
        return
    told: queue.Queue[tuple[int, int]] = queue.Queue()
    failed: list[BaseException] = []

    def progress(done: int, total: int) -> None:
        if stop.is_set():
            raise InterruptedError("stopped")
        told.put((done, total))

    def fetch() -> None:
        try:
            clip.download(known.source, progress)
        except Exception as error:  # raised again where the person is told
            failed.append(error)

    thread = threading.Thread(target=fetch, daemon=True, name="clip-download")
    thread.start()
    done, total = 0, known.megabytes * 10**6
    while thread.is_alive():
        thread.join(FRAME)
        while not told.empty():
            done, total = told.get_nowait()
        words = {"name": name, "done": f"{done / 1e6:.0f}", "total": f"{max(total, 1) / 1e6:.0f}"}
        yield bar(done / max(total, 1), say(language, "clip.downloading", **words))
        if stop.is_set():
            return
    if failed:
        raise failed[0]
    _here.add(name)
