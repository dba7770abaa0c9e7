"""One body for every flow, in float64: round trip, log-determinant, mass, gradients, seeds, save and load, layers."""

import math
from itertools import pairwise

import pytest
import torch

from playground import flows
from playground.flows.planar import NotInvertibleError

NUMERIC = {
    "planar": 1e-6,
    "ffjord": 1e-6,
    **dict.fromkeys(flows.MATCHING, 1e-6),
}  # inverses found by a solver; all others are closed forms
CLOSED = 1e-9
DIMS = (2, 3)
NETWORKS = ("nice", "realnvp", "glow", "maf", "ffjord", *flows.MATCHING)
OPTIONS = {
    "ffjord": {"steps": 8},
    **{name: {"steps": 16} for name in flows.MATCHING},
}  # in each segment: the solver's error is then below 1e-8
ROUGH = {"glow": 0.05, "planar": 0.3, "radial": 0.3, "spline": 0.2}  # added to the weights, 0.1 to others; in the plane


def rough(name, dim=2, layers=3, seed=0, **options):
    """A flow in float64 whose weights are far from where they start."""
    flow = flows.build(name, dim, seed=seed, layers=layers, **{**OPTIONS.get(name, {}), **options}).double()
    generator = torch.Generator().manual_seed(seed + 100)
    with torch.no_grad():
        for transform in flow.transforms:
            initialise = getattr(transform, "initialise", None)
            if initialise is not None:
                initialise(points(dim))
        for p in flow.parameters():
            p += (ROUGH.get(name, 0.1) if dim == 2 else 0.1) * torch.randn(p.shape, generator=generator, dtype=p.dtype)
    return flow


def points(dim, n=64, seed=7):
    return 1.5 * torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


each = pytest.mark.parametrize(("name", "dim"), [(name, dim) for name in flows.FLOWS for dim in DIMS])


@each
def test_round_trip(name, dim):
    flow, x = rough(name, dim), points(dim)
    with torch.no_grad():
        z, forth = flow(x)
        back, logdet = flow.inverse(z)
    assert (z - x).abs().max() > 0.01, "the flow does nothing"
    tolerance = NUMERIC.get(name, CLOSED)
    torch.testing.assert_close(back, x, atol=tolerance, rtol=0)
    torch.testing.assert_close(logdet, -forth, atol=10 * tolerance, rtol=0)


@each
def test_log_determinant_is_autograds(name, dim):
    flow, x = rough(name, dim), points(dim, n=16)
    _, logdet = flow(x)
    jacobian = torch.stack([torch.autograd.functional.jacobian(lambda row: flow(row[None])[0][0], row) for row in x])
    solver = 1e-6 if name in flows.MATCHING else 1e-8  # of a continuous flow it is the solver's error
    torch.testing.assert_close(logdet, torch.linalg.slogdet(jacobian)[1], atol=solver, rtol=0)


def test_ffjord_log_determinant_converges_at_its_solvers_order():
    """The solver's path is not quite the flow whose trace it integrates: halving the step divides the gap by 2^4."""
    x, errors = points(2, n=16), []
    flow = flows.build("ffjord", layers=2).double()
    with torch.no_grad():
        for p in flow.parameters():
            p += 0.3 * torch.randn(p.shape, generator=torch.Generator().manual_seed(1), dtype=p.dtype)
    for steps in (4, 8, 16):
        for segment in flow.transforms:
            segment.steps = steps
        J = torch.stack([torch.autograd.functional.jacobian(lambda row: flow(row[None])[0][0], row) for row in x])
        errors.append((flow(x)[1] - torch.linalg.slogdet(J)[1]).abs().max().item())
    assert errors[0] > 1e-7, "nothing to measure"
    assert min(math.log2(a / b) for a, b in pairwise(errors)) > 3.3, errors


def test_ffjord_keeps_its_mass_however_large_its_weights():
    """Training would grow them to where the solver errs in its favour; the bound on the field prevents it."""
    flow = flows.build("ffjord").double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in flow.parameters():
            p.copy_(torch.randn(p.shape, generator=generator, dtype=p.dtype))
        assert (flow(points(2))[0] - points(2)).abs().max() > 0.3
    assert flows.mass(flow, n=160, extent=8) == pytest.approx(1, abs=0.005)


@pytest.mark.parametrize("name", flows.FLOWS)
def test_density_integrates_to_one(name):
    slow = name in flows.MATCHING  # a smaller window, then
    flow = rough(name, **({"steps": 1 + slow} if slow or name == "ffjord" else {}))
    assert flows.mass(flow, n=200 if slow else 400, extent=12 if slow else 30) == pytest.approx(1, abs=0.01)


