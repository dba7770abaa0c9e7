"""Reflow by rounds: each is measured, repeated by its pace, and stopped with what it has learned."""

import threading

import numpy as np
import pytest
import torch

from playground import flows


def moons():
    return flows.density("moons")


@pytest.fixture(scope="module")
def first():
    flow = flows.build("rectified", hidden=32)
    list(flows.fit(flow, moons(), steps=500))
    return flows.measure_round(flow, moons())


def weights(flow):
    return torch.cat([p.detach().flatten() for p in flow.parameters()])


def test_a_round_straightens_and_is_repeated_by_its_pace(first):
    *steps, last = flows.next_round(first, moons(), seconds=1.5, pairs=4096)
    second = last.round
    assert all(step.round is None for step in steps)
    assert (first.number, second.number) == (0, 1)
    assert second.journey.straightness < 0.5 * first.journey.straightness
    assert second.journey.distances[1] < 0.7 * first.journey.distances[1]
    assert second.journey.taught_crossing_pairs < 0.1 * first.journey.taught_crossing_pairs
    assert last.progress == 1
    assert second.pace[-1] == last.step
    *_, again = flows.next_round(first, moons(), pace=second.pace, pairs=4096)
    assert torch.equal(weights(again.round.flow), weights(second.flow))
    assert again.round.kl == pytest.approx(second.kl)


def test_stop_keeps_what_was_learned(first):
    stop, steps = threading.Event(), []
    for step in flows.next_round(first, moons(), seconds=600, pairs=1024, stop=stop):
        steps.append(step)
        if step.step == 5:
            stop.set()
    assert steps[-1].step == 5
    assert steps[-1].round.pace[-1] == 5
    assert not torch.equal(weights(steps[-1].round.flow), weights(first.flow))


def test_a_frozen_flow_can_be_reflowed(first):
    frozen = flows.build("rectified", hidden=32).eval().requires_grad_(False)
    frozen.load_state_dict(first.flow.state_dict())
    *_, last = flows.next_round(flows.measure_round(frozen, moons()), moons(), steps=3, pairs=1024)
    assert last.round.number == 1
    assert not any(p.requires_grad for p in frozen.parameters())
    list(flows.distil(flows.OneStep(frozen), frozen, steps=2, pairs=1024))


def test_samples_by_few_calls_are_those_of_the_journey(first):
    for calls in (1, 2, 4, 8):
        few = flows.hurry(first.flow, moons(), calls=calls)
        assert few.calls == calls
        assert few.distance == pytest.approx(first.journey.distances[calls], rel=1e-6)
        assert few.floor == pytest.approx(first.journey.floor, rel=1e-6)
    assert flows.hurry(first.flow, moons(), calls=7, solver="heun").calls == 6
    assert flows.hurry(first.flow, moons(), calls=1, solver="rk4").calls == 4, "one step takes four"
    fine = flows.hurry(first.flow, moons(), calls=100, solver="rk4")
    assert fine.distance < few.distance
    one = flows.hurry(flows.OneStep(first.flow), moons())
    np.testing.assert_allclose(one.points, flows.hurry(first.flow, moons(), calls=1).points, atol=1e-6)


def test_velocities_of_the_journey_are_the_flows(first):
    seen = first.journey
    k = len(seen.paths) // 2
    with torch.no_grad():
        there = first.flow.velocity(torch.from_numpy(seen.at), k / (len(seen.paths) - 1))
    np.testing.assert_allclose(seen.velocity[k], there.numpy(), atol=1e-5)


def test_lines_of_a_plan_are_drawn_once():
    """A plan joins 256 points at most: each part of a thousand has its own."""
    seen = flows.journey(flows.build("ot_cfm", hidden=8), moons(), steps=4)
    assert len(np.unique(seen.taught[0], axis=0)) == 1000
    assert len(np.unique(seen.taught[1], axis=0)) == 1000


def test_a_flow_that_does_not_move_is_measured():
    still = flows.measure_round(flows.build("rectified", hidden=8), moons())
    assert np.isnan(still.journey.energy)
    assert still.journey.straightness == 0


def test_refusals(first):
    with pytest.raises(ValueError, match="calls must lie between"):
        flows.hurry(first.flow, moons(), calls=0)
    with pytest.raises(ValueError, match="no method is called"):
        flows.hurry(first.flow, moons(), solver="leap")
    with pytest.raises(ValueError, match="as many calls as it needs"):
        flows.hurry(first.flow, moons(), solver="adaptive")
    with pytest.raises(ValueError, match="in the plane, not in 3"):
        flows.journey(flows.build("rectified", 3), moons())
    with pytest.raises(ValueError, match="does not tell the score"):
        first.flow.reflow(16).score(torch.zeros(2, 2), 0.5)
    with pytest.raises(ValueError, match="exactly one of"):
        list(flows.next_round(first, moons()))
