"""What the tabs' listeners have in common: none is a public endpoint, and some only tell which tab is open."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import gradio as gr

__all__ = ["finish", "follow", "private"]

# What a listener is told, and what else it is given; Gradio draws no progress over its outputs.
private: Callable[..., dict[str, Any]] = partial(dict, api_visibility="private", show_progress="hidden")


def follow(tabs: Mapping[str, gr.Tab], state: gr.State) -> None:
    """Keep the name of the tab that is open in a state."""
    for name, tab in tabs.items():
        tab.select(partial(str, name), None, state, **private())  # queued, or the change is not heard


def finish(event: Any, fn: Callable[..., Any], outputs: Any) -> Any:
    """Tidy up after a job that ended well or not, at once; what comes after a good end follows what is returned.

    Gradio's `then` alone does not run after an error.
    """
    event.failure(fn, None, outputs, queue=False, **private())
    return event.success(fn, None, outputs, queue=False, **private())
