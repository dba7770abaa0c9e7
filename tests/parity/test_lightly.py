"""Our losses without labels against those of lightly 1.6 on random embeddings in float64: values and gradients.

Where the conventions differ, the test says how: lightly halves VICReg's variance term, as its authors' code does and
their algorithm 1 does not; its NegativeCosineSimilarity is -cos where BYOL's equation 2 is 2 - 2 cos.
"""

import pytest
import torch
from lightly.loss import NegativeCosineSimilarity, NTXentLoss, VICRegLoss
from torch import nn

from playground.representations.moco import MoCo
from playground.representations.nt_xent import nt_xent
from playground.representations.without_negatives import byol_loss, vicreg_loss

EXACT = {"atol": 1e-10, "rtol": 1e-10}


def pair(n=12, d=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, d, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(2)]


def compare(ours, theirs, inputs):
    """Values and gradients; the loss must not be the same whatever the embeddings."""
    torch.testing.assert_close(ours, theirs, **EXACT)
    mine, its = (torch.autograd.grad(loss, inputs, retain_graph=True) for loss in (ours, theirs))
    assert max(float(g.abs().max()) for g in mine) > 1e-4
    for one, other in zip(mine, its, strict=True):
        torch.testing.assert_close(one, other, **EXACT)


@pytest.mark.parametrize("temperature", [0.1, 0.2, 0.5, 2.0])
@pytest.mark.parametrize("n", [2, 12])
def test_nt_xent(temperature, n):
    a, b = pair(n)
    compare(nt_xent(a, b, temperature=temperature), NTXentLoss(temperature=temperature)(a, b), (a, b))


@pytest.mark.parametrize("size", [0.3, 1.0, 3.0])  # standard deviations below and above 1
def test_vicreg(size):
    a, b = pair()
    one, two = size * a, size * b
    compare(vicreg_loss(one, two), VICRegLoss(mu_param=50.0)(one, two), (a, b))


def test_byol():
    a, b = pair()
    compare(byol_loss(a, b), 2 + 2 * NegativeCosineSimilarity()(a, b.detach()), (a,))


def test_moco():
    """The first batch against a full queue; lightly's memory bank then puts its keys where ours does."""
    torch.manual_seed(0)
    q, k = pair()
    ours = MoCo(nn.Identity(), 7, size=24, temperature=0.2).double()
    theirs = NTXentLoss(temperature=0.2, memory_bank_size=(24, 7))
    theirs.double()
    theirs.memory_bank.bank = ours.queue.clone()
    theirs.memory_bank.bank_ptr = torch.zeros(1, dtype=torch.long)
    for _ in range(3):  # the third overwrites what the first wrote
        compare(ours(q, k), theirs(q, k.detach()), (q,))
        ours.advance(k)
        torch.testing.assert_close(theirs.memory_bank.bank, ours.queue, **EXACT)
