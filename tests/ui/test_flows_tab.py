"""The Flows tab in a real browser: train, stop, draw, upload, link, downloads, layers, microscope, race, two people."""

import csv
import io
import json
import zipfile
from functools import partial
from urllib.parse import parse_qs, urlsplit

import pytest
import visits
from PIL import Image
from saved_pictures import saved
from visits import download, holds, toast

STAGE = "#flows-stage .pg-stage"
RUNNING, DONE, STOPPED, IDLE = (f"{STAGE}[data-status={status}]" for status in ("running", "done", "stopped", "idle"))
WITHIN = 60_000  # milliseconds: the machine may be busy with other tests
visit = partial(visits.visit, ready=IDLE, within=WITHIN)


def train(page, seconds=2):
    page.fill("#flows-seconds input[type=number]", str(seconds))
    page.locator("#flows-seconds input[type=number]").press("Tab")
    page.click("#flows-train")
    page.wait_for_selector(RUNNING)


def draw(page):
    page.click("#flows-source-draw-button")
    box = page.locator("#flows-pad canvas").first.bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    for i in range(20):
        page.mouse.move(box["x"] + 60 + 8 * i, box["y"] + 60 + 9 * (i % 8))
    page.mouse.up()
    page.wait_for_function("document.querySelector('#flows-stage figcaption span').textContent.includes('entropy')")


def stats(page):
    """The figures under the Stage."""
    return {
        row.locator("dt").inner_text(): row.locator("dd").inner_text()
        for row in page.locator(f"{STAGE} dl > div").all()
    }


def test_opens_on_a_trained_example(open_page, app_url):
    page = visit(open_page, app_url)
    assert "A trained example" in page.locator(f"{STAGE} .pg-stage-message").inner_text()
    assert page.locator(f"{STAGE} figure").count() == 3
    assert float(stats(page)["KL to the truth"].split()[0]) < 0.02


def test_trains_to_the_end(open_page, app_url):
    page = visit(open_page, app_url)
    page.evaluate("window.stageNode = document.querySelector('#flows-stage .pg-stage canvas')")
    page.evaluate(
        """() => { window.shifts = 0; new PerformanceObserver((list) => { for (const entry of list.getEntries())
          window.shifts += entry.value; }).observe({type: 'layout-shift'}); }"""
    )
    train(page, 3)
    assert page.locator("#flows-train").is_disabled()
    page.wait_for_selector(DONE)
    page.wait_for_function("!document.querySelector('#flows-train').disabled")
    assert page.locator("#flows-stop").is_disabled()
    assert page.evaluate("window.stageNode === document.querySelector('#flows-stage .pg-stage canvas')"), (
        "the canvas was rebuilt"
    )
    assert page.evaluate("window.shifts") < 0.01, "the page jumped"
    figures = stats(page)
    assert float(figures["KL to the truth"].split()[0]) < 0.5
    assert abs(float(figures["Mass in the picture"]) - 1) < 0.05
    page.click("#flows-python button")
    last = f"{figures['Steps'].replace(',', '')},\n]"  # the pace ends with the last step
    page.wait_for_function("last => document.querySelector('#flows-code pre')?.innerText.includes(last)", arg=last)


def test_stop_keeps_what_was_learned(open_page, app_url):
    page = visit(open_page, app_url)
    train(page, 60)
    page.wait_for_function("+document.querySelector('#flows-stage .pg-stage').dataset.frame > 3")
    page.click("#flows-stop")
    page.wait_for_selector(STOPPED)
    assert "keeps what it has learned" in page.locator(f"{STAGE} .pg-stage-message").inner_text()
    train(page, 1)  # and one can go on at once
    page.wait_for_selector(DONE)


def test_hover_reads_log_p(open_page, app_url):
    page = visit(open_page, app_url)
    box = page.locator(f"{STAGE} .pg-stage-box").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tip = page.locator(f"{STAGE} .pg-stage-tip").first.inner_text()
    assert "log p" in tip
    assert tip.startswith("(0.0")


