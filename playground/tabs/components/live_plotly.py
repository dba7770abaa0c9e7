"""LivePlotly: a Plotly figure that keeps its zoom, plays its frames and follows dark mode; redrawn, never rebuilt."""

import json
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

import gradio as gr
from gradio.utils import is_static_file

from playground.tabs.components.asset import script

__all__ = ["LivePlotly"]

# plotly.py's own script: gr.Plot brings an older plotly.js, which ignores what is new in plotly.py.
PLOTLY_JS = Path(str(files("plotly"))) / "package_data" / "plotly.min.js"
WORDS = {
    "empty": {"en": "Nothing to show yet", "zh-CN": "尚无内容"},
    "failed": {
        "en": "The plotting library could not be loaded: reload the page.",
        "zh-CN": "绘图库加载失败：请刷新页面。",
    },
    "broken": {"en": "This figure could not be drawn at this size.", "zh-CN": "此尺寸下无法绘制该图。"},
    "download": {"en": "Save as PNG", "zh-CN": "保存为 PNG"},
}


class Figure(Protocol):
    """What plotly's figures can do."""

    def to_json(self) -> str: ...


class LivePlotly(gr.HTML):
    """Shows a plotly Figure, or its JSON as a dict; None empties it. The script is fetched at the first figure.

    height: pixels, or CSS (the figure's own width and height are ignored); config: Plotly's (https://plotly.com/
    javascript/configuration-options), for instance {"staticPlot": True}. Zoom, camera and hidden traces outlive an
    update; a figure of another subject says so by another `layout.uirevision`. On a phone (up to 560 pixels) the
    figure's `layout.meta["narrow"]`, a part of a layout, is laid over its layout (lists are replaced, not joined).
    A square picture whose `layout.meta["sketch"]` is true is drawn roughly until the script is there.
    `LivePlotly.click(fn)` hears clicks on points: `fn(event: gr.EventData)`, the trace's `event.name` and `.meta`, the
    point's `.x` and `.y`. A trace whose `meta["pictures"]` are addresses of images shows the hovered point's.
    In the page, `.pg-plotly` carries data-draws (how often it was drawn) and data-ready ("true" while the newest
    figure stands).
    """

    def __init__(
        self,
        value: Figure | dict[str, Any] | None = None,
        *,
        height: int | str = 320,
        config: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if not is_static_file(PLOTLY_JS):
            gr.set_static_paths([PLOTLY_JS])
        # They stand in the script: gr.HTML's own `props` are lost by an update before the component is first seen.
        constants = {
            "HEIGHT": f"{height}px" if isinstance(height, int) else height,
            "CONFIG": config or {},
            "SOURCE": f"{PLOTLY_JS.as_posix()}?v={version('plotly')}",
        }
        super().__init__(
            value=value,
            html_template='<div class="pg-plotly" data-draws="0" data-ready="false"></div>',
            js_on_load=script("live_plotly.js", css="live_plotly.css", WORDS=WORDS, **constants),
            apply_default_css=False,
            **kwargs,
        )

    def preprocess(self, payload: Any) -> dict[str, Any] | None:
        """The figure shown now, as sent by the browser: for handlers that pass it on, never to be trusted as data."""
        return json.loads(payload) if isinstance(payload, str) and payload else None

    def postprocess(self, value: Figure | dict[str, Any] | None) -> str:
        """The figure as one JSON string: Gradio walks, compares and proxies an object part by part, at every update.

        Raises ValueError for what is no figure, and for a dict with a number that is not finite.
        """
        if value is None:
            return ""
        if isinstance(value, dict):
            return json.dumps(value, allow_nan=False)
        if not hasattr(value, "to_json"):
            raise ValueError(f"a LivePlotly's value is a {type(value).__name__}, allowed: plotly Figure, dict, None")
        return value.to_json()

    def api_info(self) -> dict[str, Any]:
        return {"type": "string"}
