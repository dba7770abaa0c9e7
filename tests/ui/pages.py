"""Fixtures of the browser tests: one Chromium and one running app a session, and pages that watch themselves."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import browser
import pytest

ROOT = Path(__file__).parents[2]
DESKTOP, PHONE = (1440, 900), (390, 844)
START = 180.0  # seconds: on a loaded machine the imports alone take 20


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The session's Chromium (a Playwright sync Browser), installed where the machine has none."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = browser.ensure(Path(playwright.chromium.executable_path))
        browser.ensure_font()  # before the start, or Chromium does not see it; who needs it asks `has_font`
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses to run sandboxed as root
        environ = {**os.environ, "FONTCONFIG_FILE": str(browser.FONT_SETTINGS)}
        instance = playwright.chromium.launch(executable_path=path, args=[*browser.FLAGS, *sandbox], env=environ)
        yield instance
        instance.close()


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """`open_page(url, width=, height=, dark=, lang=, mobile=, allow_errors=)` -> Page; each has its own context.

    At the end of the test every page still open must have had no script error, no console error (unless
    `allow_errors`), no request to another host, and nothing wider than its viewport.
    """
    watched: list[Watch] = []

    def open_page(
        url: str,
        *,
        width: int | None = None,
        height: int | None = None,
        dark: bool = False,
        lang: str = "en",
        mobile: bool = False,
        allow_errors: bool = False,
    ) -> Any:
        default = PHONE if mobile else DESKTOP
        context = chromium.new_context(
            viewport={"width": width or default[0], "height": height or default[1]},
            device_scale_factor=1,
            is_mobile=mobile,
            has_touch=mobile,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            locale=lang,
            timezone_id="UTC",
        )
        page = context.new_page()
        watched.append(Watch(page, url, allow_errors))
        page.goto(url)
        return page

    yield open_page
    faults = []
    for watch in watched:
        try:
            faults += watch.faults()
        finally:
            watch.page.context.close()
    assert not faults, "\n".join(faults)


class Watch:
    """Collects what goes wrong in one page from before its first request on."""

    def __init__(self, page: Any, url: str, allow_errors: bool) -> None:
        self.page, self.seen, self.host = page, [], urlsplit(url).netloc
        page.on("request", lambda request: self._address(request.url))
        page.on("websocket", lambda socket: self._address(socket.url))
        if not allow_errors:
            page.on("pageerror", lambda error: self.seen.append(f"script error: {error}"))
            page.on("console", self._console)

    def _address(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob", "about") and parts.netloc != self.host:
            self.seen.append(f"request to another host: {url[:200]}")

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self.seen.append(f"console error: {message.text} ({message.location.get('url', '')})")

    def faults(self) -> list[str]:
        if not self.page.is_closed():
            # The viewport asked for, not innerWidth: a phone's zooms out to hold what overflows.
            wide, width = self.page.evaluate("document.documentElement.scrollWidth"), self.page.viewport_size["width"]
            if wide > width:
                self.seen.append(f"the page is {wide} px wide in a viewport of {width} px")
        return [f"{self.page.url}: {fault}" for fault in self.seen]


@pytest.fixture(scope="session")
def app_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an app that the whole session shares: what one test leaves in its memory the next one sees."""
    with running_app(tmp_path_factory.mktemp("app")) as url:
        yield url


@pytest.fixture(scope="module")
def own_app_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an app of a file's own, for pages that show what every earlier visitor has left in memory."""
    with running_app(tmp_path_factory.mktemp("own-app")) as url:
        yield url


@pytest.fixture(scope="module")
def client(app_url: str) -> Iterator[Any]:
    """Gradio's client of that app, for its public endpoints."""
    from gradio_client import Client

    client = Client(app_url, verbose=False)
    yield client
    client.close()


@contextmanager
def running_app(folder: Path) -> Iterator[str]:
    """The address of the app, started as people start it but with one thread and no network; it writes to `folder`:
    what people keep, what they may take up again, and no earlier session's is there."""
    port, scratch = free_port(), folder / "scratch"
    scratch.mkdir()
    environ = {
        **os.environ,
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(folder / "gradio"),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "PLAYGROUND_HOME": str(folder / "home"),
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(scratch),
    }
    command = [sys.executable, "app.py", "--port", str(port)]
    with serving(command, f"http://127.0.0.1:{port}/", folder / "output.txt", cwd=ROOT, environ=environ) as url:
        yield url


def free_port() -> int:
    """A TCP port of the loopback interface that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(
    command: Sequence[str], url: str, output: Path, *, cwd: Path, environ: dict[str, str], within: float = START
) -> Iterator[str]:
    """Runs `command` until `url` answers 200, yields `url` and terminates it; its words are written to `output`.

    Raises RuntimeError quoting the output where the command ends or `within` seconds pass first.
    """
    __tracebackhide__ = True  # pytest would print `environ`, and what a machine keeps there is its own
    with output.open("wb") as sink:
        process = subprocess.Popen(
            command, cwd=cwd, env=environ, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT
        )
    try:
        until = time.monotonic() + within
        while not answers(url):
            if process.poll() is not None or time.monotonic() > until:
                ended = f"ended with {process.returncode}" if process.poll() is not None else f"no answer in {within} s"
                raise RuntimeError(f"{' '.join(command)}: {ended}; its last words:\n{output.read_text()[-4000:]}")
            time.sleep(0.1)  # between two polls; the condition is the answer
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(url: str) -> bool:
    """Whether `url` answers 200 now."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:  # refused, reset, timed out, or an HTTP error (URLError is an OSError): not yet
        return False
