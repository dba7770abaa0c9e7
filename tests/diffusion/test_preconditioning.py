"""Table 1 of Karras et al. 2022 row by row, and the same row for the others; conversions between all predictions."""

import itertools
import math

import pytest
import torch

from playground import diffusion
from playground.diffusion.schedules import iddpm_levels

close = torch.testing.assert_close
SIGMA = torch.logspace(-2, 1.5, 40, dtype=torch.float64)


def row(name, **options):
    p = diffusion.preconditioning(name, **options)
    return p.c_skip(SIGMA), p.c_out(SIGMA), p.c_in(SIGMA), p.c_noise(SIGMA), p.weight(SIGMA)


def test_vp_ve_iddpm_rows():
    beta_d, beta_min = 19.9, 0.1
    time = ((beta_min**2 + 2 * beta_d * (1 + SIGMA**2).log()).sqrt() - beta_min) / beta_d
    vp = (torch.ones(40).double(), -SIGMA, 1 / (1 + SIGMA**2).sqrt(), 999 * time, SIGMA**-2)
    for mine, table in zip(row("vp"), vp, strict=True):
        close(mine, table, rtol=1e-9, atol=1e-12)
    ve = (torch.ones(40).double(), SIGMA, torch.ones(40).double(), (SIGMA / 2).log(), SIGMA**-2)
    for mine, table in zip(row("ve"), ve, strict=True):
        close(mine, table)
    u = iddpm_levels()
    nearest = 999 - (u[:1000, None] - SIGMA).abs().argmin(0)
    iddpm = (torch.ones(40).double(), -SIGMA, 1 / (1 + SIGMA**2).sqrt(), nearest.double(), SIGMA**-2)
    for mine, table in zip(row("iddpm"), iddpm, strict=True):
        close(mine, table)


@pytest.mark.parametrize("sigma_data", [0.5, 1.0, 2.0])
def test_edm_row(sigma_data):
    total = SIGMA**2 + sigma_data**2
    edm = (
        sigma_data**2 / total,
        SIGMA * sigma_data / total.sqrt(),
        1 / total.sqrt(),
        SIGMA.log() / 4,
        total / (SIGMA * sigma_data) ** 2,
    )
    for mine, table in zip(row("edm", sigma_data=sigma_data), edm, strict=True):
        close(mine, table)
    p = diffusion.preconditioning("edm", sigma_data=sigma_data)
    close(p.effective_weight(SIGMA), torch.ones_like(SIGMA))


