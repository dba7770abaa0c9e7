"""The contrastive losses: their formulas written out, closed forms, gradients that are finite, and their traps."""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import cosine_similarity, triplet_margin_loss

from playground.representations.bounds import info_nce
from playground.representations.cpc import Predictor, info_nce_loss
from playground.representations.margin import margin_loss, triplet_loss
from playground.representations.moco import MoCo
from playground.representations.nt_xent import alignment, nt_xent, uniformity
from playground.representations.without_negatives import byol_loss, vicreg_loss


def points(n=6, d=4, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_margin_loss():
    a, b = points(seed=1), points(seed=2)
    same = torch.tensor([1, 0, 1, 0, 0, 1])
    total = 0.0
    for x, y, s in zip(a, b, same, strict=True):
        d = float((x - y).norm())
        total += d**2 if s else max(2.5 - d, 0) ** 2
    assert float(margin_loss(a, b, same, margin=2.5)) == pytest.approx(total / 12)


def test_margin_loss_where_two_points_are_one():
    a = points().requires_grad_()
    margin_loss(a, a.detach().clone(), torch.zeros(6)).backward()
    assert torch.isfinite(a.grad).all()


def test_triplets():
    a, p, n = points(seed=1), points(seed=2), points(seed=3)
    expected = triplet_margin_loss(a, p, n, margin=0.7, eps=0)
    torch.testing.assert_close(triplet_loss(a, p, n, margin=0.7), expected)


@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.0])
def test_nt_xent_written_out(temperature):
    a, b = points(seed=1), points(seed=2)
    z, n = torch.cat([a, b]), len(a)
    total = 0.0
    for i in range(2 * n):
        j = (i + n) % (2 * n)
        others = [math.exp(float(cosine_similarity(z[i], z[k], dim=0)) / temperature) for k in range(2 * n) if k != i]
        total -= float(cosine_similarity(z[i], z[j], dim=0)) / temperature - math.log(sum(others))
    assert float(nt_xent(a, b, temperature=temperature)) == pytest.approx(total / (2 * n))


def test_nt_xent_where_all_agree():
    one = torch.ones(5, 3)
    assert float(nt_xent(one, one)) == pytest.approx(math.log(9), abs=1e-6)


def test_alignment_and_uniformity():
    a = points(300, 2)
    assert float(alignment(a, 3 * a)) == pytest.approx(0, abs=1e-12)
    assert float(alignment(a, -a)) == pytest.approx(4)
    circle = torch.stack([torch.tensor([math.cos(t), math.sin(t)]) for t in torch.linspace(0, 2 * math.pi, 401)[:-1]])
    even = math.log(float(torch.special.i0e(torch.tensor(4.0))))  # E exp(-2 (2 - 2 cos)) = e^-4 I0(4)
    assert float(uniformity(circle)) == pytest.approx(even, abs=0.01)
    assert float(uniformity(torch.ones(9, 2))) == pytest.approx(0, abs=1e-6)


def test_info_nce_is_the_bound():
    scores = points(7, 7)
    assert float(info_nce(scores)) == pytest.approx(math.log(7) - float(info_nce_loss(scores)))


def test_a_predictor_has_a_matrix_a_step():
    net = Predictor(5, 3, 2).double()
    c, z = points(4, 5), points(4, 3)
    torch.testing.assert_close(net(c, z, 2)[1, 2], c[1] @ net.w[1].weight.T @ z[2])


def test_moco_is_the_softmax_over_its_key_and_the_queue():
    torch.manual_seed(0)
    net = MoCo(nn.Linear(4, 3), 3, size=8, momentum=0.9, temperature=0.3)
    x, y = points(5).float(), points(5, seed=1).float()
    q, k = (nn.functional.normalize(part, dim=1) for part in (net.encoder(x), net.slow(y)))
    total = 0.0
    for i in range(5):
        logits = [float(q[i] @ k[i]), *(float(q[i] @ old) for old in net.queue)]
        total += math.log(sum(math.exp(v / 0.3) for v in logits)) - logits[0] / 0.3
    loss = net(x, y)
    assert float(loss) == pytest.approx(total / 5, rel=1e-5)
    loss.backward()
    assert all(p.grad is None for p in net.slow.parameters())
    before = [p.clone() for p in net.slow.parameters()]
    with torch.no_grad():
        for p in net.encoder.parameters():
            p += 1.0
    net.advance(y)
    torch.testing.assert_close(net.queue[:5], k.detach())
    for slow, old, fast in zip(net.slow.parameters(), before, net.encoder.parameters(), strict=True):
        torch.testing.assert_close(slow, 0.9 * old + 0.1 * fast)
    net.advance(x)
    assert int(net.place) == 2, "the queue goes round"


def test_byol_and_vicreg():
    a, b = points(seed=1).requires_grad_(), points(seed=2).requires_grad_()
    value = byol_loss(a, b)
    assert float(value.detach()) == pytest.approx(float((2 - 2 * cosine_similarity(a, b, dim=1)).mean().detach()))
    value.backward()
    assert b.grad is None
    a, b = points(seed=1), points(seed=2)
    total = 25 * float((a - b).square().mean())
    for z in (a, b):
        total += 25 * float((1 - (z.var(0) + 1e-4).sqrt()).clamp(min=0).mean())
        matrix = torch.cov(z.T)
        total += float((matrix - torch.diag(matrix.diagonal())).square().sum()) / 4
    assert float(vicreg_loss(a, b)) == pytest.approx(total)
    assert float(vicreg_loss(torch.ones(6, 4), torch.ones(6, 4))) > 45, "a collapse is dear"
