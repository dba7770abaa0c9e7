"""Rows side by side: one curve to rounding, curves and numbers of the table, exact marginals."""

import math

import numpy as np
import pytest
import torch

from playground import diffusion
from playground.diffusion import ROWS, Row, push


def last(frames):
    *_, end = frames
    return end


def bundle(names, **options):
    target = diffusion.target(options.pop("target", "eight_gaussians"))
    return last(push(target, [ROWS[name] for name in names], **options))


@pytest.mark.parametrize("target", ["eight_gaussians", "moons", "fractal"])
def test_first_order_steps_are_one_step(target):
    every = bundle(list(ROWS), target=target)
    assert max(path.deviation for path in every.paths) < 1e-13
    assert len({path.method for path in every.paths}) == 2, "both DDIM and Euler were taken"


def test_raw_paths_part_and_unified_ones_do_not():
    ddpm, flow = bundle(["ddpm", "flow"]).paths
    assert np.abs(ddpm.at(0) - flow.at(0)).max() > 0.2
    assert np.abs(ddpm.at(1) - flow.at(1)).max() < 1e-11
    np.testing.assert_array_equal(ddpm.at(1), ddpm.x_hat)
    np.testing.assert_allclose(ddpm.at(0), ddpm.x_hat * ddpm.scales[:, None, None])


def test_heun_separates_them_and_more_steps_bring_them_together():
    gaps = [bundle(["vp", "flow", "edm"], mode="heun", steps=steps, points=200).paths[1].gap[-1] for steps in (80, 160)]
    assert gaps[0] > 1e-5
    assert gaps[0] / gaps[1] > 3, "the difference of two methods of order 2 falls fourfold"


def test_the_ode_is_one_curve():
    fine = bundle(["ddpm", "edm", "flow"], mode="fine", points=6)
    assert max(path.deviation for path in fine.paths) < 1e-9
    assert fine.progress == 1


def test_the_ode_is_one_curve_under_a_drawn_schedule_too():
    """No step goes across its knots, where d sigma / dt jumps."""
    drawn = Row("drawn", "edm", "heun", levels=(0.002, 0.03, 0.2, 0.7, 2.5, 12.0, 80.0))
    fine = last(push(diffusion.target("eight_gaussians"), [ROWS["edm"], drawn], mode="fine", points=6))
    assert fine.paths[1].deviation < 1e-8


def test_rows_on_levels_of_their_own_need_share_none():
    rows = [Row("drawn", "edm", "heun", levels=levels) for levels in ((0.01, 1.0), (2.0, 50.0))]
    own = last(push(diffusion.target("moons"), rows, mode="own", steps=4))
    assert [float(path.sigmas[0]) for path in own.paths] == pytest.approx([1.0, 50.0])
    with pytest.raises(ValueError, match="sigma_min < sigma_max"):
        last(push(diffusion.target("moons"), rows, steps=4))


def test_own_solvers_are_measured_against_the_exact_solution():
    coarse, fine = (bundle(["edm", "flow"], mode="own", steps=steps).paths for steps in (10, 80))
    target = diffusion.target("eight_gaussians")
    start = torch.from_numpy(coarse[0].x_hat[0])
    exact = diffusion.exact_ode(target, start, float(coarse[0].sigmas[0]), steps=800).numpy()
    assert np.abs(coarse[0].x_hat[-1] - exact).max() == pytest.approx(coarse[0].gap[-1], rel=1e-2)
    assert fine[0].gap[-1] < coarse[0].gap[-1] / 10, "Heun"
    assert fine[1].gap[-1] < coarse[1].gap[-1] / 3, "Euler"


def test_progress_rises():
    rows = [ROWS["ddpm"], ROWS["edm"]]
    shares = [frame.progress for frame in push(diffusion.target("moons"), rows, mode="fine", points=2)]
    assert shares == sorted(shares)
    assert len(shares) > 50


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"mode": "slow"}, "mode must be one of"),
        ({"steps": 1}, "between 2 and 1000"),
        ({"points": 0}, "between 1 and 2000"),
    ],
)
def test_wrong_settings_of_push(wrong, message):
    with pytest.raises(ValueError, match=message):
        bundle(["ddpm", "edm"], **wrong)


@pytest.mark.parametrize("wrong", [("cos", "edm", "heun"), ("edm", "x", "heun"), ("edm", "edm", "magic")])
def test_unknown_parts_of_a_row(wrong):
    with pytest.raises(ValueError, match="choose one of"):
        Row(*wrong)


