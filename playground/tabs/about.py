"""The folded "What am I looking at?" that every tab has: its mathematics, its papers, something to try."""

import gradio as gr

from playground.i18n import label

__all__ = ["about"]

LATEX = [{"left": "$$", "right": "$$", "display": True}, {"left": "$", "right": "$", "display": False}]


def about(tab: str) -> None:
    """Lay out the text `about.<tab>`, folded."""
    with gr.Accordion(label("page.about"), open=False, elem_id=f"{tab}-about"):
        gr.Markdown(label(f"about.{tab}"), latex_delimiters=LATEX)
