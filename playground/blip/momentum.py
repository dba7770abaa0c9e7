"""Momentum encoders and their queues (He et al. 2020, as Li et al. 2021 use them): slow copies for soft labels."""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playground.blip.model import BLIP

__all__ = ["Momentum"]

RATE = 0.995
PARTS = ("visual_encoder", "text_encoder", "vision_proj", "text_proj")


class Momentum(nn.Module):
    """Slow copies of the parts that embed, and the last `queue` embeddings of each kind, (queue, embed_dim)."""

    images: Tensor
    texts: Tensor
    filled: Tensor

    def __init__(self, model: BLIP, queue: int, *, rate: float = RATE) -> None:
        super().__init__()
        if queue < 0 or not 0 <= rate < 1:
            raise ValueError(f"a queue holds 0 or more, at a rate in [0, 1), not {queue} and {rate}")
        self.rate = rate
        self.parts = nn.ModuleDict({name: copy.deepcopy(getattr(model, name)) for name in PARTS})
        self.requires_grad_(False)
        self.register_buffer("images", torch.zeros(queue, model.config.embed_dim))
        self.register_buffer("texts", torch.zeros(queue, model.config.embed_dim))
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))  # embeddings that have come in so far

    @torch.no_grad()
    def follow(self, model: BLIP) -> None:
        """Move the copies a little towards the model: rate x copy + (1 - rate) x model."""
        for name, part in self.parts.items():
            for slow, quick in zip(part.parameters(), getattr(model, name).parameters(), strict=True):
                slow.lerp_(quick, 1 - self.rate)
            for kept, now in zip(part.buffers(), getattr(model, name).buffers(), strict=True):
                kept.copy_(now)

    @torch.no_grad()
    def embed(self, pixels: Tensor, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Unit vectors of pictures and texts, those of the queue behind them: (n + queue so far, embed_dim) each."""
        states, words = self.parts["visual_encoder"](pixels), self.parts["text_encoder"](ids, mask=mask)
        made = [
            F.normalize(self.parts[name](one[:, 0]), dim=-1)
            for name, one in (("vision_proj", states), ("text_proj", words))
        ]
        count = min(int(self.filled), len(self.images))
        return torch.cat([made[0], self.images[:count]]), torch.cat([made[1], self.texts[:count]])

    @torch.no_grad()
    def keep(self, images: Tensor, texts: Tensor) -> None:
        """Put this batch's embeddings (n, embed_dim) into the queue, in the place of the oldest."""
        images, texts = (one[max(0, len(one) - len(self.images)) :] for one in (images, texts))
        if size := len(self.images):
            places = (int(self.filled) + torch.arange(len(images))) % size
            self.images[places], self.texts[places] = images, texts
            self.filled += len(images)
