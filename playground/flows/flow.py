"""A normalising flow: invertible transforms that carry data x to a standard normal latent z.

Every transform is an `nn.Module` with two methods, both of which return the logarithm of the absolute
determinant of the Jacobian of the map they apply:

    z, logdet = transform(x)              # data to latent, logdet (n,) = log |det dz/dx|
    x, logdet = transform.inverse(z)      # latent to data, logdet (n,) = log |det dx/dz|

The change of variables is equation (5) of Papamakarios et al., Normalizing Flows for Probabilistic
Modeling and Inference, 2021.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Flow"]


class Flow(nn.Module):
    """Transforms in the order data to latent, over a standard normal base of dimension `dim`."""

    by_likelihood = True  # whether `loss` is the mean negative log-likelihood

    def __init__(self, transforms: Iterable[nn.Module], *, dim: int) -> None:
        super().__init__()
        self.transforms = nn.ModuleList(transforms)
        self.dim = dim
        self.config: dict[str, Any] = {}  # the arguments of `build`; what `save` writes beside the weights

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Carry data x (n, d) to latents z (n, d); also log |det dz/dx| (n,)."""
        logdet = x.new_zeros(x.shape[0])
        for transform in self.transforms:
            x, step = transform(x)
            logdet = logdet + step
        return x, logdet

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Carry latents z (n, d) to data x (n, d); also log |det dx/dz| (n,)."""
        logdet = z.new_zeros(z.shape[0])
        for transform in reversed(self.transforms):
            z, step = transform.inverse(z)  # type: ignore[operator]  # nn.Module hides the method
            logdet = logdet + step
        return z, logdet

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density (n,) in nats of points x (n, d)."""
        z, logdet = self(x)
        return -0.5 * (z.square().sum(-1) + self.dim * math.log(2 * math.pi)) + logdet

    def loss(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:  # noqa: ARG002  # others draw
        """What `fit` minimises on a batch x (n, d): the mean negative log-likelihood, nats."""
        return -self.log_prob(x).mean()

    def draw(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n latents (n, d)."""
        like = next(self.parameters())
        where = like.device if generator is None else generator.device  # a generator draws on its own device only
        return torch.randn(n, self.dim, generator=generator, dtype=like.dtype, device=where).to(like.device)

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n points (n, d)."""
        return self.inverse(self.draw(n, generator))[0]

    def layers(self, x: Tensor) -> list[Tensor]:
        """The points (n, d) before the first transform and after each one: data first, latent last."""
        points = [x]
        for transform in self.transforms:
            points.append(transform(points[-1])[0])
        return points

    def layer_logdets(self, x: Tensor) -> list[Tensor]:
        """Log |det| (n,) accumulated from the data up to each entry of `layers(x)`; zeros first."""
        logdets = [x.new_zeros(x.shape[0])]
        for transform in self.transforms:
            x, step = transform(x)
            logdets.append(logdets[-1] + step)
        return logdets
