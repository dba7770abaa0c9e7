"""Elementwise monotone rational-quadratic spline with gradients by hand (Durkan et al., 2019, Neural Spline Flows).

The map carries [-bound, bound] onto itself in K bins and is the identity outside. Autograd over its forty small
operations costs more than the arithmetic, so one `torch.autograd.Function` gives value, log-derivative and gradients.
The numbers of a spline run down a column, (3K - 1, n): reductions over the bins then work on whole vectors of points.

In the bin of a point let xi in [0, 1] be its place, s the mean slope, d0 and d1 the slopes at the knots. With
B = ((1 - xi)^2, xi (1 - xi), xi^2), equations (4) and (5) of the paper are

    y = y0 + h N / D        N = s B2 + d0 B1                    D = s (B0 + B2) + (d0 + d1) B1
    dy/dx = s^2 M / D^2     M = d0 B0 + 2 s B1 + d1 B2

N, D, M and what the gradients need are thus fixed combinations of products, each one matrix product away from them.
"""

import functools
import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import softplus

__all__ = ["MIN_BIN", "MIN_SLOPE", "rational_quadratic"]

MIN_BIN = 1e-3  # smallest width and height of a bin, as a part of the box (Durkan et al., appendix B.1)
MIN_SLOPE = 1e-3  # smallest derivative at a knot
UNIT = math.log(math.expm1(1 - MIN_SLOPE))  # shift of the raw derivatives, so that zero stands for slope one
FORMS = (  # N, D, M from d0, s, d1 times B0, B1, B1, B2
    (0, 0.5, 0.5, 0, 0, 0, 0, 1, 0, 0, 0, 0),
    (0, 0.5, 0.5, 0, 1, 0, 0, 1, 0, 0.5, 0.5, 0),
    (1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1),
)
RISES = (  # dD/dxi and dM/dxi from d0, s, d1 times 1 - xi, xi
    (1, -1, -2, 2, 1, -1),
    (-2, 0, 2, -2, 0, 2),
)


def rational_quadratic(x: Tensor, raw: Tensor, *, bound: float, inverse: bool = False) -> tuple[Tensor, Tensor]:
    """Push x (n,) through the splines described by raw (3K - 1, n); also the log-derivative (n,) of the map applied.

    `raw` holds K logits of widths, K of heights and K - 1 derivatives at the inner knots; all zero is the identity.
    The gradients of both results with respect to `x` and `raw` are exact; second derivatives are refused.
    Raises `ValueError` for a shape that is not (3K - 1, n) with 2 <= K < 1 / MIN_BIN.
    """
    bins, rest = divmod(raw.shape[0] + 1, 3)
    if rest or not 2 <= bins < 1 / MIN_BIN or raw.shape[1:] != x.shape or x.ndim != 1:
        raise ValueError(
            f"raw must have the shape (3K - 1, n), 2 <= K < {1 / MIN_BIN:.0f}, for x (n,), "
            f"not {(*raw.shape,)} for {(*x.shape,)}"
        )
    if torch.is_grad_enabled() and (x.requires_grad or raw.requires_grad):
        return _RationalQuadratic.apply(x, raw, bound, inverse)
    return _spline(x, raw, bound, inverse)[:2]


class _Constants(NamedTuple):
    one: Tensor  # scalars as tensors: a Python number costs every operation a conversion
    zero: Tensor
    bound: Tensor
    scale: Tensor  # what the softmax divides up
    forms: Tensor  # (3, 12)
    adjoint: Tensor  # (3, 12), the same form read for d0, s, d1
    rises: Tensor  # (2, 6)
    below: Tensor  # (2, K, K), twice: row k sums the extents before bin k
    floors: Tensor  # (K, 1), what the smallest bins before bin k sum to
    sides: Tensor  # (2, 1), from k to the rows of the two derivatives in `raw`


