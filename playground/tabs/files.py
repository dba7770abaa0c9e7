"""Where a tab's downloads are written."""

import shutil
import tempfile
import time
from pathlib import Path

__all__ = ["place"]

KEEP = 3600  # seconds


def place(folder: Path, name: str) -> Path:
    """A new file's path below `folder`; what is over an hour old there is removed.

    Gradio takes a copy of the file as soon as the handler has returned.
    """
    for old in folder.iterdir():
        if time.time() - old.stat().st_mtime > KEEP:
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(dir=folder)) / name
