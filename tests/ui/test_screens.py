"""Every tab, in every look, against the baseline pictures; `--refresh-baselines` writes them instead."""

from typing import Any
from urllib.parse import urlencode

import browser
import compare
import pytest
from settle import settle

# Tab -> what must be there before its picture is taken.
DRAWN = "#flows-stage .pg-stage[data-status=idle]"
TABS: dict[str, tuple[str, ...]] = {
    "flows": ("#memory [data-volatile]", "#flows-train:visible", f"{DRAWN} canvas:visible"),
    # The hidden Flows tab draws its example, which the memory line counts.
    "diffusion": (
        "#memory [data-volatile]",
        DRAWN,
        "#diffusion-curve-film .pg-plotly[data-ready=true]:visible",
        "#diffusion-curve-table tbody tr:nth-child(4):visible",
        "#diffusion-code pre code",
    ),
    "representations": (
        "#memory [data-volatile]",
        DRAWN,
        "#representations-information-sample .pg-plotly[data-ready=true]:visible",
        "#representations-information-chart .pg-plotly[data-ready=true]:visible",
        "#representations-code pre code",
    ),
    "mmbench": (
        "#memory [data-volatile]",
        DRAWN,
        "#mmbench-evaluate-question img:visible",
        *(f"#mmbench-evaluate-{name} .pg-plotly[data-ready=true]:visible" for name in ("bars", "radar", "letters")),
        "#mmbench-evaluate-table tbody tr:nth-child(20):visible",
        "#mmbench-code pre code",
    ),
    # The example that the hidden Flows tab draws is first leased and then idle, which its button tells.
    "models": (
        "#memory [data-volatile]",
        DRAWN,
        "#models-table tbody button:visible",
        "#models-events tbody tr:visible",
        "#models-budget i:visible",
    ),
}
# Look -> (what `open_page` takes, the query).
LOOKS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "desktop": ({}, {}),
    "phone": ({"mobile": True}, {}),
    "dark": ({"dark": True}, {"__theme": "dark"}),
    "chinese": ({"lang": "zh-CN"}, {"lang": "zh-CN"}),
}


def address(app_url: str, tab: str, look: str) -> str:
    """The tab in a look; the query always says all, so that no default of the machine or the browser counts."""
    return f"{app_url}?{urlencode({'tab': tab, 'lang': 'en', '__theme': 'light', **LOOKS[look][1]})}"


def check(open_page: Any, url: str, look: str, name: str, ready: tuple[str, ...], pytestconfig: Any) -> None:
    """The page at `url` against the baseline `name`-`look`, once all of `ready` is there."""
    page = open_page(url, **LOOKS[look][0])
    if look == "chinese":
        assert browser.has_font(), (
            f"{browser.FONT}, which the Chinese baselines show, is missing: {browser.FONT_REMEDY}"
        )
    picture = settle(page, *ready)
    compare.check(f"{name}-{look}", picture, refresh=pytestconfig.getoption("refresh_baselines"))


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("tab", TABS)
def test_screen(open_page, own_app_url, pytestconfig, tab, look):
    check(open_page, address(own_app_url, tab, look), look, tab, TABS[tab], pytestconfig)