def test_drawing_is_learned_and_kept_in_the_link(open_page, app_url):
    page = visit(open_page, app_url)
    draw(page)
    train(page)
    page.wait_for_selector(DONE)
    page.click("#flows-save button")
    page.click("#flows-link")
    holds(page, "flows-link-box", "drawing=")
    link = page.locator("#flows-link-box textarea, #flows-link-box input").first.input_value()
    assert page.url == link
    entropy = float(page.locator(f"{STAGE} figcaption span").first.inner_text().split()[1])
    other = open_page(link)
    other.wait_for_selector(IDLE, timeout=WITHIN)
    again = float(other.locator(f"{STAGE} figcaption span").first.inner_text().split()[1])
    assert again == pytest.approx(entropy, abs=0.03)  # a link keeps sixteen levels of ink


def test_link_made_with_an_upload_opens_and_asks_for_the_file(open_page, app_url):
    page = visit(open_page, app_url, "tab=flows&source=upload&flow=glow&layers=5")
    assert "upload the file again" in toast(page)
    assert page.locator("#flows-layers input[type=number]").input_value() == "5"
    assert page.locator("#flows-source-upload-button").get_attribute("aria-selected") == "true"
    assert page.locator(f"{STAGE} figure").count() >= 1, "the page is never empty"
    page.click("#flows-train")
    page.wait_for_function("document.body.innerText.includes('No file is uploaded yet')")


def test_link_restores_panel_and_racers(open_page, app_url):
    page = visit(open_page, app_url)
    page.click("#flows-panel-race-button")
    page.click("#flows-racers label:has-text('Glow')")
    page.click("#flows-save button")
    page.click("#flows-link")
    page.wait_for_function("location.search.includes('panel=race')")
    other = open_page(page.url)
    other.wait_for_selector("#flows-racers:visible", timeout=WITHIN)
    assert other.locator("#flows-racers label.selected").all_inner_texts() == ["RealNVP", "Glow", "Planar", "Spline"]
    other.click("#flows-python button")
    other.wait_for_function("document.querySelector('#flows-code pre')?.textContent.includes('racers = ')")


def test_language_switch_keeps_the_settings(open_page, app_url):
    page = visit(open_page, app_url)
    page.locator("#flows-seed input").fill("42")
    page.locator("#flows-seed input").press("Tab")
    holds(page, "flows-query", "seed=42")
    page.click("#language a[data-lang='zh-CN']")
    page.wait_for_selector(IDLE)
    assert page.locator("#flows-seed input").input_value() == "42"
    assert page.locator("#flows-train").inner_text() == "训练"


def test_link_restores_every_setting(open_page, app_url):
    page = visit(open_page, app_url, "tab=flows&density=spirals&flow=planar&layers=7&seconds=33&seed=11&constrained=0")
    assert page.locator("#flows-density label.selected").inner_text() == "Spirals"
    assert page.locator("#flows-flow label.selected").inner_text() == "Planar"
    assert page.locator("#flows-layers input[type=number]").input_value() == "7"
    assert page.locator("#flows-seconds input[type=number]").input_value() == "33"
    assert page.locator("#flows-seed input").input_value() == "11"
    assert not page.locator("#flows-constrained input").is_checked()


def test_impossible_link_says_what_it_changed(open_page, app_url):
    page = visit(open_page, app_url, "layers=-4")
    assert "layers=-4" in toast(page)
    assert page.locator("#flows-layers input[type=number]").input_value() == "4"


def test_constraint_off_gives_more_mass_than_one(open_page, app_url):
    page = visit(open_page, app_url, "flow=planar&layers=8&density=eight_gaussians")
    page.wait_for_selector("#flows-constrained input")
    page.uncheck("#flows-constrained input")
    train(page, 4)
    page.wait_for_selector(DONE)
    assert float(stats(page)["Mass in the picture"]) > 1.1
    page.click("#flows-panel-microscope-button")
    page.wait_for_function("document.querySelector('#flows-mass')?.textContent.includes('does not integrate')")


