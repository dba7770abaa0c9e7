"""What a pickle may do to whoever opens it."""

import os
from pathlib import Path


class Malicious:
    """Unpickled, it makes a folder at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)