@pytest.mark.parametrize(
    ("name", "kind"), [("eps", "eps"), ("v", "v"), ("flow", "flow"), ("vp", "eps"), ("iddpm", "eps")]
)
def test_rows_mean_what_their_network_predicts(name, kind):
    """D = c_skip x + c_out F with F the prediction of that name."""
    p = diffusion.preconditioning(name)
    generator = torch.Generator().manual_seed(0)
    x0, eps = (torch.randn(40, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    sigma = SIGMA[:, None]
    x_hat = x0 + sigma * eps
    F = diffusion.Prediction("x0", x0, x_hat, SIGMA).to(kind).value
    close(p.c_skip(sigma) * x_hat + p.c_out(sigma) * F, x0, rtol=1e-9, atol=1e-9)


def test_predictions_are_what_their_papers_say():
    generator = torch.Generator().manual_seed(1)
    x0, eps = (torch.randn(40, 2, generator=generator, dtype=torch.float64) for _ in range(2))
    sigma = SIGMA[:, None]
    alpha, beta = 1 / (1 + sigma**2).sqrt(), sigma / (1 + sigma**2).sqrt()
    p = diffusion.Prediction("x0", x0, x0 + sigma * eps, SIGMA, sigma_data=0.5)
    close(p.to("eps").value, eps, rtol=1e-10, atol=1e-10)
    close(p.to("v").value, alpha * eps - beta * x0, rtol=1e-9, atol=1e-9)  # Salimans and Ho 2022
    close(p.to("flow").value, eps - x0, rtol=1e-9, atol=1e-9)  # Lipman et al. 2023
    close(p.to("score").value, -eps / sigma, rtol=1e-9, atol=1e-9)  # of x_hat given x0: Vincent 2011


@pytest.mark.parametrize(("kind", "other"), list(itertools.product(diffusion.KINDS, repeat=2)))
def test_every_prediction_turns_into_every_other_and_back(kind, other):
    generator = torch.Generator().manual_seed(2)
    value, x_hat = (torch.randn(40, 2, generator=generator, dtype=torch.float64) for _ in range(2))
    p = diffusion.Prediction(kind, value, x_hat, SIGMA, sigma_data=0.7)
    close(p.to(other).to(kind).value, value, rtol=1e-7, atol=1e-7)
    close(p.to(other).x0, p.x0, rtol=1e-7, atol=1e-7)


def test_a_gaussian_leaves_edms_network_nothing_to_do():
    """For N(0, sigma_data^2) the best D is c_skip x: F = 0."""
    D = diffusion.MixtureDenoiser([[0.0, 0.0]], [0.5])
    x = torch.randn(40, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    p = diffusion.Prediction("x0", D(x, SIGMA), x, SIGMA, sigma_data=0.5)
    close(p.to("F").value, torch.zeros_like(x), atol=1e-9, rtol=0)


def test_edm_keeps_input_and_target_at_unit_variance():
    generator = torch.Generator().manual_seed(4)
    x0 = 0.5 * torch.randn(200_000, generator=generator, dtype=torch.float64)
    p = diffusion.preconditioning("edm")
    for sigma in (0.05, 0.5, 5.0):
        x = x0 + sigma * torch.randn(200_000, generator=generator, dtype=torch.float64)
        target = (x0 - p.c_skip(sigma) * x) / p.c_out(sigma)
        assert (p.c_in(sigma) * x).std().item() == pytest.approx(1, abs=0.01)
        assert target.std().item() == pytest.approx(1, abs=0.01)


def test_time_sampling_of_flows_is_edms_log_normal():
    """logit t ~ N(m, s^2) is ln sigma ~ N(m, s^2), since sigma = t / (1 - t); SD3's shift adds ln 3."""
    edm = diffusion.schedule("edm", P_mean=0.3, P_std=0.8)
    sd3 = diffusion.schedule("sd3", shift=1.0, logit_normal=(0.3, 0.8))
    for make in (lambda s: s.sample_sigma(1000, torch.Generator().manual_seed(5)), lambda s: s.noise.density(SIGMA)):
        close(make(edm), make(sd3))
    moved = diffusion.schedule("sd3", logit_normal=(0.3, 0.8))
    draw = lambda s: s.sample_sigma(1000, torch.Generator().manual_seed(5))  # noqa: E731
    close(draw(moved), 3 * draw(sd3))
    # uniform t is a logistic ln sigma; a uniform angle is sech
    close(diffusion.schedule("flow").noise.density(SIGMA), SIGMA / (1 + SIGMA) ** 2, rtol=1e-9, atol=0)
    sech = (1 / math.pi) / SIGMA.log().cosh()
    scale = 0.999  # the density of uniform t in [.001, 1]
    close(diffusion.schedule("cosine", offset=0).noise.density(SIGMA), sech / scale, rtol=1e-6, atol=0)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="no preconditioning"):
        diffusion.preconditioning("karras")
    with pytest.raises(ValueError, match="sigma_data"):
        diffusion.preconditioning("edm", sigma_data=0)
    with pytest.raises(ValueError, match="numbered steps"):
        diffusion.preconditioning("v", path="edm")
    with pytest.raises(ValueError, match="no prediction"):
        diffusion.Prediction("mean", torch.zeros(1), torch.zeros(1), 1.0)
    with pytest.raises(ValueError, match="no prediction"):
        diffusion.Prediction("x0", torch.zeros(1), torch.zeros(1), 1.0).to("mean")
