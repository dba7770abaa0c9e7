"""Exact denoisers against quadrature, Tweedie's formula and finite differences."""

import math

import pytest
import torch

from playground import diffusion
from playground.diffusion.denoiser import DataDenoiser, GuidedDenoiser

close = torch.testing.assert_close


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def turned(seed=0, k=4, d=3):
    """A mixture with covariances of every direction."""
    g = generator(seed)
    root = torch.randn(k, d, d, generator=g, dtype=torch.float64)
    covariance = root @ root.mT + 0.05 * torch.eye(d, dtype=torch.float64)
    means, weights = 2 * torch.randn(k, d, generator=g), torch.rand(k, generator=g) + 0.1
    return diffusion.MixtureDenoiser(means, covariance, weights)


def round_(seed=0, k=5, d=3):
    g = generator(seed)
    return diffusion.MixtureDenoiser(
        2 * torch.randn(k, d, generator=g), torch.rand(k, generator=g) + 0.1, torch.rand(k, generator=g) + 0.1
    )


def test_the_posterior_mean_is_bayes_by_quadrature():
    D = diffusion.MixtureDenoiser([[-1.0], [0.5], [2.0]], [0.3, 0.2, 0.7], [0.2, 0.5, 0.3])
    x0 = torch.linspace(-8, 10, 200_001, dtype=torch.float64)[:, None]
    prior = D.log_prob(x0).exp()
    for sigma in (0.1, 1.0, 10.0):
        x = torch.tensor([[-2.0], [0.1], [3.0]], dtype=torch.float64)
        posterior = prior[None] * (-0.5 * ((x - x0.T) / sigma) ** 2).exp()
        mean = (posterior @ x0) / posterior.sum(1, keepdim=True)
        close(D(x, sigma), mean, rtol=1e-7, atol=1e-7)
        density = posterior.sum(1) * (x0[1, 0] - x0[0, 0]) / (sigma * math.sqrt(2 * math.pi))
        close(D.log_prob(x, sigma), density.log(), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("make", [round_, turned])
@pytest.mark.parametrize("sigma", [0.05, 0.7, 30.0])
def test_tweedie_and_the_divergence_by_finite_differences(make, sigma):
    D = make()
    x = (1 + sigma) * torch.randn(6, 3, generator=generator(1), dtype=torch.float64)
    h = 1e-5 * (1 + sigma)
    score, trace = torch.zeros(6, 3, dtype=torch.float64), torch.zeros(6, dtype=torch.float64)
    for i in range(3):
        step = h * torch.eye(3, dtype=torch.float64)[i]
        score[:, i] = (D.log_prob(x + step, sigma) - D.log_prob(x - step, sigma)) / (2 * h)
        trace += (D(x + step, sigma) - D(x - step, sigma))[:, i] / (2 * h)
    close(D.score(x, sigma), score, rtol=1e-5, atol=1e-6)
    close(D.divergence(x, sigma), trace, rtol=1e-5, atol=1e-6)


def test_round_covariances_are_round_gaussians():
    a = round_(k=4)
    b = diffusion.MixtureDenoiser(a.means, a.variances[:, :, None] * torch.eye(3, dtype=torch.float64), a.weights)
    x = 3 * torch.randn(20, 3, generator=generator(2), dtype=torch.float64)
    sigma = torch.rand(20, generator=generator(3), dtype=torch.float64) * 5 + 0.01
    for method in ("__call__", "log_prob", "divergence", "score"):
        close(getattr(a, method)(x, sigma), getattr(b, method)(x, sigma))
    close(a.std, b.std)


def test_sigma_may_be_one_number_or_one_a_point():
    D = round_()
    x = torch.randn(7, 3, generator=generator(4))
    sigma = torch.linspace(0.1, 5, 7)
    one_by_one = torch.cat([D(x[i : i + 1], float(sigma[i])) for i in range(7)])
    for shape in ((7,), (7, 1)):
        close(D(x, sigma.reshape(shape)), one_by_one)
    assert D(x, 1.0).dtype == torch.float32
    with pytest.raises(ValueError, match="sigma must have the shape"):
        D(x, torch.ones(3))
    with pytest.raises(ValueError, match="x must have the shape"):
        D(torch.ones(7, 2), 1.0)


@pytest.mark.parametrize("make", [round_, turned])
def test_samples_have_the_mixtures_moments(make):
    D = make()
    x = D.sample(200_000, generator(5))
    close(x.mean(0), D.mean, rtol=0, atol=0.03)
    assert x.var(0).mean().sqrt().item() == pytest.approx(D.std, rel=0.01)


def test_chunks_change_nothing():
    D = diffusion.target("fractal")
    x = torch.randn(3000, 2, generator=generator(6), dtype=torch.float64)
    close(D(x, 0.2), torch.cat([D(part, 0.2) for part in x.split(100)]), rtol=0, atol=1e-12)


def test_a_data_set_is_the_mixture_whose_spread_goes_to_nothing():
    points = torch.randn(30, 2, generator=generator(7), dtype=torch.float64)
    x = torch.randn(10, 2, generator=generator(8), dtype=torch.float64)
    memory, mixture = DataDenoiser(points), diffusion.MixtureDenoiser(points, torch.full((30,), 1e-6))
    for sigma in (0.3, 2.0, torch.rand(10, generator=generator(9)) + 0.1):
        close(memory(x, sigma), mixture(x, sigma), rtol=1e-6, atol=1e-6)
    pictures = DataDenoiser(points.reshape(15, 1, 2, 2))
    assert pictures(x[:6].reshape(3, 1, 2, 2), 0.5).shape == (3, 1, 2, 2)
    nearest = memory(points + 1e-3, 1e-3)
    close(nearest, points, rtol=0, atol=1e-6)
    with pytest.raises(ValueError, match="data must be finite"):
        DataDenoiser([[math.nan, 0.0]])
    with pytest.raises(ValueError, match="x must have the shape"):
        memory(torch.zeros(1, 3), 1.0)


def test_where_there_is_no_noise_nothing_is_made_up():
    x = torch.zeros(2, 3, dtype=torch.float64)
    for D in (round_(), turned()):
        close(D(x, 0.0), x, rtol=0, atol=1e-12)
        assert D.log_prob(x).isfinite().all()
        for call in (D.score, D.divergence):
            with pytest.raises(ValueError, match="sigma must be positive"):
                call(x, 0.0)
        with pytest.raises(ValueError, match="sigma must be at least 0"):
            D(x, -1.0)
    with pytest.raises(ValueError, match="sigma must be positive"):
        DataDenoiser(x)(x, 0.0)


def test_every_denoiser_reads_a_noise_level_alike():
    points = torch.randn(3, 1, 2, 2, generator=generator(), dtype=torch.float64)
    D = DataDenoiser(points)
    levels = torch.tensor([0.5, 1.0, 2.0])
    close(D(points, levels), D(points, levels.reshape(3, 1, 1, 1)), rtol=0, atol=0)
    for shape in ((3, 1), (1, 3), (1, 1, 1, 3), (2,)):
        with pytest.raises(ValueError, match=r"sigma must have the shape \(\), \(n,\) or \(n, 1, 1, 1\)"):
            D(points, torch.ones(shape))


def test_guidance_is_its_formula():
    a, b = round_(1), round_(2)
    x = torch.randn(5, 3, generator=generator(10), dtype=torch.float64)
    for w in (0.0, 1.0, 2.5):
        close(GuidedDenoiser(a, b, w)(x, torch.tensor(0.8)), b(x, 0.8) + w * (a(x, 0.8) - b(x, 0.8)))
    with pytest.raises(ValueError, match="guidance"):
        GuidedDenoiser(a, b, -1)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (([[0.0, 0.0]], [[[1.0, 1.0], [1.0, 1.0]]]), "singular"),
        (([[0.0, 0.0]], [[[1.0, 0.5], [0.0, 1.0]]]), "symmetric"),
        (([[0.0, 0.0]], [0.0]), "positive"),
        (([[0.0, math.nan]], [1.0]), "finite"),
        (([[0.0, 0.0]], [1.0, 2.0]), "shape"),
        (([0.0, 0.0], [1.0, 2.0]), "shape"),
        (([[0.0, 0.0]], [1.0], [-1.0]), "weights"),
        (([[0.0, 0.0]], [1.0], [1.0, 2.0]), "weights"),
    ],
)
def test_what_is_no_mixture_is_refused(arguments, match):
    with pytest.raises(ValueError, match=match):
        diffusion.MixtureDenoiser(*arguments)


