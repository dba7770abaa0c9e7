"""The Diffusion tab's longer jobs in a real browser: learning, distilling, the dial, heat, pictures, export."""

import json

from diffusion_visits import open_panel, query_has, settled, visit
from visits import download, stop_at_once, toast


def test_a_drawn_target_is_learned_and_its_link_restores_it(open_page, app_url):
    page = visit(open_page, app_url, "learn_steps=200&learn_row=4")
    settled(page)
    page.click("#diffusion-source-draw-button")
    board = page.locator("#diffusion-pad canvas")
    board.scroll_into_view_if_needed()
    box = board.bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 200, steps=6)
    page.mouse.up()
    query_has(page, "target=drawing")
    query_has(page, "drawing=")
    open_panel(page, "Learned", "#diffusion-learned-figure .pg-plotly[data-ready=true]")
    page.wait_for_function("document.querySelector('#diffusion-learned-verdict').textContent.includes('Before')")
    page.click("#diffusion-network-file")
    assert "press Train first" in toast(page)
    page.click("#diffusion-learn")
    page.wait_for_selector("#diffusion-progress [role=progressbar]")
    page.wait_for_function("document.querySelector('#diffusion-learned-verdict').textContent.includes('200 training')")
    assert page.locator("#diffusion-learned-table tbody tr").count() == 5
    assert download(page, "#diffusion-network-file").suggested_filename.endswith(".zip")
    query = page.locator("#diffusion-query textarea").input_value()
    again = visit(open_page, app_url, query, ready="#diffusion-learned-figure .pg-plotly[data-ready=true]")
    again.wait_for_selector("#diffusion-pad .pg-pad[data-strokes='1']")
    query_has(again, query)


def test_learning_stops(open_page, app_url):
    page = visit(open_page, app_url, "panel=learned&learn_steps=20000", ready="#diffusion-learned-figure .pg-plotly")
    page.wait_for_function("document.querySelector('#diffusion-learned-verdict').textContent.includes('Before')")
    page.click("#diffusion-learn")
    page.wait_for_function("document.querySelector('#diffusion-progress').textContent.includes('of 20,000')")
    page.click("#diffusion-row-1-solver input")  # and left as it was: the training goes on
    page.keyboard.press("Escape")
    page.locator("#diffusion-seed input").focus()
    page.wait_for_timeout(700)
    assert "of 20,000" in page.locator("#diffusion-progress").inner_text()
    page.click("#diffusion-stop")
    page.wait_for_function("document.querySelector('#diffusion-progress').textContent.includes('Stopped')")


def test_distil_stands_beside_the_rest_and_is_saved(open_page, app_url):
    page = visit(open_page, app_url, "panel=arena&solvers=ddim", ready="#diffusion-arena-table tbody tr")
    settled(page)
    page.click("#diffusion-distil-nfes label:has-text('10')")
    page.fill("#diffusion-distil-seconds input[type=number]", "3")
    page.locator("#diffusion-distil-seconds input[type=number]").press("Tab")
    page.click("#diffusion-distil")
    page.wait_for_selector("#diffusion-progress [role=progressbar]")
    page.wait_for_selector("#diffusion-arena-table tr:has-text('Distilled on Eight Gaussians')")
    page.wait_for_function("document.querySelector('#diffusion-distil-verdict').textContent.includes('6 calls')")
    settled(page)
    (solver,) = json.loads(download(page, "#diffusion-solver-file").path().read_text())
    assert solver["fitted_to"] == "eight_gaussians"
    page.fill("#diffusion-distil-seconds input[type=number]", "30")  # long enough to be stopped on a busy machine
    page.locator("#diffusion-distil-seconds input[type=number]").press("Tab")
    page.click("#diffusion-distil")
    stop_at_once(page, "diffusion")
    page.wait_for_function("document.querySelector('#diffusion-progress').textContent.includes('Stopped')")
    assert page.locator("#diffusion-arena-table tr:has-text('Distilled on')").count() == 1


