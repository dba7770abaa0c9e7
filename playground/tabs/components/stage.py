"""The Stage: a live canvas for densities, points and a loss curve; one value a frame, no flicker, nothing rebuilt."""

from typing import Any

import gradio as gr

from playground.tabs.components.asset import colours, plain, script

__all__ = ["Stage"]


class Stage(gr.HTML):
    """Shows the frames that `playground.figures.stage.value` makes: a dict of panels, curve, progress and figures.

    In the page, `.pg-stage` carries data-frame (the number of the frame drawn last) and data-status, and
    `window.__stage_frames[elem_id]` counts the frames drawn and holds their times in milliseconds.
    Stream into it with `show_progress="hidden"`: it draws progress itself.
    """

    JS = script("curve.js", "palette.js", "stage.js", css="stage.css", **colours())

    def __init__(self, value: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(
            value=value or {},
            html_template='<div class="pg-stage" role="group" data-status="empty"></div>',
            js_on_load=self.JS,
            apply_default_css=False,
            **kwargs,
        )

    def preprocess(self, payload: Any) -> dict[str, Any] | None:
        """The frame shown now, as sent by the browser: for handlers that pass it on, never to be trusted as data."""
        return payload if isinstance(payload, dict) and payload else None

    def postprocess(self, value: dict[str, Any] | None) -> dict[str, Any]:
        """Hands a frame on; None empties the Stage. Raises ValueError where it is no dict."""
        if value is not None and not isinstance(value, dict):
            raise ValueError(f"a Stage's value is a {type(value).__name__}, allowed: dict (figures.stage.value), None")
        return plain(value or {})

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}
