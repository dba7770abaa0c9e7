"""The template's colours: the scales are what they say, and the grid shows on both grounds."""

import re

import numpy as np
import plotly.graph_objects as go
import pytest

from playground.figures.colours import lut, to_oklab
from playground.figures.template import DIVERGING, GRID, SEQUENTIAL, template


def rgb(text):
    return np.array([int(text[i : i + 2], 16) for i in (1, 3, 5)])


def luminance(colour):
    c = np.asarray(colour) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def test_sequential_is_the_map_of_the_stage():
    for position, colour in SEQUENTIAL:
        assert (rgb(colour) == lut()[round(position * 255)]).all()
    assert [SEQUENTIAL[0][0], SEQUENTIAL[-1][0]] == [0, 1]


def test_diverging_is_as_dark_on_both_sides():
    lightness = np.array([to_oklab(rgb(colour) / 255)[0] for _, colour in DIVERGING])
    np.testing.assert_allclose(lightness, lightness[::-1], atol=0.01)
    assert (np.diff(lightness)[:2] > 0.15).all()
    _, a, b = to_oklab(rgb(DIVERGING[2][1]) / 255)
    assert np.hypot(a, b) < 0.01, "the middle is no grey"


@pytest.mark.parametrize("ground", ["#ffffff", "#181825"])  # the theme's block grounds, light and dark
def test_grid_shows_on_both_grounds(ground):
    *colour, alpha = (float(part) for part in re.findall(r"[\d.]+", GRID))
    line = alpha * np.array(colour) + (1 - alpha) * rgb(ground)
    light, dark = sorted([luminance(line) + 0.05, luminance(rgb(ground)) + 0.05], reverse=True)
    assert 1.25 < light / dark < 2, "gridlines are seen, and stay behind the data"


def test_figure_takes_the_template():
    figure = go.Figure(go.Heatmap(z=[[0, 1]]), {"template": template()}).to_plotly_json()["layout"]["template"]
    assert figure["data"]["heatmap"][0]["colorscale"][0][1] == SEQUENTIAL[0][1]
    assert figure["layout"]["paper_bgcolor"] == "rgba(0,0,0,0)"
