"""The picture tiles: their pictures, and in a browser: click, keyboard, language, five a row."""

import io

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from playground.figures.colours import lut
from playground.tabs.components import Tile, thumbnail, tiles

SELECTED = "[...document.querySelectorAll('#choice label.selected')].map((label) => label.innerText.trim())"


def test_thumbnail_is_painted_in_the_map():
    shade = np.linspace(0, 1, 64).reshape(8, 8)
    picture = np.asarray(Image.open(io.BytesIO(thumbnail(shade))).convert("RGB"))
    np.testing.assert_array_equal(picture, lut()[np.rint(shade * 255).astype(int)])


@pytest.mark.parametrize("shade", [np.zeros(5), np.full((4, 4), 1.01), np.full((4, 4), np.nan), np.full((4, 4), -1.0)])
def test_thumbnail_refuses(shade):
    with pytest.raises(ValueError, match=r"allowed: \(n, n\), 0\.\.1"):
        thumbnail(shade)


@pytest.mark.parametrize("name", ["", "a b", "a{}", "1a", "a</style>"])
def test_elem_id_cannot_break_the_style_sheet(name):
    with gr.Blocks(), pytest.raises(ValueError, match="elem_id"):
        tiles([Tile("a", "A", b"")], elem_id=name)


def test_unknown_choice_is_refused_by_the_api(demo_url):
    from gradio_client import Client
    from gradio_client.exceptions import AppError

    client = Client(demo_url, verbose=False)
    assert client.predict("ring", api_name="/choose") == "ring"
    with pytest.raises(AppError, match="not in the list of choices"):
        client.predict("banana", api_name="/choose")


@pytest.mark.parametrize(
    "options", [{}, {"mobile": True}, {"dark": True, "width": 700}], ids=["desktop", "phone", "tablet"]
)
def test_ten_pictures_five_a_row(open_page, demo_url, options):
    page = open_page(demo_url, **options)
    page.wait_for_selector("#choice label")
    boxes = [label.bounding_box() for label in page.locator("#choice label").all()]
    assert len(boxes) == 10
    assert len({round(box["x"]) for box in boxes}) == 5
    assert len({round(box["y"]) for box in boxes}) == 2
    pictures = page.evaluate(
        "[...document.querySelectorAll('#choice label')].map((l) => getComputedStyle(l, '::before').backgroundImage)"
    )
    assert len(set(pictures)) == 10
    assert all("data:image/png;base64," in picture for picture in pictures)
    cut = "(l) => [l.scrollWidth - l.clientWidth, l.scrollHeight - l.clientHeight]"
    assert page.evaluate(f"[...document.querySelectorAll('#choice label')].map({cut})") == [[0, 0]] * 10, (
        "no name is cut off"
    )


def test_click_and_keyboard_choose(open_page, demo_url):
    page = open_page(demo_url)
    page.locator("#choice label").nth(6).click()
    page.wait_for_function("document.querySelector('#chosen textarea').value === 'spirals'")
    assert page.evaluate(SELECTED) == ["Spirals"]
    page.locator("#choice input").first.focus()
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement.closest('label')).outlineOffset") == "2px"
    page.keyboard.press("Space")
    page.wait_for_function("document.querySelector('#chosen textarea').value === 'circles'")
    assert page.evaluate(SELECTED) == ["Circles"]


def test_names_follow_the_language(open_page, demo_url):
    page = open_page(demo_url, lang="zh-CN")
    page.wait_for_selector("#choice label")
    assert page.evaluate(SELECTED) == ["双月"]
    page.locator("#choice label", has_text="螺旋").click()
    page.wait_for_function("document.querySelector('#chosen textarea').value === 'spirals'")
