"""The CLIP tab in every look; in an app of its own, for the Models tab shows what each visitor has left in memory."""

import browser
import compare
import pages
import pytest
from settle import settle
from test_screens import DRAWN, LOOKS, address

PANELS = {
    "clip": ("", ("#clip-bars .pg-plotly[data-ready=true]", "#clip-looks .pg-plotly[data-ready=true]")),
    "clip-search": ("&panel=search", ("#clip-found figure", "#clip-matrix .pg-plotly[data-ready=true]")),
}


@pytest.fixture(scope="module")
def own_app_url(tmp_path_factory):
    with pages.running_app(tmp_path_factory.mktemp("clip-app")) as url:
        yield url


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("panel", PANELS)
def test_screen(open_page, own_app_url, pytestconfig, panel, look):
    query, ready = PANELS[panel]
    page = open_page(address(own_app_url, "clip", look) + query, **LOOKS[look][0])
    if look == "chinese":
        assert browser.has_font(), f"{browser.FONT} is missing: {browser.FONT_REMEDY}"
    picture = settle(page, "#memory [data-volatile]", DRAWN, "#clip-code pre code", *ready)
    compare.check(f"{panel}-{look}", picture, refresh=pytestconfig.getoption("refresh_baselines"))
