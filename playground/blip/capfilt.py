"""CapFilt: a captioner writes what the web does not say, a filter drops what is not true (Li et al. 2022, section 3.3).

The authors released the models and never this. For each picture the captioner writes, by nucleus sampling, and the
filter's matching head judges the web's text and what was written. All texts and scores are told, none is overwritten.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from playground.blip.generation import Limits, nucleus
from playground.blip.med import Seen
from playground.blip.model import BLIP
from playground.blip.preprocess import preprocess
from playground.blip.rules import Decision, Rule, Scored, decide
from playground.blip.tasks import check, tokenizer_of
from playground.blip.tokenizer import cleaned
from playground.pictures import read_image

__all__ = ["Decision", "Pair", "Scored", "capfilt", "decide", "score_pairs"]

Scorer = Callable[[Sequence[Image.Image], Sequence[str]], np.ndarray]  # n pictures and n texts to n scores


@dataclass(frozen=True)
class Pair:
    """A picture with the text that the web has for it; `uid` names it, and no other."""

    uid: str
    image: Image.Image | Path | bytes
    text: str
    file: str = ""  # the picture's, by its name in the set, where it has one


def capfilt(
    pairs: Iterable[Pair],
    captioner: BLIP,
    filter: BLIP,  # the paper's word
    *,
    threshold: float = 0.5,
    candidates: int = 1,
    top_p: float = 0.9,
    limits: Limits | None = None,
    seed: int = 0,
    scorer: Scorer | None = None,
    batch_size: int = 16,
) -> Iterator[Decision]:
    """Every text of every pair, its own first and then what was written, kept where it matches by `threshold` or more.

    `limits` are by default the captioner's own. What is written depends on `seed` and the pair's uid alone, not on the
    pairs beside it. Where captioner and filter are one model, each picture is seen once. `scorer` gives one more score,
    such as a CLIP's. Raises `ValueError` for models without the task, for a threshold or a top_p out of range, for a
    prompt that leaves no room, and for numbers below their least.
    """
    rule = Rule(threshold=threshold)
    scored = score_pairs(
        pairs, captioner, filter, candidates=candidates, top_p=top_p, limits=limits, seed=seed, scorer=scorer,
        batch_size=batch_size,
    )  # fmt: skip
    return (decide(one, rule) for one in scored)


def score_pairs(
    pairs: Iterable[Pair],
    captioner: BLIP,
    filter: BLIP | None,
    *,
    candidates: int = 1,
    top_p: float = 0.9,
    limits: Limits | None = None,
    seed: int = 0,
    scorer: Scorer | None = None,
    batch_size: int = 16,
) -> Iterator[Scored]:
    """`capfilt` without decisions: rules can be set when all is scored. Raises as it does.

    Without a filter `scorer` alone judges, and must be given.
    """
    check(captioner, "caption")
    tokenizer_of(captioner)
    if filter is not None:
        check(filter, "match")
        tokenizer_of(filter)
    elif scorer is None:
        raise ValueError("nothing judges the texts: give a filter, a scorer (such as a CLIP's cosine) or both")
    limits = limits or captioner.config.limits
    if not 0 < top_p <= 1:
        raise ValueError(f"top_p must lie in (0, 1], not {top_p}")
    prompt, _ = tokenizer_of(captioner)([captioner.config.prompt], captioner.config.start, ended=False)
    if prompt.shape[1] >= limits.max_length:
        raise ValueError(f"the prompt has {prompt.shape[1]} tokens, and max_length {limits.max_length} leaves no room")
    for name, value, least in (("candidates", candidates, 0), ("batch_size", batch_size, 1)):
        if value < least:
            raise ValueError(f"{name} must be at least {least}, not {value}")
    return _scored(iter(pairs), captioner, filter, candidates, top_p, limits, seed, scorer, batch_size)


def _scored(
    pairs: Iterator[Pair], captioner: BLIP, judge: BLIP | None, candidates: int, top_p: float, limits: Limits,
    seed: int, scorer: Scorer | None, batch_size: int,
) -> Iterator[Scored]:  # fmt: skip
    while some := list(islice(pairs, batch_size)):
        read = [_read(pair) for pair in some]
        good = [(pair, image) for pair, image in zip(some, read, strict=True) if isinstance(image, Image.Image)]
        told = iter(_batch(good, captioner, judge, candidates, top_p, limits, seed, scorer) if good else [])
        for pair, image in zip(some, read, strict=True):
            if isinstance(image, Image.Image):
                yield from next(told)
            else:
                yield Scored(pair.uid, "web", pair.text, error=image, file=pair.file)


@torch.no_grad()
def _batch(
    good: list[tuple[Pair, Image.Image]], captioner: BLIP, judge: BLIP | None, candidates: int, top_p: float,
    limits: Limits, seed: int, scorer: Scorer | None,
) -> list[list[Scored]]:  # fmt: skip
    images = [image for _, image in good]
    states = captioner.see(preprocess(images, captioner.config).to(captioner.device))
    seen = captioner.text_decoder.look(states)  # and so by its filter, where it is one too: the two share these weights
    written = _written(captioner, seen, [pair.uid for pair, _ in good], candidates, top_p, limits, seed)
    texts = [text for (pair, _), own in zip(good, written, strict=True) for text in (pair.text, *own)]
    each = 1 + candidates
    nothing: list[float | None] = [None] * len(texts)
    probability, cosine, more = nothing, nothing, nothing
    if judge is not None:
        if judge is not captioner:
            states = judge.see(preprocess(images, judge.config).to(judge.device))
            seen = judge.text_encoder.look(states)
        probability, cosine = (scores.tolist() for scores in _judged(judge, states, seen, texts))
    if scorer is not None:
        more = [float(score) for score in scorer([image for image in images for _ in range(each)], texts)]
    scored = [
        Scored(
            pair.uid, "written" if i % each else "web", texts[i], probability[i], cosine[i], more[i], file=pair.file,
            width=image.width, height=image.height,
        )
        for i, (pair, image) in enumerate(one for one in good for _ in range(each))
    ]  # fmt: skip
    return [scored[i : i + each] for i in range(0, len(scored), each)]


def _written(
    model: BLIP, seen: Seen, uids: Sequence[str], candidates: int, top_p: float, limits: Limits, seed: int
) -> list[list[str]]:
    """`candidates` captions of each picture."""
    if not candidates:
        return [[] for _ in uids]
    words, config = tokenizer_of(model), model.config
    row, _ = words([config.prompt], config.start, config.context_length, ended=False)
    numbers = torch.from_numpy(
        np.stack([_numbers(seed, uid, i, limits.max_length) for uid in uids for i in range(candidates)])
    )
    numbers, prompt = numbers.to(model.device), row.expand(len(numbers), -1).to(model.device)
    made = nucleus(model.text_decoder, seen, prompt, config.end, limits, numbers, top_p=top_p)
    texts = [words.decode(one.ids) for one in made]
    return [texts[i * candidates : (i + 1) * candidates] for i in range(len(uids))]


def _judged(model: BLIP, states: Tensor, seen: Seen, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Probabilities of a match, and cosines, of as many texts a picture, in a row."""
    words, config = tokenizer_of(model), model.config
    ids, mask = words([cleaned(text) for text in texts], config.alone, config.text_length)
    ids, mask = ids.to(model.device), mask.to(model.device)
    each = len(texts) // len(states)
    pictures = model.embed_image(states).repeat_interleave(each, 0)
    cosine = (pictures * model.embed_text(ids, mask)).sum(1)
    ids[:, 0] = config.first
    return model.match(seen, ids, mask).softmax(1)[:, 1], cosine


def _numbers(seed: int, uid: str, number: int, count: int) -> np.ndarray:
    """Numbers in [0, 1) that belong to one caption of one pair."""
    key = hashlib.sha256(f"{seed} {number} {uid}".encode()).digest()
    return np.random.default_rng(int.from_bytes(key, "big")).random(count, dtype=np.float32)


def _read(pair: Pair) -> Image.Image | str:
    """The picture, or why there is none."""
    if isinstance(pair.image, Image.Image):
        return pair.image
    try:
        return read_image(pair.image)
    except (ValueError, OSError, MemoryError) as error:
        return " ".join(str(error).split()) or type(error).__name__
