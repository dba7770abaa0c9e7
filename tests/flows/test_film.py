"""The film of a flow's layers agrees with the flow itself."""

import numpy as np
import pytest
import torch

from playground import flows


@pytest.mark.parametrize("name", flows.FLOWS)
def test_film(name):
    density, flow = flows.density("eight_gaussians"), flows.build(name, layers=2, seed=3)
    list(flows.fit(flow, density, steps=3))
    views = flows.film(flow, density, points=100, lines=5, field=12, seed=1)
    assert len(views) == len(flow.transforms) + 1
    assert [view.name for view in views] == ["data", *(type(t).__name__ for t in flow.transforms)]
    x = density.sample(100, flows.generator(1))
    with torch.no_grad():
        z, _ = flow(x)
    np.testing.assert_array_equal(views[0].points, x.numpy())
    np.testing.assert_allclose(views[-1].points, z.numpy(), atol=1e-5)
    assert not views[0].log_det.any()
    # the last field is log q - log N of the cells' latents; the top row of the picture is the largest y
    axis = (torch.arange(12) + 0.5) / 12 * 6 - 3
    corner = torch.stack([axis[:1], axis[-1:]], dim=1)
    with torch.no_grad():
        z, log_det = flow(corner)
    np.testing.assert_allclose(views[-1].log_det[0, 0], log_det.item(), atol=1e-4)


def test_lines_are_a_square_grid_first():
    views = flows.film(flows.build("spline"), flows.density("moons"), lines=5)
    lines = views[0].lines
    assert lines.shape == (10, 33, 2)
    for i, at in enumerate(np.linspace(-3, 3, 5)):
        np.testing.assert_allclose(lines[i, :, 0], at, atol=1e-6)
        np.testing.assert_allclose(lines[5 + i, :, 1], at, atol=1e-6)
