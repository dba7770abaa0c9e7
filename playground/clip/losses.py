"""What CLIP learns by: symmetric InfoNCE (Radford et al. 2021), and SigLIP's sigmoid loss (Zhai et al. 2023)."""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["info_nce", "sigmoid_loss"]


def info_nce(
    images: Tensor,
    texts: Tensor,
    scale: Tensor,
    *,
    negatives: Tensor | None = None,
    also_true: Tensor | None = None,
) -> Tensor:
    """Mean cross-entropy of finding each picture's text and each text's picture (figure 3 of Radford et al. 2021).

    `images` and `texts` (n, d) are unit vectors, the pairs in the same order; `scale` is exp(logit_scale).
    `negatives` (n, k, d) are false texts of each picture alone, in its sum beside the others' texts (NegCLIP,
    Yuksekgonul et al. 2023). `also_true` (n, n) marks pairs that are true without being a pair: they are left out of
    the sums. Raises `ValueError` for shapes that do not fit.
    """
    logits = _masked(scale * _products(images, texts), also_true)
    of_images = logits
    if negatives is not None:
        of_images = torch.cat([logits, scale * _own(images, negatives)], dim=1)
    target = torch.arange(len(images), device=images.device)
    return (F.cross_entropy(of_images, target) + F.cross_entropy(logits.T, target)) / 2


def sigmoid_loss(
    images: Tensor,
    texts: Tensor,
    scale: Tensor,
    bias: Tensor,
    *,
    negatives: Tensor | None = None,
    also_true: Tensor | None = None,
) -> Tensor:
    """-1/n sum over all pairs of log sigmoid(z (scale cosine + bias)), z = 1 on the pairs, -1 elsewhere (equation 1).

    Arguments as `info_nce` has them; its source is Zhai et al. 2023, Sigmoid loss for language image pre-training.
    """
    n = len(images)
    logits = scale * _products(images, texts) + bias
    z = 2 * torch.eye(n, device=images.device, dtype=logits.dtype) - 1
    each = F.logsigmoid(z * logits)
    if also_true is not None:
        each = each.masked_fill(_off_diagonal(also_true, n), 0.0)
    total = each.sum()
    if negatives is not None:
        total = total + F.logsigmoid(-(scale * _own(images, negatives) + bias)).sum()
    return -total / n


def _products(images: Tensor, texts: Tensor) -> Tensor:
    if images.ndim != 2 or images.shape != texts.shape or not len(images):
        raise ValueError(f"images and texts must both be (n, d), not {tuple(images.shape)} and {tuple(texts.shape)}")
    return images @ texts.T


def _own(images: Tensor, negatives: Tensor) -> Tensor:
    if negatives.ndim != 3 or (negatives.shape[0], negatives.shape[2]) != images.shape:
        raise ValueError(f"negatives must be (n, k, d) for images {tuple(images.shape)}, not {tuple(negatives.shape)}")
    return torch.einsum("nd,nkd->nk", images, negatives)


def _off_diagonal(also_true: Tensor, n: int) -> Tensor:
    if also_true.shape != (n, n) or also_true.dtype != torch.bool:
        raise ValueError(f"also_true must be bool ({n}, {n}), not {also_true.dtype} {tuple(also_true.shape)}")
    return also_true & ~torch.eye(n, dtype=torch.bool, device=also_true.device)


def _masked(logits: Tensor, also_true: Tensor | None) -> Tensor:
    return logits if also_true is None else logits.masked_fill(_off_diagonal(also_true, len(logits)), -torch.inf)
