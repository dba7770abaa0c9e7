"""What BLIP is for: captions of pictures, whether a text matches a picture, and answers to questions about one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from playground.blip.generation import Limits, Written, beam_search, greedy, nucleus
from playground.blip.med import Decoder, Seen
from playground.blip.model import BLIP, Task
from playground.blip.preprocess import preprocess
from playground.blip.tokenizer import Tokenizer, cleaned, cleaned_question

__all__ = ["STRATEGIES", "Matches", "Strategy", "answer", "caption", "check", "match", "tokenizer_of", "write"]

Strategy = Literal["greedy", "beam", "nucleus"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
BATCH = 16  # pictures at once
RANKED = 128  # answers that are ranked whole, of a list (the authors' k)
ANSWER = Limits(max_length=10, min_length=1)


@dataclass(frozen=True, eq=False)
class Matches:
    """n pictures against k texts."""

    probability: np.ndarray  # (n, k): of a match, by the head that sees both (ITM)
    logits: np.ndarray  # (n, k, 2): of that head, for no match and a match
    cosine: np.ndarray  # (n, k): of the embeddings, each made alone (ITC)


def caption(model: BLIP, images: Sequence[Image.Image], strategy: Strategy = "beam", **options: object) -> list[str]:
    """A caption of each picture; `options` and errors as in `write`, which tells more."""
    words = tokenizer_of(model)
    return [words.decode(one.ids) for one in write(model, images, strategy, **options)]  # type: ignore[arg-type]


def write(
    model: BLIP,
    images: Sequence[Image.Image],
    strategy: Strategy = "beam",
    *,
    prompt: str | None = None,
    limits: Limits | None = None,
    beams: int = 3,
    top_p: float = 0.9,
    seed: int = 0,
) -> list[Written]:
    """What the decoder writes of each picture, token by token: "greedy", "beam" (3) or "nucleus" (0.9).

    `prompt` is what the captions begin with, and are given without; by default the one of the model's training.
    Nucleus draws from `seed`, each picture from numbers of its own; the authors' code also has a repetition penalty of
    1.1 there, which `limits` can say (`Limits(20, 5, 1.1)`). Raises `ValueError` for a model that does not
    caption or has no tokenizer, and for options out of range.
    """
    check(model, "caption")
    if strategy not in STRATEGIES:
        raise ValueError(f"strategy must be one of {', '.join(STRATEGIES)}, not {strategy!r}")
    words, config, limits = tokenizer_of(model), model.config, limits or model.config.limits
    text = config.prompt if prompt is None else prompt
    row = words([text], config.start, config.context_length, ended=False)[0].to(model.device)
    made: list[Written] = []
    for start in range(0, len(images), BATCH):
        states = _seen(model, images[start : start + BATCH])
        seen, begun = model.text_decoder.look(states), row.expand(len(states), -1)
        if strategy == "greedy":
            made += greedy(model.text_decoder, seen, begun, config.end, limits)
        elif strategy == "beam":
            made += beam_search(model.text_decoder, seen, begun, config.end, limits, beams=beams)
        else:
            rows = range(start, start + len(states))
            uniforms = torch.stack([_uniforms(seed, i, limits.max_length) for i in rows]).to(model.device)
            made += nucleus(model.text_decoder, seen, begun, config.end, limits, uniforms, top_p=top_p)
    return made


def match(model: BLIP, images: Sequence[Image.Image], texts: Sequence[str]) -> Matches:
    """Every picture against every text, cleaned as in training. Raises `ValueError` for a model that does not match,
    without a tokenizer, and for one string instead of several."""
    check(model, "match")
    words, config = tokenizer_of(model), model.config
    if isinstance(texts, str):
        raise ValueError(f"texts must be a list of strings, not the one string {texts!r}")
    said = [cleaned(text) for text in texts]
    logits, cosine = np.zeros((len(images), len(said), 2), np.float32), np.zeros((len(images), len(said)), np.float32)
    if not said:
        return Matches(logits[..., 0], logits, cosine)
    alone, mask = (one.to(model.device) for one in words(said, config.alone, config.text_length))
    grounded = alone.clone()
    grounded[:, 0] = config.first
    with torch.no_grad():
        embedded = model.embed_text(alone, mask)
        for start in range(0, len(images), BATCH):
            states = _seen(model, images[start : start + BATCH])
            own = slice(start, start + len(states))
            cosine[own] = (model.embed_image(states) @ embedded.T).cpu().numpy()
            n = len(states)
            found = model.match(states, grounded.repeat(n, 1), mask.repeat(n, 1))
            logits[own] = found.view(n, len(said), 2).cpu().numpy()
    powers = torch.from_numpy(logits).softmax(-1).numpy()
    return Matches(powers[..., 1], logits, cosine)


def answer(
    model: BLIP, images: Sequence[Image.Image], questions: Sequence[str], *, answers: Sequence[str] | None = None
) -> list[str]:
    """The answer to each picture's question, by beam search, or the likeliest of `answers`.

    Of many answers, the 128 whose first token is likeliest are compared whole, as the authors do. Raises `ValueError`
    for a model that does not answer or has no tokenizer, and for other numbers of pictures and questions.
    """
    check(model, "answer")
    words, config = tokenizer_of(model), model.config
    if isinstance(questions, str) or len(questions) != len(images):
        raise ValueError(f"each picture has one question: there are {len(images)} pictures, and {questions!r}")
    made: list[str] = []
    for start in range(0, len(images), BATCH):
        some = slice(start, start + BATCH)
        asked = words([cleaned_question(one) for one in questions[some]], config.first, config.text_length)
        ids, mask = (one.to(model.device) for one in asked)
        with torch.no_grad():
            states = model.read(_seen(model, images[some]), ids, mask)
            seen = model.text_decoder.look(states, None if config.like_transformers else mask)
        if answers is not None:
            made += _ranked(model, seen, answers, words)
            continue
        begun = torch.full((len(ids), 1), config.start, device=model.device)
        made += [words.decode(one.ids) for one in beam_search(model.text_decoder, seen, begun, config.end, ANSWER)]
    return made


@torch.no_grad()
def _ranked(model: BLIP, seen: Seen, answers: Sequence[str], words: Tokenizer) -> list[str]:
    """The likeliest answer for each picture, by the sum of its tokens' log-probabilities."""
    if not answers:
        raise ValueError("answers must be one or more, or None to let the model write")
    config, decoder = model.config, model.text_decoder
    ids, mask = (one.to(model.device) for one in words(answers, config.start, config.context_length))
    n = len(seen.keys[0])
    first = decoder(torch.full((n, 1), config.start, device=model.device), seen, last=True).log_softmax(1)[
        :, ids[:, 1]
    ]  # (n, answers)
    best = first.topk(min(RANKED, len(answers)), dim=1).indices  # (n, k)
    k = best.shape[1]
    rows, real = ids[best.flatten()], mask[best.flatten()]
    scores = log_likelihood(decoder, seen, rows, real).view(n, k)
    chosen = best.gather(1, scores.argmax(1, keepdim=True))[:, 0]
    return [answers[i] for i in chosen.tolist()]


