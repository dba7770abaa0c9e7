"""Flow matching: densities against closed forms, divergences against autograd, training, reflow, one step, refusals."""

import copy
import math

import pytest
import torch
from torch import nn

from playground import flows
from playground.flows.coupling import wasserstein
from playground.flows.interpolants import interpolant
from playground.flows.matching import Matching, build_matching
from playground.flows.ode import divergence_of
from playground.flows.one_step import OneStep, distil
from playground.flows.velocity import VelocityNet

MEAN = torch.tensor([0.7, -0.4], dtype=torch.float64)
SCALE = torch.tensor([0.5, 1.3], dtype=torch.float64)


class Gaussian:
    """The density N(MEAN, diag(SCALE^2))."""

    name, entropy = "gaussian", None

    def sample(self, n, generator=None):
        return (MEAN + SCALE * torch.randn(n, 2, generator=generator, dtype=torch.float64)).float()

    def log_prob(self, x):
        z = (x - MEAN.to(x)) / SCALE.to(x)
        return -0.5 * z.square().sum(1) - SCALE.log().sum().to(x) - math.log(2 * math.pi)


class Exact(nn.Module):
    """E[x1 - x0 | x_t] for x0 ~ N(0, I) and x1 ~ N(MEAN, diag(SCALE^2)), x_t = (1 - t) x0 + t x1."""

    dim, heads = 2, 1

    def __init__(self):
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def forward(self, x, t):
        t = torch.as_tensor(t, dtype=x.dtype).reshape(-1, 1)
        variance = (1 - t) ** 2 + t**2 * SCALE**2
        return MEAN + (t * SCALE**2 - (1 - t)) / variance * (x - t * MEAN)

    def field(self):
        return divergence_of(self, 2)


def exact():
    return Matching(Exact(), interpolant("rectified"), coupling="independent", source=None, layers=8)


def roughened(net, seed=0):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(0.4 * torch.randn(p.shape, generator=generator, dtype=p.dtype))
    return net


def points(n, dim=2, seed=1):
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_log_density_of_a_gaussian_is_the_closed_form():
    flow, x = exact(), MEAN + SCALE * points(400)
    torch.testing.assert_close(flow.log_prob(x), Gaussian().log_prob(x), atol=1e-4, rtol=0)
    z, _ = flow(x)
    torch.testing.assert_close(z, (x - MEAN) / SCALE, atol=1e-4, rtol=0)  # the map is affine, as transport's is


@pytest.mark.parametrize("solver", flows.METHODS)
def test_every_solver_comes_to_the_same_end(solver):
    z = points(200)
    steps = {"euler": 4000, "midpoint": 200, "heun": 200, "rk4": 40, "adaptive": 4}[solver]
    end = exact().trajectory(z, steps, solver=solver)[-1]
    torch.testing.assert_close(end, MEAN + SCALE * z, atol=2e-3 if solver == "euler" else 2e-4, rtol=0)


def test_the_score_is_that_of_the_gaussian_in_between():
    x, t = points(100), 0.6
    variance = (1 - t) ** 2 + t**2 * SCALE**2
    torch.testing.assert_close(exact().score(x, t), -(x - t * MEAN) / variance, atol=1e-10, rtol=1e-10)


def test_noise_on_the_way_keeps_the_marginals():
    end = exact().wander(points(20_000), 200, epsilon=2.0, generator=torch.Generator().manual_seed(2))[-1]
    torch.testing.assert_close(end.mean(0), MEAN, atol=0.05, rtol=0)
    torch.testing.assert_close(end.std(0), SCALE, atol=0.03, rtol=0.02)


def test_the_divergence_of_the_network_is_autograds():
    net, x = roughened(VelocityNet(2, 16).double()), points(30)
    value, divergence = net.field()(x, 0.3)
    torch.testing.assert_close(value, net(x, 0.3))
    jacobian = torch.func.vmap(torch.func.jacrev(lambda one: net(one[None], 0.3)[0]))(x)
    torch.testing.assert_close(divergence, jacobian.diagonal(dim1=1, dim2=2).sum(1), atol=1e-10, rtol=1e-8)
    general = divergence_of(net, 2)(x, 0.3)[1]
    torch.testing.assert_close(divergence, general, atol=1e-10, rtol=1e-8)


def test_beyond_eight_dimensions_the_divergence_is_estimated_without_bias():
    net, x = roughened(VelocityNet(12, 16).double()), points(3000, dim=12)
    exactly = divergence_of(net, 12)(x, 0.5)[1]
    for estimate in (net.field()(x, 0.5)[1], divergence_of(net, 12, probes=4)(x, 0.5)[1]):
        assert not torch.allclose(estimate, exactly, atol=1e-3)
        error = (estimate - exactly).std() / math.sqrt(len(x))
        assert abs((estimate - exactly).mean()) < 4 * error
    once = net.field()
    torch.testing.assert_close(once(x, 0.5)[1], once(x, 0.5)[1])  # one smooth function for a solver


