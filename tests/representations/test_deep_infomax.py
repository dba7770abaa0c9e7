"""Deep InfoMax on digits: scores of patches, losses that fall, the game for the prior, what may be done to a digit."""

import pytest
import torch

from playground.representations.bounds import info_nce
from playground.representations.deep_infomax import OBJECTIVES, DeepInfoMax
from playground.representations.digits import Augmentation, augment, digits, few_labels
from playground.representations.encoder import build_encoder


def batch(n=16):
    return digits()[0][:n]


def test_digits_are_split_once_and_for_all():
    x, y, held, labels = digits()
    assert x.shape == (1297, 1, 8, 8)
    assert held.shape == (500, 1, 8, 8)
    assert set(y.tolist()) == set(labels.tolist()) == set(range(10))
    assert 0 <= x.min() < x.max() <= 1
    flat = {tuple(row) for row in x.flatten(1).tolist()}
    assert sum(tuple(row) in flat for row in held.flatten(1).tolist()) == 0, "nothing is in both"


def test_few_labels():
    y = digits()[1]
    chosen = few_labels(y, 3, seed=1)
    assert y[chosen].bincount().tolist() == [3] * 10
    assert not torch.equal(chosen, few_labels(y, 3, seed=2))
    with pytest.raises(ValueError, match="labels a class must lie between 1 and"):
        few_labels(y, 10_000)


def test_augmentation_that_changes_nothing_changes_nothing():
    x = batch()
    still = Augmentation(rotate=0, scale=0, shear=0, shift=0, gain=0, noise=0, cut=0)
    torch.testing.assert_close(augment(x, how=still), x, atol=1e-6, rtol=0)


def test_augmentation_changes_every_picture_and_repeats_by_its_seed():
    x = batch()
    one, two = (augment(x, torch.Generator().manual_seed(0)) for _ in range(2))
    assert torch.equal(one, two)
    assert ((one - x).abs().flatten(1).max(1).values > 0.05).all()
    half = augment(x, torch.Generator().manual_seed(0), Augmentation(0, 0, 0, 0.5, 0, 0, 0))
    assert not torch.equal(half, x)


def test_a_score_is_a_patch_with_a_vector():
    encoder, head = build_encoder(8, channels=8).eval(), DeepInfoMax(8, 8, width=6)
    features = encoder.map(batch(4))
    vectors = encoder.vector(features)
    scores = head.scores(features, vectors)
    assert scores.shape == (4, 4, 4, 4)
    patch = head.patch(features[1:2])[0, :, 2, 3]
    torch.testing.assert_close(scores[1, 3, 2, 3], patch @ head.vector(vectors[3]))
    expected = -torch.stack([info_nce(scores[:, :, i, j]) for i in range(4) for j in range(4)]).mean()
    torch.testing.assert_close(head(features, vectors), expected)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("weights", [{"local": 1.0}, {"local": 0.0, "whole": 1.0}, {"local": 1.0, "prior": 0.1}])
def test_every_objective_learns(objective, weights):
    torch.manual_seed(0)
    encoder = build_encoder(16, channels=16)
    head = DeepInfoMax(16, 16, objective=objective, **weights)
    x = batch(32)
    optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=3e-3)
    losses = []
    for _ in range(25):
        features = encoder.map(x)
        loss = head(features, encoder.vector(features))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] - 0.05


def test_the_judge_learns_to_tell_and_gives_the_encoder_no_gradient():
    torch.manual_seed(0)
    encoder, head = build_encoder(8, channels=8), DeepInfoMax(8, 8, prior=0.1)
    vectors = encoder(batch())
    loss = head.judge_loss(vectors, torch.Generator().manual_seed(0))
    loss.backward()
    assert all(p.grad is None for p in encoder.parameters())
    assert all(p.grad is not None for p in head.judge.parameters())


def test_refusals():
    with pytest.raises(ValueError, match="no objective is called 'guess'"):
        DeepInfoMax(8, 8, objective="guess")
    with pytest.raises(ValueError, match="nothing to judge"):
        DeepInfoMax(8, 8).judge_loss(torch.zeros(2, 8))
    with pytest.raises(ValueError, match="dim must lie between"):
        build_encoder(1)
