"""LivePlotly: what it accepts; in a browser: zoom, frames, dark mode, hidden tabs, and where its script comes from."""

import json
import re

import numpy as np
import plotly.graph_objects as go
import pytest

from playground.tabs.components import LivePlotly

READY = '#{} .pg-plotly[data-ready="true"]'
FIGURE = "document.querySelector('#{} .pg-plotly-figure')"
PLOT, FILM = FIGURE.format("plot"), FIGURE.format("film")


@pytest.fixture
def plotted(open_page, demo_url):
    def plotted(**options):
        page = open_page(demo_url, **options)
        page.click("#draw")
        page.wait_for_selector(READY.format("plot"))
        return page

    return plotted


def show_film(page):
    page.get_by_role("tab", name="film").click()
    page.click("#show-film")
    page.wait_for_selector(READY.format("film"))


def show_waves(page):
    page.click("#again")
    page.wait_for_function(f"{PLOT}.layout.title.text === 'Two waves, k = 2.5'")
    page.wait_for_selector(READY.format("plot"))


def test_value_is_the_figures_json():
    figure = go.Figure(go.Scatter(x=np.arange(3), y=[1.0, float("nan"), 2.0]), frames=[go.Frame(name="a")])
    shown = json.loads(LivePlotly().postprocess(figure))
    assert shown["data"][0]["y"] == [1.0, None, 2.0]
    assert shown["frames"] == [{"name": "a"}]
    assert LivePlotly().postprocess(shown) == json.dumps(shown)
    assert LivePlotly().preprocess(json.dumps(shown)) == shown
    assert LivePlotly().postprocess(None) == ""
    assert LivePlotly().preprocess("") is None


@pytest.mark.parametrize("value", [3, [1], "text", {"data": [{"y": [float("nan")]}]}])
def test_value_refused(value):
    with pytest.raises(ValueError, match=r"LivePlotly's value is a|not JSON compliant"):
        LivePlotly().postprocess(value)


def test_script_comes_late_once_and_from_here(open_page, demo_url):
    page = open_page(demo_url)  # which also fails the test on a request to another host
    sizes = {}
    page.on("response", lambda response: sizes.update({response.url: response.status}))
    page.wait_for_selector("#plot .pg-plotly-note")
    page.click("#train")
    page.wait_for_selector('#live .pg-stage[data-frame="9"]')
    assert page.evaluate("performance.getEntriesByType('resource').filter((e) => e.name.includes('plotly'))") == []
    page.click("#draw")
    page.wait_for_selector(READY.format("plot"))
    page.wait_for_selector(READY.format("twin"))
    show_film(page)
    asked = [url for url in sizes if "plotly.min.js" in url]
    assert len(asked) == 1
    assert asked[0].startswith(f"{demo_url}gradio_api/file=")
    assert sizes[asked[0]] == 200
    assert page.evaluate("Plotly.version[0]") == "4"


def test_script_missing_is_said_and_asked_for_again(open_page, demo_url):
    page = open_page(demo_url, allow_errors=True)
    page.route("**/plotly.min.js*", lambda route: route.abort())
    page.click("#draw")
    page.wait_for_function("document.querySelector('#plot .pg-plotly-note').textContent.includes('reload the page')")
    page.unroute("**/plotly.min.js*")
    page.click("#again")
    page.wait_for_selector(READY.format("plot"))
    assert page.locator("#plot .pg-plotly-note").is_hidden()


def test_too_small_is_said_and_the_next_figure_drawn(open_page, demo_url):
    page = open_page(demo_url, allow_errors=True)
    page.wait_for_selector("#plot .pg-plotly")
    page.evaluate("document.querySelector('#plot .pg-plotly').style.setProperty('--height', '60px')")
    page.click("#draw")
    page.wait_for_function("document.querySelector('#plot .pg-plotly-note').textContent.includes('at this size')")
    page.evaluate("document.querySelector('#plot .pg-plotly').style.setProperty('--height', '300px')")
    page.wait_for_selector(READY.format("plot"))
    assert page.locator("#plot .pg-plotly-note").is_hidden()


