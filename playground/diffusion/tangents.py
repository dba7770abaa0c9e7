"""How a denoiser's answer moves with its input and with ln sigma: what fitting a solver differentiates through.

In closed form for a mixture of round Gaussians, by differences for every other denoiser.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from playground.diffusion.denoiser import Denoiser
from playground.diffusion.mixture import MixtureDenoiser

__all__ = ["Tangents", "tangents"]

# x (n, ...), sigma, dx (n, m, p) with m coordinates, dlog (p,): D (n, ...), and dD (n, m, p) along (dx, d ln sigma)
Tangents = Callable[[Tensor, float, Tensor, Tensor], tuple[Tensor, Tensor]]
DIFFERENCE = 3e-4  # of hypot(sigma, 1), and in ln sigma: a float32 network's rounding stays below a thousandth
ROWS = 8192  # of a batch that is pushed aside


def tangents(denoiser: Denoiser) -> tuple[Tangents, str]:
    """The derivatives of a denoiser, and how they are taken: "closed form" or "differences"."""
    if isinstance(denoiser, MixtureDenoiser) and denoiser.axes is None:
        return _closed_form(denoiser), "closed form"
    return _differences(denoiser), "differences"


def _closed_form(D: MixtureDenoiser) -> Tangents:
    """All sums over components are one matrix product: what is as large as (n, k) is touched six times."""
    mu, tau2, d = D.means, D.variances, D.dim  # (k, d), (k, 1)
    log_weights, lengths = D.weights.log(), mu.square().sum(1, keepdim=True)
    pairs = (mu[:, :, None] * mu[:, None, :]).flatten(1)  # (k, d d)
    unit, widths = torch.eye(d, dtype=torch.float64), (d, 1, d * d, d, d, 1, d, 1, d, 1)

    def call(x: Tensor, sigma: float, dx: Tensor, dlog: Tensor) -> tuple[Tensor, Tensor]:
        noise = sigma**2
        total = tau2 + noise
        a, b = noise / total, tau2 / total  # component k's answer is a mu + b x
        # the exponent -|x - mu|^2 / (2 total), its weight, the responsibilities
        square, one = x.square().sum(1, keepdim=True), x.new_ones(len(x), 1)
        exponent = (
            torch.cat([x, square, one], 1)
            @ torch.cat([mu, x.new_full((len(mu), 1), -0.5), -0.5 * lengths], 1).div(total).T
        )
        r = (exponent + (log_weights - 0.5 * d * total[:, 0].log())).softmax(1)
        sums = torch.cat(
            [
                a * mu,
                b,
                a / total * pairs,
                a / total * mu,
                b / total * mu,
                b / total,
                mu / total,
                1 / total,
                2 * a * b * mu,
                2 * a * b,
            ],
            1,
        )
        am, keep, amm, at, bm, bt, m, t, wm, w = (r @ sums).split(widths, 1)
        denoised = am + keep * x
        # the Jacobian: keep I + sum_k r_k (a mu + b x) (mu - x)^T / total - D g^T, g = sum_k r_k (mu - x) / total
        J = amm.unflatten(1, (d, d)) - at[:, :, None] * x[:, None] + x[:, :, None] * (bm - bt * x)[:, None]
        J = J - denoised[:, :, None] * (m - t * x)[:, None] + keep[:, :, None] * unit
        # along ln sigma the responsibilities move by s - sum r s, the answers by 2 a b (mu - x)
        s = exponent.mul_(-2).sub_(d).mul_(a[:, 0])
        change, sam, sb = (s.mul_(r) @ torch.cat([torch.ones_like(b), a * mu, b], 1)).split((1, d, 1), 1)
        along = sam - change * am + wm + (sb - change * keep - w) * x
        return denoised, torch.matmul(J, dx) + along[:, :, None] * dlog

    return call


def _differences(denoiser: Denoiser) -> Tangents:
    def call(x: Tensor, sigma: float, dx: Tensor, dlog: Tensor) -> tuple[Tensor, Tensor]:
        denoised = denoiser(x, torch.tensor(sigma, dtype=x.dtype, device=x.device))
        moved = torch.empty_like(dx)
        size = dx.square().mean((0, 1)).sqrt() / math.hypot(sigma, 1) + dlog.abs()  # (p,)
        h = DIFFERENCE / size.clamp_min(1e-12)
        part = max(1, ROWS // len(x))
        for i in range(0, dx.shape[2], part):
            step = h[i : i + part]
            points = x.flatten(1)[..., None] + step * dx[..., i : i + part]  # (n, m, p)
            levels = (sigma * (step * dlog[i : i + part]).exp()).expand(len(x), -1)  # (n, p)
            batch = points.movedim(2, 1).reshape(-1, *x.shape[1:])
            seen = denoiser(batch, levels.reshape(-1)).reshape(len(x), len(step), -1).movedim(1, 2)
            moved[..., i : i + part] = (seen - denoised.flatten(1)[..., None]) / step
        return denoised, moved

    return call
