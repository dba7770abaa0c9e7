"""Plans against closed forms: sorting in one dimension, a shift, the entropic plan's margins; Wasserstein distances."""

import numpy as np
import pytest
import torch

from playground.flows.coupling import COUPLINGS, couple, plan, wasserstein


def draw(n, seed, dim=2):
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_a_plan_has_the_batches_as_margins(coupling):
    joint = plan(draw(40, 0), draw(40, 1), coupling, sigma=0.7)
    np.testing.assert_allclose(joint.sum(0), 1 / 40, atol=1e-6)
    np.testing.assert_allclose(joint.sum(1), 1 / 40, atol=1e-6)
    assert joint.min() >= 0


def test_exact_transport_on_a_line_is_sorting():
    x0, x1 = draw(50, 2, dim=1), draw(50, 3, dim=1)
    start, end = couple(x0, x1, "ot")
    torch.testing.assert_close(start, x0)
    torch.testing.assert_close(end[start[:, 0].argsort()], x1.sort(0).values)


def test_every_point_is_used_once():
    x1 = draw(64, 4)
    _, end = couple(draw(64, 5), x1, "ot")
    torch.testing.assert_close(end.sort(0).values, x1.sort(0).values)


def test_an_entropic_plan_nears_the_exact_one_as_sigma_falls():
    x0, x1 = draw(30, 6), draw(30, 7)
    cost = torch.cdist(x0, x1).square().double().numpy()
    costs = [float((plan(x0, x1, "entropic", sigma=sigma) * cost).sum()) for sigma in (2.0, 0.7, 0.2)]
    exact = float((plan(x0, x1, "ot") * cost).sum())
    apart = float((plan(x0, x1, "independent") * cost).sum())
    assert exact < costs[2] < costs[1] < costs[0] < apart
    assert costs[2] == pytest.approx(exact, rel=0.1)


def test_entropic_pairs_are_drawn_from_the_plan():
    x0, x1 = draw(8, 8), draw(8, 9)
    rows = plan(x0, x1, "entropic", sigma=1.0) * 8
    generator = torch.Generator().manual_seed(0)
    counts = np.zeros((8, 8))
    for _ in range(2000):
        _, end = couple(x0, x1, "entropic", generator, sigma=1.0)
        counts[np.arange(8), torch.cdist(end, x1).argmin(1).numpy()] += 1
    np.testing.assert_allclose(counts / 2000, rows, atol=0.05)


def test_wasserstein_of_a_shift_is_its_length():
    x = draw(100, 10)
    assert wasserstein(x, x + torch.tensor([3.0, 4.0])) == pytest.approx(5.0, rel=1e-6)
    assert wasserstein(x, x.flip(0)) == pytest.approx(0.0, abs=1e-6)


def test_an_unknown_coupling_is_refused():
    with pytest.raises(ValueError, match="no coupling is called 'best'; choose one of independent, ot, entropic"):
        plan(draw(4, 0), draw(4, 1), "best")
