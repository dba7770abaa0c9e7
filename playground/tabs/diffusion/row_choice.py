"""The choice of one of the rows, by its number, in the panels that are about a single one."""

import gradio as gr

from playground.i18n import label
from playground.tabs.diffusion.settings import MOST

__all__ = ["row_choice"]


def row_choice(text: str, value: int, elem_id: str) -> gr.Radio:
    """Pills 1 to `MOST` under the text of that key; a row that is not there is refused by its panel."""
    return gr.Radio(
        [(str(i), i) for i in range(1, MOST + 1)],
        value=value,
        label=label(text),
        interactive=True,
        min_width=180,
        elem_id=elem_id,
        elem_classes="pg-pills",
    )
