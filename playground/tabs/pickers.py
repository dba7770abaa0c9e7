"""A picker of models, each with its size and licence, and a line below for what is to be known of the chosen one."""

from collections.abc import Mapping
from types import SimpleNamespace

import gradio as gr

from playground.i18n import label
from playground.tabs.fetching import Known

__all__ = ["lay_out"]


def lay_out(w: SimpleNamespace, tab: str, name: str, models: Mapping[str, Known], chosen: str) -> None:
    """Lay out the picker of a name, and its line."""
    choices = [(f"{model} · {known.megabytes} MB · {known.licence}", model) for model, known in models.items()]
    picker = gr.Dropdown(choices, value=chosen, label=label(f"{tab}.{name}"), interactive=True, elem_id=f"{tab}-{name}")
    setattr(w, name, picker)
    setattr(w, f"{name}_line", gr.Markdown(elem_classes="pg-hint", elem_id=f"{tab}-{name}-line"))
