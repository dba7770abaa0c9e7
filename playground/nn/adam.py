"""Adam (Kingma and Ba 2015) and an average of its iterates, on all weights of a network as one vector.

The average forgets by a power of the steps made, so it suits a run of any length (Shamir and Zhang 2013; the same
profile is section 3.1 of Karras et al., Analyzing and improving the training dynamics of diffusion models, 2024).
"""

import math

import torch
from torch import Tensor, nn

__all__ = ["Weights", "learning_rate"]

WARM_UP = 0.05  # part of the budget over which the learning rate climbs
AVERAGE = 16  # the average spans about the last 1/16 of the steps made so far
BETA1, BETA2, EPSILON = 0.9, 0.99, 1e-8  # Adam's decays and the guard of its quotient


def learning_rate(peak: float, progress: float) -> float:
    """A straight warm-up, then half a cosine down to 0; `progress` in [0, 1] of the budget."""
    return peak * min(1.0, progress / WARM_UP) * 0.5 * (1 + math.cos(math.pi * progress))


class Weights:
    """The trainable weights of a network as one vector: clipping, Adam and the average are a few operations on it.

    `torch.optim` would do, but making its first optimiser imports a compiler: four seconds before the first step.
    """

    def __init__(self, network: nn.Module, *, beta2: float = BETA2) -> None:
        self.beta2 = beta2
        self.parameters = [p for p in network.parameters() if p.requires_grad]
        if not self.parameters:
            raise ValueError("the network has no weights to train: all are frozen; call requires_grad_(True) on it")
        self.value = torch.cat([p.detach().reshape(-1) for p in self.parameters])
        self.grad, self.mean, self.square = (torch.zeros_like(self.value) for _ in range(3))
        self.average = self.value.clone()
        self.aside: Tensor | None = None  # the current weights, while the network shows the average
        self.step = 0
        sizes = [p.numel() for p in self.parameters]
        for p, value, grad in zip(self.parameters, self.value.split(sizes), self.grad.split(sizes), strict=True):
            p.data, p.grad = value.view_as(p), grad.view_as(p)

    def update(self, loss: Tensor, rate: float, *, clip: float = math.inf) -> float:
        """One step down the gradient of `loss`, no longer than `clip`; the loss as a number.

        Raises `FloatingPointError` where loss or gradient is not finite, before any weight has changed.
        """
        self.grad.zero_()
        loss.backward()
        return self.apply(loss.item(), rate, clip=clip)

    def apply(self, value: float, rate: float, *, clip: float = math.inf) -> float:
        """The step of `update` down the gradient that `grad` holds already; `value` is the loss."""
        norm = self.grad.norm().item()
        if not (math.isfinite(value) and math.isfinite(norm)):
            raise FloatingPointError(
                f"at step {self.step + 1} the loss was {value} and its gradient {norm} long, with learning rate "
                f"{rate:.2g}; train again with a smaller lr or a larger batch. The network keeps the average of the "
                "good steps"
            )
        if norm > clip:
            self.grad.mul_(clip / norm)
        self.step += 1
        self.mean.lerp_(self.grad, 1 - BETA1)
        self.square.mul_(self.beta2).addcmul_(self.grad, self.grad, value=1 - self.beta2)
        scale = (self.square / (1 - self.beta2**self.step)).sqrt_().add_(EPSILON)
        self.value.addcdiv_(self.mean, scale, value=-rate / (1 - BETA1**self.step))
        self.average.lerp_(self.value, (AVERAGE + 1) / (self.step + AVERAGE))
        return value

    def show(self) -> None:
        """Put the averaged weights into the network, the current ones aside."""
        if self.aside is None:
            self.aside = self.value.clone()
            self.value.copy_(self.average)

    def resume(self) -> None:
        """Put the current weights back."""
        if self.aside is not None:
            self.value.copy_(self.aside)
            self.aside = None

    def release(self) -> None:
        """Leave the averaged weights in the network, each parameter with storage of its own again."""
        self.show()
        for p in self.parameters:
            p.data, p.grad = p.data.clone(), None

    def state(self) -> dict[str, Tensor]:
        """All that a run needs to go on, the step () too: what is kept in one file is of one step."""
        current = self.value if self.aside is None else self.aside
        moments = {"mean": self.mean, "square": self.square, "average": self.average}
        return {"value": current, **moments, "step": torch.tensor(self.step)}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from a `state`."""
        for name, tensor in self.state().items():
            tensor.copy_(state[name])
        self.step = int(state["step"])
