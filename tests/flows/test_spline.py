"""The parts of the spline flow: features of the lattice and their gradients, rotations, couplings, what it refuses."""

import math

import pytest
import torch

from playground.flows.build import build
from playground.flows.spline import Lattice, Rotation, spline

BOUND = 3.5


def points(n, d, seed=0):
    return 2 * torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def lattice(features=7, out=5):
    made = Lattice(features, out, BOUND).double()
    made.weight.data = points(out, features, seed=1)
    return made


def test_lattice_is_its_definition():
    made, x = lattice(), points(60, 1)
    centres, radius = torch.linspace(-BOUND, BOUND, 7).double(), 2 * BOUND / 6
    phi = (-0.5 * ((x.clamp(-BOUND, BOUND) - centres) / radius).square()).softmax(1)
    torch.testing.assert_close(made(x), (phi @ made.weight.T).T, atol=1e-12, rtol=0)


def test_gradients_of_the_lattice():
    made, x = lattice(), points(60, 1).requires_grad_()
    assert (x.abs() > BOUND).any(), "points beyond the lattice belong to the test"
    assert torch.autograd.gradcheck(
        lambda x, weight: torch.func.functional_call(made, {"weight": weight}, x), (x, made.weight)
    )


@pytest.mark.parametrize("dim", [2, 3, 5])
def test_rotation_is_orthogonal_and_turns_by_its_parameters(dim):
    rotation = Rotation(dim).double()
    rotation.skew.data = points(1, len(rotation.skew))[0]
    Q = rotation.matrix()
    torch.testing.assert_close(Q @ Q.T, torch.eye(dim, dtype=Q.dtype), atol=1e-12, rtol=0)
    torch.testing.assert_close(torch.linalg.det(Q).abs(), torch.ones((), dtype=Q.dtype))
    if dim == 2:
        rotation.skew.data.fill_(0.3)
        x, _ = rotation(torch.tensor([[1.0, 0.0]], dtype=Q.dtype))
        torch.testing.assert_close(x[0], torch.tensor([math.cos(0.3), math.sin(0.3)], dtype=Q.dtype), atol=1e-6, rtol=0)


@pytest.mark.parametrize("dim", [2, 3, 5])
def test_couplings_take_turns_on_the_halves(dim):
    flow = build("spline", dim, layers=2).double()
    for p in flow.parameters():
        p.data = 0.3 * torch.randn(p.shape, generator=torch.Generator().manual_seed(1), dtype=p.dtype)
    x, half = points(20, dim), dim - dim // 2
    first, second = flow.layers(x)[1:]
    assert torch.equal(first[:, half:], x[:, half:])
    assert torch.equal(second[:, :half], first[:, :half])
    assert (first[:, :half] - x[:, :half]).abs().max() > 0.01
    assert (second[:, half:] - first[:, half:]).abs().max() > 0.01


def test_a_new_flow_is_a_rotation():
    flow, x = build("spline").double(), points(30, 2)
    z, logdet = flow(x)
    torch.testing.assert_close(z.norm(dim=1), x.norm(dim=1))
    torch.testing.assert_close(logdet, torch.zeros(30, dtype=torch.float64))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bins": 1}, "2 and 512, not 1"),
        ({"bins": 513}, "not 513"),
        ({"bound": 0.0}, "bound must be"),
        ({"bound": math.nan}, "bound must be"),
        ({"features": 1}, "features >= 2"),
        ({"hidden": 0}, "hidden >= 1"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        spline(**options)
