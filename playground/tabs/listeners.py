"""What the tabs' listeners have in common: none is a public endpoint, and some only tell which tab is open."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import gradio as gr

__all__ = ["follow", "private"]

# What a listener is told, and what else it is given; Gradio draws no progress over its outputs.
private: Callable[..., dict[str, Any]] = partial(dict, api_visibility="private", show_progress="hidden")


def follow(tabs: Mapping[str, gr.Tab], state: gr.State) -> None:
    """Keep the name of the tab that is open in a state."""
    for name, tab in tabs.items():
        tab.select(partial(str, name), None, state, **private())  # queued, or the change is not heard
