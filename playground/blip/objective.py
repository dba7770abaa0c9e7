"""One step's loss: contrast, matching and language over one batch, as BLIP is pretrained (Li et al. 2022, 3.2)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from playground.blip.losses import hard_negatives, itc, itm, lm
from playground.blip.model import BLIP
from playground.blip.momentum import Momentum
from playground.blip.world_pairs import Asked, Pairs

__all__ = ["Losses", "answering", "pretraining"]


@dataclass(frozen=True, eq=False)
class Losses:
    """The parts of a step's loss, in nats; those that are not learned at this step are None."""

    language: Tensor | None = None
    contrast: Tensor | None = None
    matching: Tensor | None = None
    words: Tensor | None = None  # which of a false text's words are false, nats a word

    @property
    def total(self) -> Tensor:
        """Their sum."""
        parts = (self.language, self.contrast, self.matching, self.words)
        return torch.stack([part for part in parts if part is not None]).sum()


def pretraining(
    model: BLIP,
    batch: Pairs,
    *,
    language: bool = True,
    contrast: bool = True,
    matching: bool = True,
    momentum: Momentum | None = None,
    alpha: float = 0.4,
    smoothing: float = 0.1,
    generator: torch.Generator | None = None,
) -> Losses:
    """The losses of a model that captions and matches.

    Each picture is matched with its true text, its false ones, and a text of another picture, and each text with
    another picture, drawn by their similarity. Without `contrast` the other texts are drawn evenly, and there are no
    other pictures: beside those, what belongs to whom is not learned. Without momentum encoders the contrast's targets
    are the pairs alone.
    Where a batch says which words are true, the matching head is asked the same of every word's own state too.
    Without `language` the picture tower is not trained: what it sees is then as the decoder knows it.
    """
    n = len(batch.also_true)
    with torch.set_grad_enabled(language and torch.is_grad_enabled()):
        states = model.see(batch.pixels)
    written = _language(model, batch, states, smoothing) if language else None
    states = states[:n]
    contrasted, matched, words = None, None, None
    to_texts, to_images = states.new_zeros(n, n), None
    if contrast:
        contrasted, to_texts, to_images = _contrast(model, batch, states, momentum, alpha)
    if matching:
        matched, words = _matching(model, batch, states, to_texts, to_images, generator)
    return Losses(written, contrasted, matched, words)


def _contrast(
    model: BLIP, batch: Pairs, states: Tensor, momentum: Momentum | None, alpha: float
) -> tuple[Tensor, Tensor, Tensor]:
    n = len(states)
    true, mask = batch.texts[:n], batch.text_mask[:n]
    images, texts = model.embed_image(states), model.embed_text(true, mask)
    slow_images, slow_texts = images, texts
    if momentum is not None:
        momentum.follow(model)
        slow_images, slow_texts = momentum.embed(batch.pixels[:n], true, mask)
    both = torch.eye(n, len(slow_texts), dtype=torch.bool, device=states.device)
    alike = batch.also_true & batch.also_true.T  # each text is true of the other's picture as well
    both[:, :n] |= alike
    made = itc(
        images, texts, model.temp,
        momentum_images=slow_images, momentum_texts=slow_texts, alpha=0.0 if momentum is None else alpha, same=both,
    )  # fmt: skip
    if momentum is not None:
        momentum.keep(slow_images[:n], slow_texts[:n])
    return made


def _language(model: BLIP, batch: Pairs, states: Tensor, smoothing: float) -> Tensor:
    seen = model.text_decoder.look(states).of(batch.pictures)
    logits = model.text_decoder(batch.heard, seen, mask=batch.caption_mask)
    return lm(logits, batch.captions, batch.targets, ignored=0, smoothing=smoothing)


def _matching(
    model: BLIP, batch: Pairs, states: Tensor, to_texts: Tensor, to_images: Tensor | None,
    generator: torch.Generator | None,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    n, device = len(states), states.device
    other_text = hard_negatives(to_texts[:, :n], batch.also_true, generator)  # for each picture
    own = torch.arange(n, device=device)
    k = len(batch.texts) // n - 1
    # For every picture in a row: its true text, its false ones, another's text.
    text_rows = torch.cat([own[:, None], n + torch.arange(n * k, device=device).view(n, k), other_text[:, None]], dim=1)
    answers = torch.zeros(n, k + 2, dtype=torch.bool, device=device)
    answers[:, 0] = True
    ids = batch.texts.clone()
    ids[:, 0] = model.config.ground
    look = model.text_encoder.look(states)  # once, for a text's other picture too
    flat = text_rows.flatten()
    told = model.itm_head(model.text_encoder(ids[flat], look, mask=batch.text_mask[flat]))  # at every word
    words = None
    if batch.word_truth is not None:
        truth = batch.word_truth[text_rows[:, :-1].flatten()]
        words = F.cross_entropy(told.unflatten(0, (n, k + 2))[:, :-1].flatten(0, 2), truth.flatten())
    used = torch.ones(n, k + 2, dtype=torch.bool, device=device)
    used[:, -1] = other_text != own  # none is its own negative
    logits, matches = told[:, 0][used.flatten()], answers[used]
    if to_images is not None:
        other_image = hard_negatives(to_images[:, :n], batch.also_true.T, generator)  # for each text
        there = model.text_encoder(ids[:n], look.of(other_image), mask=batch.text_mask[:n])[:, 0]
        logits = torch.cat([logits, model.itm_head(there)[other_image != own]])
        matches = torch.cat([matches, matches.new_zeros(len(logits) - len(matches))])
    return itm(logits, matches), words


def answering(model: BLIP, batch: Asked, *, smoothing: float = 0.1) -> Losses:
    """The loss of a model that answers: language alone."""
    mask = batch.question_mask
    seen = model.text_encoder.look(model.see(batch.pixels)).of(batch.pictures)
    read = model.text_encoder(batch.questions, seen, mask=mask)
    logits = model.text_decoder(batch.answers, model.text_decoder.look(read, mask), mask=batch.answer_mask)
    return Losses(language=lm(logits, batch.answers, batch.answer_mask, smoothing=smoothing))
