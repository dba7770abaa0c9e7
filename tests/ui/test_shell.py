"""The page around the tabs: header, memory line, Models tab, what travels over the wire, who is let in, the API."""

import json
import urllib.error
import urllib.request
from functools import partial

import pytest
import visits
from visits import download

WITHIN = 60_000  # milliseconds
STAGE = "#flows-stage .pg-stage"
visit = partial(visits.visit, within=WITHIN)


def test_memory_line_and_models_tab(open_page, app_url):
    page = visit(open_page, app_url)
    page.wait_for_selector(f"{STAGE}[data-status=idle]")
    page.click("#tab-models-button")
    page.wait_for_selector("#models-table tbody tr:has-text('flows/spline/moons')")
    row = page.locator("#models-table tbody tr:has-text('flows/spline/moons')")
    assert "in memory" in row.inner_text()
    row.locator("button").click()
    page.wait_for_selector("#models-table tbody tr:has-text('flows/spline/moons')", state="detached")
    assert "dropped" in page.locator("#models-events tbody tr").first.inner_text()
    page.click(
        "#tab-flows-button"
    )  # the picture that stood there still stands, and the model comes back when it is needed
    page.click("#flows-panel-layers-button")
    page.wait_for_selector("#flows-film .pg-plotly[data-ready=true]")
    page.click("#tab-models-button")
    page.wait_for_selector("#models-table tbody tr:has-text('flows/spline/moons')")
    page.wait_for_function("document.querySelector('#memory').textContent.includes('loaded')")


def test_models_tab_has_its_words_program_link_and_download(open_page, app_url):
    page = visit(open_page, app_url, "tab=models")
    page.click("#models-about button")
    page.wait_for_selector("#models-about .katex")
    page.click("#models-python button")
    page.wait_for_function("document.querySelector('#models-code pre')?.textContent.includes('ModelManager(')")
    page.click("#models-save button")
    record = json.loads(download(page, "#models-json").path().read_text())
    assert record["budget"] > record["used"] >= 0
    assert {"key", "state", "bytes", "leases"} <= record["models"][0].keys()
    page.click("#models-link")
    page.wait_for_function("document.querySelector('#models-link-box textarea, #models-link-box input')?.value")
    assert "tab=models" in page.locator("#models-link-box textarea, #models-link-box input").first.input_value()


def test_link_opens_a_tab_with_its_content(open_page, app_url):
    page = visit(open_page, app_url, "tab=models")
    page.wait_for_selector("#models-budget .pg-budget")
    assert page.locator("#tab-models-button").get_attribute("aria-selected") == "true"


def test_models_tab_is_not_in_the_first_page(app_url):
    with urllib.request.urlopen(app_url, timeout=30) as answer:
        page = answer.read().decode()
    assert "flows-train" in page
    assert "models-table" not in page


def test_first_load_is_light(app_url, chromium):
    """Under 600 kB on the wire."""
    context = chromium.new_context()
    page = context.new_page()
    wire = context.new_cdp_session(page)
    wire.send("Network.enable")
    sizes = []
    wire.on("Network.dataReceived", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(f"{app_url}?lang=en")
    page.wait_for_selector(f"{STAGE}[data-status=idle]", timeout=WITHIN)
    page.wait_for_function("document.fonts.status === 'loaded'")
    context.close()
    assert 100_000 < sum(sizes) < 600_000


@pytest.mark.parametrize(
    ("header", "value", "status"), [("Host", "evil.example", 400), ("Origin", "http://evil.example", 403)]
)
def test_foreigners_are_refused(app_url, header, value, status):
    request = urllib.request.Request(f"{app_url}gradio_api/upload", data=b"x", headers={header: value})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    assert refused.value.code == status


def test_api_trains(client):
    result = client.predict(density="ring", flow="spline", seconds=1.5, seed=3, samples=50, api_name="/train_flow")
    assert len(result["samples"]) == 50
    assert result["kl"] < 0.5
    assert result["steps"] > 5


def test_api_reflows(client):
    result = client.predict(density="ring", seconds=1.5, rounds=1, samples=60, begin="moons", api_name="/reflow")
    first, second = result["rounds"]
    assert second["straightness"] < 0.5 * first["straightness"]
    assert (len(result["samples"]), result["calls"]) == (60, 1)
    for absurd, words in (
        ({"flow": "glow"}, "rectified"),
        ({"rounds": 99}, "between 0 and 5"),
        ({"begin": "x"}, "moons"),
    ):
        with pytest.raises(Exception, match=words):
            client.predict(**absurd, api_name="/reflow")


@pytest.mark.parametrize(
    ("absurd", "words"),
    [
        ({"layers": -3}, "between 1 and 16"),
        ({"samples": 1_000_000_000}, "between 1 and 100,000"),
        ({"seconds": 1e9}, "between 1 and 60"),
        ({"seed": -1}, "between 0 and"),
        ({"flow": "gan"}, "spline"),
        ({"density": "../../etc/passwd"}, "moons"),
    ],
)
def test_absurd_settings_are_refused_with_the_limit(client, absurd, words):
    with pytest.raises(Exception, match=words):  # gradio_client has its own AppError
        client.predict(**absurd, api_name="/train_flow")
    with urllib.request.urlopen(client.src, timeout=30) as answer:
        assert answer.status == 200


def test_only_what_is_meant_is_public(client):
    assert set(client.view_api(return_format="dict")["named_endpoints"]) == {
        "/train_flow",
        "/answer",
        "/caption",
        "/classify",
        "/clean",
        "/extract_choice",
        "/few_labels",
        "/match",
        "/mutual_information",
        "/reflow",
        "/sample_diffusion",
        "/score_predictions",
        "/search",
        "/word_probabilities",
    }


@pytest.mark.parametrize("look", [{"mobile": True}, {"dark": True}, {}])
def test_every_button_has_a_name(open_page, app_url, look):
    page = visit(open_page, app_url, **look)
    page.wait_for_selector(f"{STAGE}[data-status=idle]")
    nameless = page.evaluate(
        "[...document.querySelectorAll('button')].filter(b => b.checkVisibility() && !b.innerText.trim()"
        " && !b.getAttribute('aria-label') && !b.title && !b.querySelector('img[alt]'))"
        ".map(b => b.outerHTML.slice(0, 120))"
    )
    assert not nameless
