"""Long jobs on uploaded files: where each is kept, to be taken up again, and that it runs once at a time."""

import hashlib
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["alone", "place_of"]

KEEP = 7 * 86_400  # seconds in which an interrupted job can be taken up again

_open: set[Path] = set()  # places of jobs that run
_lock = threading.Lock()


def place_of(name: str, asked: Sequence[Any], files: Sequence[str]) -> Path:
    """A job's path below the folder of a name: by what is asked and what the files hold; old ones are removed."""
    digests = []
    for path in files:
        with Path(path).open("rb") as file:
            digests.append((Path(path).name, hashlib.file_digest(file, "sha256").hexdigest()))
    folder = Path(tempfile.gettempdir(), name)
    folder.mkdir(mode=0o700, exist_ok=True)
    for old in folder.iterdir():
        if time.time() - old.stat().st_mtime > KEEP:
            if old.is_dir():
                shutil.rmtree(old, ignore_errors=True)
            else:
                old.unlink(missing_ok=True)
    return folder / hashlib.sha256(repr((*asked, sorted(digests))).encode()).hexdigest()[:32]


@contextmanager
def alone(place: Path) -> Iterator[bool]:
    """Whether no other job runs at this place, which is this one's until the `with` ends."""
    with _lock:
        free = place not in _open
        _open.add(place)
    try:
        yield free
    finally:
        if free:
            with _lock:
                _open.discard(place)
