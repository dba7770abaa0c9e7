"""Which noises a solver is fitted to: more of those whose neighbours end far apart, each weighed by its rarity.

Between two basins the ODE's end turns over in a thousandth of the noises, and there nearly all of a solver's squared
error is: noises drawn evenly miss it. Importance sampling leaves the expected squared error as it is.
"""

import torch
from torch import Tensor

from playground.diffusion.arena import FREE_SOLVERS, free_sigmas
from playground.diffusion.linear_solver import linear_form
from playground.diffusion.schedules import schedule
from playground.diffusion.tangents import Tangents

__all__ = ["spread", "thinned"]

STEPS = 24  # of the solution that is differentiated
DIRECTIONS = 2  # in which neighbours are looked at


def spread(tangents: Tangents, noise: Tensor, sigma_max: float) -> Tensor:
    """How far apart neighbours of each noise end (n,), in units of how far apart they begin before `sigma_max`."""
    sigmas = free_sigmas("ramp 0.5", STEPS, sigma_max)
    assert sigmas is not None
    form = linear_form(FREE_SOLVERS["ipndm 3"](), sigmas.tolist(), schedule("edm"))
    m = noise[0].numel()
    directions = torch.linalg.qr(
        torch.randn(m, min(m, DIRECTIONS), generator=torch.Generator().manual_seed(0), dtype=noise.dtype)
    ).Q
    still = torch.zeros(directions.shape[1], dtype=noise.dtype)

    def denoise(state: Tensor, sigma: float) -> Tensor:
        D, dD = tangents(state[..., 0].reshape(noise.shape), sigma, state[..., 1:], still)
        return torch.cat([D.flatten(1).unsqueeze(2), dD], 2)

    # a linear method takes the state and its derivatives alike: (n, m, 1 + directions)
    start = torch.cat([noise.flatten(1).unsqueeze(2), directions.expand(len(noise), -1, -1)], 2)
    *_, (end, _) = form.run(denoise, sigma_max * start)
    return end[..., 1:].square().sum((1, 2)).sqrt()


def thinned(noise: Tensor, spreads: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """About `count` of the noises, half drawn evenly, half in proportion to their spread; and their weights (n,).

    A weight says how many noises of an even draw each stands for, in the mean one.
    """
    if len(noise) <= count:
        return noise, torch.ones(len(noise), dtype=noise.dtype)
    spreads = spreads.nan_to_num(0.0, 0.0)
    often = (0.5 * count * (1 / len(noise) + spreads / spreads.sum().clamp_min(1e-300))).clamp(max=1.0)
    sums = often.cumsum(0)
    taken = sums.floor() > (sums - often).floor()  # systematic sampling: every time that the sum passes a number
    weights = 1 / often[taken]
    return noise[taken], weights / weights.mean()
