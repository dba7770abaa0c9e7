"""What a person waits for and sees: first picture, frames a second, flicker, Stop and slowed training, in Chromium.

The app and the browser run on this machine, so training pays for both. By turns with the same training without either.

    uv run python benchmarks/live_page.py --flow spline --density moons --rounds 5

Prints JSON: medians over the rounds. Goals on two cores: first picture within 1 s of Train, at least 8 frames a
second at 200 x 200, no blank or rebuilt canvas and no layout shift, Stop within 0.3 s, training slowed by at most 20 %.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests/ui"))  # the tests' Chromium and their way to start the app

import browser  # noqa: E402
import pages  # noqa: E402

STAGE = "#flows-stage .pg-stage"
WAIT = 60_000  # milliseconds
ALONE = """
import sys, torch
from playground import flows
flow, density, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
torch.set_num_threads(1)
for step in flows.fit(flows.build(flow), flows.density(density), seconds=seconds):
    pass
print(step.step / step.seconds)
"""
# From one repaint of the browser to the next: is the learned density's canvas the same node, and is anything on it?
WATCH = """() => {
  const stage = document.querySelector('#flows-stage .pg-stage');
  const canvas = () => stage.querySelectorAll('figure canvas')[1];
  const first = canvas(), probe = new OffscreenCanvas(8, 8), g = probe.getContext('2d', {willReadFrequently: true});
  const seen = window.__seen = {repaints: 0, blank: 0, rebuilt: 0, shifts: 0, times: [], frame: stage.dataset.frame};
  new PerformanceObserver(list => { for (const e of list.getEntries()) if (!e.hadRecentInput) seen.shifts += e.value; })
    .observe({type: 'layout-shift'});
  const look = now => {
    if (stage.dataset.status !== 'running') return;
    seen.repaints += 1;
    const c = canvas();
    if (c !== first) seen.rebuilt += 1;
    if (!c || !c.width) seen.blank += 1;
    else {
      g.clearRect(0, 0, 8, 8);
      g.drawImage(c, 0, 0, 8, 8);
      const d = g.getImageData(0, 0, 8, 8).data;
      if (![...d].some((v, i) => i % 4 < 3 && v > 60)) seen.blank += 1;
    }
    if (stage.dataset.frame !== seen.frame) { seen.frame = stage.dataset.frame; seen.times.push(now); }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""
CLICK = """([button, status]) => new Promise(done => {
  const stage = document.querySelector('#flows-stage .pg-stage'), begun = performance.now();
  const check = () => stage.dataset.status === status ? done(performance.now() - begun) : requestAnimationFrame(check);
  document.querySelector(button).click();
  check();
})"""


def alone(flow: str, density: str, seconds: float) -> float:
    """Steps per second of the training in a process of its own, on the one thread the app gives it."""
    done = subprocess.run(
        [sys.executable, "-c", ALONE, flow, density, str(seconds)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def watched(page: Any, seconds: float) -> dict[str, float]:
    """One training in the page, stopped after `seconds`."""
    page.wait_for_function("!document.querySelector('#flows-train').disabled", timeout=WAIT)
    first = page.evaluate(CLICK, ["#flows-train", "running"])
    page.evaluate(WATCH)
    page.wait_for_timeout(1000 * seconds)
    rate = page.evaluate(f"[...document.querySelectorAll('{STAGE} dl > div')].at(-1).lastChild.textContent")
    coarse = page.evaluate(f"document.querySelectorAll('{STAGE} figcaption span')[1].textContent")
    stop = page.evaluate(CLICK, ["#flows-stop", "stopped"])
    seen = page.evaluate("window.__seen")
    times = seen["times"]
    gaps = [b - a for a, b in itertools.pairwise(times)]
    return {
        "first_picture_seconds": first / 1000,
        "frames_per_second": 1000 * len(gaps) / (times[-1] - times[0]),
        "longest_gap_seconds": max(gaps) / 1000,
        "live_side": int(coarse.split()[0]) if coarse else 200,
        "stop_seconds": stop / 1000,
        "blank_repaints": seen["blank"],
        "rebuilt_canvases": seen["rebuilt"],
        "repaints": seen["repaints"],
        "layout_shift": seen["shifts"],
        "steps_per_second": float(rate.replace(",", "")),
    }


def main() -> None:
    """Alone and watched in turns; print medians and the ratio."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flow", default="spline")
    parser.add_argument("--density", default="moons")
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rounds = []
    with (
        tempfile.TemporaryDirectory() as folder,
        pages.running_app(Path(folder)) as url,
        sync_playwright() as playwright,
    ):
        path = browser.ensure(Path(playwright.chromium.executable_path))
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        chromium = playwright.chromium.launch(executable_path=path, args=[*browser.FLAGS, *sandbox])
        page = chromium.new_page(viewport={"width": 1440, "height": 900}, locale="en")
        page.goto(f"{url}?flow={options.flow}&density={options.density}&seconds=60&lang=en")
        page.wait_for_selector(f"{STAGE}[data-status=idle]", timeout=WAIT)
        for i in range(options.rounds + 1):
            pair = (alone(options.flow, options.density, options.seconds), watched(page, options.seconds))
            if i:  # the first one warms up
                rounds.append(pair)
                print(f"round {i}: alone {pair[0]:.0f} steps/s, watched {pair[1]}", file=sys.stderr)
        chromium.close()
    medians = {key: statistics.median(live[key] for _, live in rounds) for key in rounds[0][1]}
    worst = {
        key: max(live[key] for _, live in rounds)
        for key in ("first_picture_seconds", "stop_seconds", "blank_repaints", "rebuilt_canvases", "layout_shift")
    }
    figures = {
        "flow": options.flow,
        "density": options.density,
        "alone_steps_per_second": statistics.median(rate for rate, _ in rounds),
        "medians": medians,
        "worst": worst,
        "training_slowed_by": statistics.median(1 - live["steps_per_second"] / rate for rate, live in rounds),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
