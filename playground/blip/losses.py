"""What BLIP learns by (Li et al. 2022, section 3.2): contrast (ITC), matching (ITM) and language (LM)."""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["SMOOTHING", "hard_negatives", "itc", "itm", "lm"]

SMOOTHING = 0.1  # of the words' targets
LEAST = 1e-4  # that a negative's weight has at least
IGNORED = -100


def itc(
    images: Tensor,
    texts: Tensor,
    temp: Tensor,
    *,
    momentum_images: Tensor,
    momentum_texts: Tensor,
    alpha: float,
    same: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The contrastive loss with soft labels of the momentum encoders, and the similarities that hard negatives are
    drawn by: of pictures with all texts (n, N), and of texts with all pictures (n, N).

    `images` and `texts` (n, d) are unit vectors. `momentum_images` and `momentum_texts` (N, d) are the momentum
    encoders' unit vectors, the n of this batch first and the queue's after them. A target is alpha times what the
    momentum encoders think, and 1 - alpha on the own pair (Li et al. 2021, Align before fuse, equation 6); `same`
    (n, N) bool marks others that are as true as the own pair, which share its part.
    """
    n, m = len(images), len(momentum_texts)
    if len(texts) != n or len(momentum_images) != m or m < n:
        raise ValueError(
            f"{n} pictures and {len(texts)} texts do not go with {len(momentum_images)} and {m} of momentum"
        )
    own = torch.eye(n, m, device=images.device) if same is None else same.to(images.dtype)
    own = own / own.sum(1, keepdim=True)
    to_texts, to_images = images @ momentum_texts.T / temp, texts @ momentum_images.T / temp
    with torch.no_grad():
        think = [
            (a[:n] @ b.T / temp).softmax(1)
            for a, b in ((momentum_images, momentum_texts), (momentum_texts, momentum_images))
        ]
        targets = [alpha * one + (1 - alpha) * own for one in think]
    losses = [
        -(logits.log_softmax(1) * target).sum(1).mean()
        for logits, target in zip((to_texts, to_images), targets, strict=True)
    ]
    return (losses[0] + losses[1]) / 2, to_texts.detach(), to_images.detach()


def hard_negatives(
    similarities: Tensor, same: Tensor | None = None, generator: torch.Generator | None = None
) -> Tensor:
    """For each row of similarities (n, n) another column, drawn by the softmax of the row; `same` (n, n) are none.

    Where a row has nothing else it is its own: the caller leaves such rows out. Returns indices (n,).
    """
    n = len(similarities)
    weights = similarities[:, :n].softmax(1) + LEAST
    barred = torch.eye(n, dtype=torch.bool, device=weights.device)
    weights = weights.masked_fill(barred if same is None else barred | same, 0.0)
    nothing = weights.sum(1) == 0
    weights[nothing] = torch.eye(n, device=weights.device)[nothing]
    drawn = torch.multinomial(weights.cpu(), 1, generator=generator)[:, 0]  # a generator is of one device
    return drawn.to(weights.device)


def itm(logits: Tensor, matches: Tensor) -> Tensor:
    """Cross-entropy of logits (n, 2) with whether each pair matches, (n,) bool."""
    return F.cross_entropy(logits, matches.long())


def lm(logits: Tensor, ids: Tensor, mask: Tensor, *, ignored: int = 1, smoothing: float = SMOOTHING) -> Tensor:
    """Cross-entropy, nats a token, of logits (n, length, words) with the next of ids (n, length).

    `mask` (n, length) bool says what is no padding. The first `ignored` tokens, a prompt with its first token, are no
    targets. A smoothed target gives so much to all words alike (Szegedy et al. 2016).
    """
    targets = ids.masked_fill(~mask, IGNORED)
    targets[:, :ignored] = IGNORED
    return F.cross_entropy(
        logits[:, :-1].flatten(0, 1).float(), targets[:, 1:].flatten(), ignore_index=IGNORED, label_smoothing=smoothing
    )
