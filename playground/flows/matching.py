"""Flow matching: a velocity learned by regression carries one density into another; no likelihood, no ODE in training.

Lipman et al., Flow Matching for Generative Modeling, 2023; Liu, Gong and Liu, Flow Straight and Fast, 2023; Albergo and
Vanden-Eijnden, Building Normalizing Flows with Stochastic Interpolants, 2023; Tong et al. 2024 for couplings.
"""

import copy
import math
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor

from playground.flows.coupling import COUPLINGS, couple, prepare
from playground.flows.density import Density, density
from playground.flows.ffjord import Segment
from playground.flows.flow import Flow
from playground.flows.interpolants import Interpolant, interpolant
from playground.flows.ode import walk
from playground.flows.plane import check_between
from playground.flows.straightness import straightness
from playground.flows.velocity import VelocityNet
from playground.nn.seeded import seeded

__all__ = ["Matching", "build_matching", "matching"]

LOG_STEPS = 16  # of RK4, or a few more, that `log_prob` walks, spread over the layers
PLANNED = 256  # points of one plan; exact plans cost the cube


class Matching(Flow):
    """A flow by ODE from a source at t = 0 to data at t = 1: dx/dt = v(x, t).

    It does what every `Flow` does: `forward` carries data to the source, `layers` are times from 1 to 0.
    """

    by_likelihood = False

    def __init__(
        self,
        net: VelocityNet,
        path: Interpolant,
        *,
        coupling: str,
        source: Density | None,
        layers: int,
        steps: int | None = None,
    ) -> None:
        each = math.ceil(LOG_STEPS / layers) if steps is None else steps
        stops = [1 - (k / layers) ** 2 for k in range(layers + 1)]  # shorter near the data, where velocities are steep
        segments = [
            Segment(net, start, stop, steps=each, owner=k == 0) for k, (start, stop) in enumerate(pairwise(stops))
        ]
        super().__init__(segments, dim=net.dim)
        self.path, self.coupling, self.source = path, coupling, source
        prepare(coupling)
        self.kept: tuple[Tensor, Tensor] | None = None  # pairs (n, d), (n, d) that take the place of a coupling

    @property
    def net(self) -> VelocityNet:
        """The network."""
        return cast(VelocityNet, self.transforms[0].field)

    @property
    def steps(self) -> int:
        """RK4 steps of `forward`, `inverse` and `log_prob` in each part of the way."""
        return cast(Segment, self.transforms[0]).steps

    @steps.setter
    def steps(self, steps: int) -> None:
        for part in self.transforms:
            cast(Segment, part).steps = steps

    def velocity(self, x: Tensor, t: Tensor | float) -> Tensor:
        """v (n, d) at points x (n, d) and a time t in [0, 1], a number or (n,)."""
        return self.net(x, t)[:, : self.dim]

    def draw(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n points (n, d) of the source."""
        if self.source is not None:
            return self.source.sample(n, generator).to(next(self.parameters()))
        return super().draw(n, generator)

    def loss(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Mean over batch and coordinates of |v(x_t, t) - dx_t/dt|^2 for data x (n, d); with two heads that of the
        second one's |eps' - eps|^2 is added.

        t = 1 - u^2, u spread evenly over (0, 1): more of it near the data, where velocities are steep.

        Under "ot" and "entropic" a plan joins up to 256 points of x with as many of the source, and its pairs are seen
        at as many times as fill the batch.
        """
        x0, x1 = self.pairs(x, generator)
        n = len(x1)
        margin = self.path.margin
        u = (torch.arange(n, dtype=x.dtype) + torch.rand(n, generator=generator, dtype=x.dtype)) / n
        u = u[torch.randperm(n, generator=generator)]
        t = (margin + (1 - 2 * margin) * (1 - u.square())).to(x.device)
        eps = torch.randn(x1.shape, generator=generator, dtype=x.dtype).to(x.device) if self.path.random else None
        wanted = self.path.velocity(x0, x1, t, eps)
        answer = self.net(self.path.point(x0, x1, t, eps), t)
        loss = (answer[:, : self.dim] - wanted).square().mean()
        if self.net.heads == 2 and eps is not None:
            loss = loss + (answer[:, self.dim :] - eps).square().mean()
        return loss

    def pairs(self, x: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Ends (m, d), (m, d), m >= n, of the paths that are taught with data x (n, d); of a reflowed flow its own."""
        if self.kept is not None:
            z, end = self.kept
            chosen = torch.randint(len(z), (len(x),), generator=generator).to(z.device)
            return z[chosen], end[chosen]
        if self.coupling == "independent":
            return self.draw(len(x), generator), x
        times = math.ceil(len(x) / PLANNED)
        few = x[: math.ceil(len(x) / times)]
        x0, x1 = couple(self.draw(len(few), generator), few, self.coupling, generator, sigma=self.path.spread)
        return x0.repeat(times, 1), x1.repeat(times, 1)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density (n,) in nats of x (n, d): the source's, less the divergence on the way (RK4, exact trace in 2-D).

        Raises `ValueError` where the source's density is not known.
        """
        z, logdet = self(x)
        return self.source_log_prob(z) + logdet

    def source_log_prob(self, z: Tensor) -> Tensor:
        """Log-density (n,) of the source; raises `ValueError` where it is not known."""
        if self.source is None:
            return -0.5 * (z.square().sum(-1) + self.dim * math.log(2 * math.pi))
        log_p = self.source.log_prob(z)
        if log_p is None:
            raise ValueError(f"the source {self.source.name!r} has no density in closed form, so this flow has none")
        return log_p

    @torch.no_grad()
    def sample(
        self, n: int, generator: torch.Generator | None = None, *, steps: int | None = None, solver: str = "rk4"
    ) -> Tensor:
        """Draw n points (n, d) by `steps` of a method of `METHODS` ("adaptive": as many as it needs).

        Without a number of steps by those of `inverse`, whose density is `log_prob`.
        """
        z = self.draw(n, generator)
        return self.inverse(z)[0] if steps is None else self.trajectory(z, steps, solver=solver)[-1]

    @torch.no_grad()
    def trajectory(
        self, z: Tensor, steps: int, *, solver: str = "euler", start: float = 0.0, stop: float = 1.0
    ) -> Tensor:
        """Points (steps + 1, n, d) on the way of z (n, d) from t = `start` to `stop`; "adaptive" may take more steps.

        Raises `ValueError` for an unknown solver and for steps out of range.
        """
        slope = lambda state, t: (self.velocity(state[0], t),)  # noqa: E731
        way = walk(slope, (z,), start=start, stop=stop, steps=steps, method=solver)
        return torch.stack([state[0] for _, state in way])

    def straightness(self, n: int = 1000, *, steps: int = 64, generator: torch.Generator | None = None) -> float:
        """S = integral of E |(Z1 - Z0) - v(Z_t, t)|^2 dt of n paths by RK4, in squared units; 0 if straight."""
        return straightness(self.trajectory(self.draw(n, generator), steps, solver="rk4"))

    def reflow(
        self, n: int = 32_768, generator: torch.Generator | None = None, *, steps: int = 32, solver: str = "rk4"
    ) -> "Matching":
        """The next round's flow, to be given to `fit`: begun as this one, it learns the lines between n pairs of z and
        where this one carries it (Liu, Gong and Liu 2023, algorithm 1). What `trajectory` raises.

        Its paths are straighter; what this one has wrong, and its solver, it learns too.
        """
        again = copy.deepcopy(self).requires_grad_(True)  # this one may be frozen
        z = self.draw(n, generator)
        again.kept = (z, self.trajectory(z, steps, solver=solver)[-1])
        again.path, again.coupling = interpolant("rectified"), "independent"
        again.config = {**self.config, "rounds": self.config.get("rounds", 0) + 1}
        return again

    def score(self, x: Tensor, t: float) -> Tensor:
        """The score d log p_t / dx (n, d), where the path tells it: -E[eps | x] / gamma, or of a Gaussian source.

        With x_t = alpha x0 + beta x1 and x0 ~ N(0, I) it is -E[x0 | x] / alpha, and E[x0 | x] solves the two equations
        x = alpha E[x0] + beta E[x1], v = alpha' E[x0] + beta' E[x1]. Raises `ValueError` where neither holds, and for
        a reflowed flow, whose pairs are not independent.
        """
        if self.config.get("rounds", 0):
            raise ValueError("a reflowed flow does not tell the score: its pairs are not independent")
        at = torch.tensor(t, dtype=x.dtype, device=x.device)
        if self.net.heads == 2:
            return -self.net(x, t)[:, self.dim :] / self.path.gamma(at)
        if self.source is not None or self.coupling != "independent" or self.path.random:
            raise ValueError(
                "the score needs the stochastic interpolant, or a path without noise from a normal source whose pairs "
                "are independent"
            )
        alpha, beta = self.path.alpha(at), self.path.beta(at)
        d_alpha, d_beta = self.path.d_alpha(at), self.path.d_beta(at)
        noise = (d_beta * x - beta * self.velocity(x, t)) / (alpha * d_beta - beta * d_alpha)
        return -noise / alpha

    @torch.no_grad()
    def wander(
        self, z: Tensor, steps: int, *, epsilon: float = 0.5, generator: torch.Generator | None = None
    ) -> Tensor:
        """Points (steps + 1, n, d) of the SDE with the flow's marginals, dx = (v + e s) dt + sqrt(2 e) dW.

        Euler and Maruyama; e = `epsilon` t (1 - t), so that the ends, where the score may not be finite, are left
        without noise. What `score` raises.
        """
        ways = [z]
        for k in range(steps):
            t = k / steps
            e = epsilon * t * (1 - t)
            x = ways[-1]
            drift = self.velocity(x, t) + (e * self.score(x, t) if e else 0.0)
            noise = torch.randn(x.shape, generator=generator, dtype=x.dtype).to(x.device)
            ways.append(x + drift / steps + math.sqrt(2 * e / steps) * noise)
        return torch.stack(ways)


def matching(
    dim: int = 2,
    layers: int = 8,
    *,
    path: str = "rectified",
    coupling: str = "independent",
    source: str | Density | None = None,
    hidden: int = 64,
    steps: int | None = None,
    rounds: int = 0,
    **options: float,
) -> Matching:
    """A flow by matching along a path of `INTERPOLANTS`, whose options follow; it walks in `layers` parts.

    `coupling` is one of `COUPLINGS`, `hidden` the width of the network, `source` a standard normal where it is None, or
    a density, or its name; `steps` those of RK4 in each part (16 in all where it is None); `rounds` is how often a flow
    that was saved had been reflowed. Raises `ValueError` for unknown names, for numbers out of range, and for a source
    that fits not.
    """
    check_between("layers", layers, 1, 64)
    check_between("steps", steps or 1, 1, 256)
    check_between("rounds", rounds, 0, 1000)
    found = interpolant(path, **options)
    begin = density(source) if isinstance(source, str) else source
    if coupling not in COUPLINGS:
        raise ValueError(f"no coupling is called {coupling!r}; choose one of {', '.join(COUPLINGS)}")
    if begin is not None and found.gaussian:
        raise ValueError(f"the path {path!r} is meant for a standard normal source, not {begin.name!r}")
    if begin is not None and dim != 2:
        raise ValueError(f"the source {begin.name!r} lies in the plane, so dim must be 2, not {dim}")
    net = VelocityNet(dim, hidden, heads=2 if path == "stochastic" else 1)
    return Matching(net, found, coupling=coupling, source=begin, layers=layers, steps=steps)


def build_matching(
    name: str = "rectified", dim: int = 2, *, coupling: str | None = None, seed: int = 0, **options: Any
) -> Matching:
    """A new flow by matching along a path of `INTERPOLANTS`; weights drawn from `seed`.

    `coupling` is "independent", "ot" or "entropic" (the bridge's own); `options` are those of `matching` and of the
    path. Raises `ValueError` for unknown names and numbers out of range.

    >>> build_matching("trig", coupling="ot").config["coupling"]
    'ot'
    """
    coupling = coupling or ("entropic" if name == "bridge" else "independent")
    check_between("dim", dim, 1, 4096)
    with seeded(seed):
        flow = matching(dim, path=name, coupling=coupling, **options)
    flow.config = {"name": name, "dim": dim, "coupling": coupling, "seed": seed, **written(options)}
    return flow


def written(options: dict[str, Any]) -> dict[str, Any]:
    """Options as a file can keep them: a source by its name."""
    return {name: getattr(value, "name", value) for name, value in options.items()}
