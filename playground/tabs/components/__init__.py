"""Our few parts of the page that Gradio lacks: live canvas and Plotly, pads for drawings and levels, tiles, tables."""

from playground.tabs.components.level_pad import LevelPad
from playground.tabs.components.live_plotly import LivePlotly
from playground.tabs.components.paint_pad import PaintPad
from playground.tabs.components.sketch_pad import SketchPad
from playground.tabs.components.slider import Slider
from playground.tabs.components.stage import Stage
from playground.tabs.components.table import Column, Row, Table, table
from playground.tabs.components.tiles import Tile, thumbnail, tiles

__all__ = [
    "Column",
    "LevelPad",
    "LivePlotly",
    "PaintPad",
    "Row",
    "SketchPad",
    "Slider",
    "Stage",
    "Table",
    "Tile",
    "table",
    "thumbnail",
    "tiles",
]
