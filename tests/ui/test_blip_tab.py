"""The BLIP tab in a real browser: captions that follow a drawing, matches, answers, a set cleaned and decided again."""

import csv
import io
import json
from functools import partial

import pytest
import visits
from visits import download, holds, says, scribble, toast

visit = partial(visits.visit, tab="blip", ready="#blip-tree .pg-plotly[data-ready=true]", still=True)


@pytest.mark.parametrize("look", [{}, {"mobile": True}])
def test_opens_with_a_picture_captioned(open_page, app_url, look):
    page = visit(open_page, app_url, **look)
    assert page.locator("#blip-captions tr").count() == 5
    words = page.locator("#blip-captions tr").nth(1).locator("td span").all_inner_texts()
    assert "yellow" in words
    assert page.locator("#blip-looks figure").count() == len(words)
    page.click("#blip-looked label:has-text('Greedy')")
    holds(page, "blip-query", "looked=greedy")
    assert page.locator("#blip-texts").is_hidden()


def test_a_caption_follows_a_drawing_and_a_prompt(open_page, app_url):
    page = visit(open_page, app_url)
    page.click("#blip-source [role=tab]:has-text('Draw')")
    page.wait_for_selector("#blip-pad canvas")
    scribble(page, "blip-pad", "blue")
    says(page, "blip-captions", "blue")
    page.fill("#blip-prompt input, #blip-prompt textarea", "图片：")
    page.keyboard.press("Enter")
    says(page, "blip-captions", "蓝")


def test_matches_and_answers(open_page, app_url):
    page = visit(open_page, app_url, "panel=match", ready="#blip-matches .pg-plotly[data-ready=true]")
    says(page, "blip-match-verdict", "texts match by ITM")
    assert page.locator("#blip-prompt").is_hidden()
    page.fill("#blip-texts textarea", "")
    page.locator("#blip-texts textarea").blur()
    assert "texts must be 1 to 24" in toast(page)
    page.fill("#blip-texts textarea", "a yellow sphere\na red cube")
    page.locator("#blip-texts textarea").blur()
    says(page, "blip-match-verdict", "of 2 texts match")
    page.click("#blip-panels [role=tab]:has-text('Ask')")
    says(page, "blip-answer-verdict", "How many objects")
    page.click("#blip-suggest")
    page.wait_for_function("document.querySelector('#blip-questions textarea').value.split('\\n').length >= 3")
    page.wait_for_function("/[✓✗]/.test(document.getElementById('blip-answer-verdict').innerText)")


def test_a_set_is_cleaned_decided_again_and_saved(open_page, app_url):
    page = visit(open_page, app_url, "panel=clean", ready="#blip-clean")
    assert page.locator("#blip-picture").is_hidden()
    page.click("#blip-clean")
    assert "nothing to clean" in toast(page)
    page.click("#blip-set-example")
    page.wait_for_selector("#blip-set-files :text('noisy-web')")
    page.click("#blip-clean")
    says(page, "blip-clean-verdict", "96 of 96 pairs")
    says(page, "blip-clean-verdict", "Against the truth")
    page.wait_for_selector("#blip-truth .pg-plotly[data-ready=true]")
    assert page.locator("#blip-pairs figure").count() == 48
    assert page.locator("#blip-cosine").is_hidden()
    before = page.locator("#blip-clean-verdict").inner_text()
    page.locator("#blip-threshold input[type=range]").focus()
    page.keyboard.press("Home")
    page.wait_for_function("(told) => document.getElementById('blip-clean-verdict').innerText !== told", arg=before)
    says(page, "blip-clean-verdict", "Kept: 96 of 96 texts of the web")
    page.click("#blip-show label:has-text('Decided wrongly')")
    page.wait_for_function("document.querySelectorAll('#blip-pairs figure').length < 48")
    rows = [json.loads(line) for line in download(page, "#blip-set-jsonl").path().read_text("utf-8").splitlines()]
    assert len(rows) == 96 * 2
    page.click("#blip-rule label:has-text('Top share')")
    page.wait_for_selector(".toast-wrap :text('choose a CLIP')")


def test_links_downloads_and_the_program(open_page, app_url):
    page = visit(open_page, app_url, "beams=2&seed=5")
    page.click("#blip-python > button")
    says(page, "blip-code", "beams=2")
    page.click("#blip-save > button")
    rows = list(csv.reader(io.StringIO(download(page, "#blip-csv").path().read_text("utf-8-sig"))))
    assert [row[1] for row in rows[3:]] == ["5", "6", "7"]
    page.click("#blip-link")
    holds(page, "blip-link-box", "beams=2")


def test_bootstrapping_has_a_row_and_a_model_for_every_arm(open_page, app_url):
    page = visit(open_page, app_url, "panel=boot", ready="#blip-arms .pg-plotly[data-ready=true]")
    assert page.locator("#blip-arms-table tbody tr").count() == 5
    assert page.locator("#blip-picture").is_hidden()
    says(page, "blip-boot-verdict", "Means of 3 seeds")
    page.click("#blip-panels [role=tab]:has-text('Caption')")
    page.wait_for_selector("#blip-tree .pg-plotly[data-ready=true]")
    page.click("#blip-captioner input")
    page.click("[role=option]:has-text('Table 1: both')")
    says(page, "blip-captions", "a large yellow object")
