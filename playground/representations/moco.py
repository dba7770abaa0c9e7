"""Momentum contrast (He et al. 2020): a slow copy makes the keys, and a queue of old ones the negatives."""

import copy

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

__all__ = ["MoCo"]


class MoCo(nn.Module):
    """An encoder, its slow copy and a queue of keys; the loss of a batch of two views."""

    queue: Tensor
    place: Tensor

    def __init__(
        self, encoder: nn.Module, dim: int, *, size: int = 1024, momentum: float = 0.99, temperature: float = 0.2
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.slow = copy.deepcopy(encoder).requires_grad_(False)
        self.momentum, self.temperature = momentum, temperature
        self.register_buffer("queue", normalize(torch.randn(size, dim), dim=1))
        self.register_buffer("place", torch.zeros((), dtype=torch.long))

    def forward(self, query: Tensor, key: Tensor) -> Tensor:
        """Cross entropy of each query's own key among it and the queue's; `advance` by the same keys after the step.

        Logits are [q . k, q . queue] / temperature, keys without gradient (equation 1).
        """
        q, k = normalize(self.encoder(query), dim=1), self.keys(key)
        logits = torch.cat([(q * k).sum(1, keepdim=True), q @ self.queue.T], 1) / self.temperature
        return cross_entropy(logits, logits.new_zeros(len(q), dtype=torch.long))

    @torch.no_grad()
    def keys(self, key: Tensor) -> Tensor:
        """Keys (n, d) by the slow encoder."""
        answer: Tensor = normalize(self.slow(key), dim=1)
        return answer

    @torch.no_grad()
    def advance(self, key: Tensor) -> None:
        """After a step: the newest keys take the oldest ones' places, and the slow encoder follows (equation 2)."""
        fresh = self.keys(key)
        at = (self.place + torch.arange(len(fresh), device=fresh.device)) % len(self.queue)
        self.queue[at] = fresh
        self.place.copy_((self.place + len(fresh)) % len(self.queue))
        for slow, fast in zip(self.slow.parameters(), self.encoder.parameters(), strict=True):
            slow.lerp_(fast, 1 - self.momentum)
        for old, new in zip(self.slow.buffers(), self.encoder.buffers(), strict=True):
            old.copy_(new)
