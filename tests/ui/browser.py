"""Chromium and a Chinese font for the browser tests: found, or installed where there is none; flags that repeat."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

VARIABLE = "PLAYGROUND_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome")
# One colour profile and unhinted, grey antialiasing: what is left between two machines are the fonts themselves.
# Full Chromium takes hinting from fontconfig (FONTCONFIG_FILE=FONT_SETTINGS), headless shell from its flag.
FONT_SETTINGS = Path(__file__).with_name("fonts.conf")
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
APT_UPDATE = ("apt-get", "update", "-qq")
APT_INSTALL = ("apt-get", "install", "-y", "-qq", "--no-install-recommends")
APT_INSTALLS = (APT_UPDATE, (*APT_INSTALL, "chromium"))
# The theme names this font first of those a Linux machine may have: with any other the Chinese baselines would differ.
FONT = "Noto Sans CJK SC"
FONT_INSTALLS = (APT_UPDATE, (*APT_INSTALL, "fontconfig", "fonts-dejavu-core", "fonts-liberation", "fonts-noto-cjk"))
REMEDY = f"install Chromium (apt-get install chromium, or playwright install chromium) or set {VARIABLE}=/path/to/it"
FONT_REMEDY = "install it: apt-get install fontconfig fonts-noto-cjk"


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
    # Playwright brings no system libraries: on a bare machine its Chromium is there and does not start.
    if run(PLAYWRIGHT_INSTALL) == 0 and (found := find(own, environ)) and run((str(found), "--version")) == 0:
        return found
    if root and _apt(APT_INSTALLS, environ, run) and (found := find(own, environ)):
        return found
    raise FileNotFoundError(f"no Chromium: {REMEDY}")


def has_font(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether fontconfig, from which Chromium has its fonts on Linux, knows FONT."""
    if not (lister := shutil.which("fc-list", path=environ.get("PATH"))):
        return False
    command = (lister, FONT, "family")
    return bool(subprocess.run(command, capture_output=True, timeout=60, check=True).stdout.strip())


def ensure_font(
    environ: Mapping[str, str] = os.environ,
    *,
    run: Callable[[Sequence[str]], int] | None = None,
    root: bool | None = None,
) -> bool:
    """Whether FONT is there, installed first by apt-get as root; a Chromium that runs already does not see it."""
    root = os.geteuid() == 0 if root is None else root
    return has_font(environ) or (root and _apt(FONT_INSTALLS, environ, run or _run) and has_font(environ))


def _apt(commands: Sequence[Sequence[str]], environ: Mapping[str, str], run: Callable[[Sequence[str]], int]) -> bool:
    there = shutil.which("apt-get", path=environ.get("PATH")) is not None
    return there and all(run(command) == 0 for command in commands)


def _run(command: Sequence[str]) -> int:
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        return subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, timeout=300, check=False).returncode
    except subprocess.TimeoutExpired:  # as good as failed: the next way is tried
        return 1
