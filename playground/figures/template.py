"""Plotly's template for every figure of the app, and the colour scales that carry its meanings."""

from functools import lru_cache

import plotly.graph_objects as go

from playground.figures.colours import QUALITATIVE, hexes

__all__ = ["DIVERGING", "GRID", "SEQUENTIAL", "template"]

# Dark to light, for densities and other amounts; the same map as the Stage's.
SEQUENTIAL: list[list[float | str]] = [[i / 15, colour] for i, colour in enumerate(hexes(16))]
# Teal, grey, violet: signed amounts, 0 in the middle (`zmid=0`); grey, not white, so that 0 shows on both grounds.
# Equally far from 0 is equally dark (OKLab lightness .42, .62, .80, .62, .42).
DIVERGING: list[list[float | str]] = [
    [0.0, "#005860"], [0.25, "#0698a4"], [0.5, "#bbbec2"], [0.75, "#876fe4"], [1.0, "#5031a1"],
]  # fmt: skip
GRID = "rgba(128, 128, 148, 0.28)"  # a half-transparent grey: seen on white and on ink


@lru_cache(maxsize=1)
def template() -> go.layout.Template:
    """The template "playground": `go.Figure(..., layout={"template": template()})`; LivePlotly adds the page's colours.

    Transparent paper and grey lines, so that a figure also stands on either ground without LivePlotly.
    """
    axis = {"gridcolor": GRID, "zerolinecolor": GRID, "linecolor": GRID, "zeroline": False, "automargin": True}
    axis |= {"title": {"standoff": 8, "font": {"size": 13}}, "ticks": ""}
    return go.layout.Template(
        layout={
            "font": {"size": 13},
            "title": {
                "font": {"size": 15, "weight": 700},
                "x": 0,
                "xref": "paper",
                "y": 1,
                "yref": "container",
                "yanchor": "top",
                "pad": {"t": 8, "b": 8},
                "automargin": True,
            },
            "margin": {"l": 8, "r": 8, "t": 16, "b": 8},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": list(QUALITATIVE),
            "colorscale": {"sequential": SEQUENTIAL, "sequentialminus": SEQUENTIAL[::-1], "diverging": DIVERGING},
            "xaxis": axis,
            "yaxis": axis,
            "hovermode": "closest",
            "hoverlabel": {"font": {"size": 13}, "align": "left"},
            "legend": {
                "orientation": "h",
                "x": 0,
                "y": 0,
                "yref": "container",
                "yanchor": "bottom",
                "bgcolor": "rgba(0,0,0,0)",
            },
            "coloraxis": {"colorbar": {"thickness": 10, "outlinewidth": 0, "ticks": ""}},
        },
        data={
            "heatmap": [{"colorscale": SEQUENTIAL, "colorbar": {"thickness": 10, "outlinewidth": 0, "ticks": ""}}],
            "contour": [{"colorscale": SEQUENTIAL, "colorbar": {"thickness": 10, "outlinewidth": 0, "ticks": ""}}],
            "scatter": [{"line": {"width": 2}}],
        },
    )
