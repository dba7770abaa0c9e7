"""The contrastive losses against their formulas, and against open_clip's."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from playground import clip


def unit(*shape, seed=0):
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=-1)


IMAGES, TEXTS, FALSE = unit(5, 8), unit(5, 8, seed=1), unit(5, 3, 8, seed=2)
SCALE, BIAS = torch.tensor(9.0, dtype=torch.float64), torch.tensor(-4.0, dtype=torch.float64)


def by_hand(images, texts, negatives=None, also_true=None):
    """Figure 3 of the paper as sums of exponentials."""
    n, total = len(images), 0.0
    for i in range(n):
        for one, others, own in ((images[i], texts, True), (texts[i], images, False)):
            cosines = [9.0 * float(one @ other) for other in others]
            kept = [c for j, c in enumerate(cosines)
                    if i == j or also_true is None or not (also_true[i, j] if own else also_true[j, i])]  # fmt: skip
            if own and negatives is not None:
                kept += [9.0 * float(one @ other) for other in negatives[i]]
            total += math.log(sum(math.exp(c) for c in kept)) - cosines[i]
    return total / (2 * n)


ALSO = torch.zeros(5, 5, dtype=torch.bool)
ALSO[0, 3] = ALSO[4, 1] = ALSO[2, 2] = True  # what is said of a pair itself changes nothing


@pytest.mark.parametrize("negatives", [None, FALSE])
@pytest.mark.parametrize("also_true", [None, ALSO])
def test_info_nce_by_hand(negatives, also_true):
    got = clip.info_nce(IMAGES, TEXTS, SCALE, negatives=negatives, also_true=also_true)
    assert_close(got.item(), by_hand(IMAGES, TEXTS, negatives, also_true), rtol=1e-12, atol=0)


@pytest.mark.parametrize("negatives", [None, FALSE])
@pytest.mark.parametrize("also_true", [None, ALSO])
def test_sigmoid_by_hand(negatives, also_true):
    total = 0.0
    for i in range(5):
        for j in range(5):
            if i != j and also_true is not None and also_true[i, j]:
                continue
            logit = 9.0 * float(IMAGES[i] @ TEXTS[j]) - 4.0
            total += math.log1p(math.exp(-logit if i == j else logit))
        for wrong in [] if negatives is None else negatives[i]:
            total += math.log1p(math.exp(9.0 * float(IMAGES[i] @ wrong) - 4.0))
    got = clip.sigmoid_loss(IMAGES, TEXTS, SCALE, BIAS, negatives=negatives, also_true=also_true)
    assert_close(got.item(), total / 5, rtol=1e-12, atol=0)


def test_open_clips_losses():
    from open_clip.loss import ClipLoss, SigLipLoss

    assert_close(clip.info_nce(IMAGES, TEXTS, SCALE), ClipLoss()(IMAGES, TEXTS, SCALE))
    assert_close(clip.sigmoid_loss(IMAGES, TEXTS, SCALE, BIAS), SigLipLoss()(IMAGES, TEXTS, SCALE, BIAS))


def test_one_pair_alone_teaches_nothing():
    assert clip.info_nce(IMAGES[:1], TEXTS[:1], SCALE).item() == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"images": IMAGES[:4]}, r"images and texts must both be \(n, d\), not \(4, 8\) and \(5, 8\)"),
        ({"negatives": FALSE[:4]}, r"negatives must be \(n, k, d\) for images \(5, 8\), not \(4, 3, 8\)"),
        ({"also_true": ALSO.float()}, r"also_true must be bool \(5, 5\), not torch.float32 \(5, 5\)"),
    ],
)
def test_shapes_that_do_not_fit(options, words):
    given = {"images": IMAGES, "texts": TEXTS, "scale": SCALE} | options
    with pytest.raises(ValueError, match=words):
        clip.info_nce(**given)
