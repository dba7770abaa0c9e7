"""What one sees of the CLIP tab: picture, labels and model left, a panel right, and what is folded below."""

from types import SimpleNamespace

import gradio as gr

from playground.i18n import label
from playground.tabs.about import about
from playground.tabs.clip import folder, search, why, zero_shot
from playground.tabs.clip.settings import PANELS

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
        with gr.Column(scale=8, min_width=340, elem_classes="pg-pictures"):
            with gr.Row(elem_classes="pg-jobline"):
                w.progress = gr.HTML(elem_id="clip-progress")
                w.stop = gr.Button(label("clip.stop"), size="sm", visible="hidden", elem_id="clip-stop")
            with gr.Tabs(elem_id="clip-panels") as w.panel_tabs:
                w.tabs = {}
                for name, lay in (
                    ("zero_shot", zero_shot.lay_out_pictures),
                    ("folder", folder.lay_out),
                    ("search", search.lay_out),
                    ("why", why.lay_out),
                ):
                    with gr.Tab(label(f"clip.panel.{name}"), id=name, elem_id=f"clip-panel-{name}") as w.tabs[name]:
                        lay(w)
    w.query = gr.Textbox(visible="hidden", elem_id="clip-query")  # the link's; a gr.State never reaches the browser
    about("clip")
    with gr.Accordion(label("page.python"), open=False, elem_id="clip-python"):
        gr.Markdown(label("clip.python.info"), elem_classes="pg-hint")
        w.code = gr.Markdown(elem_id="clip-code")
    with gr.Accordion(label("page.save"), open=False, elem_id="clip-save"):
        with gr.Row(elem_classes="pg-downloads"):
            w.link = gr.Button(label("page.link"), size="sm", min_width=120, elem_id="clip-link")
            w.files_saved = {
                kind: gr.Button(label(f"clip.download.{kind}"), size="sm", min_width=120, elem_id=f"clip-{kind}")
                for kind in FILES
            }
        w.link_box = gr.Textbox(
            label=label("page.link.box"), interactive=False, visible=False, elem_id="clip-link-box", buttons=["copy"]
        )
        w.download = gr.DownloadButton(visible="hidden", elem_id="clip-download")
    return w
