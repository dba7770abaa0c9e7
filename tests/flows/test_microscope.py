"""The microscope sees what is there: equal determinants in a sound layer, a difference in a broken one."""

import numpy as np
import pytest
import torch

from playground import flows

JOURNEYS = ("ffjord", *flows.MATCHING)


@pytest.mark.parametrize("name", flows.FLOWS)
def test_sound_flows(name):
    flow = flows.build(
        name, layers=2, seed=2, **({"steps": 8} if name in JOURNEYS else {})
    )  # else its solver errs 1e-3
    list(flows.fit(flow, flows.density("moons"), steps=5))
    before = [p.clone() for p in flow.parameters()]
    report = flows.inspect(flow, flows.density("moons").sample(32, flows.generator(0)))
    assert [layer.index for layer in report.layers] == list(range(1, len(flow.transforms) + 1))
    assert report.continuous == (name in JOURNEYS)
    # FFJORD's trace is integrated by the same solver as its path: equal up to the step error
    assert all(layer.error < (1e-4 if name in JOURNEYS else 1e-8) for layer in report.layers)
    assert all(layer.round_trip < 1e-6 for layer in report.layers)
    assert all(torch.equal(p, q) for p, q in zip(flow.parameters(), before, strict=True))
    assert next(flow.parameters()).dtype == torch.float32


def test_layers_sum_to_the_whole():
    flow, x = flows.build("realnvp", layers=3, seed=1), flows.density("moons").sample(16, flows.generator(0))
    report = flows.inspect(flow, x)
    with torch.no_grad():
        logdet = flow.double()(x.double())[1]
    np.testing.assert_allclose(sum(layer.autograd for layer in report.layers), logdet.numpy(), atol=1e-9)


def test_finer_steps_leave_the_solvers_error_behind():
    """A continuous flow's two determinants differ by the error of order four of its solver."""
    flow, x = flows.build("ffjord", seed=2), flows.density("moons").sample(32, flows.generator(0))
    list(flows.fit(flow, flows.density("moons"), steps=60))
    steps = [segment.steps for segment in flow.transforms]
    coarse, fine = flows.inspect(flow, x), flows.inspect(flow, x, finer=8)
    assert 8**3 < coarse.error / fine.error < 8**5
    assert fine.round_trip < coarse.round_trip / 8**3
    assert [segment.steps for segment in flow.transforms] == steps, "the flow itself is left as it is"


class Wrong(torch.nn.Module):
    """Twice the plane, but half the determinant."""

    def __init__(self):
        super().__init__()
        self.one = torch.nn.Parameter(torch.ones(()))

    def forward(self, x):
        return 2 * self.one * x, torch.full((len(x),), np.log(2.0), dtype=x.dtype)

    def inverse(self, z):
        return z / 2 + 1e-3, torch.zeros(len(z), dtype=z.dtype)


def test_broken_layer_is_seen():
    report = flows.inspect(flows.Flow([Wrong()], dim=2), torch.zeros(4, 2))
    assert report.layers[0].error == pytest.approx(np.log(2))
    assert report.round_trip == pytest.approx(1e-3)


def test_flow_without_inverse():
    flow = flows.build("planar", layers=6, seed=5, constrained=False)
    list(flows.fit(flow, flows.density("moons"), steps=60))
    report = flows.inspect(flow, flows.density("moons").sample(8, flows.generator(0)))
    assert np.isnan(report.round_trip)
    assert report.error < 1e-8


def test_mass_of_the_normal():
    assert flows.mass(flows.build("spline")) == pytest.approx(1, abs=1e-6)
