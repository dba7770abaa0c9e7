"""Targets and plans of flow matching against torchcfm's, on the same samples, times and noise."""

import numpy as np
import pytest
import torch
from torchcfm import conditional_flow_matching as theirs
from torchcfm.optimal_transport import OTPlanSampler

from playground.flows.coupling import couple, plan
from playground.flows.interpolants import interpolant

MATCHERS = {
    "rectified": (theirs.ConditionalFlowMatcher, {}, 0.0),
    "rectified, blurred": (theirs.ConditionalFlowMatcher, {"sigma": 0.1}, 0.1),
    "target": (theirs.TargetConditionalFlowMatcher, {"sigma": 0.05}, 0.05),
    "trig": (theirs.VariancePreservingConditionalFlowMatcher, {}, 0.0),
    "bridge": (theirs.SchrodingerBridgeConditionalFlowMatcher, {"sigma": 0.6}, 0.6),
}


def batch(n=128):
    generator = torch.Generator().manual_seed(0)
    x0, x1 = (torch.randn(n, 2, generator=generator) for _ in range(2))
    return x0, 0.5 * x1 + 1, 0.02 + 0.96 * torch.rand(n, generator=generator)


@pytest.mark.parametrize("name", MATCHERS)
def test_points_and_targets(name):
    make, options, sigma = MATCHERS[name]
    path = interpolant(name.split(",")[0], **options)
    matcher = make(sigma=sigma)
    x0, x1, t = batch()
    torch.manual_seed(1)
    if name == "bridge":  # theirs couples first: its formulas alone are compared
        eps = torch.randn_like(x0)
        xt = matcher.sample_xt(x0, x1, t, eps)
        ut = matcher.compute_conditional_flow(x0, x1, t, xt)
    else:
        _, xt, ut, eps = matcher.sample_location_and_conditional_flow(x0, x1, t=t, return_noise=True)
    if name == "target":  # theirs draws the source as its noise
        x0 = (xt - t[:, None] * x1) / (1 - 0.95 * t[:, None])
    torch.testing.assert_close(path.point(x0, x1, t, eps if path.random else None), xt, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(path.velocity(x0, x1, t, eps if path.random else None), ut, atol=2e-5, rtol=2e-5)


def test_the_exact_plan():
    x0, x1, _ = batch()
    np.testing.assert_allclose(plan(x0, x1, "ot"), OTPlanSampler("exact").get_map(x0, x1), atol=1e-12)
    start, end = couple(x0, x1, "ot")
    theirs_plan = OTPlanSampler("exact").get_map(x0, x1)
    chosen = torch.from_numpy(theirs_plan.argmax(1))
    torch.testing.assert_close(end, x1[chosen])
    torch.testing.assert_close(start, x0)


@pytest.mark.parametrize("sigma", [0.5, 1.0])
def test_the_entropic_plan(sigma):
    x0, x1, _ = batch()
    expected = OTPlanSampler("sinkhorn", reg=2 * sigma**2).get_map(x0, x1)
    np.testing.assert_allclose(plan(x0, x1, "entropic", sigma=sigma), expected, atol=1e-7)
