"""Figures of the Diffusion tab: the film ends on one curve, gaps are where they are said, nothing infinite is drawn."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from playground import diffusion
from playground.figures.colours import QUALITATIVE
from playground.figures.diffusion import FRAMES, one_curve
from playground.figures.diffusion_arena import chart
from playground.figures.diffusion_dial import dialled
from playground.figures.diffusion_learned import WORDS as LEARNED_WORDS
from playground.figures.diffusion_learned import learned
from playground.figures.diffusion_rows import PLACES, profiles

ROWS = [diffusion.ROWS[name] for name in ("ddpm", "flow", "edm")]
NAMES = ["DDPM", "Flow matching", "EDM"]
PICTURE = diffusion.log_prob_picture(diffusion.target("moons"), 3.6, n=20)


@pytest.fixture(scope="module")
def bundle():
    *_, end = diffusion.push(diffusion.target("moons"), ROWS, steps=8)
    return end


def test_film_goes_from_raw_to_one_curve(bundle):
    figure = one_curve(bundle.paths, PICTURE, names=NAMES)
    assert len(figure.frames) == FRAMES
    first, last = figure.frames[0].data, figure.frames[-1].data
    for path, raw, unified in zip(bundle.paths, first, last, strict=True):
        steps, points = path.x_hat.shape[:2]
        shape = (points, steps + 1)
        np.testing.assert_allclose(np.reshape(raw.x, shape)[:, :-1], path.at(0)[..., 0].T, rtol=1e-6)
        np.testing.assert_allclose(np.reshape(unified.y, shape)[:, :-1], path.x_hat[..., 1].T, rtol=1e-6)
        assert np.isnan(np.reshape(raw.x, shape)[:, -1]).all(), "a gap after each path"
    np.testing.assert_allclose(last[0].x, last[1].x, rtol=1e-5)
    assert np.nanmax(np.abs(np.subtract(first[0].x, first[1].x))) > 0.1
    assert list(figure.frames[0].traces) == [1, 2, 3], "the density, trace 0, stays"
    np.testing.assert_array_equal(figure.data[1].x, first[0].x)


def test_gaps_are_drawn_from_the_second_row_on(bundle):
    figure = one_curve(bundle.paths, PICTURE, names=NAMES)
    gaps = [trace for trace in figure.data if trace.xaxis == "x2"]
    assert [trace.name for trace in gaps] == NAMES[1:]
    np.testing.assert_allclose(gaps[0].y, np.maximum(bundle.paths[1].gap, 1e-15))
    assert min(gaps[0].x) > 0, "sigma 0 has no place on a logarithmic axis"
    exact = one_curve(bundle.paths, PICTURE, names=NAMES, exact=True)
    assert len([trace for trace in exact.data if trace.xaxis == "x2"]) == 3


def test_a_row_has_one_colour_everywhere(bundle):
    curves = profiles([diffusion.profile(row) for row in ROWS], names=NAMES)
    film = one_curve(bundle.paths, PICTURE, names=NAMES)
    for i, name in enumerate(NAMES):
        seen = {trace.line.color for figure in (curves, film) for trace in figure.data if trace.name == name}
        seen |= {trace.marker.color for trace in curves.data if trace.name == name}
        assert seen - {None} == {QUALITATIVE[i]}


def test_profiles_have_eleven_panels_and_mark_the_level():
    figure = profiles([diffusion.profile(row, steps=7) for row in ROWS], names=NAMES, sigma=2.0)
    assert len(figure.data) == len(PLACES) * len(ROWS) == 33
    assert len(figure.layout.shapes) == 8  # every panel over sigma
    assert {shape.x0 for shape in figure.layout.shapes} == {2.0}
    steps = [trace for trace in figure.data if trace.mode == "markers"]
    assert [len(trace.x) for trace in steps] == [7, 7, 7]
    heard = [trace for trace in figure.data if trace.customdata is not None and trace.yaxis == "y8"]
    assert len(heard) == 3
    for trace in heard:  # c_noise over its own range, read in its own numbers
        assert (min(trace.y), max(trace.y)) == (0, 1)
        assert max(trace.customdata) != 1
    narrow = figure.layout.meta["narrow"]
    assert {key for key in narrow if key.startswith("xaxis")} == {"xaxis", *(f"xaxis{i}" for i in range(2, 12))}


def dot(nfe, rms, samples=None):
    points = np.full((3, 2), 0.5) if samples is None else samples
    return SimpleNamespace(nfe=nfe, rms=rms, samples=points)


def test_chart_leaves_out_what_is_infinite():
    lines = {"DDIM": [dot(4, 0.3), dot(8, 0.1)], "Heun": [dot(3, math.inf), dot(7, 40.0)]}
    figure = chart(lines, PICTURE, distilled={"Distilled": [dot(6, 0.001)]}, hand=dot(5, 0.2))
    drawn = {trace.name: (list(trace.x), list(trace.y)) for trace in figure.data if trace.xaxis == "x"}
    assert drawn["DDIM"] == ([4, 8], [0.3, 0.1])
    assert drawn["Heun"] == ([7], [40.0])
    assert drawn["Distilled"] == ([6], [0.001])
    assert figure.layout.yaxis.range[0] < -3 < 0 < figure.layout.yaxis.range[1]


def test_chart_joins_samples_with_their_ends():
    samples, ends = np.array([[0.0, 1.0], [2.0, 3.0]]), np.array([[0.1, 1.1], [2.1, 3.1]])
    shown = dot(8, 0.1, samples)
    figure = chart({"DDIM": [shown]}, PICTURE, shown=("DDIM", shown), ends=ends)
    line, points = [trace for trace in figure.data if trace.xaxis == "x2"][1:]
    np.testing.assert_allclose(np.reshape(line.x, (2, 3))[:, :2], [[0.1, 0.0], [2.1, 2.0]], rtol=1e-6)
    np.testing.assert_allclose(points.y, [1, 3])
    broken = dot(8, math.inf, np.full((2, 2), np.nan))
    assert len(chart({"DDIM": [broken]}, PICTURE, shown=("DDIM", broken), ends=ends).data) == 3


@pytest.mark.parametrize("count", [0, 2, 4])
def test_dial_shows_what_there_is(count):
    *_, run = diffusion.dial(diffusion.target("moons"), steps=10, samples=100)
    figure = dialled(run.paths, run.marginals[:count], PICTURE)
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert len(bars) == count
    for trace, look in zip(bars, run.marginals, strict=False):
        np.testing.assert_array_equal(trace.y, look.histogram)
        assert trace.width == pytest.approx(np.diff(look.edges)[0])
    assert figure.to_json()


def test_a_network_that_learns_is_shown_whole():
    target = diffusion.target("moons")
    frames = list(diffusion.learn(target, diffusion.ROWS["edm"], steps=60, width=16, depth=2))
    before, after = learned(frames[0], PICTURE), learned(frames[-1], PICTURE)
    traces = {trace.name: trace for trace in after.data if trace.name}
    errors = frames[-1].errors
    np.testing.assert_allclose(traces[LEARNED_WORDS["network"]].y, errors.loss, rtol=1e-6)
    np.testing.assert_allclose(traces[LEARNED_WORDS["excess"]].y, errors.model_error**2, rtol=1e-6)
    assert list(traces[LEARNED_WORDS["solver"]].y) == [split.solver_median for split in frames[-1].splits]
    assert LEARNED_WORDS["later"] in [note.text for note in before.layout.annotations]
    assert LEARNED_WORDS["later"] not in [note.text for note in after.layout.annotations]
    assert len(after.layout.meta["narrow"]["annotations"]) == 4
