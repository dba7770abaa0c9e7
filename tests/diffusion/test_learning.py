"""A network that learns, watched: the same seed gives the same weights, and errors are told apart as they are."""

import numpy as np
import pytest
import torch

from playground import diffusion
from playground.diffusion import ROWS, Row

SMALL = {"steps": 150, "width": 32, "depth": 2, "seed": 3}


@pytest.fixture(scope="module")
def frames():
    return list(diffusion.learn(diffusion.target("eight_gaussians"), ROWS["edm"], solver_steps=8, **SMALL))


def test_frames_run_from_the_first_step_to_the_last_split(frames):
    assert [frame.step for frame in frames[:150]] == list(range(1, 151))
    progress = [frame.progress for frame in frames]
    assert progress == sorted(progress)
    assert progress[-1] == 1
    last = frames[-1]
    assert [split.nfe for split in last.splits] == [2 * n - 1 for n in diffusion.SPLIT_STEPS]
    assert last.curve[-1, 0] == 150
    assert last.curve[-1, 1] < 0.9 * last.curve[0, 1], "the loss falls"
    assert last.errors.loss.mean() < frames[0].errors.loss.mean()
    assert np.all(last.errors.loss > 0.98 * last.errors.optimum), "no network is better than the exact denoiser"


def test_the_same_arguments_give_the_same_weights(frames):
    *_, again = diffusion.learn(diffusion.target("eight_gaussians"), ROWS["edm"], solver_steps=8, **SMALL)
    for one, other in zip(again.model.parameters(), frames[-1].model.parameters(), strict=True):
        assert torch.equal(one, other)
    np.testing.assert_array_equal(again.samples, frames[-1].samples)


def test_density_is_that_of_the_row(frames):
    """EDM's ln sigma ~ N(-1.2, 1.2^2)."""
    sigma = frames[0].errors.sigma
    expected = np.exp(-((np.log(sigma) + 1.2) ** 2) / 2 / 1.44) / np.sqrt(2 * np.pi * 1.44)
    np.testing.assert_allclose(frames[0].density, expected, rtol=1e-6)


def test_another_solver_changes_the_solver_error_alone(frames):
    target = diffusion.target("eight_gaussians")
    row = Row("edm", "edm", "ddim")
    *_, measured = diffusion.measure_learned(frames[-1], target, row, solver_steps=8, seed=3)
    for one, other in zip(measured.splits, frames[-1].splits, strict=True):
        assert one.model_median == other.model_median
    assert measured.splits[-1].solver_median > 2 * frames[-1].splits[-1].solver_median, (
        "first order, and half the calls"
    )
    assert measured.model is frames[-1].model


def test_the_row_says_how_the_network_is_trained():
    target = diffusion.target("eight_gaussians")
    shifted = next(diffusion.learn(target, ROWS["sd3"], **SMALL)).model.row.noise
    plain = next(diffusion.learn(target, ROWS["flow"], **SMALL)).model.row.noise
    half = torch.tensor([0.5], dtype=torch.float64)
    assert float(shifted.quantile(half)) == pytest.approx(3.0), "SD3's shift of 3"
    assert float(plain.quantile(half)) == pytest.approx(1.0)


@pytest.mark.parametrize("n", [64, 65])
def test_a_drawing_becomes_a_mixture_of_mean_zero_and_variance_one(n):
    ink = np.zeros((n, n))
    ink[10:20, 40:60] = 1.0  # above, right
    ink[40:44, 5:15] = 0.25
    mixture = diffusion.mixture_from_drawing(ink)
    torch.testing.assert_close(mixture.mean, torch.zeros(2, dtype=torch.float64), atol=1e-9, rtol=0)
    assert mixture.std == pytest.approx(1, rel=1e-9)
    assert len(mixture.means) <= 500
    faint = mixture.means[:, 0] < -2
    assert float(mixture.weights[faint].sum()) == pytest.approx(0.25 * 40 / (0.25 * 40 + 200), rel=0.02)
    assert mixture.means[~faint].mean(0)[1] > mixture.means[faint].mean(0)[1], "row 0 is on top"


@pytest.mark.parametrize(("ink", "why"), [(np.zeros((8, 8)), "empty"), (-np.ones((8, 8)), "ink must be")])
def test_no_drawing(ink, why):
    with pytest.raises(ValueError, match=why):
        diffusion.mixture_from_drawing(ink)


def test_a_row_with_a_schedule_by_hand():
    levels = (0.002, 0.1, 1.0, 80.0)
    row = Row("drawn", "edm", "heun", levels)
    path = row.make_schedule()
    torch.testing.assert_close(path.sigma(torch.linspace(0, 1, 4, dtype=torch.float64)), torch.tensor(levels).double())
    by_hand = diffusion.draw(diffusion.target("eight_gaussians"), row, steps=200, n=50)
    edm = diffusion.draw(diffusion.target("eight_gaussians"), ROWS["edm"], steps=200, n=50)
    np.testing.assert_allclose(by_hand.x, edm.x, atol=0.01)


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        (("drawn", "edm", "heun"), "as many times"),
        (("drawn", "edm", "heun", (1.0, 0.5)), "a schedule rises"),
        (("drawn", "edm", "heun", (0.0, 0.5)), "sigmas positive"),
        (("edm", "edm", "heun", (0.1, 0.5)), "levels belong"),
    ],
)
def test_impossible_levels(parts, why):
    with pytest.raises(ValueError, match=why):
        Row(*parts)
