"""The CLIP tab in a real browser: bars that follow a drawing, search, a folder, a tiny CLIP that learns, links."""

import csv
import io
import json
import zipfile
from functools import partial

import pytest
import visits
from saved_pictures import saved
from visits import download, holds, says, scribble, toast

visit = partial(visits.visit, tab="clip", ready="#clip-bars .pg-plotly[data-ready=true]", still=True)


def best(page):
    """The label of the topmost bar."""
    return page.evaluate("document.querySelector('#clip-bars .js-plotly-plot').data[0].hovertext[0]")


@pytest.mark.parametrize("look", [{}, {"mobile": True}])
def test_opens_with_a_picture_classified(open_page, app_url, look):
    page = visit(open_page, app_url, **look)
    says(page, "clip-verdict", "a yellow sphere")
    assert best(page) == "a yellow sphere"
    page.wait_for_selector("#clip-looks .pg-plotly[data-ready=true]")
    assert page.evaluate("document.querySelector('#clip-looks .js-plotly-plot').layout.images.length") == 1


def test_labels_and_examples(open_page, app_url):
    page = visit(open_page, app_url)
    page.fill("#clip-labels textarea", "a blue cube\na yellow ball")
    page.locator("#clip-labels textarea").blur()
    says(page, "clip-verdict", "a yellow ball")
    page.fill("#clip-labels textarea", "a blue cube\na yellow ball\na dragon")
    page.locator("#clip-labels textarea").blur()
    says(page, "clip-verdict", "does not know the words “dragon”")
    page.fill("#clip-labels textarea", "")
    page.locator("#clip-labels textarea").blur()
    assert "labels must be 1 to 200" in toast(page)
    page.fill("#clip-labels textarea", "红色球\n黄色球")
    page.locator("#clip-labels textarea").blur()
    says(page, "clip-verdict", "黄色球")


def test_bars_follow_a_drawing(open_page, app_url):
    page = visit(open_page, app_url, "labels=a+blue+object%0Aa+red+object&margin=-1")
    page.click("#clip-source [role=tab]:has-text('Draw')")
    page.wait_for_selector("#clip-pad canvas")
    for colour in ("red", "blue"):
        scribble(page, "clip-pad", colour)
        says(page, "clip-verdict", f"a {colour} object")
    holds(page, "clip-query", "drawing=")


def test_search_finds_and_says_what_the_gap_is(open_page, app_url):
    page = visit(open_page, app_url, "panel=search&searched=20", ready="#clip-map .pg-plotly[data-ready=true]")
    assert page.locator("#clip-found figure").count() == 12
    page.fill("#clip-query-words textarea, #clip-query-words input", "a red cube")
    page.keyboard.press("Enter")
    holds(page, "clip-query", "red+cube")
    assert "modality gap" in page.locator("#clip-search-verdict").inner_text()


def test_a_zip_is_labelled_graded_and_saved(open_page, app_url, tmp_path):
    from playground.tabs.pictures import EXAMPLES, example

    path = tmp_path / "pics.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("yellow_sphere/1.png", saved(example(EXAMPLES[1])))
    page = visit(open_page, app_url, "panel=folder", ready="#clip-label")
    page.wait_for_function("!document.querySelector('#clip-picture').checkVisibility()")
    assert page.locator("#clip-labels").is_visible()
    page.click("#clip-label")
    assert "nothing to label" in toast(page)
    page.click("#clip-folder-example")
    page.wait_for_selector("#clip-folder-files :text('still-lifes')")
    page.click("#clip-folder-files [aria-label=Clear]")
    page.wait_for_selector("#clip-folder-files :text('still-lifes')", state="detached")
    page.set_input_files("#clip-folder-files input[type=file]", str(path))
    page.wait_for_selector("#clip-folder-files :text('pics.zip')")
    page.click("#clip-label")
    says(page, "clip-folder-verdict", "100.0%")
    page.wait_for_selector("#clip-confusion .pg-plotly[data-ready=true]")
    rows = list(csv.reader(io.StringIO(download(page, "#clip-folder-csv").path().read_text("utf-8"))))
    assert "a yellow sphere" in rows[1]


def test_a_tiny_clip_learns_and_stops(open_page, app_url):
    page = visit(open_page, app_url, "panel=why&steps=3000", ready="#clip-learning .pg-plotly[data-ready=true]")
    assert page.locator("#clip-compared tbody tr").count() > 10
    assert page.locator("#clip-left").is_hidden()
    page.click("#clip-learn")
    page.wait_for_function("/Step [1-9]/.test(document.getElementById('clip-progress').innerText)")
    page.click("#clip-stop")
    says(page, "clip-progress", "Stopped")
    assert page.locator("#clip-stop").is_hidden()


def test_links_downloads_and_the_program(open_page, app_url):
    page = visit(open_page, app_url, "temperature=3&labels=a+cube%0Aa+sphere")
    page.click("#clip-python > button")
    says(page, "clip-code", "temperature=3")
    page.click("#clip-save > button")
    record = json.loads(download(page, "#clip-json").path().read_text("utf-8"))
    assert [row[0] for row in record["rows"]] == ["a cube", "a sphere"]
    page.click("#clip-link")
    holds(page, "clip-link-box", "temperature=3")


def test_a_checkpoint_that_is_not_here_without_network(open_page, app_url):
    page = visit(open_page, app_url, allow_errors=True)
    page.click("#clip-model input")
    page.click("[role=option]:has-text('ViT-B-32 OpenAI')")
    assert "hub" in toast(page)
