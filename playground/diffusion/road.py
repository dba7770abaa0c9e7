"""The road from DDPM to the ODE: one network, one start, and the noise of each step turned down until none is left.

DDPM (Ho et al. 2020) is eta = 1 of DDIM (Song, Meng and Ermon 2021, equation 16), DDIM proper is eta = 0, and as its
steps shrink it becomes the probability-flow ODE (Song et al. 2021, section 4.3), whose samples at every noise level are
distributed as the SDE's are.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from playground.diffusion.denoiser import Denoiser
from playground.diffusion.dial import LOOKS, check_run, look
from playground.diffusion.grids import karras
from playground.diffusion.mixture import MixtureDenoiser
from playground.diffusion.sampling import walk
from playground.diffusion.schedules import schedule
from playground.diffusion.solvers import solver

__all__ = ["ETAS", "Milestone", "road"]

Array = NDArray[np.float64]
ETAS = (1.0, 0.8, 0.6, 0.4, 0.2, 0.0)
FINER = 4  # times the steps of DDIM, for the ODE
PATHS = 12
STARTS, DRAWS = 48, 12  # from each of so many starts so many ends, which tell what the start decides


@dataclass(frozen=True, eq=False)
class Milestone:
    """The same starts and the same random numbers at one eta."""

    eta: float
    steps: int  # more of them where it stands for the ODE
    paths: Array  # (k, few, 2) in x / s
    distance: float  # of the first coordinate's distribution function from the exact one, the largest over the levels
    spread: float  # root mean square distance of ends from their mean, of those with one start; 0 if it decides all
    chance: float  # exact samples lie nearer than this at all levels 95 times of 100
    nfe: int
    progress: float


def road(
    mixture: MixtureDenoiser,
    *,
    denoiser: Denoiser | None = None,
    steps: int = 64,
    samples: int = 2000,
    seed: int = 0,
) -> Iterator[Milestone]:
    """Sample with `denoiser`, or the mixture's own, at each of `ETAS`, and last by the ODE (eta 0 in finer steps).

    Raises `ValueError` for settings out of range.
    """
    check_run(steps, samples)
    return _road(mixture, denoiser or mixture, steps, samples, seed)


def _road(mixture: MixtureDenoiser, denoiser: Denoiser, steps: int, samples: int, seed: int) -> Iterator[Milestone]:
    whole = steps * (len(ETAS) + FINER)
    done = 0
    for eta, count in (*((eta, steps) for eta in ETAS), (0.0, FINER * steps)):
        grid = karras(count)
        looks = {int((grid - sigma).abs().argmin()) for sigma in LOOKS}
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(samples, mixture.dim, generator=generator, dtype=torch.float64)
        starts = torch.cat([noise, noise[:STARTS].repeat(DRAWS, 1)])
        paths, distances, nfe = [], [], 0
        for step in walk(
            denoiser,
            starts,
            schedule=schedule("edm"),
            solver=solver("ddim", eta=eta),
            sigmas=grid,
            generator=generator,
        ):
            paths.append(step.x[:PATHS].numpy())
            if step.i in looks:
                distances.append(look(mixture, step.x[:samples, 0].numpy(), step.sigma, 0).distance)
            nfe = step.nfe
        ends = step.x[samples:].reshape(DRAWS, -1, mixture.dim)
        done += count
        yield Milestone(
            eta=eta,
            steps=count,
            paths=np.stack(paths[:: count // steps]),
            distance=max(distances),
            spread=float((ends - ends.mean(0)).square().sum(-1).mean().sqrt()),
            chance=math.sqrt(-0.5 * math.log(0.05 / len(looks) / 2) / samples),
            nfe=nfe,
            progress=done / whole,
        )
