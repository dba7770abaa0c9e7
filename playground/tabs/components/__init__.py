"""Our few parts of the page that Gradio lacks: live canvas, live Plotly, sketch pad, picture tiles; and the theme."""

from playground.tabs.components.live_plotly import LivePlotly
from playground.tabs.components.sketch_pad import SketchPad
from playground.tabs.components.stage import Stage
from playground.tabs.components.tiles import Tile, thumbnail, tiles

__all__ = ["LivePlotly", "SketchPad", "Stage", "Tile", "thumbnail", "tiles"]
