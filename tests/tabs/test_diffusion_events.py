"""The Diffusion tab's handler of every change: of several events the newest draws, and an older one changes nothing."""

from types import SimpleNamespace

import gradio as gr
import pytest

from playground.manager import ModelManager
from playground.tabs import diffusion


@pytest.fixture(scope="module")
def look():
    """The handler, called as the page does with the controls as they are laid out: look(session, stamp, panel)."""
    with gr.Blocks() as page:
        diffusion.build(ModelManager("cpu", 1 << 30))
    handler = next(fn for fn in page.fns.values() if fn.fn is not None and fn.fn.__name__ == "look")
    _, _, contest, trained, *controls = handler.inputs

    def call(session, stamp, panel):
        request = SimpleNamespace(session_hash=session, headers={}, query_params={})
        values = [control.preprocess(control.value) for control in controls]
        return handler.fn(request, stamp, panel, contest.value, trained.value, *values)

    return call


def changed(update):
    """The components that an update changes."""
    return [component for component, value in update.items() if value != gr.skip()]


def test_a_change_draws_the_panel(look):
    updates = list(look("one", 5.0, "compare"))
    drawn = {component.elem_id for update in updates for component in changed(update)}
    assert {"diffusion-compare-figure", "diffusion-numbers", "diffusion-query"} <= drawn


def test_an_older_event_that_begins_last_leaves_the_page_alone(look):
    """It must say so: Gradio empties every output of a generator that yields nothing."""
    list(look("two", 5.0, "compare"))
    updates = list(look("two", 4.0, "compare"))
    assert updates
    assert not any(changed(update) for update in updates)


def test_a_job_whose_place_is_taken_says_no_more(look):
    older = look("three", 5.0, "dial")
    running = next(older)
    assert changed(running)
    newer = look("three", 6.0, "compare")
    assert changed(next(newer))
    rest = list(older)
    assert rest
    assert not any(changed(update) for update in rest)


def test_a_dropdown_that_is_only_left_does_not_end_the_job(look):
    """Gradio's dropdown says `input` whenever it loses the focus."""
    running = look("four", 5.0, "dial")
    assert changed(next(running))
    again = list(look("four", 6.0, "dial"))
    assert again
    assert not any(changed(update) for update in again)
    assert changed(next(running)), "the job goes on"
