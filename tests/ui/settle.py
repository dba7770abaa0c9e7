"""Waits until a page stands still, and takes its picture: conditions, never sleeps."""

from typing import Any

import compare

CAPTURES = 60
# What no picture can hold: motion, the caret, elapsed times, and what the app itself marks as changing from run to run.
FREEZE = """
*, *::before, *::after { animation: none !important; transition: none !important; caret-color: transparent !important;
  scroll-behavior: auto !important; }
.meta-text, .meta-text-center, .eta-bar, [data-volatile] { visibility: hidden !important; }
"""
BUSY = ".generating, .pending, [data-testid=status-tracker]:not(.hide), .pg-stage[data-status=running]"
FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"


def settle(page: Any, *ready: str) -> bytes:
    """The full page as PNG once every selector in `ready` is visible, nothing is busy and two captures are equal.

    Raises AssertionError, naming the place, where the page still moves after CAPTURES captures; Playwright's
    TimeoutError where a selector stays away or something stays busy.
    """
    for selector in ready:
        page.locator(selector).first.wait_for(state="visible")
    page.add_style_tag(content=FREEZE)  # after them: what is volatile may be waited for, too
    page.mouse.move(0, 0)
    page.evaluate("() => document.fonts.ready.then(() => true)")
    last = b""
    for _ in range(CAPTURES):
        page.wait_for_function("busy => ![...document.querySelectorAll(busy)].some(e => e.checkVisibility())", arg=BUSY)
        page.evaluate(FRAMES)
        now = page.screenshot(animations="disabled", caret="hide", full_page=True)
        if now == last:
            return now
        before, last = last, now
    moved = compare.compare(compare.decode(before), compare.decode(last))
    raise AssertionError(f"{page.url} still moves after {CAPTURES} captures: {moved}")
