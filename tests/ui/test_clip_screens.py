"""The CLIP tab in every look; in an app of its own, for the Models tab shows what each visitor has left in memory."""

import pages
import pytest
from test_screens import DRAWN, LOOKS, address, check

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
    ready = ("#memory [data-volatile]", DRAWN, "#clip-code pre code", *ready)
    check(open_page, address(own_app_url, "clip", look) + query, look, panel, ready, pytestconfig)
