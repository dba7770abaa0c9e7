"""Elementwise monotone rational-quadratic spline with gradients by hand (Durkan et al., 2019, Neural Spline Flows).

The map carries [-bound, bound] onto itself in K bins and is the identity outside. Autograd over its forty small
operations costs more than the arithmetic, so one `torch.autograd.Function` gives value, log-derivative and gradients.
The numbers of a spline run down a column, (3K - 1, n): reductions over the bins then work on whole vectors of points.
"""

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
    piece = _locate(x, raw, bound, inverse)
    return (_solve if inverse else _evaluate)(x, piece, bound)[:2]


class _Piece(NamedTuple):
    """What a point needs of its own bin k; vectors (n,) unless a shape is given."""

    shares: Tensor  # (2, K, n) softmax of the logits of widths and heights
    k: Tensor  # (1, n) index of the bin
    inside: Tensor  # 1 in the box, 0 outside
    at: Tensor  # distance to the lower edge of the bin
    corner: Tensor  # (2, n) lower corner of the bin (x, y), from the lower corner of the box
    extent: Tensor  # (2, n) width and height of the bin
    slopes: Tensor  # (2, n) derivatives at the bin's two knots


def _locate(x: Tensor, raw: Tensor, bound: float, inverse: bool) -> _Piece:
    K, n = (raw.shape[0] + 1) // 3, len(x)
    floor, scale = 2 * bound * MIN_BIN, 2 * bound * (1 - K * MIN_BIN)
    shares = raw[: 2 * K].view(2, K, n).softmax(1)
    before = torch.ones(K, K, dtype=raw.dtype, device=raw.device).tril_(-1) @ shares  # cumsum is five times slower
    steps = torch.arange(K, dtype=raw.dtype, device=raw.device)[:, None]
    knots = torch.add(steps * floor, before[int(inverse)], alpha=scale)
    position = x.clamp(-bound, bound).add_(bound)
    k = (knots[1:] < position).sum(0, keepdim=True)
    own = k.expand(2, 1, n)
    extent = shares.gather(1, own)[:, 0].mul_(scale).add_(floor)
    corner = before.gather(1, own)[:, 0].mul_(scale).add_(k, alpha=floor)
    sides = torch.cat((k - 1, k))
    slopes = softplus(raw[2 * K :].gather(0, sides.clamp(0, K - 2)).add_(UNIT)).add_(MIN_SLOPE)
    slopes.masked_fill_((sides < 0) | (sides > K - 2), 1)  # slope one where the tails begin
    return _Piece(shares, k, (x.abs() < bound).to(x.dtype), position - corner[int(inverse)], corner, extent, slopes)


def _evaluate(x: Tensor, p: _Piece, bound: float) -> tuple[Tensor, Tensor, Tensor]:
    """Equations (4) and (5) of the paper; also xi, the place in the bin."""
    (w, h), (d0, d1) = p.extent, p.slopes
    s = h / w
    xi = p.at / w
    s_xi = s * xi
    t = torch.addcmul(xi, xi, xi, value=-1)
    D = torch.addcmul(s, (d0 + d1).sub_(s, alpha=2), t)
    y = torch.addcmul(s_xi.mul_(xi), d0, t).mul_(h).div_(D).add_(p.corner[1]).sub_(bound)
    return torch.where(p.inside > 0, y, x), _log_slope(p, xi, t, s, D).mul_(p.inside), xi


def _solve(y: Tensor, p: _Piece, bound: float) -> tuple[Tensor, Tensor, Tensor]:
    """Equations (6) to (8): the root of the quadratic, written so as not to cancel; also xi."""
    (w, h), (d0, d1) = p.extent, p.slopes
    s = h / w
    beta = (d0 + d1).sub_(s, alpha=2)
    bend = p.at * beta
    a = torch.addcmul(bend, h, s - d0)
    b = (h * d0).sub_(bend)
    c = s * p.at  # of the other sign than in the paper
    root = torch.addcmul(b * b, a, c, value=4).clamp_(min=0).sqrt_()
    xi = c.mul_(2).div_(b.add_(root))
    t = torch.addcmul(xi, xi, xi, value=-1)
    x = torch.addcmul(p.corner[0], xi, w).sub_(bound)
    logslope = _log_slope(p, xi, t, s, torch.addcmul(s, beta, t))
    return torch.where(p.inside > 0, x, y), logslope.mul_(p.inside).neg_(), xi


def _log_slope(p: _Piece, xi: Tensor, t: Tensor, s: Tensor, D: Tensor) -> Tensor:
    d0, d1 = p.slopes
    M = torch.addcmul(d0 * (1 - xi).square_(), d1, xi * xi).addcmul_(s, t, value=2)
    return (s / D).square_().mul_(M).log_()


