"""The Diffusion tab in a real browser: one curve, compare, arena; links, programs, downloads, Stop, refusals."""

import csv
import io
import json

import pytest
import visits
from diffusion_visits import FILM, open_panel, query_has, settled, value, visit
from visits import WITHIN, download, stop_at_once, toast


def write(page, levels):
    """The levels by hand, key by key, as a person does."""
    page.fill("#diffusion-hand textarea", "")
    page.locator("#diffusion-hand textarea").press_sequentially(levels)


def test_opens_on_one_curve_from_the_flows_tab(open_page, app_url):
    page = visits.visit(open_page, app_url, ready="#flows-stage .pg-stage[data-status=idle]")
    page.click("#tab-diffusion-button")
    page.wait_for_selector(f"{FILM}[data-ready=true]")
    verdict = page.locator("#diffusion-curve-verdict").inner_text()
    assert float(verdict.split("σ:")[1].split()[0].rstrip(".")) < 1e-13
    assert page.locator("#diffusion-curve-table tbody tr").count() == 4
    assert page.locator(f"{FILM} .slider-grip-rect").count() == 1


@pytest.mark.parametrize("look", [{}, {"mobile": True}])
def test_a_sketch_stands_until_the_plotting_library_is_there(open_page, app_url, look):
    page = visits.visit(open_page, app_url, ready="#flows-stage .pg-stage[data-status=idle]", **look)
    held = []
    page.route("**/plotly.min.js*", lambda route: held.append(route))
    page.click("#tab-diffusion-button")
    canvas = "#diffusion-curve-film canvas.pg-plotly-sketch"
    page.wait_for_selector(f"{canvas}[data-lines]")
    shades = page.evaluate(
        f"(() => {{ const c = document.querySelector('{canvas}'); "
        "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; const seen = new Set(); "
        "for (let i = 0; i < d.length; i += 4) seen.add(d[i] + ',' + d[i + 1] + ',' + d[i + 2]); return seen.size; })()"
    )
    assert shades > 200, "density and lines"
    box = page.locator(canvas).bounding_box()
    held[0].continue_()
    page.wait_for_selector(f"{FILM}[data-ready=true]")
    assert page.locator(canvas).count() == 0
    film = page.locator(f"{FILM} .heatmaplayer image").first.bounding_box()
    for side in ("x", "y", "width", "height"):
        assert abs(box[side] - film[side]) < 12, "it stood where the film stands"


def test_heun_parts_the_rows_and_a_preset_changes_them(open_page, app_url):
    page = visit(open_page, app_url)
    page.click("#diffusion-mode label:has-text('Heun')")
    page.wait_for_function("document.querySelector('#diffusion-curve-verdict').textContent.includes('Heun averages')")
    page.click("#diffusion-preset label:has-text('Table 1')")
    page.wait_for_selector("#diffusion-curve-table tbody tr:has-text('iDDPM')")
    assert value(page, "diffusion-row-1-schedule") == "VP"
    page.click("#diffusion-row-3-schedule input")
    page.click("[role=option]:has-text('TrigFlow')")
    page.wait_for_selector("#diffusion-curve-table tbody tr:has-text('TrigFlow')")
    query_has(page, "trig.iddpm.ddim")
    page.wait_for_function("!document.querySelector('#diffusion-preset label.selected')")


def test_film_plays_to_one_curve(open_page, app_url):
    page = visit(open_page, app_url)
    page.click(f"{FILM} .updatemenu-button >> nth=0")
    page.wait_for_function(
        f"document.querySelector('{FILM} .slider-label')?.textContent.includes('1.00') "
        f"|| document.querySelector('{FILM} .slider-labels, {FILM} .slider-group').textContent.includes('m: 1.00')"
    )


def test_fine_steps_show_progress_and_stop(open_page, app_url):
    page = visit(open_page, app_url, "seed=5", still=True)
    page.click("#diffusion-mode label:has-text('Fine')")
    stop_at_once(page, "diffusion")
    page.wait_for_function("document.querySelector('#diffusion-progress').textContent.includes('Stopped')")
    page.wait_for_selector("#diffusion-stop", state="hidden")
    page.click("#diffusion-preset label:has-text('TrigFlow')")
    page.wait_for_function("document.querySelector('#diffusion-curve-verdict').textContent.includes('does not know')")
    verdict = page.locator("#diffusion-curve-verdict").inner_text()
    assert float(verdict.split("σ:")[1].split()[0].rstrip(".")) < 1e-8


def test_compare_reads_numbers_and_formulas(open_page, app_url):
    page = visit(open_page, app_url)
    open_panel(page, "Compare", "#diffusion-compare-figure .pg-plotly[data-ready=true]")
    page.wait_for_selector("#diffusion-formulas .katex")
    assert page.locator("#diffusion-formulas .katex-error").count() == 0
    page.fill("#diffusion-sigma input[type=number]", "0.3")
    page.locator("#diffusion-sigma input[type=number]").press("Tab")
    page.wait_for_function("document.querySelector('#diffusion-numbers th')?.textContent.includes('2')")
    row = page.locator("#diffusion-numbers tbody tr:has-text('c_skip')").inner_text().split("\t")
    assert float(row[4]) == pytest.approx(0.25 / (0.25 + 1.995**2), rel=0.01)


