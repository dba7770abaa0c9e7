"""A reflowed flow distilled into one call: z -> z + v(z), the best straight line from each start."""

import copy
from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from playground.flows.matching import Matching
from playground.flows.plane import check_between
from playground.nn.adam import Weights, learning_rate

__all__ = ["DistilStep", "OneStep", "distil"]

BATCH, LR = 512, 3e-3


@dataclass(frozen=True)
class DistilStep:
    """One training step."""

    step: int  # 1, 2, ...
    loss: float  # mean squared distance from the flow's own ends, a coordinate
    progress: float  # 0 to 1


class OneStep(nn.Module):
    """The map of one call, begun as the flow's single Euler step."""

    def __init__(self, flow: Matching) -> None:
        super().__init__()
        self.flow = copy.deepcopy(flow).requires_grad_(True)

    def forward(self, z: Tensor) -> Tensor:
        """Where points z (n, d) of the source go."""
        return z + self.flow.velocity(z, 0.0)

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n points (n, d)."""
        answer: Tensor = self(self.flow.draw(n, generator))
        return answer


def distil(
    one: OneStep, flow: Matching, *, steps: int = 2000, pairs: int = 32_768, seed: int = 0
) -> Generator[DistilStep]:
    """Train the map in place on pairs of z and where `flow` carries it (Liu, Gong and Liu 2023, section 2.1).

    Raises `ValueError` for steps or pairs out of range.
    """
    check_between("steps", steps, 1, 10**6)
    check_between("pairs", pairs, BATCH, 10**6)
    generator = torch.Generator().manual_seed(seed)
    z = flow.draw(pairs, generator)
    end = flow.trajectory(z, 32, solver="rk4")[-1]
    weights = Weights(one)
    try:
        for step in range(1, steps + 1):
            chosen = torch.randint(pairs, (BATCH,), generator=generator).to(z.device)
            with torch.enable_grad():
                loss = (one(z[chosen]) - end[chosen]).square().mean()
                value = weights.update(loss, learning_rate(LR, (step - 0.5) / steps))
            if step == steps:
                weights.show()
            yield DistilStep(step, value, step / steps)
    finally:
        weights.release()
