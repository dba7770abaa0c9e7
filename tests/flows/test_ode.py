"""The solver against closed forms: its order, its way back, the log-determinant of a linear flow."""

import math
from itertools import pairwise

import torch

from playground.flows.ode import carry

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
