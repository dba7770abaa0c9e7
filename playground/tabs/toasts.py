"""Toasts in the person's language, escaped: Gradio shows their text as HTML, and it may quote a file or a link."""

from html import escape

import gradio as gr

from playground.i18n import say

__all__ = ["tell", "toast"]


def toast(message: str) -> gr.Error:
    """A refusal in one sentence, for `raise`; style.css gives it its title, for Gradio 6.31 loses an error's own."""
    return gr.Error(escape(message, quote=False), print_exception=False)


def tell(language: str, message: str) -> None:
    """Show a note."""
    gr.Info(escape(message, quote=False), title=say(language, "toast.note"))