@each
def test_every_parameter_has_a_gradient(name, dim):
    flow = rough(name, dim)
    flow.log_prob(points(dim)).mean().backward()
    for key, p in flow.named_parameters():
        assert p.grad is not None, key
        assert torch.isfinite(p.grad).all(), key
        assert p.grad.abs().max() > 0, key


@pytest.mark.parametrize("name", flows.FLOWS)
def test_gradient_of_the_likelihood_is_its_slope(name):
    """Against central differences along one random direction of all weights."""
    flow, x = rough(name), points(2)
    direction = [
        torch.randn(p.shape, generator=torch.Generator().manual_seed(i), dtype=p.dtype)
        for i, p in enumerate(flow.parameters())
    ]
    flow.log_prob(x).mean().backward()
    slope = sum((p.grad * d).sum() for p, d in zip(flow.parameters(), direction, strict=True))
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            for p, d in zip(flow.parameters(), direction, strict=True):
                p += sign * 1e-6 * d
            values.append(flow.log_prob(x).mean())
            for p, d in zip(flow.parameters(), direction, strict=True):
                p -= sign * 1e-6 * d
    torch.testing.assert_close((values[0] - values[1]) / 2e-6, slope, atol=1e-5, rtol=1e-4)


@each
def test_log_prob_is_the_change_of_variables(name, dim):
    flow, x = rough(name, dim), points(dim)
    with torch.no_grad():
        z, logdet = flow(x)
        normal = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)
        torch.testing.assert_close(flow.log_prob(x), normal + logdet)


@each
def test_layers_lead_from_data_to_latent(name, dim):
    flow, x = rough(name, dim), points(dim)
    with torch.no_grad():
        places, logdets = flow.layers(x), flow.layer_logdets(x)
        z, logdet = flow(x)
    assert len(places) == len(logdets) == len(flow.transforms) + 1
    torch.testing.assert_close(places[0], x)
    torch.testing.assert_close(places[-1], z)
    torch.testing.assert_close(logdets[-1], logdet)
    assert not logdets[0].any()


@each
def test_save_and_load(name, dim, tmp_path):
    flow = rough(name, dim).float()
    flows.save(flow, tmp_path)
    again = flows.load(tmp_path)
    assert again.config == flow.config
    with torch.no_grad():
        torch.testing.assert_close(
            again.log_prob(points(dim).float()), flow.log_prob(points(dim).float()), atol=0, rtol=0
        )


@pytest.mark.parametrize("name", flows.FLOWS)
def test_seeds(name):
    def weights(seed):
        return torch.cat([p.detach().flatten() for p in flows.build(name, seed=seed).parameters()])

    state = torch.random.get_rng_state()
    assert torch.equal(weights(3), weights(3))
    assert torch.equal(torch.random.get_rng_state(), state), "the caller's random numbers were used up"
    if name != "spline":  # it starts as a rotation, whatever the seed
        assert not torch.equal(weights(3), weights(4))
    flow = flows.build(name)
    assert torch.equal(flow.sample(9, flows.generator(1)), flow.sample(9, flows.generator(1)))
    assert flow.sample(5).shape == (5, 2)


@pytest.mark.parametrize("name", flows.FLOWS)
def test_repr_names_its_transforms(name):
    flow = flows.build(name, layers=2)
    for transform in flow.transforms:
        assert type(transform).__name__ in repr(flow)


@pytest.mark.parametrize("name", flows.FLOWS)
def test_layers_count(name):
    assert len(flows.build(name, layers=4).transforms) > len(flows.build(name, layers=2).transforms)


@pytest.mark.parametrize("name", flows.FLOWS)
def test_learns(name):
    """What a hundred and fifty steps gain on the moons, in nats."""
    flow, moons = flows.build(name), flows.density("moons")
    records = list(flows.fit(flow, moons, steps=150))
    assert records[-1].nll < records[0].nll - {"planar": 0.15, "radial": 0.05, "nice": 0.3}.get(name, 0.4)


def test_nice_conserves_volume_but_for_its_scale():
    flow = rough("nice", layers=4)
    with torch.no_grad():
        logdet = flow(points(2))[1]
    torch.testing.assert_close(logdet, logdet[:1].expand_as(logdet))


