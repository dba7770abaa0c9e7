"""Where a text looks: cross-attention of its words over the patches of a picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from playground.blip.model import BLIP
from playground.blip.preprocess import preprocess
from playground.blip.tasks import check, tokenizer_of
from playground.blip.tokenizer import cleaned
from playground.nn.attentions import Attentions

__all__ = ["Looks", "look_caption", "look_match"]

DEPTH = 2 / 3  # of the layers, whose cross-attention explains a match: the ninth of twelve, as the authors of ALBEF do


@dataclass(frozen=True, eq=False)
class Looks:
    """The k tokens of a text, and where each looks."""

    words: tuple[str, ...]
    maps: np.ndarray  # (k, rows, columns) of the picture's patches, not negative
    scores: np.ndarray  # (k,) in [0, 1]: how much of the whole is each word's, the largest 1


def look_caption(model: BLIP, image: Image.Image, ids: Sequence[int], *, prompt: str | None = None) -> Looks:
    """Where the decoder looks when it writes each of the tokens `ids` behind a prompt, by default the model's own.

    The attention of the place that foretells a token, the mean of all heads and layers; a score is its share on the
    patches, the rest is on the class token. Raises `ValueError` for a model that does not caption, and as `write` does.
    """
    check(model, "caption")
    words, config = tokenizer_of(model), model.config
    begun = words([config.prompt if prompt is None else prompt], config.start, config.context_length, ended=False)[0]
    row = torch.cat([begun[0], torch.tensor(list(ids), dtype=torch.long)])[None].to(model.device)
    with torch.no_grad():
        seen = model.text_decoder.look(model.see(preprocess([image], config).to(model.device)))
        with Attentions() as caught:
            model.text_decoder(row, seen)
    first = begun.shape[1] - 1  # the place that foretells the first of them
    told = torch.stack(_cross(caught)).mean((0, 2))[0, first : first + len(ids), 1:]
    return _looks([words.backend.id_to_token(i) or "" for i in ids], told.detach())


def look_match(model: BLIP, image: Image.Image, text: str) -> Looks:
    """Which words and which patches speak for a match of a text and a picture (Grad-CAM on cross-attention).

    Attention times what the match's logit, above that of no match, gains by it, where that is positive, the mean of the
    heads, in the layer two thirds of the way up (Li et al. 2021, Align before fuse, section 5.4). Raises `ValueError`
    for a model that does not match, and for a text that says nothing.
    """
    check(model, "match")
    words, config = tokenizer_of(model), model.config
    if not (said := cleaned(text)):
        raise ValueError("there is no text to match")
    ids, mask = (one.to(model.device) for one in words([said], config.first, config.text_length))
    with torch.inference_mode(False), torch.enable_grad():
        states = model.see(preprocess([image], config).to(model.device))
        with Attentions() as caught:
            logits = model.match(states, ids, mask)[0]
        attention = _cross(caught)
        last = len(attention) - 1  # of which the head reads the first token alone: words count in those before it
        chosen = attention[max(0, min(int(DEPTH * len(attention)), last - 1))]
        (gain,) = torch.autograd.grad(logits[1] - logits[0], chosen)
    told = (chosen * gain.clamp(min=0)).mean(1)[0].detach()[1:-1, 1:]  # without the first and the end token
    return _looks([words.backend.id_to_token(i) or "" for i in ids[0, 1:-1].tolist()], told)


def _looks(words: Sequence[str], told: Tensor) -> Looks:
    """Of attention (k, patches)."""
    side = math.isqrt(told.shape[1])
    scores = told.sum(1)
    scores = scores / scores.max().clamp(min=1e-12) if len(scores) else scores
    return Looks(tuple(words), told.view(-1, side, side).cpu().numpy(), scores.cpu().numpy())


def _cross(caught: Attentions) -> list[Tensor]:
    """Of a MED's attention that on the picture, a layer each: it comes behind the text's own."""
    return caught.kept[1::2]