def test_a_click_in_compare_sets_the_level_of_the_numbers(open_page, app_url):
    page = visit(open_page, app_url, "panel=compare", ready="#diffusion-compare-figure .pg-plotly[data-ready=true]")
    page.wait_for_selector("#diffusion-numbers tbody tr:nth-child(4)")
    settled(page)
    box = page.locator("#diffusion-compare-figure .subplot.x5y5 .bglayer, #diffusion-compare-figure .x5y5 rect").first
    place = box.bounding_box()
    page.mouse.move(place["x"] + place["width"] * 0.8, place["y"] + place["height"] * 0.97)
    page.mouse.click(place["x"] + place["width"] * 0.8, place["y"] + place["height"] * 0.97)
    query_has(page, "sigma=")
    head = page.locator("#diffusion-numbers thead").inner_text()
    assert float(head.split("σ = ")[1].split()[0]) > 10


def test_arena_measures_and_a_dot_shows_its_samples(open_page, app_url):
    ready = "#diffusion-arena-table tbody tr:nth-child(3)"
    page = visit(open_page, app_url, "panel=arena&solvers=ddim,deis+3,heun", ready=ready)
    settled(page)
    page.wait_for_selector("#diffusion-arena-chart .pg-plotly[data-ready=true]")
    assert float(page.locator("#diffusion-arena-table tbody tr").nth(1).inner_text().split("\t")[-1]) < 0.01
    dots = page.locator("#diffusion-arena-chart .scatterlayer .trace >> nth=1 >> .point")
    box = dots.nth(4).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    query_has(page, "spot=deis+3%4010")
    page.wait_for_function("document.querySelector('#diffusion-arena-chart').textContent.includes('DEIS 3, calls: 10')")


def test_grid_by_hand(open_page, app_url):
    page = visit(open_page, app_url, "panel=arena&solvers=ddim", ready="#diffusion-arena-table tbody tr")
    settled(page)
    page.click("#diffusion-hand-fill")
    page.wait_for_function("document.querySelector('#diffusion-hand-note').textContent.includes('By hand')")
    before = page.locator("#diffusion-hand-note").inner_text()
    query_has(page, "hand=80")  # what the button drew has come
    write(page, "80, 8, 2, 0.8, 0.3, 0.1, 0")
    page.wait_for_function(
        "before => document.querySelector('#diffusion-hand-note').textContent.trim() !== before.trim()", arg=before
    )
    query_has(page, "0.3%2C+0.1%2C+0")
    write(page, "80, 90, 0")
    page.wait_for_function("document.querySelector('#diffusion-hand-note').textContent.includes('fall to 0')")
    assert page.locator("[data-testid=toast-body]").count() == 0, "one is still writing"


def test_a_dragged_level_moves_the_error(open_page, app_url):
    page = visit(open_page, app_url, "panel=arena&solvers=ddim", ready="#diffusion-arena-table tbody tr")
    settled(page)
    page.click("#diffusion-hand-fill")
    note = "document.querySelector('#diffusion-hand-note').textContent"
    page.wait_for_function(f"{note}.includes('By hand')")
    before = page.locator("#diffusion-hand-note").inner_text()
    handle = page.locator("#diffusion-hand-pad [role=slider][data-index='2']")
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 12, steps=4)
    page.mouse.up()
    page.wait_for_function(f"before => {note}.trim() !== before.trim()", arg=before)
    levels = [float(part) for part in page.locator("#diffusion-hand textarea").input_value().split(",")]
    assert levels[0] == 80
    assert levels[-1] == 0
    assert levels[2] == pytest.approx(float(handle.get_attribute("aria-valuenow")), rel=1e-3)
    query_has(page, f"{levels[2]:.4g}")


def test_a_schedule_by_hand_is_a_row(open_page, app_url):
    page = visit(open_page, app_url)
    settled(page)
    assert not page.locator("#diffusion-levels").is_visible()
    page.click("#diffusion-row-4-schedule input")
    page.click("[role=option]:has-text('By hand')")
    page.wait_for_selector("#diffusion-levels [role=slider]")
    page.wait_for_selector("#diffusion-curve-table tr:has-text('By hand')")
    verdict = page.locator("#diffusion-curve-verdict").inner_text()
    assert float(verdict.split("σ:")[1].split()[0].rstrip(".")) < 1e-13, "one curve under any schedule"
    page.locator("#diffusion-levels [role=slider][data-index='2']").press("ArrowUp")
    query_has(page, "drawn%7E" if "drawn%7E" in page.locator("#diffusion-query textarea").input_value() else "drawn~")
    query_has(page, "0.21")


