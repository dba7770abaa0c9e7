"""The rational-quadratic spline: the published formula, gradients by autograd and differences, inverse, tails."""

import pytest
import torch
from torch.nn.functional import pad, softplus
from zuko.transforms import MonotonicRQSTransform

from playground.flows.rational_quadratic import MIN_BIN, MIN_SLOPE, UNIT, rational_quadratic

BOUND = 3.5
BINS = (2, 3, 16)
directions = pytest.mark.parametrize("inverse", [False, True])


def numbers(K, n, size=2.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return size * torch.randn(3 * K - 1, n, generator=generator, dtype=torch.float64)


def points(n, reach=4.5, seed=1):
    """Points in the box and beyond it."""
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.rand(n, generator=generator, dtype=torch.float64) - 1) * reach


def knots(raw):
    """Knots of x and of y (K + 1, n) and slopes (K + 1, n), by the definition."""
    K = (raw.shape[0] + 1) // 3
    shares = raw[: 2 * K].view(2, K, -1).softmax(1) * (1 - K * MIN_BIN) + MIN_BIN
    slopes = pad(softplus(raw[2 * K :] + UNIT) + MIN_SLOPE, (0, 0, 1, 1), value=1.0)
    x, y = pad(2 * BOUND * shares.cumsum(1), (0, 0, 1, 0)) - BOUND
    return x, y, slopes


def by_the_paper(x, raw):
    """Equations (4) and (5) with the bin sought by loops over a bin's edges; autograd gives its gradients."""
    xs, ys, d = knots(raw)
    outs, logs = [], []
    for i in range(len(x)):
        if abs(x[i]) >= BOUND:
            outs.append(x[i])
            logs.append(0 * x[i])
            continue
        k = int((xs[1:-1, i] < x[i]).sum())
        w, h = xs[k + 1, i] - xs[k, i], ys[k + 1, i] - ys[k, i]
        s, xi = h / w, (x[i] - xs[k, i]) / w
        D = s + (d[k + 1, i] + d[k, i] - 2 * s) * xi * (1 - xi)
        outs.append(ys[k, i] + h * (s * xi**2 + d[k, i] * xi * (1 - xi)) / D)
        slope = s**2 * (d[k + 1, i] * xi**2 + 2 * s * xi * (1 - xi) + d[k, i] * (1 - xi) ** 2) / D**2
        logs.append(slope.log())
    return torch.stack(outs), torch.stack(logs)


@pytest.mark.parametrize("K", BINS)
def test_values_and_gradients_are_those_of_the_paper(K):
    x, raw = points(40).requires_grad_(), numbers(K, 40).requires_grad_()
    got, expected = rational_quadratic(x, raw, bound=BOUND), by_the_paper(x, raw)
    torch.testing.assert_close(got, expected, atol=1e-12, rtol=1e-10)
    cotangents = points(80, seed=2).view(2, 40)
    for a, b in zip(
        torch.autograd.grad(got, (x, raw), list(cotangents)),
        torch.autograd.grad(expected, (x, raw), list(cotangents)),
        strict=True,
    ):
        torch.testing.assert_close(a, b, atol=1e-10, rtol=1e-9)


def test_parity_with_zuko_on_the_same_knots():
    """zuko maps its raw numbers to knots otherwise (soft clipping): ours are solved for from its knots."""
    generator = torch.Generator().manual_seed(3)
    K, n = 8, 200
    theirs = MonotonicRQSTransform(
        *(torch.randn(n, m, generator=generator, dtype=torch.float64) for m in (K, K, K - 1)), bound=BOUND
    )
    widths, heights = theirs.horizontal.diff() / (2 * BOUND), theirs.vertical.diff() / (2 * BOUND)
    logits = [((share - MIN_BIN) / (1 - K * MIN_BIN)).log() for share in (widths, heights)]
    slopes = (theirs.derivatives[:, 1:-1] - MIN_SLOPE).expm1().log() - UNIT
    raw = torch.cat([*logits, slopes], 1).T.contiguous()
    x = points(n)
    y, log_slope = rational_quadratic(x, raw, bound=BOUND)
    torch.testing.assert_close(y, theirs(x), atol=1e-10, rtol=0)
    torch.testing.assert_close(log_slope, theirs.log_abs_det_jacobian(x, y), atol=1e-9, rtol=0)


@directions
@pytest.mark.parametrize("K", BINS)
def test_gradcheck(K, inverse):
    x, raw = points(24).requires_grad_(), numbers(K, 24).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, raw: rational_quadratic(x, raw, bound=BOUND, inverse=inverse), (x, raw))


