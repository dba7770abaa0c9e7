"""What one sees of the BLIP tab: picture and models left, a panel right, and what is folded below."""

from types import SimpleNamespace

import gradio as gr

from playground.i18n import label
from playground.tabs.about import about
from playground.tabs.blip import ask, boot, caption, clean, match
from playground.tabs.blip.settings import PANELS, Settings
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
        with gr.Column(scale=8, min_width=340, elem_classes="pg-pictures"):
            with gr.Row(elem_classes="pg-jobline"):
                w.progress = gr.HTML(elem_id="blip-progress")
                w.stop = gr.Button(label("blip.stop"), size="sm", visible="hidden", elem_id="blip-stop")
            with gr.Tabs(elem_id="blip-panels") as w.panel_tabs:
                w.tabs = {}
                for name, lay in zip(
                    PANELS, (caption.lay_out, match.lay_out, ask.lay_out, clean.lay_out, boot.lay_out), strict=True
                ):
                    with gr.Tab(label(f"blip.panel.{name}"), id=name, elem_id=f"blip-panel-{name}") as w.tabs[name]:
                        lay(w)
    w.query = gr.Textbox(visible="hidden", elem_id="blip-query")  # the link's; a gr.State never reaches the browser
    about("blip")
    with gr.Accordion(label("page.python"), open=False, elem_id="blip-python"):
        gr.Markdown(label("blip.python.info"), elem_classes="pg-hint")
        w.code = gr.Markdown(elem_id="blip-code")
    with gr.Accordion(label("page.save"), open=False, elem_id="blip-save"):
        with gr.Row(elem_classes="pg-downloads"):
            w.link = gr.Button(label("page.link"), size="sm", min_width=120, elem_id="blip-link")
            w.files_saved = {
                kind: gr.Button(label(f"blip.download.{kind}"), size="sm", min_width=120, elem_id=f"blip-{kind}")
                for kind in FILES
            }
        w.link_box = gr.Textbox(
            label=label("page.link.box"), interactive=False, visible=False, elem_id="blip-link-box", buttons=["copy"]
        )
        w.download = gr.DownloadButton(visible="hidden", elem_id="blip-download")
    return w
