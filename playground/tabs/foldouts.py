"""What is folded below a tab: its explanation, the Python of what it shows, its link and its files."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import gradio as gr

from playground.i18n import label
from playground.tabs.about import about
from playground.tabs.links import copy_script
from playground.tabs.listeners import private

__all__ = ["Save", "lay_out", "wire"]

Save = tuple[gr.Button, Callable[..., str], Any]  # a button, what makes its file, and of which inputs


def lay_out(w: SimpleNamespace, tab: str, info: Any, kinds: Iterable[str]) -> None:
    """Lay them out: `info` stands above the Python, and each kind of file has a button."""
    w.query = gr.Textbox(visible="hidden", elem_id=f"{tab}-query")  # the link's; a gr.State never reaches the browser
    about(tab)
    with gr.Accordion(label("page.python"), open=False, elem_id=f"{tab}-python"):
        gr.Markdown(info, elem_classes="pg-hint")
        w.code = gr.Markdown(elem_id=f"{tab}-code")  # gr.Code would bring 130 kB of editor
    with gr.Accordion(label("page.save"), open=False, elem_id=f"{tab}-save"):
        with gr.Row(elem_classes="pg-downloads"):
            w.link = gr.Button(label("page.link"), size="sm", min_width=120, elem_id=f"{tab}-link")
            w.files_saved = {
                kind: gr.Button(label(f"{tab}.download.{kind}"), size="sm", min_width=120, elem_id=f"{tab}-{kind}")
                for kind in kinds
            }
        w.link_box = gr.Textbox(
            label=label("page.link.box"), interactive=False, visible=False, elem_id=f"{tab}-link-box", buttons=["copy"]
        )
        w.download = gr.DownloadButton(visible="hidden", elem_id=f"{tab}-download")


def wire(
    w: SimpleNamespace, tab: str, query: Callable[..., str], of: Sequence[Any], saves: Iterable[Save],
    quick: Mapping[str, Any],
) -> None:  # fmt: skip
    """The link by `query(request, *of)`, and the files; `quick` is how their listeners queue."""

    def link(request: gr.Request, *values: Any) -> tuple[str, Any]:
        return query(request, *values), gr.update(visible=True)

    w.link.click(link, of, [w.query, w.link_box], **quick).success(
        None, w.query, w.link_box, js=copy_script(f"{tab}-link-box"), **private()
    )
    click = f"() => document.querySelector('#{tab}-download')?.click()"
    for button, save, made_from in saves:
        button.click(save, made_from, w.download, **quick).success(None, None, None, js=click, **private())
