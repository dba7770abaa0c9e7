"""Small BLIPs of random weights with a few words of BERT's kind."""

from pathlib import Path

import torch

from playground import blip
from playground.nn.tower import Tower

WORDS = ["[PAD]", *(f"[unused{i}]" for i in range(3)), "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "picture", "of", "red",
         "cube", "ball", "blue", "on", "the", "##s", "##ing", ",", "'", "?", "-", "!", "ca", "##fe", "红", "球", "1",
         "##2"]  # fmt: skip


def vocabulary(folder: Path) -> Path:
    """A vocab.txt of these words."""
    path = folder / "vocab.txt"
    path.write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    return path


def small_config(*tasks, **changes):
    sizes = {
        "image_size": 32, "patch_size": 8, "vision": Tower(32, 2, 4, 64), "text": Tower(32, 2, 4, 64), "tasks": tasks,
        "vocab_size": len(WORDS) + 2, "context_length": 40, "embed_dim": 16, "alone": 5, "end": 6, "pad": 0,
        "start": len(WORDS), "ground": len(WORDS) + 1,
    }  # fmt: skip
    return blip.Config(**(sizes | changes))


def small_blip(folder, *tasks, seed=0, std=0.15, **changes):
    """One with its tokenizer; its weights are large enough to say something."""
    model = blip.build(small_config(*tasks, **changes))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 or name.endswith("bias"):
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * std)
    model.tokenizer = blip.tokenizer.read_tokenizer(vocabulary(folder), pad=0, end=6)
    return model.eval().requires_grad_(False)


def captioner_and_filter(folder):
    """One that captions, and another that judges what is written."""
    return small_blip(folder, "caption", "match", std=0.3), small_blip(folder, "match", std=0.3, seed=1)
