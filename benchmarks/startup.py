"""How long does the app take from process start to an answer and to a usable page, and how heavy is its first load?

Side by side, in turns, with a bare gr.Blocks that holds one textbox and one Plotly figure and imports torch: what any
Gradio app of this kind must pay. Every run is a new process and a new browser profile, so nothing is cached but files
by the operating system.

    uv run benchmarks/startup.py --runs 7 --out startup.json
"""

import argparse
import json
import os
import platform
import socket
import socketserver
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests/ui"))  # the tests' Chromium, not a second way to find one

import browser  # noqa: E402

BARE = """
import sys
import gradio as gr
import plotly.graph_objects as go
import torch

with gr.Blocks() as demo:
    gr.Textbox(label="Text")
    gr.Plot(go.Figure(go.Scatter(y=torch.arange(10).square().tolist())), label="Figure")
demo.launch(server_port=int(sys.argv[2]), ssr_mode=False, quiet=True)
"""
SHOWN = "e => e && e.checkVisibility() && !e.disabled"
# A page is interactive when its first control takes input and its first picture is drawn.
READY = {
    "bare": f"""() => ({SHOWN})(document.querySelector('textarea, input[type=text]'))
        && document.querySelector('.js-plotly-plot .main-svg .trace')""",
    "app": f"""() => ({SHOWN})(document.querySelector('#flows-train'))
        && document.querySelector('#flows-stage .pg-stage:not([data-status=empty]) canvas')?.width > 0""",
}
GOALS = {"http": 1.25, "interactive": 1.6, "kilobytes": 600.0}
QUIET = 3.0  # seconds without a byte: the first load is over
LIMIT = 300.0  # seconds for one start


@dataclass(frozen=True)
class Start:
    """One start: seconds from process start to HTTP 200 and to the interactive page, and kilobytes on the wire.

    `cpu`: the process's own CPU seconds until HTTP 200, which other programs on the machine hardly distort.
    """

    http: float
    cpu: float
    interactive: float
    kilobytes: float


class Wire(socketserver.ThreadingTCPServer):
    """A relay to the app that counts the `bytes` the app sends.

    The browser cannot say: it counts a stream only when that ends by itself, and the first picture comes by one that
    the page often closes.
    """

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Relay)
        self.app_port, self.bytes, self.last = port, 0, time.monotonic()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def count(self, length: int) -> None:
        self.bytes += length
        self.last = time.monotonic()


class _Relay(socketserver.BaseRequestHandler):
    server: Wire

    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.app_port)) as app:
            asking = threading.Thread(target=_pump, args=(self.request, app, lambda _: None), daemon=True)
            asking.start()
            _pump(app, self.request, self.server.count)


def _pump(source: socket.socket, sink: socket.socket, count: Callable[[int], None]) -> None:
    try:
        while part := source.recv(65536):
            count(len(part))
            sink.sendall(part)
        sink.shutdown(socket.SHUT_WR)
    except OSError:  # either side has closed, as a page does when it is left
        return


@contextmanager
def serving(command: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The program while it runs; its words are in folder/output.txt."""
    environ = {
        **os.environ,
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(folder / "gradio"),
        "HF_HUB_OFFLINE": "1",
    }
    with (folder / "output.txt").open("wb") as sink:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=sink, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until_answer(url: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    """Polls until `url` answers 200. Raises RuntimeError quoting the program where it ends or takes over LIMIT."""
    until = time.perf_counter() + LIMIT
    while time.perf_counter() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=LIMIT) as answer:
                if answer.status == 200:
                    return
        except (ConnectionError, urllib.error.URLError):
            time.sleep(0.01)  # not listening yet
    raise RuntimeError(f"no answer from {url}:\n{(folder / 'output.txt').read_text()[-4000:]}")


def measure(name: str, command: Sequence[str], chromium: Any) -> Start:
    """Starts `command` (its last argument is the port), opens its page and waits until that is interactive."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en")
    page = context.new_page()
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        with serving([*command, str(port)], Path(folder)) as process:
            until_answer(url, process, Path(folder))
            http = time.perf_counter() - started
            times = psutil.Process(process.pid).cpu_times()
            page.goto(url, wait_until="commit", timeout=1000 * LIMIT)
            page.wait_for_function(READY[name], polling="raf", timeout=1000 * LIMIT)
            interactive = time.perf_counter() - started
            context.close()
            weight = weigh(name, port, chromium)
    return Start(http, times.user + times.system, interactive, weight)


def weigh(name: str, port: int, chromium: Any) -> float:
    """Kilobytes that the app at `port` sends to a browser that has never been there, until its page is at rest."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en")
    page = context.new_page()
    with Wire(port) as wire:
        page.goto(wire.url, wait_until="commit", timeout=1000 * LIMIT)
        page.wait_for_function(READY[name], polling="raf", timeout=1000 * LIMIT)
        while time.monotonic() - wire.last < QUIET:
            page.wait_for_timeout(100)
        context.close()
        wire.shutdown()
    return wire.bytes / 1000


def compare(runs: int) -> dict[str, Any]:
    """`runs` starts of each, in turns, after one unmeasured start of each; medians, ratios and goals."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE)
        commands = {
            "bare": [sys.executable, str(bare), "--port"],
            "app": [sys.executable, "app.py", "--port"],
        }
        path = browser.ensure(Path(playwright.chromium.executable_path))
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        chromium = playwright.chromium.launch(executable_path=path, args=[*browser.FLAGS, *sandbox])
        starts: dict[str, list[Start]] = {name: [] for name in commands}
        for run in range(runs + 1):
            for name in sorted(commands, reverse=run % 2 == 0):  # who goes first takes turns too
                start = measure(name, commands[name], chromium)
                if run:
                    starts[name].append(start)
                print(f"run {run} {name}: {start}", file=sys.stderr)
        chromium_version = chromium.version
        chromium.close()
    medians = {
        name: {key: statistics.median(asdict(s)[key] for s in all_) for key in asdict(all_[0])}
        for name, all_ in starts.items()
    }
    found = {key: medians["app"][key] / medians["bare"][key] for key in ("http", "cpu", "interactive")}
    found["kilobytes"] = medians["app"]["kilobytes"]
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": {"cpu": platform.machine(), "cores": os.cpu_count(), "system": platform.system()},
        "versions": {"python": platform.python_version(), "chromium": chromium_version}
        | {name: version(name) for name in ("gradio", "torch", "plotly")},
        "runs": runs,
        "medians": medians,
        "figures": found,
        "goals": GOALS,
        "met": {key: found[key] <= goal for key, goal in GOALS.items()},
        "starts": {name: [asdict(s) for s in all_] for name, all_ in starts.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="measured starts of each (default: 5)")
    parser.add_argument("--out", type=Path, help="where to write the JSON (default: standard output)")
    arguments = parser.parse_args()
    text = json.dumps(compare(arguments.runs), indent=1)
    if arguments.out:
        arguments.out.write_text(text + "\n")
    else:
        print(text)


if __name__ == "__main__":
    main()
