"""Chromium for the browser tests: found, or installed where there is none, and the flags that make it repeatable."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

VARIABLE = "PLAYGROUND_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome")
# One colour profile and unhinted, grey antialiasing: what is left between two machines are the fonts themselves.
FLAGS = (
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
    "--disable-lcd-text",
    "--disable-font-subpixel-positioning",
    "--hide-scrollbars",
    "--disable-gpu",
    "--disable-dev-shm-usage",
)
PLAYWRIGHT_INSTALL = (sys.executable, "-m", "playwright", "install", "chromium")
APT_INSTALLS = (
    ("apt-get", "update", "-qq"),
    ("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"),
)
REMEDY = f"install Chromium (apt-get install chromium, or playwright install chromium) or set {VARIABLE}=/path/to/it"


def find(own: Path, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The Chromium to use: the environment variable's, then PATH's, then `own` (Playwright's); None if there is none.

    Raises FileNotFoundError where the variable names no executable: what was asked for is never replaced by another.
    """
    if asked := environ.get(VARIABLE):
        if not os.access(asked, os.X_OK):
            raise FileNotFoundError(f"{VARIABLE}={asked} is no executable file")
        return Path(asked)
    for name in NAMES:
        if path := shutil.which(name, path=environ.get("PATH")):
            return Path(path)
    return own if os.access(own, os.X_OK) else None


def ensure(
    own: Path,
    environ: Mapping[str, str] = os.environ,
    *,
    run: Callable[[Sequence[str]], int] | None = None,
    root: bool | None = None,
) -> Path:
    """The Chromium to use, installed first where there is none: by Playwright, else by apt-get as root.

    `run` runs one command and returns its exit status. Raises FileNotFoundError with the remedy where all fails: a
    browser test is never skipped, since a gate that skips itself is open.
    """
    run = run or _run
    root = os.geteuid() == 0 if root is None else root
    if found := find(own, environ):
        return found
    if run(PLAYWRIGHT_INSTALL) == 0 and (found := find(own, environ)):
        return found
    can_apt = root and shutil.which("apt-get", path=environ.get("PATH"))
    if can_apt and all(run(command) == 0 for command in APT_INSTALLS) and (found := find(own, environ)):
        return found
    raise FileNotFoundError(f"no Chromium: {REMEDY}")


def _run(command: Sequence[str]) -> int:
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, timeout=600, check=False).returncode
