"""Every density of the plane: mass one, samples that follow it, exact entropy, unit size, honest refusals."""

import math
import pickle

import pytest
import torch

from playground.flows.curves import Curve
from playground.flows.density import DENSITIES, EXTENT, density
from playground.flows.mixtures import Mixture
from playground.flows.pixels import Pixels
from playground.flows.plane import MAX_SAMPLES

CURVES = ("moons", "spirals", "swiss_roll")
HARD = ("checkerboard", "letters")
SMOOTH = tuple(name for name in DENSITIES if name not in HARD)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def edges(d):
    """Edges of histogram cells along x and y, rising: the pixels themselves, or 24 cells over [-4, 4]."""
    if not isinstance(d, Pixels):
        line = torch.linspace(-4, 4, 25, dtype=torch.float64)
        return line, line
    rows, columns = d.shape
    x = d.corner[0] + d.pixel[0] * torch.arange(columns + 1)
    y = d.corner[1] - d.pixel[1] * torch.arange(rows, -1, -1)
    return x, y


def cell_masses(d, parts=12):
    """Probability (y cells, x cells) of every cell, by the midpoint rule on parts x parts points of each."""
    x, y = edges(d)
    inside = (torch.arange(parts, dtype=torch.float64) + 0.5) / parts
    xs = (x[:-1, None] + x.diff()[:, None] * inside).flatten()
    ys = (y[:-1, None] + y.diff()[:, None] * inside).flatten()
    p = d.log_prob(torch.cartesian_prod(ys, xs).flip(1)).exp()
    cell = (x[1] - x[0]) * (y[1] - y[0]) / parts**2
    return p.reshape(len(y) - 1, parts, len(x) - 1, parts).sum((1, 3)) * cell


