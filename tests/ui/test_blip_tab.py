"""The BLIP tab in a real browser: captions that follow a drawing, matches, answers, a set cleaned and decided again."""

import csv
import io
import json

import pytest
from pages import toast

WITHIN = 90_000  # milliseconds: the machine may be busy with other tests


def visit(open_page, app_url, query="", *, ready="#blip-tree .pg-plotly[data-ready=true]", **look):
    page = open_page(f"{app_url}?__theme=light&lang=en&tab=blip&{query}", **look)
    page.set_default_timeout(WITHIN)
    page.wait_for_selector(ready)
    page.wait_for_function("!document.querySelector('#blip-progress [role=progressbar]')")
    return page


def says(page, element, text):
    page.wait_for_function("([id, text]) => document.getElementById(id)?.innerText.includes(text)", arg=[element, text])


@pytest.mark.parametrize("look", [{}, {"mobile": True}])
def test_opens_with_a_picture_captioned(open_page, app_url, look):
    page = visit(open_page, app_url, **look)
    assert page.locator("#blip-captions tr").count() == 5
    words = page.locator("#blip-captions tr").nth(1).locator("td span").all_inner_texts()
    assert "yellow" in words
    assert page.locator("#blip-looks figure").count() == len(words)
    page.click("#blip-looked label:has-text('Greedy')")
    page.wait_for_function(
        "document.querySelector('#blip-query textarea, #blip-query input').value.includes('looked=greedy')"
    )
    assert page.locator("#blip-texts").is_hidden()


def test_a_caption_follows_a_drawing_and_a_prompt(open_page, app_url):
    page = visit(open_page, app_url)
    page.click("#blip-source [role=tab]:has-text('Draw')")
    page.wait_for_selector("#blip-pad canvas")
    box = page.locator("#blip-pad canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.6
    page.click("#blip-pad [data-colour=blue]")
    page.mouse.move(x - 30, y)
    page.mouse.down()
    for i in range(-30, 31, 6):
        page.mouse.move(x + i, y + (i % 12))
    page.mouse.up()
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
    with page.expect_download() as waiting:
        page.click("#blip-set-jsonl")
    rows = [json.loads(line) for line in waiting.value.path().read_text("utf-8").splitlines()]
    assert len(rows) == 96 * 2
    page.click("#blip-rule label:has-text('Top share')")
    page.wait_for_selector(".toast-wrap :text('choose a CLIP')")


def test_links_downloads_and_the_program(open_page, app_url):
    page = visit(open_page, app_url, "beams=2&seed=5")
    page.click("#blip-python > button")
    says(page, "blip-code", "beams=2")
    page.click("#blip-save > button")
    with page.expect_download() as waiting:
        page.click("#blip-csv")
    rows = list(csv.reader(io.StringIO(waiting.value.path().read_text("utf-8-sig"))))
    assert [row[1] for row in rows[3:]] == ["5", "6", "7"]
    page.click("#blip-link")
    page.wait_for_function(
        "document.querySelector('#blip-link-box textarea, #blip-link-box input')?.value.includes('beams=2')"
    )
