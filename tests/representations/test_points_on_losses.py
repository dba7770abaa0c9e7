"""Points that go down a contrastive loss: their arrows by hand, and what the margin and the temperature do."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from playground.representations.points import batch_of, descend, hardness


def first(loss, batch, **options):
    return next(descend(batch, loss, **options))


def test_arrows_of_the_margin_loss_by_hand():
    """Of each pair y (x_j - x_i), and (1 - y) (m - d) along x_i - x_j where d < m; the mean, times the points."""
    batch, margin = batch_of(5, 3, seed=1), 0.9
    x, label = batch.start.double().numpy(), batch.label.numpy()
    n, wanted = len(x), np.zeros((len(batch.start), 2))
    for i in range(n):
        for j in range(n):
            if i != j:
                away, d = x[i] - x[j], np.linalg.norm(x[i] - x[j])
                wanted[i] += -away if label[i] == label[j] else max(margin - d, 0) * away / d
    wanted *= n / (n * (n - 1) / 2)
    np.testing.assert_allclose(first("margin", batch, margin=margin).push, wanted, atol=2e-6)


def test_beyond_the_margin_nothing_pushes():
    batch = batch_of(6, 6, seed=2)
    d = torch.pdist(batch.start)
    step = first("margin", batch, margin=float(d.min()) * 0.999)
    pulls = batch.start.roll(6, 0) - batch.start  # the partner alone
    np.testing.assert_allclose(step.push, pulls.numpy() * 12 / 66, atol=1e-6)
    assert step.active == 0


def test_arrows_of_nt_xent_by_hand():
    """-dL/dz_i = 1/(2n tau) sum_j (partner_ij - p_ij + partner_ji - p_ji) z_j, its part along the circle."""
    batch, tau = batch_of(4, 4, seed=3), 0.3
    z = normalize(batch.start.double(), dim=1).numpy()
    n = len(z) // 2
    scores = np.exp(z @ z.T / tau) * (1 - np.eye(2 * n))
    p = scores / scores.sum(1, keepdims=True)
    partner = np.eye(2 * n)[np.r_[n : 2 * n, :n]]
    force = ((partner - p) + (partner - p).T) @ z / tau
    force -= (force * z).sum(1, keepdims=True) * z
    np.testing.assert_allclose(first("nt_xent", batch, temperature=tau).push, force, atol=2e-5)


def test_the_hardest_negative_alone_pushes_as_the_temperature_falls():
    at = batch_of(5, 5, seed=4).start
    z = normalize(at, dim=1)
    similar = z @ z.T
    n = len(z) // 2
    for i in range(2 * n):
        similar[i, i] = similar[i, (i + n) % (2 * n)] = -math.inf
    warm, cold = hardness(at, temperature=0.5), hardness(at, temperature=0.001)
    torch.testing.assert_close(warm.sum(1), torch.ones(2 * n))
    assert warm[0, 0] == warm[0, n] == 0
    a, b = 2, 3
    assert float(warm[1, a] / warm[1, b]) == pytest.approx(
        math.exp(float(similar[1, a] - similar[1, b]) / 0.5), rel=1e-4
    )
    assert (cold.argmax(1) == similar.argmax(1)).all()
    assert (cold.max(1).values > 0.9).sum() >= 2 * n - 2, "but for near ties"
    even = hardness(at, temperature=1e4)
    torch.testing.assert_close(even[0][even[0] > 0], torch.full((2 * n - 2,), 1 / (2 * n - 2)), rtol=1e-3, atol=0)
    assert first("nt_xent", batch_of(5, 5, seed=4), temperature=10.0).active == pytest.approx(2 * n - 2, rel=0.01)


def test_margin_gathers_classes_at_a_margin_from_each_other():
    steps = list(descend(batch_of(8, 3, seed=0), "margin", margin=1.0, rate=0.3, steps=200))
    assert len(steps) == 201
    assert steps[-1].loss < 1e-3 < steps[0].loss
    assert steps[-1].similar < 0.05
    assert steps[-1].dissimilar > 0.98
    assert steps[-1].active < steps[0].active


def test_nt_xent_aligns_and_stays_on_the_circle():
    steps = list(descend(batch_of(6, 6, seed=0), "nt_xent", temperature=0.3, rate=0.05, steps=100))
    assert steps[-1].alignment < 0.05 < steps[0].alignment
    assert steps[-1].loss < steps[0].loss
    np.testing.assert_allclose(np.linalg.norm(steps[-1].at, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose((steps[50].push * steps[50].at).sum(1), 0, atol=1e-4)


def test_two_classes_of_margin_end_where_the_formula_says():
    """Points in two places, 0.4 apart, all of one place alike: only the margin acts."""
    batch = batch_of(2, 2, seed=0)
    batch.start[:] = torch.tensor([[0.0, 0.0], [0.4, 0.0], [0.0, 0.0], [0.4, 0.0]])
    one, two = list(descend(batch, "margin", margin=1.0, rate=0.05, steps=1))
    # each point has two dissimilar points at 0.4; of 6 pairs, times 4 points
    assert one.push[1] == pytest.approx([2 * 0.6 * 4 / 6, 0], abs=1e-6)
    assert two.dissimilar == pytest.approx(0.4 + 2 * 0.05 * 0.8, abs=1e-6)
    assert np.isfinite(one.push).all(), "at a distance of 0"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"loss": "hope"}, "no loss is called 'hope'"),
        ({"margin": 0.0}, "margin must lie between 0.01 and 10, not 0.0"),
        ({"temperature": 0.0}, "temperature must lie between 0.01 and 10"),
        ({"rate": -1.0}, "rate must lie between 0 and 10"),
        ({"steps": 0}, "steps must lie between 1 and 10,000"),
    ],
)
def test_refusals(options, words):
    with pytest.raises(ValueError, match=words):
        descend(batch_of(), **options)


def test_refused_batches():
    with pytest.raises(ValueError, match="between 2 and 64, not 1"):
        batch_of(1)
    with pytest.raises(ValueError, match="5 classes are more than the 4 pairs"):
        batch_of(4, 5)