@pytest.mark.parametrize("name", DENSITIES)
def test_mass_is_one(name):
    d = density(name)
    parts = 1 if name in HARD else 12
    torch.testing.assert_close(cell_masses(d, parts).sum(), torch.tensor(1.0, dtype=torch.float64), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", HARD)
def test_mass_of_hard_edges_on_a_grid_that_ignores_them(name):
    line = (torch.arange(1000, dtype=torch.float64) + 0.5) * (2 * EXTENT / 1000) - EXTENT
    mass = density(name).log_prob(torch.cartesian_prod(line, line)).exp().sum() * (2 * EXTENT / 1000) ** 2
    assert abs(mass - 1) < 1e-2


@pytest.mark.parametrize("name", DENSITIES)
def test_samples_fill_the_cells_as_the_density_says(name):
    """Pearson's chi-square over cells that expect 5 points or more; the rest make one cell."""
    n = 100_000
    d = density(name)
    x, y = edges(d)
    s = d.sample(n, generator(1)).double()
    column, row = (torch.bucketize(s[:, i].contiguous(), e, right=True) - 1 for i, e in ((0, x), (1, y)))
    counts = torch.bincount(row * (len(x) - 1) + column, minlength=(len(x) - 1) * (len(y) - 1)).double()
    expected = n * cell_masses(d, 1 if name in HARD else 12).flatten()
    big = expected >= 5
    rest = torch.stack([counts[~big].sum(), expected[~big].sum()])
    chi = ((counts[big] - expected[big]).square() / expected[big]).sum()
    chi = chi + (rest[0] - rest[1]).square() / rest[1].clamp_min(1e-9)
    freedom = int(big.sum())
    assert chi < freedom + 5 * math.sqrt(2 * freedom)


@pytest.mark.parametrize("name", DENSITIES)
def test_entropy_is_the_mean_of_minus_log_prob(name):
    d = density(name)
    surprise = -d.log_prob(d.sample(100_000, generator(2)).double())
    error = surprise.std() / math.sqrt(len(surprise)) + 1e-9  # the checkerboard's is constant
    assert abs(surprise.mean() - d.entropy) < 4 * error


@pytest.mark.parametrize(
    ("name", "nats"),
    [("moons", 1.833), ("eight_gaussians", 1.412), ("checkerboard", 1.7896), ("pinwheel", 1.531), ("spirals", 1.636)],
)
def test_entropies_are_those_of_the_published_benchmark(name, nats):
    assert abs(density(name).entropy - nats) < 0.01


@pytest.mark.parametrize("name", DENSITIES)
def test_unit_size_around_the_origin(name):
    s = density(name).sample(100_000, generator(3))
    assert s.mean(0).abs().max() < 0.02
    assert abs(s.square().mean().sqrt() - 1) < 0.01
    assert (s.abs().amax(1) < EXTENT).float().mean() > 0.9995


@pytest.mark.parametrize("name", DENSITIES)
def test_a_seed_gives_its_own_sample(name):
    d = density(name)
    first = d.sample(500, generator(4))
    assert first.shape == (500, 2)
    assert first.dtype == torch.float32
    assert torch.equal(first, d.sample(500, generator(4)))
    assert not torch.isclose(first, d.sample(500, generator(5))).all(1).any()
    assert torch.equal(first, pickle.loads(pickle.dumps(d)).sample(500, generator(4)))


@pytest.mark.parametrize("name", DENSITIES)
def test_log_prob_keeps_the_dtype_and_hardly_feels_it(name):
    d = density(name)
    x = d.sample(2000, generator(6))
    single, double = d.log_prob(x), d.log_prob(x.double())
    assert (single.dtype, double.dtype) == (torch.float32, torch.float64)
    torch.testing.assert_close(single.double(), double, atol=1e-6, rtol=1e-6)
    assert d.log_prob(x[:0]).shape == (0,)


@pytest.mark.parametrize("name", SMOOTH)
def test_the_score_is_the_gradient(name):
    d = density(name)
    x = (1.5 * torch.randn(8, 2, generator=generator(7), dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(d.log_prob, x, eps=1e-6, atol=1e-4)


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("factor", [1, 3])
def test_curves_against_a_dense_rule(name, factor):
    """Simpson's rule on 20,001 points of each arm in the place of the Gauss-Legendre nodes."""
    default = DENSITIES[name].__kwdefaults__["noise"]
    d = density(name, noise=factor * default)
    assert isinstance(d, Curve)
    t = torch.linspace(*d.span, 20_001, dtype=torch.float64)
    simpson = torch.tensor([2.0, 4.0], dtype=torch.float64).repeat(10_001)[: len(t)]
    simpson[[0, -1]] = 1
    weights = (simpson * t**d.power).repeat(len(d.arms))
    points = (torch.cat([arm(t) for arm in d.arms]) - d.centre) * d.scale
    dense = Mixture("dense", points, factor * default * d.scale, weights)
    line = torch.linspace(-3, 3, 25, dtype=torch.float64)
    x = torch.cartesian_prod(line, line)
    expected = dense.log_prob(x)
    near = expected > -30
    assert near.sum() > 150
    torch.testing.assert_close(d.log_prob(x)[near], expected[near], atol=1e-6, rtol=0)
    on_curve = d.sample(200, generator(8)).double()
    torch.testing.assert_close(d.log_prob(on_curve), dense.log_prob(on_curve), atol=1e-7, rtol=0)


@pytest.mark.parametrize("name", ["ring", "circles"])
def test_rings_against_a_dense_rule(name):
    d = density(name)
    angle = torch.arange(2000, dtype=torch.float64) * (2 * math.pi / 2000)
    unit = torch.stack([angle.cos(), angle.sin()], dim=1)
    dense = Mixture("dense", torch.cat([radius * unit for radius in d.radii]), d.std)
    x = torch.cat([d.sample(200, generator(9)).double(), torch.tensor([[0.0, 0.0], [30.0, -40.0]]).double()])
    torch.testing.assert_close(d.log_prob(x), dense.log_prob(x), atol=1e-9, rtol=1e-9)
    assert abs(d.entropy - dense.entropy) < 1e-6  # the lattice is the less exact of the two


def test_a_narrow_mixture_by_hand():
    d = density("gaussian_grid", side=2, noise=0.02)
    assert math.isclose(d.entropy, math.log(4) + math.log(2 * math.pi * math.e * d.std**2), abs_tol=1e-9)
    at_mean = math.log(1 / 4) - math.log(2 * math.pi * d.std**2)
    torch.testing.assert_close(d.log_prob(d.means), torch.full((4,), at_mean, dtype=torch.float64))


def test_weights_and_outliers_of_a_mixture():
    far = Mixture("far", torch.tensor([[-3e3, 2e3], [1.0, -7e3]]), 0.5, torch.tensor([3.0, 1.0]))
    proportions = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert math.isclose(far.entropy, proportions + math.log(2 * math.pi * math.e * 0.25), abs_tol=1e-7)
    assert abs((far.sample(10_000, generator(10))[:, 0] < -1e3).float().mean() - 0.75) < 4 * math.sqrt(0.1875 / 1e4)


def test_pinwheel_without_twist_is_a_mixture_and_twist_keeps_the_entropy():
    straight = density("pinwheel", rate=0.0, arms=4, radial=0.1, tangential=0.1)
    angle = torch.arange(4, dtype=torch.float64) * (math.pi / 2)
    means = straight.scale * torch.stack([angle.cos(), angle.sin()], dim=1)
    mixture = Mixture("crosses", means, 0.1 * straight.scale)
    x = torch.randn(100, 2, generator=generator(11), dtype=torch.float64)
    torch.testing.assert_close(straight.log_prob(x), mixture.log_prob(x), atol=1e-9, rtol=1e-9)
    assert math.isclose(straight.entropy, mixture.entropy, abs_tol=1e-7)
    far = density("pinwheel").log_prob(torch.tensor([[1e5, 0.0]], dtype=torch.float64))
    assert torch.isfinite(far).all()


def test_checkerboard_is_uniform_on_its_squares():
    d = density("checkerboard")
    assert math.isclose(d.entropy, math.log(6))
    side = math.sqrt(12) / 4
    centres = torch.tensor([[-1.5, 1.5], [-0.5, 1.5], [-0.5, 0.5], [1.5, -1.5], [1.5, 1.5]], dtype=torch.float64) * side
    expected = torch.tensor([-math.log(6), -math.inf, -math.log(6), -math.log(6), -math.inf], dtype=torch.float64)
    torch.testing.assert_close(d.log_prob(centres), expected)
    outside = torch.tensor([[1.8, 0.0], [0.0, -1.8], [math.inf, 0.0], [-math.inf, math.inf]])
    assert (d.log_prob(outside) == -math.inf).all()
    assert d.log_prob(torch.tensor([[math.nan, 0.0]])).isnan().all()


@pytest.mark.parametrize("name", HARD)
def test_no_sample_is_rounded_out_of_the_support(name):
    d = density(name)
    assert torch.isfinite(d.log_prob(d.sample(MAX_SAMPLES, generator(12)))).all()


def test_letters_read_from_left_to_right_and_stand_upright():
    s = density("letters", text="L").sample(20_000, generator(13))
    place = (s - s.amin(0)) / (s.amax(0) - s.amin(0))
    left, low = place[:, 0] < 0.45, place[:, 1] < 0.3
    assert (low & ~left).float().mean() > 0.2  # the foot, at the bottom right
    assert not (~low & ~left).any()  # nothing at the top right
    dot = density("letters", text="W          .")  # a far dot must not leave the picture
    assert dot.sample(20_000, generator(14)).abs().max() < 2.61


@pytest.mark.parametrize("n", [0, -1, MAX_SAMPLES + 1])
@pytest.mark.parametrize("name", ["moons", "ring", "eight_gaussians", "pinwheel", "checkerboard"])
def test_number_of_samples_is_checked(name, n):
    with pytest.raises(ValueError, match=rf"number of samples must lie between 1 and 1,000,000, not {n}"):
        density(name).sample(n)


@pytest.mark.parametrize("name", ["moons", "ring", "eight_gaussians", "pinwheel", "checkerboard"])
@pytest.mark.parametrize("x", [torch.zeros(2), torch.zeros(3, 3), torch.zeros(3, 2, dtype=torch.int64)])
def test_shape_and_dtype_of_points_are_checked(name, x):
    with pytest.raises(ValueError, match=r"points must be \(n, 2\) of float32 or float64"):
        density(name).log_prob(x)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("moon", {}, "no density is called 'moon'; choose one of moons, circles, .*letters"),
        ("moons", {"noise": 0.0}, r"noise must lie between 0\.01 and 1\.0, not 0\.0"),
        ("spirals", {"noise": math.nan}, "noise must lie between .* not nan"),
        ("swiss_roll", {"noise": 9.0}, r"noise must lie between 0\.2 and 5\.0, not 9\.0"),
        ("ring", {"noise": -1.0}, "noise must lie between"),
        ("circles", {"factor": 1.5}, r"factor must lie between 0\.0 and 1\.0, not 1\.5"),
        ("circles", {"noise": 2.0}, "noise must lie between"),
        ("eight_gaussians", {"noise": 0.0}, "noise must lie between"),
        ("gaussian_grid", {"side": 11}, "side must lie between 1 and 10, not 11"),
        ("gaussian_grid", {"noise": 0.0}, "noise must lie between"),
        ("checkerboard", {"side": 1}, "side must lie between 2 and 12, not 1"),
        ("pinwheel", {"arms": 0}, "arms must lie between 1 and 20, not 0"),
        ("pinwheel", {"radial": 0.0}, "radial must lie between"),
        ("pinwheel", {"tangential": 0.0}, "tangential must lie between"),
        ("pinwheel", {"rate": 2.0}, "rate must lie between"),
        ("letters", {"text": "  "}, "the text must have 1 to 12 characters that leave ink, not '  '"),
        ("letters", {"text": "a" * 13}, "1 to 12 characters"),
        ("letters", {"text": "流"}, "the built-in font has no '流', only basic Latin"),
        ("letters", {"text": "a\nb"}, r"the built-in font has no '\\n'"),
    ],
)
def test_bad_options_are_refused_by_name(name, options, message):
    with pytest.raises(ValueError, match=message):
        density(name, **options)