@pytest.mark.parametrize("name", diffusion.TARGETS)
def test_targets_are_standardised(name):
    D = diffusion.target(name)
    close(D.mean, torch.zeros(D.dim, dtype=torch.float64), rtol=0, atol=1e-12)
    assert D.std == pytest.approx(1, abs=1e-12)


def test_any_density_becomes_a_mixture():
    axis = (torch.arange(64, dtype=torch.float64) + 0.5) / 64 * 6 - 3
    x, y = axis[None], axis.flip(0)[:, None]  # row 0 on top
    log_p = -0.5 * ((x - 1) ** 2 + (y + 0.5) ** 2) / 0.3**2
    D = diffusion.mixture_from_density(log_p, 3.0)
    close(D.mean, torch.tensor([1.0, -0.5], dtype=torch.float64), rtol=0, atol=1e-3)
    assert D.std == pytest.approx(math.sqrt(0.3**2 + (3 / 64) ** 2), rel=1e-2)  # and half a pixel
    axis = (torch.arange(101, dtype=torch.float64) + 0.5) / 101 * 6 - 3  # an odd number of pixels, joined twice
    D = diffusion.mixture_from_density(-0.5 * (axis[None] ** 2 + axis[:, None] ** 2) / 0.8**2, 3.0, most=600)
    assert len(D.means) < 600
    close(D.mean, torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-3)
    with pytest.raises(ValueError, match="empty"):
        diffusion.mixture_from_density(torch.full((8, 8), -math.inf), 3.0)
    with pytest.raises(ValueError, match="no target"):
        diffusion.target("donut")