def test_actnorm_starts_with_unit_scale_on_its_data():
    flow = flows.build("glow", layers=2).double()
    x = points(2, n=500) * torch.tensor([3.0, 0.2]) + torch.tensor([5.0, -2.0])
    first = flow.transforms[0]
    with torch.no_grad():
        first.initialise(x)
        z = first(x)[0]
    torch.testing.assert_close(z.mean(0), torch.zeros(2, dtype=torch.float64), atol=1e-9, rtol=0)
    torch.testing.assert_close(z.std(0), torch.ones(2, dtype=torch.float64), atol=1e-6, rtol=0)
    first.initialise(2 * x)  # more training goes on from where the first ended
    torch.testing.assert_close(first(x)[0], z)


def test_glows_matrix_is_its_factors_product():
    layer = rough("glow", 3, layers=1).transforms[1]
    W = layer(torch.eye(3, dtype=torch.float64))[0].T
    P, L, U = layer.permutation, *layer.factors()
    torch.testing.assert_close(W, P @ L @ U)
    torch.testing.assert_close(L, L.tril())
    torch.testing.assert_close(U, U.triu())
    torch.testing.assert_close(L.diagonal(), torch.ones(3, dtype=torch.float64))
    fresh = flows.build("glow", 3, layers=1).double().transforms[1](torch.eye(3, dtype=torch.float64))[0]
    torch.testing.assert_close(fresh @ fresh.T, torch.eye(3, dtype=torch.float64), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", ["maf"])
def test_autoregressive_jacobians_are_triangular(name):
    flow = rough(name, 4, layers=2)
    x = points(4, n=1)[0]
    for layer, triangle in zip(flow.transforms, (torch.tril, torch.triu), strict=True):
        J = torch.autograd.functional.jacobian(lambda row, f=layer: f(row[None])[0][0], x)
        assert torch.equal(J, triangle(J))
        assert (J != 0).sum() == 10  # and nothing that may depend is left out


def test_planar_constraint():
    free = flows.build("planar", layers=1, constrained=False).double()
    with torch.no_grad():
        layer = free.transforms[0]
        layer.w.copy_(torch.tensor([1.0, 0.0]))
        layer.u.copy_(torch.tensor([-3.0, 0.5]))
        layer.b.zero_()
        with pytest.raises(NotInvertibleError, match=r"w\.u = -3"):
            free.inverse(points(2))
    assert flows.mass(free) > 1.5  # a latent near zero has three points
    bound = flows.build("planar", layers=1).double()
    bound.load_state_dict(free.state_dict())
    assert flows.mass(bound) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("raw", [-40.0, -3.0, 0.0, 60.0])
def test_planar_inverse_at_every_strength(raw):
    """From raw w.u = -40, which the constraint makes -1 to rounding, where the map is almost flat, to a steep step."""
    flow = flows.build("planar", layers=1).double()
    layer = flow.transforms[0]
    with torch.no_grad():
        layer.u += (raw - layer.w @ layer.u) / layer.w.square().sum() * layer.w
        assert layer.push()[1] >= -1
        z = torch.cat([points(2, n=500), 100 * points(2, n=20)])
        torch.testing.assert_close(flow(flow.inverse(z)[0])[0], z, atol=1e-9, rtol=0)


@pytest.mark.parametrize("seed", range(4))
def test_free_planar_flow_gains_mass_in_training(seed):
    flow = flows.build("planar", layers=2, seed=seed, constrained=False)
    before = flows.mass(flow, n=200)
    list(flows.fit(flow, flows.density("moons"), steps=100, lr=0.08))
    assert flows.mass(flow, n=200) > max(before, 1.2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "gan"}, "spline"),
        ({"name": "spline", "layers": -1}, "1 and 64"),
        ({"name": "spline", "layers": 10**9}, "1 and 64"),
        ({"name": "maf", "dim": 1}, "2 and 4096"),
        *(({"name": name, "hidden": 0}, "hidden must lie between 1 and 1,024, not 0") for name in NETWORKS),
        *(({"name": name, "hidden": 10**9}, "between 1 and 1,024, not 1000000000") for name in NETWORKS),
        ({"name": "maf", "dim": 9, "hidden": 7}, "between 8 and 1,024, not 7"),
        ({"name": "realnvp", "limit": 0.0}, "limit must lie between 0.01 and 20"),
        ({"name": "ffjord", "steps": 10**9}, "steps must lie between 1 and 256"),
    ],
)
def test_absurd_options_name_the_limit(options, words):
    with pytest.raises(ValueError, match=words):
        flows.build(**options)
