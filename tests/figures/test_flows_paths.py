"""The figures of flow matching: points move along their paths, colours say who crosses, rounds are where they are."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from playground import flows
from playground.figures.flows_paths import FRAMES, LINES, hurried, paths, rounds

PICTURE = flows.log_prob_grid(flows.density("moons"), n=20)


@pytest.fixture(scope="module")
def seen():
    flow = flows.build("rectified", hidden=16)
    list(flows.fit(flow, flows.density("moons"), steps=60))
    return flows.journey(flow, flows.density("moons"), points=200, steps=64)


def test_points_move_along_their_paths(seen):
    figure = paths(seen, PICTURE, extent=flows.EXTENT)
    assert len(figure.frames) == FRAMES
    for frame, k in ((figure.frames[0], 0), (figure.frames[-1], 64)):
        np.testing.assert_allclose(frame.data[1].x, seen.paths[k, :, 0])
        arrows = np.reshape([frame.data[0].x, frame.data[0].y], (2, -1, 6))
        along = arrows[:, :, 1] - arrows[:, :, 0]
        speed = np.linalg.norm(seen.velocity[k], axis=1)
        np.testing.assert_allclose(
            np.linalg.norm(along, axis=0) * speed.max(), speed * np.hypot(*along).max(), rtol=1e-3
        )
    assert [figure.data[i].type for i in figure.frames[0].traces] == ["scatter", "scatter"]
    assert figure.frames[0].name == "0.00"
    assert figure.frames[-1].name == "1.00"


def test_a_path_has_the_colour_of_its_crossings(seen):
    crossed = np.zeros(200, dtype=int)
    crossed[:3], crossed[3:5] = 1, 150
    figure = paths(replace(seen, crossed=crossed), PICTURE, extent=flows.EXTENT)
    lines = [int(np.isnan(np.asarray(figure.data[i].x, dtype=float)).sum()) for i in (1, 2, 3)]
    assert lines == [LINES - 5, 3, 2]
    assert len({figure.data[i].line.color for i in (1, 2, 3)}) == 3


def test_rounds_and_what_they_cost(seen):
    both = [
        SimpleNamespace(number=0, journey=seen, kl=0.1),
        SimpleNamespace(number=1, journey=replace(seen, straightness=0.01), kl=None),
    ]
    figure = rounds(both, distilled=0.3)
    named = {trace.name: trace for trace in figure.data}
    assert list(named["S"].y) == [seen.straightness, 0.01]
    assert list(named["KL, nats"].y) == [0.1, None]
    assert list(named["round 1"].x) == [1, 2, 4, 8]
    assert list(named["distilled"].y) == [0.3]
    assert list(named["lines taught"].y) == [seen.taught_crossing_pairs] * 2
    assert "KL, nats" not in {trace.name for trace in rounds(both[1:]).data}


def test_samples_stand_over_their_density():
    view = SimpleNamespace(points=np.ones((5, 2), dtype=np.float32))
    figure = hurried(view, PICTURE, extent=flows.EXTENT)
    assert [trace.type for trace in figure.data] == ["heatmap", "scatter"]
    assert len(figure.data[1].x) == 5
