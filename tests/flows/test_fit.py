"""Training: Adam and the average as published, budgets, seeds, what is left after an end, a stop and a failure."""

import itertools
import math
import time

import pytest
import torch

from playground.flows.build import FLOWS, build
from playground.flows.density import density
from playground.flows.fit import CLIP, Recipe, fit, recipe
from playground.nn.adam import AVERAGE, BETA1, EPSILON, WARM_UP


def weights(flow):
    return torch.cat([p.detach().clone().flatten() for p in flow.parameters()])


def polyak(iterates):
    """The running average of Shamir and Zhang, equation (6) with eta = AVERAGE, of w_1, w_2, ..."""
    average = iterates[0]
    for t, w in enumerate(iterates[1:], start=2):
        share = (AVERAGE + 1) / (t + AVERAGE)
        average = (1 - share) * average + share * w
    return average


class Noise:
    """A standard normal without known density that keeps what it gave, and gives NaN from draw number `until` on."""

    name, entropy = "noise", None

    def __init__(self, until=math.inf, size=1.0):
        self.draws, self.until, self.size = [], until, size

    def sample(self, n, generator=None):
        x = torch.randn(n, 2, generator=generator) * torch.tensor([1.5, 0.5]) * self.size
        self.draws.append(x)
        return x if len(self.draws) < self.until else x * math.nan

    def log_prob(self, x):  # noqa: ARG002  # the protocol's argument
        return None


class Clock:
    """A clock that goes on by `tick` seconds at every pass through the flow, and else when told."""

    def __init__(self, flow, tick):
        self.now = 100.0
        flow.register_forward_hook(lambda *_: self.wait(tick))

    def wait(self, seconds):
        self.now += seconds

    def __call__(self):
        return self.now


@pytest.mark.parametrize("name", ["spline", "glow"])
def test_same_seed_same_weights(name):
    def trained(seed):
        flow = build(name, layers=2)
        last = list(fit(flow, density("moons"), steps=5, seed=seed, batch=128))[-1]
        return last.nll, last.kl, weights(flow)

    first, again, other = trained(1), trained(1), trained(2)
    assert first[:2] == again[:2]
    assert torch.equal(first[2], again[2])
    assert not torch.equal(first[2], other[2])


@pytest.mark.parametrize("size", [1.0, 20.0])
def test_steps_are_adams(size):
    """Against torch.optim.Adam and torch's clipping on the same batches; warm-up and cosine by their formulas."""
    source, steps, batch, lr = Noise(size=size), 40, 64, 0.05
    flow, twin = (build("realnvp", layers=2, seed=3).double() for _ in range(2))
    optimizer = torch.optim.Adam(twin.parameters(), betas=(BETA1, recipe(flow).beta2), eps=EPSILON)
    clipped = 0
    for r in fit(flow, source, steps=steps, batch=batch, lr=lr):
        x = source.draws[1].double().split(batch)[r.step - 1]  # the first draw is held out
        begun = (r.step - 0.5) / steps
        optimizer.param_groups[0]["lr"] = lr * min(1, begun / WARM_UP) * (1 + math.cos(math.pi * begun)) / 2
        optimizer.zero_grad()
        loss = -twin.log_prob(x).mean()
        loss.backward()
        clipped += torch.nn.utils.clip_grad_norm_(twin.parameters(), CLIP).item() > CLIP
        optimizer.step()
        assert r.nll == pytest.approx(loss.item(), rel=1e-5)
        if r.step < steps:  # at the last step the flow holds the average already
            torch.testing.assert_close(weights(flow), weights(twin), atol=1e-5, rtol=1e-4)
    assert clipped < 5 if size == 1 else 5 <= clipped < steps


@pytest.mark.parametrize("end", ["end", "close", "error"])
def test_current_weights_while_it_runs_and_the_average_after(end):
    flow, source = build("nice", layers=2), Noise(until=5 if end == "error" else math.inf)
    training = fit(flow, source, steps=4 if end == "end" else 9, batch=65536, lr=0.05)  # a draw is a step
    iterates = []
    if end == "error":
        with pytest.raises(FloatingPointError, match=r"step 4.*loss was nan.*smaller lr"):
            iterates.extend(weights(flow) for _ in training)
        iterates = iterates[:3]
    else:
        for r in training:
            iterates.append(weights(flow))
            if end == "close" and r.step == 3:
                training.close()
                break
    kept = iterates[:3] if end == "end" else iterates
    assert all(not torch.equal(a, b) for a, b in itertools.pairwise(kept))
    if end == "end":  # the last record is given with the average in place, and the end changes nothing
        assert torch.equal(weights(flow), iterates[-1])
        assert not torch.equal(weights(flow), iterates[-2])
    else:
        torch.testing.assert_close(weights(flow), polyak(kept), atol=1e-6, rtol=1e-5)
    assert weights(flow).isfinite().all()
    for p in flow.parameters():
        assert p.grad is None
        assert p.untyped_storage().nbytes() == p.numel() * p.element_size(), "a parameter keeps storage of all"


def test_seconds_count_training_only():
    flow = build("nice", layers=2)
    clock = Clock(flow, tick=0.25)
    records = []
    for r in fit(flow, Noise(), seconds=2.0, batch=16, clock=clock):
        records.append(r)
        clock.wait(1000)  # the caller paints
    assert [r.seconds for r in records] == pytest.approx([0.25 * i for i in range(1, 9)])
    assert [r.progress for r in records] == pytest.approx([i / 8 for i in range(1, 9)])