@pytest.mark.parametrize("name", ROWS)
def test_profile_is_the_rows_own(name):
    row = ROWS[name]
    curves = diffusion.profile(row, steps=20)
    np.testing.assert_allclose(curves.effective_weight, 1, rtol=1e-12)  # no loss is weighted on the network
    np.testing.assert_allclose(curves.log_snr, -2 * np.log(curves.sigma), rtol=1e-9)
    assert len(curves.placement) == 20
    assert (np.diff(curves.placement) < 0).all()
    d_ln = math.log(curves.levels[1] / curves.levels[0])
    assert curves.density.sum() * d_ln == pytest.approx(1, abs=0.03), "a density, all but its far ends in the picture"


def test_numbers_are_those_of_the_table():
    """Table 1 at sigma = 2, sigma_data = 0.5; flow matching at t = 2/3."""
    at = diffusion.row_numbers(ROWS["edm"], 2.0)
    assert at["c_skip"] == pytest.approx(0.25 / 4.25)
    assert at["c_out"] == pytest.approx(1 / math.sqrt(4.25))
    assert at["c_in"] == pytest.approx(1 / math.sqrt(4.25))
    assert at["c_noise"] == pytest.approx(math.log(2) / 4)
    assert at["weight"] == pytest.approx(4.25)
    z = (math.log(2) + 1.2) / 1.2
    assert at["density"] == pytest.approx(math.exp(-z * z / 2) / (1.2 * math.sqrt(2 * math.pi)))
    flow = diffusion.row_numbers(ROWS["flow"], 2.0)
    assert (flow["t"], flow["s"], flow["c_out"]) == pytest.approx((2 / 3, 1 / 3, -2 / 3))
    with pytest.raises(ValueError, match="sigma must lie between"):
        diffusion.row_numbers(ROWS["edm"], 0.0)


def test_numbered_steps_are_those_of_the_rows_schedule():
    """A network under Stable Diffusion's schedule hears the steps of that table, not of DDPM's."""
    sd = diffusion.schedule("scaled_linear")
    assert diffusion.row_numbers(ROWS["sd"], float(sd.sigma(0.4)))["c_noise"] == pytest.approx(399)
    assert diffusion.row_numbers(Row("sd3", "flow", "euler"), 1.0)["density"] == pytest.approx(
        math.exp(-(math.log(3) ** 2) / 2) / math.sqrt(2 * math.pi)
    )


def test_trigs_row_has_one_sigma_data():
    """Its schedule's angle and its network's are the same: c_out is sin, c_skip cos^2 of the time."""
    numbers = diffusion.row_numbers(ROWS["trig"], 0.7)
    assert numbers["c_out"] == pytest.approx(math.sin(numbers["t"]))
    assert numbers["c_skip"] == pytest.approx(math.cos(numbers["t"]) ** 2)
    assert diffusion.row_numbers(ROWS["edm"], 0.7)["c_skip"] == pytest.approx(0.25 / 0.74)


@pytest.mark.parametrize("axis", [0, 1])
def test_marginal_of_covariances_integrates_the_other_coordinate_away(axis):
    covariances = torch.tensor([[[0.5, 0.3], [0.3, 0.4]], [[0.1, -0.05], [-0.05, 0.3]]])
    mixture = diffusion.MixtureDenoiser([[-1.0, 0.5], [1.0, -0.2]], covariances, [0.3, 0.7])
    x, y = np.linspace(-4, 4, 161), torch.linspace(-8, 8, 1601, dtype=torch.float64)
    density, below = diffusion.marginal(mixture, x, 0.3, axis=axis)
    for at, p in zip(x, density, strict=True):
        pair = [torch.full_like(y, float(at)), y]
        plane = torch.stack(pair if axis == 0 else pair[::-1], 1)
        assert float(mixture.log_prob(plane, 0.3).exp().sum() * 0.01) == pytest.approx(p, abs=1e-9)
    np.testing.assert_allclose(np.gradient(below, x)[1:-1], density[1:-1], atol=0.003)
    with pytest.raises(ValueError, match="axis must lie between"):
        diffusion.marginal(mixture, x, 0.3, axis=2)


def test_picture_is_read_like_a_picture():
    mixture = diffusion.MixtureDenoiser([[1.0, 2.0]], [0.2])
    picture = diffusion.log_prob_picture(mixture, 3.0, n=30)
    row, column = np.unravel_index(picture.argmax(), picture.shape)
    assert (row, column) in {(4, 19), (5, 19), (4, 20), (5, 20)}, "up is up, right is right"


def test_draw_gives_samples_of_the_target():
    drawn = diffusion.draw(diffusion.target("moons"), ROWS["edm"], steps=30, n=4000)
    _, below = diffusion.marginal(diffusion.target("moons"), np.sort(drawn.x[:, 0]), 0.0)
    assert np.abs(below - (np.arange(4000) + 0.5) / 4000).max() < 1.63 / math.sqrt(4000)
    assert drawn.nfe == 59
    with pytest.raises(ValueError, match="100,000"):
        diffusion.draw(diffusion.target("moons"), ROWS["edm"], n=0)
