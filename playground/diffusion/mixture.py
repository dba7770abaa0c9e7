"""The exact denoiser of a mixture of Gaussians: posterior mean, score, log-density and divergence in closed form."""

import math
from typing import Any

import torch
from torch import Tensor

from playground.diffusion.level import read_level

__all__ = ["MixtureDenoiser"]

CHUNK = 1 << 18  # numbers at a time: they stay in the cache


class MixtureDenoiser:
    """E[x_0 | x_0 + sigma epsilon] for x_0 of the mixture sum_k w_k N(mu_k, Sigma_k).

    `means` (k, d); `stds` (k,) standard deviations of round Gaussians, or (k, d, d) covariances; `weights` (k,)
    positive, equal if None, scaled to sum to one. All in float64. Raises `ValueError` for shapes that do not fit, for
    what is not finite, and for a singular covariance.

    >>> D = MixtureDenoiser(torch.zeros(1, 2), torch.ones(1))
    >>> D(torch.tensor([[4.0, 2.0]]), 1.0)  # half of the variance is noise
    tensor([[2., 1.]])
    """

    def __init__(self, means: Any, stds: Any, weights: Any = None, *, name: str = "mixture") -> None:
        self.name = name
        self.means = torch.as_tensor(means, dtype=torch.float64)
        spread = torch.as_tensor(stds, dtype=torch.float64)
        if self.means.ndim != 2 or not len(self.means):
            raise ValueError(f"means must have the shape (k, d), not {tuple(self.means.shape)}")
        k, d = self.means.shape
        weights = torch.ones(k) if weights is None else weights
        mass = torch.as_tensor(weights, dtype=torch.float64)
        if mass.shape != (k,) or not (mass > 0).all() or not mass.isfinite().all():
            raise ValueError(f"weights must be {k} positive numbers")
        if not self.means.isfinite().all() or not spread.isfinite().all():
            raise ValueError("means and standard deviations must be finite")
        self.weights = mass / mass.sum()
        self.axes: Tensor | None = None  # (k, d, d) eigenvectors as columns, None for round Gaussians
        if spread.shape == (k,):
            if not (spread > 0).all():
                raise ValueError("standard deviations must be positive; for a set of points take DataDenoiser")
            self.variances = spread.square()[:, None]  # (k, 1)
        elif spread.shape == (k, d, d):
            if not torch.allclose(spread, spread.mT, rtol=1e-6, atol=1e-12):
                raise ValueError("covariances must be symmetric")
            self.variances, self.axes = torch.linalg.eigh(spread)  # (k, d)
            least, most = self.variances.amin(1), self.variances.amax(1)
            if bad := (least <= 1e-12 * most).nonzero().flatten().tolist():
                raise ValueError(
                    f"the covariance of component {bad[0]} is singular (eigenvalues {least[bad[0]]:.3g} to "
                    f"{most[bad[0]]:.3g}); add a small multiple of the identity"
                )
        else:
            raise ValueError(f"stds must have the shape ({k},) or ({k}, {d}, {d}), not {tuple(spread.shape)}")

    @property
    def dim(self) -> int:
        return self.means.shape[1]

    @property
    def mean(self) -> Tensor:
        """(d,)."""
        return self.weights @ self.means

    @property
    def std(self) -> float:
        """Root of the mean variance of a coordinate."""
        trace = self.variances.sum(1) if self.axes is not None else self.dim * self.variances[:, 0]
        spread = (self.means - self.mean).square().sum(1)
        return math.sqrt(float(self.weights @ (trace + spread)) / self.dim)

    def __call__(self, x: Tensor, sigma: Tensor | float) -> Tensor:
        """The denoised x_0 of x (n, d) at sigma (), (n,) or (n, 1), in the dtype of x."""
        return torch.cat([self._look(part, level)[1] for part, level in self._parts(x, sigma)]).to(x)

    def log_prob(self, x: Tensor, sigma: Tensor | float = 0.0) -> Tensor:
        """Log-density (n,) in nats of x_0 + sigma epsilon at x (n, d)."""
        return torch.cat([self._look(part, level)[0] for part, level in self._parts(x, sigma)]).to(x)

    def score(self, x: Tensor, sigma: Tensor | float) -> Tensor:
        """Gradient of `log_prob` at a positive sigma: (D - x) / sigma^2 (Tweedie)."""
        return (self(x, sigma) - x) / read_level(sigma, x).to(x.dtype).square()

    def divergence(self, x: Tensor, sigma: Tensor | float) -> Tensor:
        """Trace (n,) of the Jacobian of D at x (n, d) and a positive sigma: tr Cov[x_0 | x] / sigma^2."""
        parts = self._parts(x, sigma, zero=False)
        return torch.cat([self._look(part, level, trace=True)[2] for part, level in parts]).to(x)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n points (n, d) of the mixture, float64."""
        if not 1 <= n <= 1_000_000:
            raise ValueError(f"n must lie between 1 and 1,000,000, not {n}")
        u = torch.rand(n, generator=generator, dtype=torch.float64)
        which = torch.searchsorted(self.weights.cumsum(0), u, right=True).clamp_max(len(self.weights) - 1)
        noise = torch.randn(n, self.dim, generator=generator, dtype=torch.float64) * self.variances[which].sqrt()
        if self.axes is not None:
            noise = torch.einsum("nij,nj->ni", self.axes[which], noise)
        return self.means[which] + noise

    def _parts(self, x: Tensor, sigma: Tensor | float, *, zero: bool = True) -> list[tuple[Tensor, Tensor]]:
        """x and sigma as float64 on the CPU, in chunks; sigma (n, 1) or ()."""
        if x.ndim != 2 or x.shape[1] != self.dim:
            raise ValueError(f"x must have the shape (n, {self.dim}), not {tuple(x.shape)}")
        points = x.detach().to("cpu", torch.float64)
        level = read_level(sigma, points, zero=zero)
        width = 1 if self.axes is None else self.dim
        size = max(1, CHUNK // (len(self.means) * width))
        chunks = points.split(size)
        return list(zip(chunks, level.split(size) if level.ndim else [level] * len(chunks), strict=True))

    def _look(self, x: Tensor, sigma: Tensor, *, trace: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Log-density (n,), posterior mean (n, d) and, if asked, the trace of its Jacobian (n,), else nothing."""
        noise = sigma.square()
        return self._round(x, noise, trace) if self.axes is None else self._turned(x, noise, trace)

    def _round(self, x: Tensor, noise: Tensor, trace: bool) -> tuple[Tensor, Tensor, Tensor]:
        tau2 = self.variances[:, 0]  # (k,)
        total = tau2 + noise  # (k,) or (n, k)
        # |x - mu|^2 by one matrix product
        square = x.square().sum(1, keepdim=True) - 2 * x @ self.means.T + self.means.square().sum(1)
        e = self.weights.log() - 0.5 * self.dim * (2 * math.pi * total).log() - 0.5 * square.clamp_min(0) / total
        r = e.softmax(1)  # (n, k) responsibilities; two to ten times as fast as exp where most underflow
        log_p = e.amax(1) - r.amax(1).log()
        keep = (r * (tau2 / total)).sum(1, keepdim=True)  # how much of x stays
        denoised = (r * (noise / total)) @ self.means + keep * x
        if not trace:
            return log_p, denoised, log_p
        m = (noise / total).unsqueeze(-1) * self.means + (tau2 / total).unsqueeze(-1) * x[:, None]  # (n, k, d)
        between = (r * (m - denoised[:, None]).square().sum(-1)).sum(1)  # of the components' means
        return log_p, denoised, between / noise.reshape(-1) + self.dim * keep[:, 0]

    def _turned(self, x: Tensor, noise: Tensor, trace: bool) -> tuple[Tensor, Tensor, Tensor]:
        assert self.axes is not None
        total = self.variances + noise.reshape(-1, 1, 1)  # (1 or n, k, d)
        y = torch.einsum("nkd,kde->nke", x[:, None] - self.means, self.axes)  # along each component's axes
        e = self.weights.log() - 0.5 * ((2 * math.pi * total).log() + y.square() / total).sum(-1)
        r = e.softmax(1)
        log_p = e.amax(1) - r.amax(1).log()
        m = self.means + torch.einsum("nke,kde->nkd", y * self.variances / total, self.axes)
        denoised = (r.unsqueeze(-1) * m).sum(1)
        if not trace:
            return log_p, denoised, log_p
        between = (r * (m - denoised[:, None]).square().sum(-1)).sum(1)
        within = (r * (self.variances / total).sum(-1)).sum(1)
        return log_p, denoised, between / noise.reshape(-1) + within
