"""The Stage in a browser: frames change its pixels and keep its nodes, and the hover reads the log density."""

import re

import numpy as np
import pytest

MARK = "() => { for (const node of document.querySelectorAll('#live .pg-stage *')) node.marked = true; }"
UNMARKED = """() => [...document.querySelectorAll('#live .pg-stage *:not(.pg-stage-bar-ticks *)')]
  .filter((node) => !node.marked).map((node) => node.outerHTML)"""
PIXELS = "() => document.querySelector('#live .pg-stage-panel canvas').toDataURL()"


@pytest.fixture
def stage_page(open_page, demo_url):
    def trained(**options):
        page = open_page(demo_url, **options)
        train(page)
        return page

    return trained


def train(page):
    page.click("#train")
    page.wait_for_selector('#live .pg-stage[data-frame="9"][data-status="done"]')


def test_frames_keep_the_nodes(stage_page):
    page = stage_page()
    page.evaluate(MARK)
    before, drawn = page.evaluate(PIXELS), page.evaluate("window.__stage_frames.live.count")
    page.evaluate("window.seen = new Set()")
    page.evaluate(
        """() => new MutationObserver(() => seen.add(document.querySelector('#live .pg-stage').dataset.frame))
          .observe(document.querySelector('#live .pg-stage'), {attributes: true})"""
    )
    page.click("#train")
    page.wait_for_function("seen.has('9') && seen.size > 3")
    assert page.evaluate(UNMARKED) == []
    assert page.evaluate("window.__stage_frames.live.count") > drawn + 3
    assert page.evaluate(PIXELS) == before, "the same frame is painted alike"
    assert page.text_content("#live .pg-stage dl") == "steps/s109KL0.100 nats"


@pytest.mark.parametrize("mobile", [False, True])
def test_hover_reads_log_p(stage_page, demo, mobile):
    page = stage_page(mobile=mobile)
    box = page.locator("#live .pg-stage-box").first
    box.scroll_into_view_if_needed()
    at, tips = box.bounding_box(), page.locator("#live .pg-stage-tip")
    deviation = demo.deviation(9)
    highest = -np.log(2 * np.pi * deviation**2)
    for across, down in [(0.5, 0.5), (0.62, 0.41), (0.3, 0.55), (0.7, 0.2)]:
        page.mouse.move(at["x"] + across * at["width"], at["y"] + down * at["height"])
        text = tips.first.text_content().replace("−", "-")
        x, y, log_p = (float(part) for part in re.fullmatch(r"\((.+), (.+)\) · log p (.+)", text).groups())
        assert [x, y] == pytest.approx([6 * across - 3, 3 - 6 * down], abs=6 / at["width"] + 0.006)
        dx, dy = x - demo.MEAN[0], y - demo.MEAN[1]
        exact = highest - (dx**2 + dy**2) / (2 * deviation**2)
        q = 255 * np.exp((exact - highest) / 3)
        cell = (abs(dx) + abs(dy) + 0.1) * (6 / 64 + 6 / at["width"]) / deviation**2  # the change over one cell
        assert log_p == pytest.approx(exact, abs=3 / (2 * q) + cell)
        other = tips.nth(1).text_content().replace("−", "-")
        assert other == f"({x:.2f}, {y:.2f})", "both panels point at the same place"
    page.mouse.move(at["x"] + 5, at["y"] + at["height"] - 5)
    assert "log p <" in tips.first.text_content(), "where the byte is 0 there is only a bound"
    page.mouse.move(at["x"] + at["width"] / 2, at["y"] - 40)
    assert tips.first.is_hidden()