@functools.lru_cache(maxsize=64)
def _constants(K: int, bound: float, dtype: torch.dtype, device: torch.device) -> _Constants:
    def constant(value: Any) -> Tensor:
        return torch.tensor(value, dtype=dtype, device=device)

    with torch.inference_mode(False):
        forms = constant(FORMS)
        return _Constants(
            one=constant(1.0),
            zero=constant(0.0),
            bound=constant(bound),
            scale=constant(2 * bound * (1 - K * MIN_BIN)),
            forms=forms,
            adjoint=forms.view(3, 3, 4).transpose(0, 1).reshape(3, 12),
            rises=constant(RISES),
            below=torch.ones(K, K, dtype=dtype, device=device).tril(-1).repeat(2, 1, 1),
            floors=torch.arange(K, dtype=dtype, device=device)[:, None] * (2 * bound * MIN_BIN),
            sides=torch.tensor([[2 * K - 1], [2 * K]], device=device),
        )


class _Piece(NamedTuple):
    """What a point needs of its own bin k for the gradients; vectors (n,) unless a shape is given."""

    inside: Tensor  # whether the point is in the box
    shares: Tensor  # (2, K, n) widths and heights of the bins less the smallest possible
    past: Tensor  # (K - 1, n) 1 for the bins below k, else 0
    k: Tensor  # (1, n) index of the bin
    sides: Tensor  # (2, n) rows of its two derivatives in `raw`
    inner: Tensor  # (2, n) 1 where these exist; 0 at the ends of the box
    share: Tensor  # (2, 2, n) own share and the sum of those before, width and height
    extent: Tensor  # (2, n) width and height of the bin
    S: Tensor  # (3, n) d0, s, d1
    ends: Tensor  # (2, n) 1 - xi, xi
    B: Tensor  # (4, n) B0, B1, B1, B2
    NDM: Tensor  # (3, n)
    slope: Tensor  # dy/dx


def _spline(x: Tensor, raw: Tensor, bound: float, inverse: bool) -> tuple[Tensor, Tensor, _Piece]:
    K, n = (raw.shape[0] + 1) // 3, len(x)
    c = _constants(K, bound, raw.dtype, raw.device)
    floor = 2 * bound * MIN_BIN

    logits = raw[: 2 * K].view(2, K, n)
    table = raw.new_empty(2, 2, K, n)
    shares, before = table.unbind(0)
    torch.sub(logits, logits.amax(1, keepdim=True), out=shares).exp_()
    shares.mul_(c.scale / shares.sum(1, keepdim=True))
    torch.bmm(c.below, shares, out=before)  # cumsum is five times slower
    shifted = x + c.bound
    position = shifted.clamp(0, 2 * bound)
    edges = before[int(inverse), 1:] + c.floors[1:]
    past = torch.lt(edges, position, out=edges)
    count = past.sum(0, keepdim=True)
    k = count.long()
    share = table.gather(2, k.expand(2, 2, 1, n)).squeeze(2)
    own, passed = share.unbind(0)
    extent = own + floor
    corner = torch.add(passed, count, alpha=floor)

    wanted = c.sides + k
    sides = wanted.clamp(2 * K, 3 * K - 2)
    inner = torch.eq(sides, wanted, out=torch.empty_like(extent))
    slopes = softplus(raw.gather(0, sides).mul_(inner).add_(UNIT)).add_(MIN_SLOPE)  # slope one where the tails begin
    w, h = extent.unbind(0)
    d0, d1 = slopes.unbind(0)
    s = h / w
    at = position - corner[int(inverse)]
    xi = _root(at, h, s, d0, d1) if inverse else at / w
    S = torch.stack((d0, s, d1))
    ends = torch.stack((c.one - xi, xi))
    B = (ends[:, None] * ends).view(4, n)
    NDM = c.forms @ (S[:, None] * B).view(12, n)
    N, D, M = NDM.unbind(0)
    slope = (s / D).square_().mul_(M)
    log_slope = slope.log()
    if inverse:
        out = torch.addcmul(corner[0], xi, w).sub_(c.bound)
        log_slope.neg_()
    else:
        out = torch.addcdiv(corner[1], h * N, D).sub_(c.bound)
    inside = position == shifted
    piece = _Piece(inside, shares, past, k, sides, inner, share, extent, S, ends, B, NDM, slope)
    return torch.where(inside, out, x), torch.where(inside, log_slope, c.zero), piece


