"""Pre-training: what falls, what moves and what must not, the average at its end, and the statistics that settle."""

import copy
import math

import pytest
import torch
from torch import nn

from playground.representations.digits import augment, digits
from playground.representations.encoder import build_encoder, features, settle
from playground.representations.margin import margin_loss
from playground.representations.pretraining import (
    METHODS,
    Recipe,
    batch_margin_loss,
    build_objective,
    pretrain,
    train_objective,
)

X = digits()[0][:320]


def small(seed=0):
    return build_encoder(12, channels=16, seed=seed)


def run(method, *, steps=24, seed=0, encoder=None, view=augment, **settings):
    """The encoder at its end, and the losses."""
    encoder = encoder or small()
    losses = [
        step.loss
        for step in pretrain(encoder, X, Recipe(method, **settings), view=view, steps=steps, batch=64, seed=seed)
    ]
    return encoder, losses


def seen_by(encoder):
    return {name: p.detach().clone() for name, p in encoder.named_parameters()}


@pytest.mark.parametrize("method", [m for m in METHODS if m != "moco"])
def test_the_loss_falls(method):
    losses = run(method, steps=40)[1]
    spread = max(abs(losses[0]), 0.02)  # Deep InfoMax begins at the information of 0
    assert sum(losses[-5:]) / 5 < losses[0] - 0.02 * spread, losses


def test_moco_learns_though_its_queue_grows_harder():
    """The loss may rise, for the queue begins as noise; against one queue the encoder that has learned does better."""
    objective = build_objective(small(), Recipe("moco"))
    before = copy.deepcopy(objective.state_dict())
    list(train_objective(objective, X, view=augment, steps=40, batch=64))
    after = copy.deepcopy(objective.state_dict())
    assert after["moco.place"] == 40 * 64 % 1024  # every step's keys went in
    kept = [
        torch.equal(before[name], after[name]) for name in before if name.startswith("moco.slow") and "weight" in name
    ]
    assert not any(kept)

    def loss(state):
        objective.load_state_dict({**state, "moco.queue": after["moco.queue"]})
        return objective.train()(X, augment, torch.Generator().manual_seed(9)).item()

    assert loss(after) < loss(before) - 0.5


@pytest.mark.parametrize("method", METHODS)
def test_every_weight_that_learns_has_a_gradient_and_no_slow_copy_has(method):
    objective = build_objective(small(), Recipe(method, whole=1.0, prior=0.1)).train()
    objective(X[:64], augment, torch.Generator().manual_seed(0)).backward()
    slow = [name for name, p in objective.named_parameters() if not p.requires_grad]
    assert bool(slow) == (method in ("moco", "byol"))
    for name, p in objective.named_parameters():
        if not p.requires_grad:
            assert "slow" in name
            assert p.grad is None
        elif "bias" not in name or name.startswith("encoder"):  # a bias before a batch norm does nothing
            assert p.grad is not None, name
            assert p.grad.abs().max() > 0, name


@pytest.mark.parametrize("method", METHODS)
def test_every_weight_of_the_encoder_moves(method):
    encoder = run(method, steps=2)[0]
    for (name, now), before in zip(encoder.named_parameters(), small().parameters(), strict=True):
        assert not torch.equal(now, before), name


@pytest.mark.parametrize(("method", "part"), [("moco", "moco"), ("byol", None)])
def test_slow_copies_follow_by_their_momentum(method, part):
    objective = build_objective(small(), Recipe(method))
    follower = objective.moco if part else objective
    with torch.no_grad():
        for p in objective.encoder.parameters():
            p += 1.0
    slow = {name: p.clone() for name, p in follower.slow.named_parameters()}
    fast = dict((follower.encoder if part else objective.fast).named_parameters())
    objective.train()(X[:64], augment, torch.Generator().manual_seed(0))
    objective.advance()
    for name, p in follower.slow.named_parameters():
        torch.testing.assert_close(p, 0.99 * slow[name] + 0.01 * fast[name], atol=1e-6, rtol=1e-6)
    assert max(float((p - slow[name]).abs().max()) for name, p in follower.slow.named_parameters()) > 0.005


@pytest.mark.parametrize("stop", [9, 12])  # closed midway, and at its end
def test_it_ends_with_the_average_of_its_weights(stop):
    """The average after step t moves by 17 / (t + 16) of the way to the weights (nn/adam.py)."""
    encoder, average = small(), None
    training = pretrain(encoder, X, view=augment, steps=12, batch=64)
    for step in training:
        now = seen_by(encoder)
        average = average or now
        average = {k: average[k].lerp(now[k], 17 / (step.step + 16)) for k in now}
        if step.step == stop:
            break
    last = seen_by(encoder)
    if stop < 12:
        training.close()
    else:
        assert next(training, None) is None
    for name, p in encoder.named_parameters():
        torch.testing.assert_close(p.detach(), average[name], atol=1e-6, rtol=1e-5)
    assert any(not torch.allclose(p, last[name], atol=1e-5) for name, p in encoder.named_parameters())
    assert not encoder.training
    assert all(p.grad is None and p.untyped_storage().size() == p.numel() * 4 for p in encoder.parameters())
    assert features(encoder, X).isfinite().all()


