"""What one sees of the BLIP tab: picture and models left, a panel right, and what is folded below."""

from types import SimpleNamespace

import gradio as gr

from playground.i18n import label
from playground.tabs import foldouts
from playground.tabs.blip import ask, boot, caption, clean, match
from playground.tabs.blip.settings import PANELS, Settings
from playground.tabs.picture_page import lay_out_panels
from playground.tabs.pictures import lay_out as lay_out_picture

__all__ = ["SHOWN", "lay_out"]

KEEP = 3600.0  # seconds a person's results are kept after the last event
# The components that a panel's frames fill, by the names that the frames use.
SHOWN = (
    "progress", "captions", "looks", "tree", "matches", "match_verdict", "match_looks", "answer_verdict", "answers",
    "clean_verdict", "histogram", "truth", "show", "pairs", "set_saves", "arms", "arms_table", "boot_verdict",
)  # fmt: skip
FILES = ("csv", "json")


def lay_out() -> SimpleNamespace:
    """Every component by its name; the states are one person's own."""
    w = SimpleNamespace()
    w.captioned, w.matched, w.asked, w.cleaned = (gr.State(None, time_to_live=KEEP) for _ in range(4))
    w.source, w.panel = gr.State("example"), gr.State(PANELS[0])
    w.stamp = gr.Number(0, visible="hidden", elem_id="blip-stamp")
    gr.Markdown(label("blip.lead"), elem_classes="pg-lead")
    with gr.Row(elem_classes="pg-tab"):
        with gr.Column(scale=4, min_width=300, elem_id="blip-left", elem_classes="pg-controls"):
            lay_out_picture(w, "blip", example=Settings().example, hint=label("blip.draw.hint"))
            for name, module in (("caption", caption), ("match", match), ("ask", ask)):
                with gr.Column(elem_id=f"blip-left-{name}", elem_classes="pg-controls"):
                    module.lay_out_controls(w)
        parts = (caption.lay_out, match.lay_out, ask.lay_out, clean.lay_out, boot.lay_out)
        lay_out_panels(w, "blip", dict(zip(PANELS, parts, strict=True)))
    foldouts.lay_out(w, "blip", label("blip.python.info"), FILES)
    return w
