"""The Representations tab in a real browser: panels open, train, stop, refuse, save, and come back from a link."""

import csv
import io
import json
from functools import partial

import pytest
import visits
from visits import download, holds, says, stop_at_once, toast

visit = partial(visits.visit, tab="representations", still=True)
OPENING = {
    "information": "#representations-information-sample",
    "points": "#representations-points-film",
    "infomax": "#representations-infomax-learning",
    "few_labels": "#representations-few_labels-chart",
    "language": "#representations-language-chain",
}


def drawn(element):
    return f"{element} .pg-plotly[data-ready=true]"


def open_panel(open_page, app_url, panel, query="", **look):
    return visit(open_page, app_url, f"panel={panel}&{query}", ready=drawn(OPENING[panel]), **look)


@pytest.mark.parametrize("panel", ["infomax", "few_labels", "language"])  # the first has its baseline
def test_opens_on_a_phone_with_a_picture_and_nothing_beside_the_page(open_page, app_url, panel):
    page = open_panel(open_page, app_url, panel, mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_panels_are_drawn_when_they_are_opened(open_page, app_url):
    page = open_panel(open_page, app_url, "information")
    for panel in ("points", "infomax", "few_labels", "language"):
        page.click(f"#representations-panels [role=tab][id*='{panel}']")
        page.wait_for_selector(f"{drawn(OPENING[panel])}:visible")
    page.click("#representations-python > button")
    says(page, "representations-code", "NGram")


def test_estimators_run_and_a_file_is_saved(open_page, app_url):
    page = open_panel(open_page, app_url, "information", "seconds=2&information=6&batch=32&estimators=info_nce|smile")
    page.click("#representations-information-run")
    says(page, "representations-information-verdict", "6.00")
    says(page, "representations-information-table", "3.47")
    page.click("#representations-save > button")
    record = json.loads(download(page, "#representations-json").path().read_text("utf-8"))
    assert record["readings"]["info_nce"]["median"] <= record["readings"]["info_nce"]["ceiling"]
    page.click("#representations-link")
    holds(page, "representations-link-box", "information=6")


def test_a_wrong_csv_is_refused_and_the_next_one_is_read(open_page, app_url, tmp_path):
    page = open_panel(open_page, app_url, "information", "source=csv")
    bad, good = tmp_path / "bad.csv", tmp_path / "good.csv"
    bad.write_text("a,b\n" + "".join(f"{i},{1}\n" for i in range(200)))
    good.write_text("left,right\n" + "".join(f"{i % 17},{(i * 7) % 17 + i % 3}\n" for i in range(300)))
    box = "#representations-information-upload input[type=file]"
    page.set_input_files(box, str(bad))
    assert "constant" in toast(page)
    page.click("#representations-information-upload [aria-label=Clear]")
    page.set_input_files(box, str(good))
    page.wait_for_function("document.querySelector('#representations-information-sample').innerText.includes('left')")


def test_points_follow_margin_and_temperature(open_page, app_url):
    page = open_panel(open_page, app_url, "points")
    before = page.locator("#representations-points-verdict").inner_text()
    page.fill("#representations-points-margin input[type=number]", "1.8")
    page.locator("#representations-points-margin input[type=number]").blur()
    says(page, "representations-points-verdict", "1.8")
    assert page.locator("#representations-points-verdict").inner_text() != before
    page.click("#representations-points-loss label:has-text('NT-Xent')")
    holds(page, "representations-query", "loss=nt_xent")


def test_infomax_trains_and_stops(open_page, app_url):
    page = open_panel(open_page, app_url, "infomax", "seconds=2")
    says(page, "representations-infomax-verdict", "Not trained yet")
    page.click("#representations-infomax-train")
    says(page, "representations-infomax-verdict", "With one label a class")
    assert page.locator("#representations-infomax-table tbody tr").count() == 2
    page.fill("#representations-infomax-seconds input[type=number]", "60")
    page.locator("#representations-infomax-seconds input[type=number]").blur()
    page.click("#representations-infomax-train")
    stop_at_once(page, "representations")
    says(page, "representations-progress", "Stopped")
    assert page.locator("#representations-stop").is_hidden()


def test_a_training_goes_on_while_another_panel_is_looked_at(open_page, app_url):
    page = open_panel(open_page, app_url, "infomax", "seconds=4")
    page.click("#representations-infomax-train")
    says(page, "representations-progress", "Training: step")
    page.click("#representations-panels [role=tab][id*=points]")
    page.wait_for_selector(f"{drawn(OPENING['points'])}:visible")
    visits.settled(page, "representations")
    page.click("#representations-panels [role=tab][id*=infomax]")
    says(page, "representations-infomax-verdict", "With one label a class")


def test_few_labels_and_the_world(open_page, app_url):
    page = open_panel(open_page, app_url, "few_labels", "seconds=1&draws=2&ways=probe&methods=vicreg")
    says(page, "representations-few_labels-verdict", "press Run")
    page.click("#representations-few_labels-run")
    says(page, "representations-few_labels-verdict", "is best")
    page.click("#representations-save > button")
    rows = list(csv.reader(io.StringIO(download(page, "#representations-csv").path().read_text("utf-8"))))
    assert {row[0] for row in rows[1:]} == {"pixels", "random", "vicreg"}
    page.click("#representations-few_labels-data label:has-text('picture world')")
    says(page, "representations-few_labels-verdict", "playground train representations")
    assert page.locator("#representations-few_labels-run").is_hidden()


def test_the_chain_rule_follows_the_sentence(open_page, app_url):
    page = open_panel(open_page, app_url, "language", "n=2")
    page.fill("#representations-language-sentence textarea, #representations-language-sentence input", "zebra")
    page.keyboard.press("Enter")
    holds(page, "representations-query", "sentence=zebra")
    page.wait_for_function("document.querySelector('#representations-language-chain').innerText.includes('zebra')")


def test_links_say_what_they_have_wrong(open_page, app_url):
    page = open_panel(open_page, app_url, "points", "margin=900")
    assert "margin" in toast(page)
