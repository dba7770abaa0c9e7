"""What follows a job in the Flows tab follows it after an error, too: no button stays dead."""

import gradio as gr
import pytest

from playground.manager import ModelManager
from playground.tabs import flows as tab


@pytest.fixture(scope="module")
def config():
    with gr.Blocks() as page:
        tab.build(ModelManager("cpu", budget=2**30))
    return page.get_config_file()


@pytest.mark.parametrize(
    ("button", "freed"),
    [
        ("flows-train", {"flows-train", "flows-stop"}),
        ("flows-race-start", {"flows-race-start", "flows-race-stop"}),
        ("flows-reflow", {"flows-reflow", "flows-distil", "flows-paths-stop", "flows-paths-progress"}),
        ("flows-distil", {"flows-reflow", "flows-distil", "flows-paths-stop", "flows-paths-progress"}),
    ],
)
def test_buttons_are_freed_after_an_error(config, button, freed):
    names = {part["id"]: part["props"].get("elem_id") for part in config["components"]}
    (job,) = (one for one in config["dependencies"] if any(names.get(target) == button for target, _ in one["targets"]))
    after = [one for one in config["dependencies"] if one["trigger_after"] == job["id"]]
    for kind in ("trigger_only_on_failure", "trigger_only_on_success"):
        (one,) = (one for one in after if one[kind])
        assert {names[output] for output in one["outputs"]} == freed
