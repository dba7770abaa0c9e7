"""The CLIP and BLIP tabs in every look; in an app of their own, for the Models tab shows what was left in memory."""

import pytest
from test_screens import DRAWN, LOOKS, address, check

PANELS = {
    "clip": ("clip", "", ("#clip-bars .pg-plotly[data-ready=true]", "#clip-looks .pg-plotly[data-ready=true]")),
    "clip-search": ("clip", "&panel=search", ("#clip-found figure", "#clip-matrix .pg-plotly[data-ready=true]")),
    "blip": ("blip", "", ("#blip-looks figure", "#blip-tree .pg-plotly[data-ready=true]")),
    "blip-match": ("blip", "&panel=match", ("#blip-match-looks figure", "#blip-matches .pg-plotly[data-ready=true]")),
    "blip-boot": ("blip", "&panel=boot", ("#blip-arms .pg-plotly[data-ready=true]", "#blip-arms-table tbody tr")),
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("panel", PANELS)
def test_screen(open_page, own_app_url, pytestconfig, panel, look):
    tab, query, ready = PANELS[panel]
    ready = ("#memory [data-volatile]", DRAWN, f"#{tab}-code pre code", *ready)
    check(open_page, address(own_app_url, tab, look) + query, look, panel, ready, pytestconfig)