def test_layers_and_microscope(open_page, app_url):
    page = visit(open_page, app_url)
    assert not page.evaluate("'Plotly' in window"), "the plotting library was loaded before it was needed"
    page.click("#flows-panel-layers-button")
    page.wait_for_selector("#flows-film .pg-plotly[data-ready=true]")
    assert page.locator("#flows-film .slider-label").count() >= 4
    page.click("#flows-panel-microscope-button")
    page.wait_for_selector("#flows-log-dets .pg-plotly[data-ready=true]")
    page.wait_for_function("document.querySelector('#flows-mass')?.textContent.includes('integrates to one')")
    rows = page.locator("#flows-reports tbody tr").all_inner_texts()
    assert len(rows) >= 5
    assert all(float(cell) < 1e-6 for row in rows for cell in row.split("\t")[1:])


@pytest.mark.parametrize("names", [("Spline", "RealNVP", "Planar")])
def test_race(open_page, app_url, names):
    page = visit(open_page, app_url)
    page.fill("#flows-seconds input[type=number]", "2")
    page.click("#flows-panel-race-button")
    page.click("#flows-race-start")
    page.wait_for_selector("#flows-race-stage .pg-stage[data-status=done]")
    assert page.locator("#flows-race-stage figure").count() == 4
    rows = page.locator("#flows-race-table tbody tr").all_inner_texts()
    assert {row.split("\t")[0] for row in rows} == set(names)
    divergences = [float(row.split("\t")[1]) for row in rows]
    assert divergences == sorted(divergences)


FILM = "#flows-paths-film .pg-plotly[data-ready=true]"
ROWS = "#flows-paths-table tbody tr"


def test_paths_are_reflowed_sampled_and_distilled(open_page, app_url):
    page = visit(open_page, app_url, "flow=rectified&seconds=3&panel=paths", ready=FILM)
    page.click("#flows-reflow")
    page.wait_for_selector(f"{ROWS}:nth-child(2)")
    first, second = (page.locator(ROWS).nth(i).inner_text().split("\t") for i in (0, 1))
    assert float(second[1]) < 0.1 * float(first[1]), "straighter"
    assert float(second[5]) < 0.5 * float(first[5]), "nearer by one call"
    assert "KL went from" in page.locator("#flows-paths-verdict").inner_text()
    page.wait_for_function("!document.querySelector('#flows-reflow').disabled")
    box = page.locator("#flows-calls input[type=number]")
    box.fill("1")
    box.press("Tab")
    page.wait_for_function("document.querySelector('#flows-paths-note').textContent.includes('Calls: 1.')")
    assert second[5] in page.locator("#flows-paths-note").inner_text()
    page.click("#flows-paths-round label:has-text('as trained')")
    page.wait_for_function(
        "text => document.querySelector('#flows-paths-note').textContent.includes(text)", arg=first[5]
    )
    page.click("#flows-distil")
    page.wait_for_selector(f"{ROWS}:nth-child(3)")
    page.click("#flows-python button")
    page.wait_for_function("document.querySelector('#flows-code pre')?.innerText.includes('for pace in paces')")
    page.click("#flows-save button")
    record = json.loads(download(page, "#flows-paths").path().read_text())
    assert len(record["rounds"]) == 2
    assert download(page, "#flows-reflowed").suggested_filename == "moons-rectified-round-1.zip"


def test_reflow_is_stopped_and_keeps_what_it_learned(open_page, app_url):
    page = visit(open_page, app_url, "flow=trig&seconds=60&panel=paths", ready=FILM)
    page.click("#flows-reflow")
    page.wait_for_function("document.querySelector('#flows-paths-progress').textContent.includes('Round 1')")
    page.click("#flows-paths-stop")
    page.wait_for_selector(f"{ROWS}:nth-child(2)")
    page.wait_for_function("!document.querySelector('#flows-reflow').disabled")
    page.wait_for_function("!document.querySelector('#flows-paths-progress [role=progressbar]')")


