"""A model that is fetched when it is first used: its download as a bar, or without a word."""

import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from playground import checkpoints
from playground.i18n import say
from playground.tabs.progress import bar

__all__ = ["Frames", "Known", "download", "fetched", "first"]

FRAME = 0.3  # seconds between two looks at a download
OURS = "checkpoints/"  # what ships
_here: set[str] = set()  # what has been fetched


class Known(Protocol):
    """What the catalog says of a model."""

    @property
    def source(self) -> str: ...  # a folder of ours, or a repository of the hub
    @property
    def megabytes(self) -> int: ...
    @property
    def licence(self) -> str: ...


Frames = Generator[tuple[dict[str, Any], Any]]  # of a job: what the page shows, and what that is made from
Fetch = Callable[[str, checkpoints.Progress | None], Path]  # a pipeline's `download`


def fetched(known: Known, fetch: Fetch) -> None:
    """Fetch a model that is not here, without a word: never inside a lease, where it would hold up everybody's."""
    if known.source not in _here and not known.source.startswith(OURS):
        fetch(known.source, None)
        _here.add(known.source)


def download(name: str, known: Known, fetch: Fetch, stop: threading.Event, language: str) -> Iterator[str]:
    """Fetch a model that is not here, as bars of progress; Stop leaves what is whole, and the next try goes on.

    Raises what `fetch` raises, each one sentence.
    """
    if known.source in _here or known.source.startswith(OURS):
        return
    told: queue.Queue[tuple[int, int]] = queue.Queue()
    failed: list[BaseException] = []

    def progress(done: int, total: int) -> None:
        if stop.is_set():
            raise InterruptedError("stopped")
        told.put((done, total))

    def run() -> None:
        try:
            fetch(known.source, progress)
        except Exception as error:  # raised again where the person is told
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True, name="download")
    thread.start()
    done, total = 0, known.megabytes * 10**6
    while thread.is_alive():
        thread.join(FRAME)
        while not told.empty():
            done, total = told.get_nowait()
        words = {"name": name, "done": f"{done / 1e6:.0f}", "total": f"{max(total, 1) / 1e6:.0f}"}
        yield bar(done / max(total, 1), say(language, "page.downloading", **words))
        if stop.is_set():
            return
    if failed:
        raise failed[0]
    _here.add(known.source)


def first(downloads: Iterable[Iterator[str]], stop: threading.Event, job: Frames) -> Frames:
    """The downloads' bars, and then the job's frames; nothing more after Stop."""
    for one in downloads:
        for shown in one:
            yield {"progress": shown}, None
        if stop.is_set():
            yield {"progress": ""}, None
            return
    yield from job