@pytest.mark.parametrize(
    ("panel", "ready"),
    [
        ("compare", "#diffusion-formulas .katex"),
        ("dial", "#diffusion-dial-figure .pg-plotly[data-ready=true]"),
        ("heat", "#diffusion-heat-film .pg-plotly[data-ready=true]"),
        ("pictures", "#diffusion-pictures-figure .pg-plotly[data-ready=true]"),
        ("export", "#diffusion-export-snippet pre code"),
    ],
)
def test_link_opens_a_panel_with_its_content(open_page, app_url, panel, ready):
    page = visit(open_page, app_url, f"panel={panel}", ready=ready)
    settled(page)
    query_has(page, f"panel={panel}")


def test_link_restores_everything(open_page, app_url):
    link = "target=moons&rows=sd+cosine.v.unipc&steps=9&seed=4&mode=own"
    page = visit(open_page, app_url, link)
    assert page.locator("#diffusion-target label.selected").inner_text() == "Moons"
    assert [value(page, f"diffusion-row-{i}-schedule") for i in (1, 2, 3)] == ["SD", "Cosine", "none"]
    assert value(page, "diffusion-row-2-solver") == "UniPC"
    assert page.locator("#diffusion-mode label.selected").inner_text() == "Each its own"
    page.wait_for_selector("#diffusion-curve-table tbody tr:has-text('Cosine · v · UniPC')")
    page.click("#diffusion-save button")
    page.click("#diffusion-link")
    page.wait_for_function("location.search.includes('cosine.v.unipc')")
    page.click("#diffusion-python button")
    page.wait_for_function("document.querySelector('#diffusion-code pre')?.textContent.includes('\"cosine\", \"v\"')")


@pytest.mark.parametrize("wrong", ["steps=-4", "rows=edm", "panel=magic", "sigma=1e300", "target=high"])
def test_impossible_link_says_what_it_changed(open_page, app_url, wrong):
    page = visit(open_page, app_url, wrong)
    assert wrong in toast(page)


def test_half_a_seed_is_refused_in_a_sentence(open_page, app_url):
    page = visit(open_page, app_url, "rows=ddpm+edm+flow")
    page.locator("#diffusion-seed input").fill("1.5")
    page.locator("#diffusion-seed input").press("Tab")
    assert "seed must be a whole number between 0 and 2,147,483,647" in toast(page)


def test_refusal_and_page_are_chinese(open_page, app_url):
    page = open_page(f"{app_url}?lang=zh-CN&__theme=light&tab=diffusion")
    page.set_default_timeout(WITHIN)
    page.wait_for_selector(f"{FILM}[data-ready=true]")
    assert "各行在 x / s 中的最大距离" in page.locator("#diffusion-curve-verdict").inner_text()
    page.locator("#diffusion-seed input").fill("-1")
    page.locator("#diffusion-seed input").press("Tab")
    assert "整数，而不是" in toast(page)


def test_downloads(open_page, app_url):
    page = visit(open_page, app_url)
    page.click("#diffusion-save button")
    files = {kind: download(page, f"#diffusion-{kind}").path().read_text() for kind in ("csv", "json")}
    rows = list(csv.reader(io.StringIO(files["csv"])))
    assert rows[0] == ["row", "noise", "step", "sigma", "s", "x", "y", "x_over_s", "y_over_s"]
    assert len(rows) == 1 + 4 * 14 * 19
    record = json.loads(files["json"])
    assert record["deviations"].keys() == {"ddpm", "ve", "flow", "edm"}
    assert max(record["deviations"].values()) < 1e-13


def test_mathematics_is_rendered(open_page, app_url):
    page = visit(open_page, app_url)
    page.click("#diffusion-about button")
    page.wait_for_selector("#diffusion-about .katex")
    assert page.locator("#diffusion-about .katex-error").count() == 0
    assert "$" not in page.locator("#diffusion-about").inner_text()


def test_api_samples(client):
    result = client.predict(
        target="moons", schedule="flow", solver="ddim", steps=30, samples=50, api_name="/sample_diffusion"
    )
    assert result["calls"] == 30
    assert len(result["samples"]) == 50
    assert result["sigmas"][-1] == 0
    assert max(abs(x) for point in result["samples"] for x in point) < 3


@pytest.mark.parametrize(
    ("absurd", "words"),
    [
        ({"steps": 0}, "between 2 and 100"),
        ({"steps": 1e9}, "between 2 and 100"),
        ({"samples": 10**9}, "between 1 and 2,000"),
        ({"seed": -1}, "between 0 and"),
        ({"schedule": "magic"}, "ddpm"),
        ({"solver": "../../etc/passwd"}, "ddim"),
        ({"target": "high"}, "moons"),
    ],
)
def test_absurd_settings_are_refused_with_the_limit(client, absurd, words):
    with pytest.raises(Exception, match=words):  # gradio_client has its own AppError
        client.predict(**absurd, api_name="/sample_diffusion")
