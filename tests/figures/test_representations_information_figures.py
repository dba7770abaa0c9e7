"""Pictures of information: no number that is not finite in them, axes that follow the truth, maps the right way up."""

import json
import math
from types import SimpleNamespace

import numpy as np

from playground.figures import representations_information as figures


def lane(name="info_nce", median=(0.0, 1.0, 1.9), ceiling=math.inf, ratio=None):
    median = np.array(median)
    return SimpleNamespace(
        name=name, ceiling=ceiling, seconds=np.arange(len(median)) + 1.0, median=median, low=median - 0.1,
        high=median + 0.1, ratio=ratio,
    )  # fmt: skip


def ratio(correlation=0.9):
    x = np.linspace(-1, 1, 5, dtype=np.float32)
    true = (x[:, None] + 10 * x[None]).astype(np.float32)
    return SimpleNamespace(x=x, y=x, learned=true + 1, true=true, correlation=correlation)


def test_the_sample_and_its_bars():
    x = np.arange(3000.0)
    figure = figures.sample(x, -x, {"truth": 2.0, "ksg": 1.9}, names=("a", "b"))
    dots, bars = figure.data
    assert len(dots.x) == figures.DOTS
    assert list(bars.x) == [1.9, 2.0], "the truth on top"
    assert figure.layout.xaxis.title.text == "a"


def test_readings_that_are_not_finite_are_gaps():
    wild = lane("mine", (1.0, math.nan, -5e9, -math.inf))
    figure = figures.estimates([lane(), wild], {"truth": 2.0, "histogram": 1.8}, seconds=5)
    text = figure.to_json()
    assert "NaN" not in text
    assert "Infinity" not in text
    line = next(trace for trace in figure.data if trace.name == "MINE")
    assert list(line.x) == [1, 3]
    assert list(line.y) == [1, -figures.WILD]
    low, high = figure.layout.yaxis.range
    assert -1 < low < 0
    assert 2 < high < 4, "the wild one leaves the picture"


def test_the_ceiling_is_drawn_and_seen_where_it_is_near():
    def seen(truth, ceiling):
        figure = figures.estimates([lane(ceiling=ceiling)], {"truth": truth}, seconds=1)
        assert any(trace.name == figures.WORDS["ceiling"] and trace.y[0] == ceiling for trace in figure.data)
        return figure.layout.yaxis.range[1] > ceiling

    assert seen(4.0, 4.85)
    assert seen(8.0, 4.85)
    assert not seen(0.5, 4.85)
    names = [trace.name for trace in figures.estimates([lane()], {"ksg": 1.0}, seconds=1).data]
    assert figures.WORDS["ceiling"] not in names
    assert figures.WORDS["truth"] not in names


def test_log_ratios_have_x_across_and_one_scale():
    figure = figures.log_ratios([lane(ratio=ratio()), lane("nwj", ratio=ratio(math.nan))])
    true, learned, _ = figure.data
    assert true.z[0, 4] - true.z[0, 0] == 2, "x across: weight 1"
    assert true.z[4, 0] - true.z[0, 0] == 20
    np.testing.assert_allclose(learned.z - true.z, 1)
    assert figure.layout.coloraxis.cmax == -figure.layout.coloraxis.cmin == 11
    titles = [one.text for one in figure.layout.annotations]
    assert titles == ["true log ratio", "InfoNCE: r = 0.90", "NWJ: r = –"]
    assert len(json.loads(figure.to_json())["layout"]["meta"]["narrow"]["annotations"]) == 3
    assert figures.log_ratios([lane()]) is None


def test_words_replace_those_of_the_module():
    words = {name: f"<{name}>" for name in figures.WORDS} | {"learned": "{name} {r}"}
    figure = figures.estimates([lane()], {"truth": 1.0}, seconds=1, words=words)
    assert {trace.name for trace in figure.data if trace.name} == {"<info_nce>", "<truth>"}