def test_zoom_and_nodes_outlive_updates(plotted):
    page = plotted()
    box = page.locator("#plot .nsewdrag").bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.8 * box["height"], steps=4)
    page.mouse.up()
    page.wait_for_function(f"{PLOT}.layout.xaxis.autorange === false")
    zoomed = page.evaluate(f"[{PLOT}._fullLayout.xaxis.range, {PLOT}._fullLayout.yaxis.range]")
    assert np.ptp(zoomed[0]) < 3
    page.evaluate(f"{PLOT}.marked = {PLOT}.querySelector('.main-svg').marked = true")
    draws = int(page.get_attribute("#plot .pg-plotly", "data-draws"))
    show_waves(page)
    assert int(page.get_attribute("#plot .pg-plotly", "data-draws")) > draws
    assert page.evaluate(f"[{PLOT}._fullLayout.xaxis.range, {PLOT}._fullLayout.yaxis.range]") == zoomed
    assert page.evaluate(f"{PLOT}.marked && {PLOT}.querySelector('.main-svg').marked")
    drawn = page.evaluate(f"Array.from({PLOT}._fullData[0].y).slice(0, 5)")
    np.testing.assert_allclose(drawn, np.sin(2.5 * np.linspace(0, 6, 120))[:5], atol=1e-12)


PEAK = f"""(() => {{
  const z = Array.from({FILM}._fullData[0].z, (row) => Array.from(row)).flat();
  return z.indexOf(Math.max(...z));
}})()"""


def peak(i):
    """Where the demo's i-th film frame is brightest."""
    import components_demo

    return int(components_demo.log_gaussian(2 * np.cos(i / 2), 2 * np.sin(i / 2), 0.6).argmax())


def slide(page, i):
    rail = page.locator("#film .slider-rail-touch-rect").bounding_box()
    page.mouse.click(rail["x"] + rail["width"] * i / 9, rail["y"] + rail["height"] / 2)
    page.wait_for_function(f"{PEAK} === {peak(i)}")


def test_frames_play_and_slide(open_page, demo_url):
    page = open_page(demo_url)
    show_film(page)
    assert page.evaluate(PEAK) == peak(0)
    page.locator("#film .updatemenu-button").click()
    page.wait_for_function(f"{PEAK} === {peak(9)}")
    page.wait_for_function(f"{FILM}._fullLayout.sliders[0].active === 9")
    slide(page, 3)
    page.evaluate("document.body.classList.add('dark')")  # re-colours, and stays where it was
    page.wait_for_function(
        f"{FILM}._fullLayout.font.color === 'rgb(243, 243, 247)' || {FILM}._fullLayout.font.color === '#f3f3f7'"
    )
    assert page.evaluate(PEAK) == peak(3)
    assert page.evaluate(f"{FILM}._fullLayout.sliders[0].active") == 3


def test_a_new_figure_stops_the_old_film(open_page, demo_url):
    page = open_page(demo_url)
    show_film(page)
    page.evaluate(
        f"""() => {{
          const figure = {FILM}, root = document.querySelector('#film .pg-plotly');
          window.old = figure._transitionData;
          window.drawn = [];
          figure.on('plotly_animatingframe', () => drawn.push(root.dataset.draws));
          Plotly.animate(figure, null, {{frame: {{duration: 500, redraw: true}}, mode: 'immediate'}}).catch(() => {{}});
        }}"""
    )
    page.wait_for_function("drawn.length > 0")
    page.click("#show-film")
    page.wait_for_selector('#film .pg-plotly[data-draws="2"]')
    page.wait_for_function("!old._animationRaf")
    assert page.evaluate("drawn.every((draws) => draws === '1')")


def test_a_film_can_be_interrupted(open_page, demo_url):
    page = open_page(demo_url)  # which fails the test on an unhandled rejection
    show_film(page)
    page.locator("#film .updatemenu-button").click()
    slide(page, 3)
    page.locator("#film .updatemenu-button").click()
    page.wait_for_function(f"{PEAK} === {peak(9)}")


def contrast(one, other):
    """The contrast ratio of two CSS colours rgb(...), as WCAG 2 has it."""
    colours = np.array([re.findall(r"[\d.]+", text)[:3] for text in (one, other)], dtype=float) / 255
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    low, high = sorted(linear @ [0.2126, 0.7152, 0.0722])
    return (high + 0.05) / (low + 0.05)