class _RationalQuadratic(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, raw: Tensor, bound: float, inverse: bool) -> tuple[Tensor, Tensor]:
        p = _locate(x, raw, bound, inverse)
        out, logslope, xi = (_solve if inverse else _evaluate)(x, p, bound)
        ctx.save_for_backward(*p, xi)
        ctx.bound, ctx.inverse = bound, inverse
        return out, logslope

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_out: Tensor, g_log: Tensor) -> tuple[Tensor, Tensor, None, None]:
        *fields, xi = ctx.saved_tensors
        return *_gradients(_Piece(*fields), xi, g_out, g_log, ctx.bound, ctx.inverse), None, None


def _gradients(
    p: _Piece, xi: Tensor, g_out: Tensor, g_log: Tensor, bound: float, inverse: bool
) -> tuple[Tensor, Tensor]:
    """Gradients for the input (n,) and for raw (3K - 1, n): y = y0 + h q(xi, s, d0, d1), l = log dy/dx, s = h / w."""
    (w, h), (d0, d1) = p.extent, p.slopes
    w_inv = w.reciprocal()
    s = h * w_inv
    rest = 1 - xi
    ends = torch.stack((rest, xi)).square_()  # (2, n): (1 - xi)^2, xi^2
    t = xi * rest
    flat, bow = rest - xi, ends.sum(0)  # dt/dxi and 1 - 2 t
    beta = (d0 + d1).sub_(s, alpha=2)
    D_inv = torch.addcmul(s, beta, t).reciprocal_()
    M_inv = torch.addcmul(d0 * ends[0], d1, ends[1]).addcmul_(s, t, value=2).reciprocal_()
    q = torch.addcmul(s * ends[1], d0, t).mul_(D_inv)
    q_xi = (s * D_inv).mul_(D_inv).div_(M_inv)
    half_l_xi = (
        torch.addcmul(d1 * xi, s, flat).addcmul_(d0, rest, value=-1).mul_(M_inv).addcmul_(beta * flat, D_inv, value=-1)
    )
    twist = t * D_inv

    g_y, g_l = g_out * p.inside, g_log * p.inside
    if inverse:  # f(x) = y and the report is -l: as for f, with the adjoints -(g_x - g_l dl/dx) / f'(x) and -g_l
        g_l = g_l.neg_()
        g_y = torch.addcmul(g_y, g_l * half_l_xi, w_inv, value=2).neg_().div_(s * q_xi)
    g_q, g_l2 = g_y * h, g_l * 2
    g_xi = torch.addcmul(g_q * q_xi, g_l2, half_l_xi)
    g_s = torch.addcmul(ends[1], q, bow, value=-1).mul_(g_q).addcmul_(g_l2, bow, value=-1).mul_(D_inv)
    g_s.addcdiv_(g_l2, s).addcmul_(g_l2 * t, M_inv)
    g_twist = g_q * twist
    g_slopes = ends.mul_(g_l * M_inv).sub_(torch.addcmul(g_l2 * twist, g_twist, q))
    g_slopes[0] += g_twist
    g_at = g_xi * w_inv
    g_x = torch.where(p.inside > 0, -g_y if inverse else g_at, g_out)
    g_corner = torch.stack((-g_at, g_y))  # of the sums of the extents before the bin
    g_extent = torch.stack((torch.addcmul(g_xi * xi, g_s, s).mul_(w_inv).neg_(), torch.addcmul(g_s * w_inv, g_y, q)))
    return g_x, _scatter(p, bound, g_corner, g_extent, g_slopes)


def _scatter(p: _Piece, bound: float, g_corner: Tensor, g_extent: Tensor, g_slopes: Tensor) -> Tensor:
    """The gradient for raw (3K - 1, n) from those (2, n) for corner, extent and slopes of each point's own bin."""
    K, n = p.shares.shape[1:]
    floor, scale = 2 * bound * MIN_BIN, 2 * bound * (1 - K * MIN_BIN)
    mean = g_corner * torch.sub(p.corner, p.k, alpha=floor) + g_extent * (p.extent - floor)  # the softmax takes it off
    before = torch.sub(p.k.to(mean.dtype), torch.arange(K, device=mean.device)[:, None]).clamp_(
        0, 1
    )  # (K, n) 1 below the bin
    spread = torch.addcmul(-mean[:, None], before, g_corner[:, None], value=scale)  # (2, K, n)
    spread.scatter_(1, p.k.expand(2, 1, n), g_extent.mul_(scale).sub_(mean)[:, None])
    g_raw = mean.new_empty(3 * K - 1, n)
    torch.mul(spread, p.shares, out=g_raw[: 2 * K].view(2, K, n))
    g_raw[2 * K :] = 0
    sides = torch.cat((p.k - 1, p.k))
    g_slopes *= torch.expm1(MIN_SLOPE - p.slopes).neg_()  # the sigmoid of a raw derivative is 1 - exp(-softplus)
    g_slopes.masked_fill_((sides < 0) | (sides > K - 2), 0)
    g_raw[2 * K :].scatter_add_(0, sides.clamp_(0, K - 2), g_slopes)
    return g_raw
