"""What a solver is: it walks x_hat = x / s down a grid of noise levels, calling the denoiser."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from playground.diffusion.schedule import Schedule

__all__ = ["Problem", "Run", "Slope", "Solver", "Walk", "calls_of", "moved"]


@dataclass(frozen=True, eq=False)
class Problem:
    """What is to be solved."""

    denoise: Callable[[Tensor, float], Tensor]  # D(x_hat, sigma)
    sigmas: Sequence[float]  # falling, the last one 0 or positive
    schedule: Schedule  # whose coordinates a method may integrate in
    generator: torch.Generator | None = None

    def steps(self) -> Iterator[tuple[float, float]]:
        """Noise level before and after each step."""
        return pairwise(self.sigmas)


Slope = tuple[float, Tensor]  # a rate and the tensor it multiplies: left apart, their product costs no pass of its own
Walk = Iterator[tuple[Tensor, Tensor]]  # after each step: x_hat, and D where the step began
Run = Callable[[Problem, Tensor], Walk]


@dataclass(frozen=True)
class Solver:
    """A method, with its options bound."""

    name: str
    order: int  # of the error at the end, in the size of the steps
    run: Run
    calls: Callable[[int], int]  # of the denoiser, in so many steps down to sigma = 0; of "rk45" the least
    stochastic: bool = False
    options: Mapping[str, Any] | None = field(default=None, compare=False)  # that `solver` made it with

    def steps_within(self, nfe: int) -> int:
        """The most steps down to sigma = 0 that need at most `nfe` calls. Raises `ValueError` if not even one does."""
        if self.calls(1) > nfe:
            raise ValueError(f"{self.name} needs at least {self.calls(1)} calls, not {nfe}")
        steps = 1
        while self.calls(steps + 1) <= nfe:
            steps += 1
        return steps


def calls_of(stages: int) -> Callable[[int], int]:
    """Calls of a method with so many a step; the step to sigma = 0 needs one."""
    return lambda steps: stages * (steps - 1) + 1


def moved(x: Tensor, weights: Sequence[float], slopes: Sequence[Slope]) -> Tensor:
    """x and the weighted slopes."""
    new = x
    for weight, (rate, change) in zip(weights, slopes, strict=True):
        if weight:  # in place where it is no longer the caller's
            new = (new.add if new is x else new.add_)(change, alpha=weight * rate)
    return new
