"""Toasts in the person's language, escaped: Gradio shows their text as HTML, and it may quote a file or a link."""

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import gradio as gr

from playground.i18n import refusal, say
from playground.memory import out_of_memory

__all__ = ["plain", "tell", "toast"]


def toast(message: str) -> gr.Error:
    """A refusal in one sentence, for `raise`; style.css gives it its title, for Gradio 6.31 loses an error's own."""
    return gr.Error(escape(message, quote=False), print_exception=False)


def tell(language: str, message: str) -> None:
    """Show a note."""
    gr.Info(escape(message, quote=False), title=say(language, "toast.note"))


@contextmanager
def plain(language: str) -> Iterator[None]:
    """The library's refusals as one plain sentence to the person who asked."""
    try:
        yield
    except (ValueError, ArithmeticError, MemoryError, OSError) as error:  # a TimeoutError is an OSError
        raise toast(refusal(language, error)) from error
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        raise toast(say(language, "error.memory")) from error
