"""The films of the road and of heat: frames are where they are said, there and back, and the numbers beside them."""

import numpy as np
import pytest

from playground import diffusion
from playground.figures.diffusion_heat import WINDOW, errors, film
from playground.figures.diffusion_road import road

PICTURE = diffusion.log_prob_picture(diffusion.target("moons"), 3.6, n=20)
LEVELS = (0.2, 0.5, 1.0)


def test_the_road_is_a_film_over_eta():
    milestones = list(diffusion.road(diffusion.target("moons"), steps=8, samples=50))
    figure = road(milestones, PICTURE)
    assert [frame.name for frame in figure.frames] == ["1", "0.8", "0.6", "0.4", "0.2", "0", "ODE"]
    for frame, one in zip(figure.frames, milestones, strict=True):
        np.testing.assert_allclose(frame.data[3].x, one.paths[:, 3, 0], rtol=1e-6)
    assert list(figure.frames[0].traces) == list(range(1, 1 + milestones[0].paths.shape[1]))
    named = {trace.name: trace for trace in figure.data if trace.name}
    assert list(named["distance of the marginals"].y) == [one.distance for one in milestones]
    assert list(named["spread of ends with one start"].y) == [one.spread for one in milestones]


@pytest.fixture(scope="module")
def frames():
    return list(diffusion.heat(diffusion.target("moons"), LEVELS, n=64))


def test_heat_goes_there_and_back(frames):
    back = diffusion.reversed_heat(diffusion.target("moons"), frames[-1].walkers, LEVELS)
    figure = film(frames, back)
    assert [frame.name for frame in figure.frames] == ["0.2 →", "0.5 →", "1 →", "1 ←", "0.5 ←", "0.2 ←"]
    np.testing.assert_allclose(figure.frames[1].data[2].x, frames[1].walkers[:500, 0], rtol=1e-6)
    np.testing.assert_allclose(figure.frames[-1].data[2].x, back[-1][:500, 0], rtol=1e-6)
    exact = figure.frames[2].data[0]
    assert np.max(exact.z) > 200
    assert abs(exact.x[0]) <= WINDOW
    assert list(exact.y) == list(reversed(exact.x)), "row 0 is on top"


def test_arrows_point_up_the_density(frames):
    figure = film(frames, [frame.walkers for frame in frames])
    arrows = np.reshape([figure.frames[0].data[1].x, figure.frames[0].data[1].y], (2, -1, 6))
    along = (arrows[:, :, 1] - arrows[:, :, 0]).T
    seen = (np.abs(frames[0].at) < WINDOW).all(1)
    score = frames[0].score[seen]
    cosine = (along * score).sum(1) / (np.linalg.norm(along, axis=1) * np.linalg.norm(score, axis=1))
    assert cosine.min() > 0.999


def test_errors_leave_out_the_level_that_is_given(frames):
    line = errors(frames).data[0]
    assert list(line.x) == [0.5, 1.0]
    assert list(line.y) == [100 * frame.error for frame in frames[1:]]
