"""A small CLIP whose weights are large enough for every part to matter."""

import torch

from playground.clip.model import CLIP, Config, build
from playground.nn.tower import Tower


def small_config(**changes) -> Config:
    sizes = {
        "activation": "quick_gelu",
        "embed_dim": 24,
        "image_size": 32,
        "patch_size": 8,
        "vision": Tower(width=128, layers=2, heads=2, hidden=512),
        "text": Tower(width=64, layers=3, heads=1, hidden=256),
        "vocab_size": 49408,
    }
    return Config(**(sizes | changes))


def redraw(model: torch.nn.Module, seed: int = 0, std: float = 0.04) -> None:
    """Every parameter anew, so that no zero bias and no unit norm hides a slip."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            if parameter.ndim == 0:
                continue
            noise = std * torch.randn(parameter.shape, generator=generator)
            is_norm = "ln_" in name or "norm" in name
            parameter.copy_(1 + noise if is_norm and name.endswith("weight") else noise)


def small_clip(**changes) -> CLIP:
    model = build(small_config(**changes))
    redraw(model, std=0.15)
    return model.eval().requires_grad_(False)


def small_siglip(**changes) -> CLIP:
    """The same of SigLIP, with two activations."""
    sizes = {
        "family": "siglip",
        "activation": "gelu",
        "text_activation": "gelu_tanh",
        "embed_dim": 128,
        "vocab_size": 300,
        "context_length": 16,
        "logit_bias": True,
        "mean": (0.5, 0.5, 0.5),
        "std": (0.5, 0.5, 0.5),
        "resize": "squash",
    }
    return small_clip(**(sizes | changes))


def pixels(n: int = 2, side: int = 32, seed: int = 1) -> torch.Tensor:
    return torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(seed))


def tokens(lengths=(5, 9, 77), context_length: int = 77, seed: int = 2) -> torch.Tensor:
    """Ids as the tokenizer gives them: start, words, end, zeros."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.zeros(len(lengths), context_length, dtype=torch.long)
    for row, length in zip(ids, lengths, strict=True):
        row[:length] = torch.randint(1, 49406, (length,), generator=generator)
        row[0], row[length - 1] = 49406, 49407
    return ids