def _root(at: Tensor, h: Tensor, s: Tensor, d0: Tensor, d1: Tensor) -> Tensor:
    """Equations (6) to (8): the place xi in the bin from the height `at` above its corner, without cancellation."""
    bend = (d0 + d1).sub_(s, alpha=2).mul_(at)
    a = torch.addcmul(bend, h, s - d0)
    b = (h * d0).sub_(bend)
    c = s * at  # of the other sign than in the paper
    root = torch.addcmul(b * b, a, c, value=4).clamp_(min=0).sqrt_()
    return c.mul_(2).div_(b.add_(root))


class _RationalQuadratic(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, raw: Tensor, bound: float, inverse: bool) -> tuple[Tensor, Tensor]:
        out, log_slope, piece = _spline(x, raw, bound, inverse)
        ctx.save_for_backward(*piece)
        ctx.bound, ctx.inverse = bound, inverse
        return out, log_slope

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_out: Tensor, g_log: Tensor) -> tuple[Tensor, Tensor, None, None]:
        p = _Piece(*ctx.saved_tensors)
        K, n = p.shares.shape[1:]
        c = _constants(K, ctx.bound, p.S.dtype, p.S.device)
        w, h = p.extent.unbind(0)
        N, D, M = p.NDM.unbind(0)
        s, xi = p.S[1], p.ends[1]
        q, s_w = N / D, s / w
        rise_D, rise_M = (c.rises @ (p.S[:, None] * p.ends).view(6, n)).unbind(0)
        dl_dx = rise_M.div_(M).addcdiv_(rise_D, D, value=-2).div_(w)  # l = log dy/dx = log M + 2 log s - 2 log D

        g_y, g_l = torch.where(p.inside, g_out, c.zero), torch.where(p.inside, g_log, c.zero)
        if ctx.inverse:  # f(x) = y, and the second result is -l(x): the adjoints become -(g_x - g_l dl/dx) / f', -g_l
            g_l = g_l.neg_()
            g_y = torch.addcmul(g_y, g_l, dl_dx).div_(p.slope).neg_()
        g_at = torch.addcmul(g_y * p.slope, g_l, dl_dx)  # for the place above the corner at fixed width
        g_x = torch.where(p.inside, -g_y if ctx.inverse else g_at, g_out)

        g_NDM = torch.empty_like(p.NDM)
        g_N, g_D, g_M = g_NDM.unbind(0)
        torch.mul(g_y, h, out=g_N).div_(D)
        torch.mul(g_N, q, out=g_D).addcdiv_(g_l, D, value=2).neg_()
        torch.div(g_l, M, out=g_M)
        g_S = c.adjoint @ (g_NDM[:, None] * p.B).view(12, n)
        g_s = g_S[1].addcdiv_(g_l, s, value=2)
        g_w = torch.addcmul(g_at * xi, g_s, s_w).neg_()
        g_h = torch.addcdiv(g_y * q, g_s, w)
        g_raw = _scatter(p, ctx.bound, torch.stack((-g_at, g_y)), torch.stack((g_w, g_h)), g_S[::2])
        return g_x, g_raw, None, None


def _scatter(p: _Piece, bound: float, g_corner: Tensor, g_extent: Tensor, g_slopes: Tensor) -> Tensor:
    """The gradient for raw (3K - 1, n) from those (2, n) for corner, extent and slopes of each point's own bin."""
    K, n = p.shares.shape[1:]
    scale = 2 * bound * (1 - K * MIN_BIN)
    own, passed = p.share.unbind(0)
    mean = (g_corner * passed).addcmul_(g_extent, own).mul_(-1 / scale)  # what the softmax takes off
    g_raw = mean.new_empty(3 * K - 1, n)
    g_shares = g_raw[: 2 * K].view(2, K, n)
    torch.addcmul(mean[:, None], p.past, g_corner[:, None], out=g_shares[:, : K - 1])
    g_shares[:, K - 1] = mean
    g_shares.scatter_(1, p.k.expand(2, 1, n), mean.add_(g_extent)[:, None])
    g_shares.mul_(p.shares)
    g_raw[2 * K :].zero_()
    chain = torch.expm1(MIN_SLOPE - p.S[::2]).mul_(p.inner)  # minus the sigmoid: 1 - exp(-softplus)
    return g_raw.scatter_add_(0, p.sides, chain.mul_(g_slopes).neg_())