def test_a_flow_between_two_densities(open_page, app_url):
    page = visit(open_page, app_url, "flow=rectified&begin=moons&density=letters")
    assert page.locator("#flows-begin input").input_value() == "Moons"
    train(page, 2)
    page.wait_for_selector(DONE)
    page.click("#flows-panel-paths-button")
    page.wait_for_selector(FILM)
    page.click("#flows-flow label:has-text('Glow')")
    page.wait_for_function("document.querySelector('#flows-paths-verdict').textContent.includes('Press Train')")
    assert page.locator("#flows-begin").is_hidden()


def test_flow_matching_races_beside_the_others(open_page, app_url):
    page = visit(open_page, app_url, "panel=race&racers=spline+ffjord+ot_cfm&seconds=3", ready="#flows-race-start")
    page.click("#flows-race-start")
    page.wait_for_selector("#flows-race-stage .pg-stage[data-status=done]")
    rows = [row.split("\t") for row in page.locator("#flows-race-table tbody tr").all_inner_texts()]
    assert {row[0] for row in rows} == {"Spline", "FFJORD", "OT-CFM"}
    assert all(abs(float(row[3]) - 1) < 0.1 for row in rows)


def test_race_of_one_is_refused(open_page, app_url):
    page = visit(open_page, app_url)
    page.click("#flows-panel-race-button")
    for name in ("Planar", "RealNVP"):
        page.click(f"#flows-racers label:has-text('{name}')")
    page.click("#flows-race-start")
    assert "two to four" in toast(page)


def test_downloads(open_page, app_url):
    page = visit(open_page, app_url)
    page.click("#flows-save button")
    files = {}
    for kind in ("csv", "json", "png", "weights"):
        file = download(page, f"#flows-{kind}")
        files[kind] = (file.suggested_filename, file.path().read_bytes())
    rows = list(csv.reader(io.StringIO(files["csv"][1].decode())))
    assert rows[0] == ["x", "y", "log_q", "log_p"]
    assert len(rows) == 10_001
    record = json.loads(files["json"][1])
    assert (record["density"], record["flow"], record["seed"]) == ("moons", "spline", 0)
    assert Image.open(io.BytesIO(files["png"][1])).size[0] > 1000
    with zipfile.ZipFile(io.BytesIO(files["weights"][1])) as archive:
        assert {name.split("/")[-1] for name in archive.namelist()} == {"model.safetensors", "config.json"}
    assert files["csv"][0] == "moons-spline.csv"


def upload(page, tmp_path, name, content):
    page.click("#flows-source-upload-button")
    path = tmp_path / name
    path.write_bytes(content)
    page.set_input_files("#flows-upload input[type=file]", str(path))
    return path


def picture(width, height, light=0):
    return saved(Image.new("L", (width, height), light))