@directions
def test_gradients_at_the_edges_of_bins(inverse):
    """Value, slope and their gradients are continuous across a knot, except the slope's own derivative."""
    raw = numbers(4, 3, 1.0)
    edge = knots(raw)[int(inverse)][1:-1]  # (3, 3): every inner knot of every spline
    for row in edge:
        sides = []
        for x in (row - 1e-11, row, row + 1e-11):
            x, r = x.clone().requires_grad_(), raw.clone().requires_grad_()
            out, log_slope = rational_quadratic(x, r, bound=BOUND, inverse=inverse)
            assert all(v.isfinite().all() for v in torch.autograd.grad(log_slope.sum(), (x, r), retain_graph=True))
            sides.append([out, log_slope, *torch.autograd.grad(out.sum(), (x, r))])
        for a, b, c in zip(*sides, strict=True):
            torch.testing.assert_close(a, b, atol=1e-6, rtol=0)
            torch.testing.assert_close(b, c, atol=1e-6, rtol=0)


@directions
def test_zero_is_the_identity(inverse):
    x = points(50)
    y, log_slope = rational_quadratic(x, torch.zeros(11, 50, dtype=torch.float64), bound=BOUND, inverse=inverse)
    torch.testing.assert_close(y, x)
    torch.testing.assert_close(log_slope, torch.zeros(50, dtype=torch.float64))


@directions
def test_identity_outside_the_box(inverse):
    x = torch.tensor([-1e30, -50.0, -3.6, -3.5, 3.5, 3.6, 50.0, 1e30], dtype=torch.float64).requires_grad_()
    raw = numbers(5, 8).requires_grad_()
    y, log_slope = rational_quadratic(x, raw, bound=BOUND, inverse=inverse)
    torch.testing.assert_close(y, x, atol=1e-12, rtol=0)
    torch.testing.assert_close(log_slope, torch.zeros_like(x), atol=1e-10, rtol=0)
    far = [0, 1, 2, 5, 6, 7]
    assert torch.equal(y[far], x[far])
    g_x, g_raw = torch.autograd.grad((y.sum() + log_slope.sum()), (x, raw))
    assert torch.equal(g_x[far], torch.ones(6, dtype=torch.float64))
    assert not g_raw[:, far].any()


@pytest.mark.parametrize("size", [0.5, 3.0, 30.0])
def test_rises_everywhere_and_fills_the_box(size):
    n = 4001
    x = torch.linspace(-BOUND, BOUND, n, dtype=torch.float64)
    for seed in range(5):
        raw = numbers(6, 1, size, seed).expand(-1, n)
        y, log_slope = rational_quadratic(x, raw, bound=BOUND)
        assert (y.diff() > 0).all()
        torch.testing.assert_close(y[[0, -1]], x[[0, -1]])
        # the integral of the reported slope is the map: a wrong log-derivative cannot hide
        fine = (log_slope.exp()[1:] + log_slope.exp()[:-1]) / 2 * x.diff()
        assert size > 1 or abs(fine.sum() - 2 * BOUND) < 1e-3


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-13), (torch.float32, 3e-5)])
@pytest.mark.parametrize("K", BINS)
def test_round_trip(K, dtype, tolerance):
    """As exact as the precision allows: where the map has slope f', rounding of y moves x by eps / f'."""
    x, raw = points(5000).to(dtype), numbers(K, 5000).to(dtype)
    y, forth = rational_quadratic(x, raw, bound=BOUND)
    back, logback = rational_quadratic(y, raw, bound=BOUND, inverse=True)
    assert ((back - x).abs() * forth.exp().clamp_max(1)).max() < tolerance
    calm = forth.abs() < 0.5
    assert (forth + logback)[calm].abs().max() < 1e3 * tolerance


def test_extreme_numbers_stay_finite():
    x, raw = points(300).float(), numbers(8, 300, 1e4).float()
    for inverse in (False, True):
        a, r = x.clone().requires_grad_(), raw.clone().requires_grad_()
        out = rational_quadratic(a, r, bound=BOUND, inverse=inverse)
        assert all(v.isfinite().all() for v in (*out, *torch.autograd.grad(sum(v.sum() for v in out), (a, r))))


def test_a_point_that_is_no_number_spoils_only_itself():
    x, raw = points(6), numbers(4, 6)
    clean = rational_quadratic(x, raw, bound=BOUND)
    x[2] = torch.nan
    rest = [0, 1, 3, 4, 5]
    y, log_slope = rational_quadratic(x, raw, bound=BOUND)
    assert y[2].isnan()
    assert torch.equal(y[rest], clean[0][rest])
    assert torch.equal(log_slope[rest], clean[1][rest])


def test_second_derivatives_are_refused():
    x, raw = points(5).requires_grad_(), numbers(4, 5)
    (g,) = torch.autograd.grad(rational_quadratic(x, raw, bound=BOUND)[0].square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.sum().backward()


@pytest.mark.parametrize(("rows", "n"), [(10, 5), (2, 5), (3 * 1000 - 1, 5), (11, 4)])
def test_wrong_shapes_are_named(rows, n):
    with pytest.raises(ValueError, match=rf"not \({rows}, {n}\) for \(5,\)"):
        rational_quadratic(torch.zeros(5), torch.zeros(rows, n), bound=BOUND)
