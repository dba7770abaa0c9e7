"""The grid of log-densities: its order, its values, its refusals, the memory it leaves alone."""

import math

import numpy as np
import pytest
import torch

from playground.figures.stage import grid
from playground.flows.build import build
from playground.flows.density import density
from playground.flows.grid import CHUNK, log_prob_grid


class Ramp:
    """log p(x, y) = x + 10 y, so that every cell tells where it is."""

    def log_prob(self, x):
        return x[:, 0] + 10 * x[:, 1]


class Constant:
    def __init__(self, value):
        self.value = value

    def log_prob(self, x):
        return None if self.value is None else torch.full((len(x),), self.value)


def test_row_zero_is_the_top_and_cells_are_centred():
    got = log_prob_grid(Ramp(), n=4, extent=2.0)
    x = np.array([-1.5, -0.5, 0.5, 1.5])
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, x[None, :] + 10 * x[::-1, None], rtol=1e-6)


@pytest.mark.parametrize("n", [1, 7, 64])
def test_order_is_that_of_the_stage(n):
    xy = grid(n, 3.0)
    np.testing.assert_allclose(log_prob_grid(Ramp(), n=n).ravel(), xy[:, 0] + 10 * xy[:, 1], atol=1e-5)


def test_chunks_join_to_what_one_call_gives():
    flow = build("spline", bins=8).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in flow.parameters():
            p.copy_(torch.randn(p.shape, generator=generator, dtype=p.dtype))
    n = 210
    assert CHUNK < n * n < 2 * CHUNK, "two chunks, the second shorter"
    axis = (torch.arange(n).double() + 0.5) * (6 / n) - 3
    xy = torch.stack(torch.meshgrid(axis, axis.flip(0), indexing="xy"), -1).view(-1, 2)
    np.testing.assert_allclose(log_prob_grid(flow, n=n).ravel(), flow.log_prob(xy).detach().numpy(), atol=1e-5)


def test_density_integrates_to_one_and_may_be_zero_somewhere():
    log_p = log_prob_grid(density("checkerboard"), n=200)
    assert np.isneginf(log_p).any()
    assert abs(np.exp(log_p.astype(np.float64)).sum() * (6 / 200) ** 2 - 1) < 0.02


def test_no_graph_is_kept():
    flow = build("spline")
    seen = []
    flow.register_forward_hook(lambda *call: seen.append(call[2][0].requires_grad))
    log_prob_grid(flow, n=8)
    assert seen == [False]
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_diverged_flow_is_an_error(value):
    with pytest.raises(FloatingPointError, match="9 of 9"):
        log_prob_grid(Constant(value), n=3)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (Ramp(), {"n": 0}, "between 1 and 4096, not 0"),
        (Ramp(), {"n": 4097}, "not 4097"),
        (Ramp(), {"extent": 0.0}, "positive and finite, not 0.0"),
        (Ramp(), {"extent": math.nan}, "not nan"),
        (Constant(None), {}, "no closed form"),
    ],
)
def test_refusals(model, options, message):
    with pytest.raises(ValueError, match=message):
        log_prob_grid(model, **options)
