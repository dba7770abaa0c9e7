"""How likely a text is, given a picture: as its caption, or as the answer to a question (Li et al. 2022, section 3.2).

The same language model that writes captions and answers ranks texts that are given: its log-probability of each.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from playground.blip.med import Seen
from playground.blip.model import BLIP
from playground.blip.preprocess import preprocess
from playground.blip.tasks import BATCH, check, tokenizer_of
from playground.blip.tokenizer import cleaned, cleaned_question

__all__ = ["Likelihood", "likelihood"]


@dataclass(frozen=True, eq=False)
class Likelihood:
    """Of one picture's texts: summed log-probabilities (k,) in nats, and the tokens (k,) they are summed over."""

    nats: np.ndarray
    tokens: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Nats a token (k,): what compares texts of different lengths."""
        return self.nats / self.tokens


def likelihood(
    model: BLIP,
    images: Sequence[Image.Image],
    texts: Sequence[Sequence[str]],
    *,
    questions: Sequence[str] | None = None,
) -> list[Likelihood]:
    """Of each picture's own texts, one or more: as captions, after the prompt of the model's training, or as answers to
    the picture's question.

    The end of the text is one of its tokens. Raises `ValueError` for a model without the task or a tokenizer, for other
    numbers of texts or questions than of pictures, and for a picture without texts.
    """
    check(model, "caption" if questions is None else "answer")
    tokenizer_of(model)
    for name, given in (("texts", texts), ("questions", images if questions is None else questions)):
        if isinstance(given, str) or len(given) != len(images):
            raise ValueError(f"each picture has {name} of its own: there are {len(images)} pictures, and {given!r}")
    if any(isinstance(some, str) or not some for some in texts):
        raise ValueError("texts must be a list of one or more for each picture")
    found: list[Likelihood] = []
    for start in range(0, len(images), BATCH):
        some = slice(start, start + BATCH)
        found += _batch(model, images[some], texts[some], None if questions is None else questions[some])
    return found


@torch.no_grad()
def _batch(
    model: BLIP, images: Sequence[Image.Image], texts: Sequence[Sequence[str]], questions: Sequence[str] | None
) -> list[Likelihood]:
    words, config = tokenizer_of(model), model.config
    most = max(map(len, texts))
    rows = [text for some in texts for text in (*some, *[some[0]] * (most - len(some)))]  # as many of each picture
    states = model.see(preprocess(images, config).to(model.device))
    if questions is None:
        prompt = words([config.prompt], config.start, config.context_length, ended=False)[0].shape[1]
        seen, said = model.text_decoder.look(states), [config.prompt + cleaned(text) for text in rows]
    else:
        prompt, said = 1, rows  # answers are ranked as they are given, as in `answer`
        seen = _asked(model, states, questions)
    ids, mask = (one.to(model.device) for one in words(said, config.start, config.context_length))
    scored = mask.clone()
    scored[:, :prompt] = False  # the prompt is given, and only says where the text begins
    told = model.text_decoder(ids[:, :-1], seen, mask=mask[:, :-1]).log_softmax(-1).gather(2, ids[:, 1:, None])[..., 0]
    nats = told.masked_fill(~scored[:, 1:], 0.0).sum(1).view(-1, most).cpu().numpy()
    tokens = scored.sum(1).view(-1, most).cpu().numpy()
    return [Likelihood(nats[i, : len(some)], tokens[i, : len(some)]) for i, some in enumerate(texts)]


def _asked(model: BLIP, states: Tensor, questions: Sequence[str]) -> Seen:
    """What the decoder looks at for an answer: the questions, read beside their pictures."""
    words, config = tokenizer_of(model), model.config
    asked = words([cleaned_question(one) for one in questions], config.first, config.text_length)
    ids, mask = (one.to(model.device) for one in asked)
    return model.text_decoder.look(model.read(states, ids, mask), None if config.like_transformers else mask)