def log_likelihood(decoder: Decoder, seen: Seen, ids: Tensor, mask: Tensor) -> Tensor:
    """Nats (n,) of texts (n, length) from their second token on, given what is seen."""
    told = decoder(ids[:, :-1], seen, mask=mask[:, :-1]).log_softmax(-1).gather(2, ids[:, 1:, None])[..., 0]
    return told.masked_fill(~mask[:, 1:], 0.0).sum(1)


def _seen(model: BLIP, images: Sequence[Image.Image]) -> Tensor:
    with torch.no_grad():
        return model.see(preprocess(images, model.config).to(model.device))


def _uniforms(seed: int, number: int, count: int) -> Tensor:
    """Numbers in [0, 1) of one picture's own."""
    return torch.from_numpy(np.random.default_rng((seed, number)).random(count, dtype=np.float32))


def check(model: BLIP, task: Task) -> None:
    """Raise `ValueError` for a model that cannot do the task."""
    if task not in model.config.tasks:
        raise ValueError(f"this BLIP can {' and '.join(model.config.tasks)}, and not {task}: load another checkpoint")


def tokenizer_of(model: BLIP) -> Tokenizer:
    """The model's tokenizer. Raises `ValueError` where it has none."""
    if model.tokenizer is None:
        raise ValueError("the model has no tokenizer: put BERT's tokenizer.json or vocab.txt beside its weights")
    return model.tokenizer
