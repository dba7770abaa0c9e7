"""Waits until a page stands still, and takes its picture: conditions, never sleeps."""

from typing import Any

import compare
import numpy as np

CAPTURES = 60
JITTER = 2  # of 255: Chromium paints the same page with differences of 1 now and then
# What no picture can hold: motion, the caret, elapsed times, and what the app itself marks as changing from run to run.
FREEZE = """
*, *::before, *::after { animation: none !important; transition: none !important; caret-color: transparent !important;
  scroll-behavior: auto !important; }
.meta-text, .meta-text-center, .eta-bar, [data-volatile] { visibility: hidden !important; }
"""
BUSY = ".generating, .pending, [data-testid=status-tracker]:not(.hide), .pg-stage[data-status=running]"
FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"


def settle(page: Any, *ready: str) -> bytes:
    """The full page as PNG once all of `ready` is there, nothing is busy and two captures in a row are alike.

    Raises AssertionError, naming the place, where the page still moves after CAPTURES captures; Playwright's
    TimeoutError where a selector stays away or something stays busy.
    """
    for selector in ready:
        page.locator(selector).first.wait_for(state="attached")
    page.add_style_tag(content=FREEZE)  # after them: what is volatile may be waited for, too
    page.mouse.move(0, 0)
    page.evaluate("() => document.fonts.ready.then(() => true)")
    before = last = np.zeros((1, 1, 3), dtype=np.uint8)
    for _ in range(CAPTURES):
        page.wait_for_function("busy => ![...document.querySelectorAll(busy)].some(e => e.checkVisibility())", arg=BUSY)
        page.evaluate(FRAMES)
        png = page.screenshot(animations="disabled", caret="hide", full_page=True)
        before, last = last, compare.decode(png)
        if _alike(before, last):
            return png
    raise AssertionError(f"{page.url} still moves after {CAPTURES} captures: {compare.compare(before, last)}")


def _alike(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and bool(np.abs(a.astype(np.int16) - b).max() <= JITTER)