def test_dial_keeps_the_marginals(open_page, app_url):
    page = visit(open_page, app_url)
    open_panel(page, "Random to deterministic", "#diffusion-dial-figure .pg-plotly[data-ready=true]")
    page.click("#diffusion-dial label:has-text('churn')")
    page.wait_for_function("document.querySelector('#diffusion-dial-verdict').textContent.includes('127 calls')")
    assert "Same marginals" in page.locator("#diffusion-dial-verdict").inner_text()
    query_has(page, "dial=edm")
    page.wait_for_selector("#diffusion-road-table tbody tr:nth-child(7)")
    assert page.locator("#diffusion-road-figure .slider-grip-rect").count() == 1
    first, last = (page.locator("#diffusion-road-table tbody tr").nth(i).inner_text().split("\t") for i in (0, 6))
    assert float(first[2]) > 1
    assert (last[0], float(last[2])) == ("ODE", 0)


def test_dial_trains_a_network_and_stops(open_page, app_url):
    page = visit(open_page, app_url, "panel=dial", ready="#diffusion-dial-figure .pg-plotly[data-ready=true]")
    settled(page)
    page.click("#diffusion-denoiser label:has-text('network')")
    page.wait_for_function("document.querySelector('#diffusion-progress').textContent.includes('Training the network')")
    page.click("#diffusion-stop")
    page.wait_for_function("document.querySelector('#diffusion-progress').textContent.includes('Stopped')")
    query_has(page, "denoiser=network")


def test_heat_agrees(open_page, app_url):
    page = visit(open_page, app_url)
    open_panel(page, "Heat", "#diffusion-heat-film .pg-plotly[data-ready=true]")
    settled(page)
    assert "They agree" in page.locator("#diffusion-heat-verdict").inner_text()
    assert page.locator("#diffusion-heat-table tbody tr").count() == 4
    page.click("#diffusion-heat-film .updatemenu-button >> nth=0")
    active = "document.querySelector('#diffusion-heat-film .js-plotly-plot').layout.sliders[0].active"
    page.wait_for_function(f"{active} > 15")  # on the way back


def test_pictures_are_drawn_and_measured(open_page, app_url):
    page = visit(open_page, app_url)
    open_panel(page, "Pictures", "#diffusion-pictures-figure .pg-plotly[data-ready=true]")
    page.wait_for_function("document.querySelector('#diffusion-pictures-verdict').textContent.includes('18 calls')")
    page.click("#diffusion-picture-row label:has-text('4')")
    page.wait_for_function("document.querySelector('#diffusion-pictures-verdict').textContent.includes('35 calls')")
    query_has(page, "picture_row=4")
    page.evaluate(
        """() => new MutationObserver(() => {
            window.progressed ||= !!document.querySelector('#diffusion-progress [role=progressbar]');
        }).observe(document.getElementById('diffusion-progress'), {childList: true, subtree: true})"""
    )
    page.click("#diffusion-measure")
    page.wait_for_function("window.progressed")
    page.wait_for_selector("#diffusion-pictures-table tbody tr:nth-child(4)")
    settled(page)
    few, _, many = (
        float(cell.split()[0])
        for cell in page.locator("#diffusion-pictures-table tbody tr").nth(3).inner_text().split("\t")[1:]
    )
    assert many < few / 3


def test_export_is_saved_or_refused_in_a_sentence(open_page, app_url):
    page = visit(open_page, app_url, "rows=sd+edm&steps=20")
    open_panel(page, "Export", "#diffusion-export-snippet pre code")
    settled(page)
    assert "DPMSolverMultistepScheduler" in page.locator("#diffusion-export-verdict").inner_text()
    file = download(page, "#diffusion-export-file")
    assert file.suggested_filename == "scheduler_config.json"
    config = json.loads(file.path().read_text())
    assert (config["_class_name"], config["beta_schedule"]) == ("DPMSolverMultistepScheduler", "scaled_linear")
    page.click("#diffusion-preset label:has-text('TrigFlow')")
    page.wait_for_function("document.querySelector('#diffusion-export-verdict').textContent.includes('Cosine')")
    page.click("#diffusion-row-1-solver input")
    page.click("[role=option]:has-text('RK4') >> nth=0")
    page.wait_for_function(
        "document.querySelector('#diffusion-export-verdict').textContent.includes('diffusers has no')"
    )
