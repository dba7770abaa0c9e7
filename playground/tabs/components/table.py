"""Table: rows of text and numbers, with one button a row where wanted; redrawn in place, so that no click is lost."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import gradio as gr

from playground.tabs.components.asset import plain, script

__all__ = ["Column", "Row", "Table", "table"]


class Column(NamedTuple):
    """A heading; numbers stand right in figures of one width; volatile cells are hidden from screenshot tests."""

    label: str
    number: bool = False
    volatile: bool = False


class Row(NamedTuple):
    """The cells' texts; `id` is what the row's button says to its handler, None for a row without a button."""

    cells: Sequence[str]
    id: str | None = None
    best: bool = False


def table(columns: Sequence[Column], rows: Sequence[Row], *, empty: str = "", action: str = "") -> dict[str, Any]:
    """The value of a `Table`; `empty` stands where there is no row, `action` on the rows' buttons."""
    return {
        "columns": [column._asdict() for column in columns],
        "rows": [{"cells": list(row.cells), "id": row.id, "best": row.best} for row in rows],
        "empty": empty,
        "action": action,
    }


class Table(gr.HTML):
    """Shows what `table` makes. `Table.click(fn)` hears the rows' buttons: `fn(event: gr.EventData)`, `event.row`."""

    JS = script("table.js")

    def __init__(self, value: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(
            value=value or {},
            html_template='<div class="pg-table" tabindex="0" role="region"></div>',
            js_on_load=self.JS,
            apply_default_css=False,
            **kwargs,
        )

    def preprocess(self, payload: Any) -> None:
        """A table is shown, never read."""

    def postprocess(self, value: dict[str, Any] | None) -> dict[str, Any]:
        """Hands a table on; None empties it."""
        return plain(value or {})

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}
