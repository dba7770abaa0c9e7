"""The gate is proven on the app's own page: planted faults fail it, each at its place, and the page as it is passes."""

import re

import compare
import pytest
from settle import settle
from test_screens import TABS, address

# A small fault of each kind that the gate is for: what is planted, and the element at which it must be seen.
FAULTS = {
    "typo on a button": (
        "e => { const t = document.createTreeWalker(e, NodeFilter.SHOW_TEXT); while (t.nextNode())"
        " t.currentNode.data = t.currentNode.data.replace(/([A-Z])([a-z])([a-z])/, '$1$3$2') }",
        "#flows-train",
    ),
    "missing plot": ("e => { e.style.visibility = 'hidden' }", "#flows-stage .pg-stage"),
    "unreadable colour": (
        "e => { for (const part of [e, ...e.querySelectorAll('*')])"
        " part.style.setProperty('color', '#ececf0', 'important') }",
        "#flows-flow [data-testid=block-info]",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_fault_is_seen(open_page, app_url, tmp_path, fault):
    script, selector = FAULTS[fault]
    page = open_page(address(app_url, "flows", "desktop"))
    before = settle(page, *TABS["flows"])
    compare.check("flows-desktop", before, failures=tmp_path)  # as it is, it passes
    element = page.locator(selector).first
    element.evaluate(script)
    box = element.bounding_box()
    after = settle(page)
    planted = after != before
    assert planted
    with pytest.raises(AssertionError, match=r"worst 32x32 tile") as raised:
        compare.check("flows-desktop", after, failures=tmp_path)
    x, y = (int(re.search(rf"{axis}=(\d+)", str(raised.value))[1]) for axis in "xy")
    assert box["x"] - compare.TILE <= x <= box["x"] + box["width"], raised.value
    assert box["y"] - compare.TILE <= y <= box["y"] + box["height"], raised.value
