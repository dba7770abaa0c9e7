"""What one sees of the CLIP tab: picture, labels and model left, a panel right, and what is folded below."""

from types import SimpleNamespace

import gradio as gr

from playground.i18n import label
from playground.tabs import foldouts
from playground.tabs.clip import folder, search, why, zero_shot
from playground.tabs.clip.settings import PANELS
from playground.tabs.picture_page import lay_out_panels

__all__ = ["SHOWN", "lay_out"]

KEEP = 3600.0  # seconds a person's results are kept after the last event
# The components that a panel's frames fill, by the names that the frames use.
SHOWN = (
    "progress", "bars", "verdict", "looks", "breakdown", "found", "search_verdict", "map", "matrix", "folder_verdict",
    "confusion", "labelled", "learning", "learning_verdict", "compared",
)  # fmt: skip
FILES = ("csv", "json")


def lay_out() -> SimpleNamespace:
    """Every component by its name; the states are one person's own."""
    w = SimpleNamespace()
    w.shown, w.indexed, w.batch, w.learned = (gr.State(None, time_to_live=KEEP) for _ in range(4))
    w.source, w.panel = gr.State("example"), gr.State(PANELS[0])
    w.stamp = gr.Number(0, visible="hidden", elem_id="clip-stamp")
    gr.Markdown(label("clip.lead"), elem_classes="pg-lead")
    with gr.Row(elem_classes="pg-tab"):
        with gr.Column(scale=4, min_width=300, elem_id="clip-left", elem_classes="pg-controls"):
            zero_shot.lay_out(w)
        parts = (zero_shot.lay_out_pictures, folder.lay_out, search.lay_out, why.lay_out)
        lay_out_panels(w, "clip", dict(zip(PANELS, parts, strict=True)))
    foldouts.lay_out(w, "clip", label("clip.python.info"), FILES)
    return w
