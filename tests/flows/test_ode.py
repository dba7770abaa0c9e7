"""The solver against closed forms: its order, its way back, the log-determinant of a linear flow."""

import math
from itertools import pairwise

import pytest
import torch

from playground.flows.ode import METHODS, carry, walk

A = torch.tensor([[-0.5, 2.0], [-1.0, 0.3]], dtype=torch.float64)
X = 0.7 * torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def spiral(x, t):
    """dx/dt = (1 + t) A x, which commutes with itself at every time: the solution is an exponential."""
    return (1 + t) * x @ A.T, (1 + t) * A.trace().expand(len(x))


def pull(x, t):
    """dx/dt = -cos(t) x^3 / 2, so that x = x0 / sqrt(1 + x0^2 sin t); log |dx/dx0| is -3/2 log(1 + x0^2 sin t)."""
    return -math.cos(t) * x**3 / 2, (-1.5 * math.cos(t) * x**2).sum(1)


def orders(errors):
    return [math.log2(a / b) for a, b in pairwise(errors)]


def test_order_four_on_a_linear_flow():
    start, stop = 0.25, 1.5
    expected = X @ torch.linalg.matrix_exp((stop + stop**2 / 2 - start - start**2 / 2) * A).T
    errors = [
        (carry(spiral, X, start=start, stop=stop, steps=n)[0] - expected).abs().max().item() for n in (8, 16, 32, 64)
    ]
    assert all(3.8 < order < 4.3 for order in orders(errors)), errors
    integral = carry(spiral, X, start=start, stop=stop, steps=3)[1]  # of a polynomial of degree one: no error at all
    exact = (stop + stop**2 / 2 - start - start**2 / 2) * A.trace()
    torch.testing.assert_close(integral, exact.expand(50), atol=1e-14, rtol=0)


def test_order_four_of_the_log_determinant_of_a_curved_flow():
    grown = 1 + X.square() * math.sin(1.0)
    errors = []
    for n in (16, 32, 64, 128):
        x, integral = carry(pull, X, start=0.0, stop=1.0, steps=n)
        errors.append((integral + 1.5 * grown.log().sum(1)).square().mean().sqrt().item())
    assert all(3.8 < order < 4.4 for order in orders(errors)), errors
    torch.testing.assert_close(x, X / grown.sqrt(), atol=1e-9, rtol=0)


def test_the_way_back():
    z, forth = carry(pull, X, start=0.0, stop=1.0, steps=200)
    x, back = carry(pull, z, start=1.0, stop=0.0, steps=200)
    torch.testing.assert_close(x, X, atol=1e-8, rtol=0)
    torch.testing.assert_close(back, -forth, atol=1e-8, rtol=0)


def test_dtype_is_that_of_the_points():
    x, integral = carry(pull, X.float(), start=0.0, stop=1.0, steps=2)
    assert (x.dtype, integral.dtype) == (torch.float32, torch.float32)


@pytest.mark.parametrize("method", [name for name, tableau in METHODS.items() if not tableau.error])
def test_each_method_has_its_order(method):
    slope = lambda state, t: (spiral(state[0], t)[0],)  # noqa: E731
    expected = X @ torch.linalg.matrix_exp(1.5 * A).T
    errors = []
    for n in (32, 64, 128):
        *_, (t, (end,)) = walk(slope, (X,), start=0.0, stop=1.0, steps=n, method=method)
        errors.append((end - expected).abs().max().item())
    assert t == 1.0
    assert all(abs(order - METHODS[method].order) < 0.3 for order in orders(errors)), errors


def test_adaptive_steps_keep_their_tolerance_and_stop_where_there_is_no_way():
    slope = lambda state, t: (spiral(state[0], t)[0],)  # noqa: E731
    expected = X @ torch.linalg.matrix_exp(1.5 * A).T
    taken = []
    for tolerance in (1e-4, 1e-7, 1e-10):
        way = list(walk(slope, (X,), start=0.0, stop=1.0, steps=1, method="adaptive", tolerance=tolerance))
        assert (way[-1][1][0] - expected).abs().max() < 20 * tolerance
        taken.append(len(way))
    assert taken[0] < taken[1] < taken[2]
    grows = lambda state, _: (state[0] ** 2,)  # noqa: E731  # 1 / (1 - t) ends at t = 1
    with pytest.raises(FloatingPointError, match="came no further than t = 1"):
        list(walk(grows, (torch.ones(1, 1, dtype=torch.float64),), start=0.0, stop=2.0, steps=4, method="adaptive"))
