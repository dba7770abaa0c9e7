"""Training that is watched: the same weights as training alone, honest frames, and a stop that stops."""

import math
import sys
import threading

import numpy as np
import pytest
import torch

from playground import flows
from playground.flows.live import CURVE, _Curve


def moons():
    return flows.density("moons")


def weights(flow):
    return torch.cat([p.detach().flatten() for p in flow.parameters()])


def test_watching_does_not_change_what_is_learned():
    watched, alone = (flows.build("spline", layers=2) for _ in range(2))
    frames = list(flows.watch({"spline": watched}, moons(), steps=40, side=40, points=50))
    list(flows.fit(alone, moons(), steps=40))
    assert torch.equal(weights(watched), weights(alone))
    assert frames[-1].final
    assert not any(frame.final for frame in frames[:-1])


def test_first_frame_shows_the_untrained_flow_and_the_last_the_one_that_is_kept():
    flow = flows.build("spline", layers=2)
    before = flows.log_prob_grid(flow, n=40)
    frames = list(flows.watch({"spline": flow}, moons(), steps=30, side=40, points=64))
    np.testing.assert_array_equal(frames[0].lanes[0].log_p, before)
    last = frames[-1].lanes[0]
    np.testing.assert_array_equal(last.log_p, flows.log_prob_grid(flow, n=40))
    assert (last.step, last.progress) == (30, 1.0)
    latents = torch.randn(64, 2, generator=flows.generator(0))
    torch.testing.assert_close(torch.from_numpy(last.points), flow.inverse(latents)[0].detach(), atol=1e-5, rtol=0)


def test_lane_reports_kl_and_mass():
    flow = flows.build("spline")
    lane = list(flows.watch({"spline": flow}, moons(), steps=150, side=100))[-1].lanes[0]
    x = moons().sample(20_000, flows.generator(7))
    with torch.no_grad():
        kl = float((moons().log_prob(x) - flow.log_prob(x)).mean())
    assert lane.kl == pytest.approx(kl, abs=0.02)
    assert lane.mass == pytest.approx(1, abs=0.03)
    assert lane.nll == pytest.approx(moons().entropy + kl, abs=0.1)
    steps, nll = lane.nll_curve
    assert len(steps) == len(nll) > 100
    assert np.all(np.diff(steps) > 0)


def test_stop_ends_with_a_final_frame_and_no_thread():
    stop, flow = threading.Event(), flows.build("spline", layers=2)
    frames = []
    for frame in flows.watch({"spline": flow}, moons(), seconds=3600, side=32, points=16, stop=stop):
        frames.append(frame)
        if frame.lanes[0].step > 5:
            stop.set()
    assert frames[-1].final
    assert frames[-1].progress < 0.1
    assert not [t for t in threading.enumerate() if t.name == "flows.watch"]
    assert all(p.grad is None for p in flow.parameters())  # the average was put in, the training let go


@pytest.mark.parametrize("share", [0.0, math.inf])
def test_a_stopped_run_tells_the_divergence_of_the_weights_it_keeps(share, monkeypatch):
    """Neither an estimate made long before nor that of the last step, which is not of the average."""
    monkeypatch.setattr(sys.modules["playground.flows.fit"], "KL_SHARE", share)
    stop, flow, frames = threading.Event(), flows.build("spline", layers=2), []
    for frame in flows.watch({"spline": flow}, moons(), seconds=3600, seed=3, side=32, points=16, stop=stop):
        frames.append(frame)
        if frame.lanes[0].step > 30:
            stop.set()
    lane = frames[-1].lanes[0]
    again = list(flows.fit(flows.build("spline", layers=2), moons(), pace=lane.pace, seed=3))[-1]
    assert again.step == lane.step
    assert lane.kl == pytest.approx(again.kl, abs=1e-6)
    assert lane.kl_curve[0][-1] == lane.step


def test_closing_ends_the_thread():
    watched = flows.watch({"spline": flows.build("spline", layers=2)}, moons(), seconds=3600, side=32, points=16)
    next(watched)
    next(watched)
    watched.close()
    assert not [t for t in threading.enumerate() if t.name == "flows.watch"]


def test_race_gives_every_flow_the_same_as_alone():
    names = ("spline", "realnvp", "planar")
    racing = {name: flows.build(name, layers=2) for name in names}
    last = list(flows.watch(racing, moons(), steps=20, side=32, points=16))[-1]
    assert [lane.name for lane in last.lanes] == list(names)
    assert all(lane.step == 20 for lane in last.lanes)
    for name in names:
        alone = flows.build(name, layers=2)
        list(flows.fit(alone, moons(), steps=20))
        assert torch.equal(weights(racing[name]), weights(alone))