TEXTS = ["#plot .xtick text", "#plot .gtitle", "#plot .ytitle", "#plot .legendtext"]
COLOURS = """(selectors) => [getComputedStyle(document.body).backgroundColor,
  ...selectors.map((selector) => getComputedStyle(document.querySelector(selector)).fill)]"""


def test_text_is_readable_in_both_modes_and_follows_the_switch(plotted):
    page, dark_page = plotted(), plotted(dark=True)
    light, dark = page.evaluate(COLOURS, TEXTS), dark_page.evaluate(COLOURS, TEXTS)
    for ground, *texts in (light, dark):
        assert [contrast(ground, text) > 4.5 for text in texts] == [True] * 4, (ground, texts)
    page.evaluate("document.body.classList.add('dark')")
    page.wait_for_function(
        f"([texts, dark]) => ({COLOURS})(texts).slice(1).join() === dark", arg=[TEXTS, ",".join(dark[1:])]
    )


def test_hidden_tab_catches_up_with_the_width(plotted):
    page = plotted()
    page.get_by_role("tab", name="film").click()
    page.set_viewport_size({"width": 700, "height": 900})
    page.get_by_role("tab", name="figure").click()
    page.wait_for_function(
        f"{PLOT}.clientWidth < 700 && {PLOT}.querySelector('.main-svg').clientWidth === {PLOT}.clientWidth"
    )


def test_drawn_in_a_hidden_tab_it_waits(open_page, demo_url):
    page = open_page(demo_url)
    page.get_by_role("tab", name="film").click()
    page.wait_for_selector("#film .pg-plotly-note")
    page.click("#draw")
    page.click("#train")
    page.wait_for_selector('#live .pg-stage[data-frame="9"]')  # by now the figure has come, too
    assert page.evaluate("performance.getEntriesByType('resource').filter((e) => e.name.includes('plotly'))") == []
    page.get_by_role("tab", name="figure").click()
    page.wait_for_selector(READY.format("plot"))
    assert page.evaluate(f"{PLOT}.querySelector('.main-svg').clientWidth === {PLOT}.clientWidth")


def test_none_empties(plotted):
    page = plotted()
    page.click("#empty")
    page.wait_for_selector('#plot .pg-plotly[data-ready="false"]')
    assert page.locator("#plot svg").count() == 0
    assert page.inner_text("#plot .pg-plotly-note") == "Nothing to show yet"
    page.click("#draw")
    page.wait_for_selector(READY.format("plot"))


TITLES = "[...document.querySelectorAll('#plot .modebar-btn')].map((button) => button.dataset.title)"


def test_buttons_offer_no_upload_and_config_is_plotlys(plotted):
    page = plotted()
    assert page.evaluate(TITLES) == ["Zoom", "Pan", "Reset axes", "Save as PNG"]
    page.wait_for_selector(READY.format("twin"))
    assert page.locator("#twin .main-svg").count() > 0
    assert page.locator("#twin .modebar-btn").count() == 0, "staticPlot"


def test_a_finger_can_scroll_past(plotted):
    page = plotted(mobile=True, lang="zh-CN")
    assert page.evaluate(f"{PLOT}._fullLayout.dragmode") is False
    assert page.evaluate(TITLES) == ["重置坐标轴", "保存为 PNG"]


def test_png_is_saved_on_the_pages_ground(plotted):
    page = plotted(dark=True)
    page.hover("#plot .nsewdrag")
    with page.expect_download() as waiting:
        page.locator('#plot .modebar-btn[data-title="Save as PNG"]').click()
    assert waiting.value.suggested_filename == "plot.png"
    from PIL import Image

    picture = Image.open(waiting.value.path()).convert("RGBA")
    assert picture.getpixel((2, 2)) == (24, 24, 37, 255)
    assert picture.width == 2 * page.evaluate(f"{PLOT}.clientWidth")


def test_narrow_layout_on_a_phone_and_when_resized(plotted):
    page = plotted(width=390)
    assert page.text_content("#plot .gtitle") == "k = 1.0"
    page.set_viewport_size({"width": 1200, "height": 900})
    page.wait_for_function("document.querySelector('#plot .gtitle').textContent === 'Two waves, k = 1.0'")
    page.wait_for_selector(READY.format("plot"))
    assert page.text_content("#plot .xtitle") == "t"