def test_settled_statistics_are_means_over_the_pictures():
    """Even parts: of 501 pictures none may weigh as much as the 500 others."""
    x = digits()[0][:501]
    encoder = small()
    momenta = [layer.momentum for layer in encoder.modules() if isinstance(layer, nn.BatchNorm2d)]
    settle(encoder, x)
    parts = x[:251], x[251:]
    with torch.no_grad():
        for i, layer in enumerate(encoder.local):
            if not isinstance(layer, nn.BatchNorm2d):
                continue
            means, variances = [], []
            for part in parts:
                out = part
                for other in encoder.local[:i]:
                    if isinstance(other, nn.BatchNorm2d):  # each part by its own statistics, as in training
                        mean, variance = out.mean((0, 2, 3), keepdim=True), out.var((0, 2, 3), False, keepdim=True)
                        out = (out - mean) / (variance + other.eps).sqrt()
                    else:
                        out = other(out)
                means.append(out.mean((0, 2, 3)))
                variances.append(out.var((0, 2, 3), True))
            torch.testing.assert_close(layer.running_mean, sum(means) / 2, atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(layer.running_var, sum(variances) / 2, atol=1e-5, rtol=1e-4)
    assert [layer.momentum for layer in encoder.modules() if isinstance(layer, nn.BatchNorm2d)] == momenta
    assert not encoder.training


def test_features_are_each_picture_s_own():
    encoder = small()
    settle(encoder, X)
    encoder.train()  # what came before must not matter
    together = features(encoder, X)
    assert together.shape == (320, 12)
    torch.testing.assert_close(features(encoder, X[7:8])[0], together[7], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("side", "colours"), [(4, 1), (8, 1), (16, 2), (32, 3)])
def test_sizes_of_pictures(side, colours):
    encoder = build_encoder(10, channels=8, side=side, colours=colours)
    x = torch.rand(6, colours, side, side)
    assert encoder.map(x).shape == (6, 8, 4, 4)
    assert encoder(x).shape == (6, 10)
    drawn = build_objective(encoder, Recipe("denoising")).decoder(encoder(x))
    assert drawn.shape == x.shape


@pytest.mark.parametrize("method", ["nt_xent", "moco", "dim"])
def test_same_seed_same_weights(method):
    state = torch.get_rng_state()
    one, losses = run(method, steps=6, prior=0.1)
    assert torch.equal(torch.get_rng_state(), state), "a run must leave the caller's random numbers alone"
    two, again = run(method, steps=6, prior=0.1)
    other, _ = run(method, steps=6, seed=1, prior=0.1)
    assert losses == again
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_batch_margin_loss_is_the_margin_loss_of_all_pairs():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(5, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    one, two = nn.functional.normalize(a), nn.functional.normalize(b)
    apart = [(i, j) for i in range(5) for j in range(5) if i != j]
    left, right = torch.stack([one[i] for i, _ in apart]), torch.stack([two[j] for _, j in apart])
    expected = margin_loss(one, two, torch.ones(5), margin=1.3) + margin_loss(left, right, torch.zeros(20), margin=1.3)
    torch.testing.assert_close(batch_margin_loss(3 * a, b, margin=1.3), expected, atol=1e-12, rtol=1e-12)


def test_margin_loss_of_views_that_agree_has_a_gradient():
    a = torch.eye(4).requires_grad_()
    batch_margin_loss(a, a.detach().clone()).backward()
    assert a.grad.isfinite().all()


def test_one_view_infomax_sees_the_pictures_as_they_are():
    def forbidden(*_):
        raise AssertionError("a view")

    encoder, losses = run("dim_one_view", steps=3, view=forbidden)
    assert len(losses) == 3
    twin = copy.deepcopy(encoder)
    settle(twin, X)
    torch.testing.assert_close(features(twin, X), features(encoder, X))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"method": "magic"}, "no method is called 'magic'"),
        ({"temperature": 0.0}, "temperature must lie between"),
        ({"margin": 2.5}, "margin must lie between"),
        ({"prior": -0.1}, "prior must lie between"),
        ({"method": "dim", "local": 0.0}, "both weigh 0"),
    ],
)
def test_recipes_that_cannot_be(settings, words):
    with pytest.raises(ValueError, match=words):
        Recipe(**settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "exactly one of seconds and steps"),
        ({"steps": 3, "seconds": 1.0}, "exactly one of seconds and steps"),
        ({"steps": 0}, "steps must lie between"),
        ({"steps": 3, "batch": 321}, "batch must lie between 4 and 320"),
        ({"steps": 3, "batch": 3}, "batch must lie between 4 and 320"),
    ],
)
def test_runs_that_cannot_be(settings, words):
    with pytest.raises(ValueError, match=words):
        pretrain(small(), X, view=augment, **settings)


def test_what_is_kept_needs_steps(tmp_path):
    with pytest.raises(ValueError, match="needs a number of steps"):
        train_objective(build_objective(small(), Recipe()), X, view=augment, seconds=1.0, scratch=tmp_path)


def test_seconds_are_what_the_clock_says():
    """Each step takes half a second: of two seconds it makes four, and the last says that all is done."""
    now = iter(i / 2 for i in range(1000))
    steps = list(pretrain(small(), X, view=augment, seconds=2.0, batch=64, clock=lambda: next(now)))
    assert [step.seconds for step in steps] == [0.5, 1.0, 1.5, 2.0]
    assert [step.progress for step in steps] == [0.25, 0.5, 0.75, 1.0]


def test_a_loss_that_is_not_finite_stops_it_with_an_encoder_that_is():
    encoder = small()

    def broken(x, generator):
        broken.calls += 1
        return x * math.nan if broken.calls == 5 else augment(x, generator)  # the first view of the third step

    broken.calls = 0
    with pytest.raises(FloatingPointError, match="at step 3 the loss was nan"):
        list(pretrain(encoder, X, view=broken, steps=10, batch=64))
    assert features(encoder, X).isfinite().all()