def test_divergence_takes_its_share_of_the_time_and_no_more():
    flow = build("nice", layers=2)
    clock = Clock(flow, tick=0.01)
    records = list(fit(flow, density("moons"), seconds=20.0, batch=16, clock=clock))
    estimates = [r.step for r in records if r.kl is not None]
    passes = round(records[-1].seconds / 0.01) - len(records)  # through the flow, that were no step
    assert 0.015 < passes * 0.01 / 20 < 0.035
    assert len(estimates) >= 8
    assert estimates[-1] == records[-1].step


def test_schedule_follows_the_clock():
    """A small rate at the start and the end of a time budget: the weights move most in between."""
    flow = build("realnvp", layers=2)
    moves, last = [], weights(flow)
    for r in fit(flow, Noise(), seconds=10.0, batch=16, lr=0.01, clock=Clock(flow, tick=0.1)):
        if r.progress < 1:
            moves.append((weights(flow) - last).norm().item())
            last = weights(flow)
    assert moves[0] < moves[10] / 4
    assert sum(moves[5:15]) > 5 * sum(moves[-10:])


@pytest.mark.parametrize("end", ["end", "stop"])
@pytest.mark.parametrize("tick", [0.013, 0.21])  # several steps a stage; several stages a step
def test_pace_repeats_a_run_by_the_clock(end, tick):
    """What the clock decided is in the pace: the same weights to the bit, after a stop too."""
    timed, again = (build("realnvp", layers=2) for _ in range(2))
    pace, last = [], None
    run = fit(timed, Noise(), seconds=5.0, batch=16, clock=Clock(timed, tick))
    for r in run:
        pace += [r.step - 1] * (r.stage - len(pace))
        last = r
        if end == "stop" and r.progress > 0.6:
            run.close()
            break
    assert len(pace) > 50
    repeated = list(fit(again, Noise(), pace=[*pace, last.step], batch=16))
    assert [r.step for r in repeated] == list(range(1, last.step + 1))
    assert repeated[-1].progress == 1
    assert torch.equal(weights(timed), weights(again))


def test_frozen_flow_is_refused():
    with pytest.raises(ValueError, match="all are frozen"):
        fit(build("nice").requires_grad_(False), Noise(), steps=1)


def test_divergence_is_near_an_independent_estimate():
    flow, d = build("spline"), density("moons")
    last = list(fit(flow, d, steps=60))[-1]
    x = d.sample(50_000, torch.Generator().manual_seed(99))
    with torch.no_grad():
        gap = d.log_prob(x) - flow.log_prob(x)
    error = gap.std().item() * math.sqrt(1 / len(x) + 1 / 4096)
    assert last.kl == pytest.approx(gap.mean().item(), abs=4 * error)


def test_no_divergence_without_a_density():
    assert all(r.kl is None for r in fit(build("nice", layers=2), Noise(), steps=5))


def test_learns_the_moons():
    flow = build("spline")
    records = list(fit(flow, density("moons"), steps=250, batch=1024))
    assert records[-1].kl < 0.03
    assert records[0].nll > density("moons").entropy + 0.5
    assert records[-1].nll < density("moons").entropy + 0.15


@pytest.mark.parametrize("name", FLOWS)
def test_every_family_trains_from_its_own_start(name):
    """The first record comes at once; transforms that take their scale from data have seen it."""
    shortest = math.inf
    for _ in range(2):  # the first time may pay for caches
        flow = build(name, layers=2)
        begun = time.process_time()
        training = fit(flow, density("spirals"), seconds=60.0)
        assert next(training).step == 1
        shortest = min(shortest, time.process_time() - begun)
        training.close()
    assert shortest < (0.2 if flow.by_likelihood else 0.5)  # whose likelihood is estimated first
    assert all(getattr(transform, "ready", True) for transform in flow.transforms)


def test_double_precision_and_frozen_parameters():
    flow = build("realnvp", layers=2).double()
    frozen = next(flow.parameters())
    frozen.requires_grad_(False)
    before, rest = frozen.clone(), weights(flow)
    list(fit(flow, density("moons"), steps=3, batch=32))
    assert torch.equal(frozen, before)
    assert not torch.equal(weights(flow), rest)
    assert all(p.dtype == torch.float64 for p in flow.parameters())


def test_recipes():
    assert (
        recipe(build("spline")).lr > recipe(build("spline", dim=3)).lr
    )  # the lattice bears ten times a network's rate
    assert recipe(torch.nn.Linear(2, 2)) == Recipe()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "exactly one of seconds, steps and pace"),
        ({"seconds": 1.0, "steps": 5}, "exactly one"),
        ({"seconds": 0.01}, "between 0.1 and 3600, not 0.01"),
        ({"seconds": math.nan}, "not nan"),
        ({"seconds": 1e9}, "not 1000000000.0"),
        ({"steps": 0}, r"between 1 and 10\*\*7, not 0"),
        ({"steps": 5, "batch": 1}, "between 2 and 65536, not 1"),
        ({"steps": 5, "batch": 10**9}, "not 1000000000"),
        ({"steps": 5, "lr": 0.0}, "lr must be positive, not 0.0"),
        ({"steps": 5, "lr": math.nan}, "not nan"),
        ({"steps": 5, "pace": [5]}, "exactly one"),
        ({"pace": []}, "1 to 100 numbers"),
        ({"pace": [0]}, "1 to 100 numbers"),
        ({"pace": [3, 2]}, "at least the one before it"),
        ({"pace": range(1, 102)}, "1 to 100 numbers"),
    ],
)
def test_refusals_come_before_the_first_step(options, message):
    with pytest.raises(ValueError, match=message):
        fit(build("nice", layers=2), Noise(), **options)
