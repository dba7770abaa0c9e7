"""Each path's derivatives against autograd, its ends, and its refusals."""

import math

import pytest
import torch

from playground.flows.interpolants import INTERPOLANTS, interpolant

OPTIONS = {"rectified": {"sigma": 0.1}, "target": {"sigma": 0.05}, "bridge": {"sigma": 0.7}, "stochastic": {"a": 2.0}}


def batch(n=64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x0, x1, eps = (torch.randn(n, 2, generator=generator, dtype=torch.float64) for _ in range(3))
    return x0, x1, eps, 0.02 + 0.96 * torch.rand(n, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("name", INTERPOLANTS)
def test_the_velocity_is_the_derivative_of_the_path(name):
    path = interpolant(name, **OPTIONS.get(name, {}))
    x0, x1, eps, t = batch()
    point = lambda at: path.point(x0, x1, at, eps)  # noqa: E731
    _, along = torch.func.jvp(point, (t,), (torch.ones_like(t),))
    torch.testing.assert_close(path.velocity(x0, x1, t, eps), along, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("name", INTERPOLANTS)
def test_it_goes_from_the_source_to_the_data(name):
    path = interpolant(name)
    x0, x1, eps, _ = batch()
    for at, end in ((0.0, x0), (1.0, x1)):
        t = torch.full((64,), at, dtype=torch.float64)
        torch.testing.assert_close(path.point(x0, x1, t, eps), end, atol=1e-12, rtol=0)


def test_trig_keeps_the_variance_and_target_ends_in_a_small_gaussian():
    t = torch.linspace(0, 1, 9, dtype=torch.float64)
    trig = interpolant("trig")
    torch.testing.assert_close(trig.alpha(t).square() + trig.beta(t).square(), torch.ones(9, dtype=torch.float64))
    assert float(interpolant("target", sigma=0.1).alpha(torch.tensor(1.0))) == pytest.approx(0.1)


def test_the_bridge_is_brownian_in_between():
    """gamma^2 = sigma^2 t (1 - t), the variance of a Brownian motion tied at both ends."""
    path = interpolant("bridge", sigma=0.8)
    t = torch.tensor([0.1, 0.5, 0.9])
    torch.testing.assert_close(path.gamma(t).square(), 0.64 * t * (1 - t))
    assert path.spread == pytest.approx(0.8)
    assert math.isfinite(float(path.d_gamma(torch.tensor(0.0))))


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("cubic", {}, "no interpolant is called 'cubic'; choose one of rectified, target"),
        ("rectified", {"sigma": -0.1}, "sigma must lie between"),
        ("bridge", {"sigma": 0.0}, "sigma must lie between"),
        ("stochastic", {"a": math.nan}, "a must lie between"),
    ],
)
def test_refusals(name, options, words):
    with pytest.raises(ValueError, match=words):
        interpolant(name, **options)
