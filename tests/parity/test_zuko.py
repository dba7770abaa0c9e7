"""Our masked autoregressive and spline flows against zuko's with the same weights, in float64, to 1e-10."""

import math

import pytest
import torch
import zuko
from torch.nn.functional import softplus

from playground.flows.build import build
from playground.flows.rational_quadratic import MIN_BIN, MIN_SLOPE, UNIT
from playground.flows.spline import Rotation, SplineCoupling

TOLERANCE = {"atol": 1e-10, "rtol": 1e-10}
CLIP = -math.log(1e-3)  # zuko's soft clip: g = r / (1 + |r| / CLIP) for slopes, CLIP / 2 for logits


def draw(n, dim, seed=0, size=1.5):
    return size * torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def roughen(flow, size, seed=1):
    """Move every weight away from where it starts."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in flow.parameters():
            p += size * torch.randn(p.shape, generator=generator, dtype=p.dtype)
    return flow


def compare(ours, theirs, dim):
    """Density, map to the latent with its log-determinant, and inverse; `theirs` is zuko's distribution."""
    x, z = draw(300, dim), draw(300, dim, seed=2)
    assert (ours(x)[0] - x).abs().mean() > 0.1, "the flow does nothing"
    torch.testing.assert_close(ours.log_prob(x), theirs.log_prob(x), **TOLERANCE)
    torch.testing.assert_close(ours(x), theirs.transform.call_and_ladj(x), **TOLERANCE)
    torch.testing.assert_close(ours.inverse(z), theirs.transform.inv.call_and_ladj(z), **TOLERANCE)


@pytest.mark.parametrize(("dim", "layers", "hidden"), [(2, 6, 64), (3, 3, 16), (5, 2, 7)])
def test_maf(dim, layers, hidden):
    ours = roughen(build("maf", dim, layers=layers, hidden=hidden).double(), 0.1)
    theirs = zuko.flows.MAF(dim, transforms=layers, hidden_features=(hidden, hidden), activation=torch.nn.SiLU).double()
    for mine, its in zip(ours.transforms, theirs.transform.transforms, strict=True):
        for a, b in zip(mine.network, its.hyper, strict=True):
            if isinstance(a, torch.nn.Linear):
                assert torch.equal(a.mask.bool(), b.mask)
                b.load_state_dict({"weight": a.weight, "bias": a.bias, "mask": b.mask})
    compare(ours, theirs(), dim)


def test_spline():
    ours = roughen(build("spline").double(), 0.5)
    transforms = [rotation(t) if isinstance(t, Rotation) else coupling(t) for t in ours.transforms]
    base = zuko.distributions.DiagNormal(*torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.float64))
    theirs = zuko.distributions.NormalizingFlow(zuko.transforms.ComposedTransform(*transforms), base)
    assert draw(300, 2).abs().max() > ours.transforms[0].bound, "no point tries the tails"
    compare(ours, theirs, 2)


def rotation(ours: Rotation):
    Q = ours(torch.eye(2, dtype=torch.float64))[0].T
    angle = torch.atan2(Q[1, 0], Q[0, 0])
    return zuko.transforms.RotationTransform(torch.stack((0 * angle, -angle, 0 * angle, 0 * angle)).view(2, 2))


def coupling(ours: SplineCoupling):
    """zuko's coupling of zuko's splines, their numbers from our conditioner."""

    def spline(passive):
        raw = ours.conditioner(passive).T
        K = (raw.shape[1] + 1) // 3
        shares = MIN_BIN + (1 - K * MIN_BIN) * raw[:, : 2 * K].view(-1, 2, K).softmax(2)
        slopes = MIN_SLOPE + softplus(raw[:, 2 * K :] + UNIT)
        logits = shares.log()
        logits = unclip(logits - (logits.amax(2, keepdim=True) + logits.amin(2, keepdim=True)) / 2, CLIP / 2)
        numbers = logits[:, :1], logits[:, 1:], unclip(slopes.log(), CLIP)[:, None]
        return zuko.transforms.DependentTransform(
            zuko.transforms.MonotonicRQSTransform(*numbers, bound=ours.bound, slope=1e-3), 1
        )

    return zuko.transforms.CouplingTransform(spline, torch.tensor([not ours.first, ours.first]))


def unclip(g, limit):
    """The inverse of g = r / (1 + |r| / limit)."""
    assert g.abs().max() < limit, "zuko cannot express this spline"
    return g / (1 - g.abs() / limit)