@pytest.mark.parametrize("name", ["rectified", "ot_cfm", "target", "trig", "bridge", "stochastic"])
def test_it_learns_a_gaussian(name):
    options = {"coupling": "ot"} if name == "ot_cfm" else {}
    flow = build_matching("rectified" if name == "ot_cfm" else name, hidden=32, **options)
    records = list(flows.fit(flow, Gaussian(), steps=600 if name in ("ot_cfm", "bridge") else 1200))
    assert records[-1].kl < 0.05
    assert records[-1].nll == pytest.approx(
        records[-1].kl + float(SCALE.log().sum()) + math.log(2 * math.pi) + 1, abs=0.1
    )
    x = flow.sample(2000, torch.Generator().manual_seed(0), steps=20)
    torch.testing.assert_close(x.mean(0).double(), MEAN, atol=0.12, rtol=0)
    torch.testing.assert_close(x.std(0).double(), SCALE, atol=0.1, rtol=0.05)


def test_the_stochastic_interpolant_learns_the_score():
    flow = build_matching("stochastic", hidden=32)
    for _ in flows.fit(flow, Gaussian(), steps=1200):
        pass
    t, x = 0.5, points(500).float()
    variance = (1 - t) ** 2 + t**2 * SCALE**2 + t * (1 - t)  # and gamma^2
    expected = (-(x - t * MEAN) / variance).float()
    assert float((flow.score(x, t).detach() - expected).square().mean()) < 0.05 * float(expected.square().mean())


def test_any_density_can_be_the_source():
    flow = build_matching(source="moons", hidden=48)
    for _ in flows.fit(flow, flows.density("eight_gaussians"), steps=1500):
        pass
    generator = torch.Generator().manual_seed(3)
    z = flow.draw(800, generator)
    torch.testing.assert_close(flow.source.sample(800, torch.Generator().manual_seed(3)), z)
    truth = flows.density("eight_gaussians").sample(800, generator)
    before, after = wasserstein(z, truth), wasserstein(flow.trajectory(z, 32, solver="rk4")[-1], truth)
    assert after < 0.4 * before
    assert math.isfinite(float(flow.log_prob(truth).mean().detach()))
    assert len(flow.layers(truth)) == len(flow.transforms) + 1


def test_reflow_straightens_and_remembers_its_pairs():
    density = flows.density("moons")
    first = build_matching(hidden=48)
    for _ in flows.fit(first, density, steps=1200):
        pass
    second = first.reflow(4096, torch.Generator().manual_seed(0))
    z, end = second.kept
    torch.testing.assert_close(first.trajectory(z, 32, solver="rk4")[-1], end)
    for _ in flows.fit(second, density, steps=800):
        pass
    before, after = (flows.journey(flow, density, points=400, steps=32) for flow in (first, second))
    assert after.straightness < 0.2 * before.straightness
    assert first.straightness(400, steps=32) == pytest.approx(before.straightness, rel=0.2)
    assert after.taught_crossing_pairs < 0.2 * before.taught_crossing_pairs  # of independent pairs, then of a flow's
    assert before.crossing_pairs < 0.2 * before.taught_crossing_pairs
    assert after.distances[1] < 0.5 * before.distances[1]
    assert 1 <= after.length_ratio < before.length_ratio
    assert before.paths.shape == (33, 400, 2)
    assert second.config["rounds"] == 1

    one = OneStep(second)
    records = list(distil(one, second, steps=400, pairs=4096))
    assert records[-1].progress == 1
    truth = density.sample(400, torch.Generator().manual_seed(5))
    mapped = one.sample(400, torch.Generator().manual_seed(6))
    assert wasserstein(mapped, truth) < 0.35
    assert not any(torch.equal(a, b) for a, b in zip(one.flow.net.parameters(), second.net.parameters(), strict=True))


def test_a_run_is_repeated_by_its_seed_and_saved(tmp_path):
    def run():
        flow = build_matching("trig", hidden=16, layers=4, seed=5)
        last = list(flows.fit(flow, flows.density("ring"), steps=30, seed=2))[-1]
        return flow, last

    (one, a), (two, b) = run(), run()
    assert (a.loss, a.nll) == (b.loss, b.nll)
    flows.save(one, tmp_path / "kept")
    again = flows.load(tmp_path / "kept")
    assert again.config == two.config
    x = points(50).float()
    torch.testing.assert_close(again.log_prob(x), two.log_prob(x))
    torch.testing.assert_close(copy.deepcopy(one).log_prob(x), two.log_prob(x))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "curved"}, "no interpolant is called 'curved'"),
        ({"coupling": "best"}, "no coupling is called 'best'"),
        ({"source": "sun"}, "no density is called 'sun'"),
        ({"name": "target", "source": "moons"}, "is meant for a standard normal source"),
        ({"source": "moons", "dim": 3}, "dim must be 2, not 3"),
        ({"hidden": 0}, "hidden must lie between"),
        ({"layers": 65}, "layers must lie between"),
    ],
)
def test_refusals(options, words):
    with pytest.raises(ValueError, match=words):
        build_matching(**options)


def test_refusals_of_what_is_not_known():
    flow = build_matching(source="moons", hidden=8)
    with pytest.raises(ValueError, match="the score needs"):
        flow.score(points(3).float(), 0.5)
    with pytest.raises(ValueError, match="no method is called 'leap'"):
        flow.trajectory(points(3).float(), 4, solver="leap")
    with pytest.raises(ValueError, match="steps must lie between"):
        flow.sample(3, steps=0)
