"""Pictures and words to unit vectors as numpy arrays: the edge between a CLIP and those who hold no tensors."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from playground.clip.model import CLIP
from playground.clip.preprocess import preprocess
from playground.clip.siglip_tokenizer import SiglipTokenizer
from playground.clip.text import encode_by_length
from playground.clip.tokenizer import Tokenizer

__all__ = ["cosines", "embed_images", "embed_texts", "similarity", "words_of"]


def words_of(model: CLIP) -> Tokenizer | SiglipTokenizer:
    """The model's tokenizer. Raises `ValueError` where it has none."""
    if model.tokenizer is None:
        raise ValueError("this model has no tokenizer; load it from a folder with a tokenizer.json, or set .tokenizer")
    return model.tokenizer


@torch.no_grad()
def embed_images(model: CLIP, images: Sequence[Image.Image], *, batch_size: int = 16) -> np.ndarray:
    """Unit vectors (n, embed_dim), float32, of pictures."""
    device = model.logit_scale.device
    batches = [images[i : i + batch_size] for i in range(0, len(images), batch_size)]
    return _array(model, [model.encode_image(preprocess(batch, model.config).to(device)) for batch in batches])


@torch.no_grad()
def embed_texts(model: CLIP, texts: Sequence[str], *, batch_size: int = 64) -> np.ndarray:
    """Unit vectors (n, embed_dim), float32, of texts; those of one length are embedded together, as that is faster."""
    device = model.logit_scale.device
    ids = words_of(model)(texts, model.config.context_length).to(device)
    return _array(model, [encode_by_length(model.encode_text, ids, batch_size)] if len(ids) else [])


def _array(model: CLIP, vectors: list[Tensor]) -> np.ndarray:
    if not vectors:
        return np.zeros((0, model.config.embed_dim), np.float32)
    return torch.cat(vectors).float().cpu().numpy()


def similarity(model: CLIP, images: Sequence[Image.Image], texts: Sequence[str]) -> np.ndarray:
    """The cosine (n, k) in [-1, 1] of every picture and every text."""
    answer: np.ndarray = embed_images(model, images) @ embed_texts(model, texts).T
    return answer


def cosines(model: CLIP) -> Callable[[Sequence[Image.Image], Sequence[str]], np.ndarray]:
    """What gives the cosine (n,) of each of n pictures with its own text, for `blip.capfilt`'s `scorer`.

    A picture that is there several times in a row is embedded once.
    """

    def score(images: Sequence[Image.Image], texts: Sequence[str]) -> np.ndarray:
        first = [i for i, image in enumerate(images) if i == 0 or image is not images[i - 1]]
        vectors = embed_images(model, [images[i] for i in first])
        rows = np.searchsorted(first, np.arange(len(images)), side="right") - 1
        answer: np.ndarray = (vectors[rows] * embed_texts(model, texts)).sum(1)
        return answer

    return score