def test_a_flow_by_matching_shows_its_loss_and_the_likelihood_it_has():
    flow = flows.build("rectified", hidden=16, layers=4)
    first = [frame.lanes[0] for frame in flows.watch({"rectified": flow}, moons(), steps=300, side=32, points=64)]
    lane = first[-1]
    assert first[0].loss_curve is None
    steps, loss = lane.loss_curve
    assert len(steps) == len(loss) > 100
    assert loss[-20:].mean() < 0.8 * loss[:20].mean()
    assert 1 <= len(lane.nll_curve[0]) < 50, "estimated at few steps"
    assert lane.nll == pytest.approx(moons().entropy + lane.kl, abs=0.05)
    np.testing.assert_array_equal(lane.log_p, flows.log_prob_grid(flow, n=32))
    latents = torch.randn(64, 2, generator=flows.generator(0))
    torch.testing.assert_close(torch.from_numpy(lane.points), flow.inverse(latents)[0].detach(), atol=1e-5, rtol=0)


def test_it_is_painted_in_few_steps_while_it_trains_and_in_all_at_the_end():
    stop, flow = threading.Event(), flows.build("trig", hidden=8)
    watched = flows.watch({"trig": flow}, moons(), seconds=60, side=32, points=8, stop=stop)
    seen = [next(watched), next(watched)]
    stop.set()
    seen += list(watched)
    assert seen[-1].final
    assert flow.steps == 2
    np.testing.assert_array_equal(seen[-1].lanes[0].log_p, flows.log_prob_grid(flow, n=32))


class Poisoned:
    """Moons whose samples turn to NaN after the first draws."""

    name, entropy = "poisoned", None

    def __init__(self):
        self.draws = 0

    def sample(self, n, generator=None):
        self.draws += 1
        x = moons().sample(n, generator)
        x[7000:] = torch.nan
        return x

    def log_prob(self, _):
        return None


def test_failure_comes_after_a_final_frame_with_the_last_good_state():
    flow, frames = flows.build("spline", layers=2), []
    watched = flows.watch({"spline": flow}, Poisoned(), steps=50, side=32, points=16)
    with pytest.raises(FloatingPointError, match="step 3"):
        frames.extend(watched)
    assert frames[-1].final
    assert frames[-1].lanes[0].step == 2
    assert np.isfinite(frames[-1].lanes[0].log_p).all()
    assert torch.isfinite(weights(flow)).all()


def test_a_flow_that_overflows_somewhere_is_shown_as_it_is():
    """A corner of the plane beyond float32 costs neither the run nor its picture."""

    class Overflowing(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.shift = torch.nn.Parameter(torch.zeros(2))

        def forward(self, x):
            far = torch.where(x[:, 0] > 2.9, torch.nan, 0.0)
            return x + self.shift, far

        def inverse(self, z):
            return z - self.shift, z.new_zeros(len(z))

    flow = flows.Flow([Overflowing()], dim=2)
    frames = list(flows.watch({"flow": flow}, flows.density("ring"), steps=3, side=40, points=8))
    assert frames[-1].final
    assert np.isnan(frames[-1].lanes[0].log_p[:, -1]).all()
    assert np.isfinite(frames[-1].lanes[0].log_p[:, 0]).all()


def test_refusals_come_at_once():
    with pytest.raises(ValueError, match="between 1 and"):
        flows.watch({"spline": flows.build("spline")}, moons(), steps=0)


def test_portrait_of_an_untrained_flow():
    lane = flows.portrait(flows.build("spline", layers=2), moons(), side=60)  # a rotation: log q = log N
    x = moons().sample(100_000, flows.generator(1))
    normal = -0.5 * (x.square().sum(1) + 2 * np.log(2 * np.pi))
    assert lane.nll == pytest.approx(-float(normal.mean()), abs=0.05)
    assert lane.kl == pytest.approx(-moons().entropy - float(normal.mean()), abs=0.05)
    assert lane.mass == pytest.approx(0.9946, abs=1e-3)  # of a normal, within three standard deviations each way


def test_curve_thins_to_means():
    curve = _Curve()
    for i in range(10 * CURVE):
        curve.add(i + 1, float(i))
    x, y = curve.arrays()
    assert CURVE / 2 <= len(x) <= CURVE
    stride = x[1] - x[0]
    np.testing.assert_allclose(y, x - 1 - (stride - 1) / 2)  # a mean over a straight line is its middle


def test_flow_that_folds_has_no_samples_and_more_mass_than_one():
    flow = flows.build("planar", layers=6, seed=5, constrained=False)
    lane = list(flows.watch({"planar": flow}, moons(), steps=150, side=100))[-1].lanes[0]
    assert lane.points.shape == (0, 2)
    assert lane.mass > 1.03