BAD = {
    "letters.csv": (b"x,y\n1,2\n3,four\n", "'four' is not a number"),
    "one.csv": (b"x,y\n1,2\n", "3 or more distinct points"),
    "big.csv": (b"x,y\n" + b"1.000000,2.000000\n" * 560_000, "limit is 5 MB"),
    "huge.png": (lambda: picture(20_000, 20_000), "25,000,000 pixels allowed"),
    "broken.png": (lambda: picture(64, 64)[:60], "damaged"),
    "white.png": (lambda: picture(64, 64, light=255), "white everywhere"),
    "nan.csv": (b"x,y\n1,2\nnan,4\n5,6\n", "finite"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_upload_is_refused_in_one_sentence(open_page, app_url, tmp_path, name):
    content, words = BAD[name]
    page = visit(open_page, app_url)
    upload(page, tmp_path, name, content() if callable(content) else content)
    assert words in toast(page)
    page.wait_for_selector(IDLE)  # the picture that stood there still stands


@pytest.mark.parametrize("name", ["points.csv", "picture.png"])
def test_good_uploads(open_page, app_url, tmp_path, name):
    page = visit(open_page, app_url)
    points = "\n".join(f"{i % 7},{(i * i) % 11}" for i in range(80))
    upload(page, tmp_path, name, points.encode() if name.endswith("csv") else picture(40, 30))
    page.wait_for_function("!document.querySelector('#flows-stage .pg-stage-message').textContent.includes('example')")
    train(page, 1)
    page.wait_for_selector(DONE)


@pytest.mark.parametrize("text", ["1.7", "", "99999999999"])
def test_a_seed_that_is_none_is_refused_at_train_and_not_before(open_page, app_url, text):
    """While it is typed it says nothing; Train names the field, the limits and the value."""
    page = visit(open_page, app_url)
    page.locator("#flows-seed input").fill("")
    page.locator("#flows-seed input").press_sequentially(text)
    page.click("#flows-panel-layers-button")
    page.wait_for_selector("#flows-film .pg-plotly[data-ready=true]")  # the panel still opens
    assert page.locator("[data-testid=toast-body]").count() == 0
    page.click("#flows-train")
    assert "seed must be a whole number between 0 and 2,147,483,647" in toast(page)


def test_a_number_beyond_a_slider_becomes_its_end(open_page, app_url):
    page = visit(open_page, app_url)
    box = page.locator("#flows-seconds input[type=number]")
    box.fill("")
    box.press_sequentially("1000")
    box.press("Tab")
    page.wait_for_function("document.querySelector('#flows-seconds input[type=number]').value === '60'")
    assert page.locator("[data-testid=toast-body]").count() == 0


def test_train_without_a_drawing_or_a_file_says_what_to_do(open_page, app_url):
    page = visit(open_page, app_url)
    page.click("#flows-source-draw-button")
    page.click("#flows-train")
    assert "draw something" in toast(page)


def test_two_people_do_not_see_each_other(open_page, app_url):
    one, two = (visit(open_page, app_url, query) for query in ("density=ring", "density=spirals"))
    for page in (one, two):
        train(page, 60)
    for page in (one, two):
        page.wait_for_function("+document.querySelector('#flows-stage .pg-stage').dataset.frame > 3")
    runs = [page.locator(STAGE).get_attribute("data-run") for page in (one, two)]
    assert runs[0] != runs[1]
    one.click("#flows-stop")
    one.wait_for_selector(STOPPED)
    frame = int(two.locator(STAGE).get_attribute("data-frame"))
    two.wait_for_function(f"+document.querySelector('#flows-stage .pg-stage').dataset.frame > {frame + 3}")
    assert two.locator(STAGE).get_attribute("data-status") == "running"
    two.click("#flows-stop")
    two.wait_for_selector(STOPPED)


def test_refusal_is_chinese(open_page, app_url, tmp_path):
    page = open_page(f"{app_url}?lang=zh-CN&__theme=light")
    page.wait_for_selector(IDLE, timeout=WITHIN)
    upload(page, tmp_path, "nan.csv", b"x,y\n1,2\nnan,4\n5,6\n")
    assert "不是有限的数" in toast(page)
    title = "getComputedStyle(document.querySelector('[data-testid=toast-body] .toast-title'), '::before').content"
    assert page.evaluate(title) == '"无法完成"'


def test_chinese(open_page, app_url):
    page = open_page(f"{app_url}?lang=zh-CN&__theme=light", lang="en")
    page.wait_for_selector(IDLE, timeout=WITHIN)
    assert page.locator("#flows-train").inner_text() == "训练"
    assert "训练好的例子" in page.locator(f"{STAGE} .pg-stage-message").inner_text()
    link = page.locator("#language a[data-lang=en]")
    assert parse_qs(urlsplit(link.get_attribute("href")).query)["lang"] == ["en"]
    link.click()
    page.wait_for_selector(IDLE, timeout=WITHIN)
    assert page.locator("#flows-train").inner_text() == "Train"


def test_mathematics_is_rendered(open_page, app_url):
    page = visit(open_page, app_url)
    page.click("#flows-about button")
    page.wait_for_selector("#flows-about .katex")
    assert page.locator("#flows-about .katex-error").count() == 0
    assert "$$" not in page.locator("#flows-about").inner_text()
