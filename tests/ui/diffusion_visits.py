"""What the browser tests of the Diffusion tab do on its page."""

from functools import partial

import visits
from visits import holds

FILM = "#diffusion-curve-film .pg-plotly"
visit = partial(visits.visit, tab="diffusion", ready=f"{FILM}[data-ready=true]")
settled = partial(visits.settled, tab="diffusion")


def query_has(page, text):
    """Waits for it: the query is written by every look."""
    holds(page, "diffusion-query", text)


def open_panel(page, name, ready):
    page.click(f"#diffusion-panels [role=tab]:has-text('{name}')")
    page.wait_for_selector(ready)


def value(page, elem_id):
    return page.locator(f"#{elem_id} input").first.input_value()
