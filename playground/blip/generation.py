"""What a decoder writes: the likeliest token each time, the best of several beams, or tokens drawn from a nucleus."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from playground.blip.med import Cache, Decoder, Seen

__all__ = ["BeamStep", "Limits", "Written", "beam_search", "greedy", "nucleus"]

NEVER = -1e9  # the score of what may not be chosen
LIKELY = 256  # words that are looked at first


@dataclass(frozen=True)
class Limits:
    """What may be written. Lengths are in tokens, with the prompt and its first token, without the end."""

    max_length: int = 20
    min_length: int = 5
    repetition_penalty: float = 1.0  # a token that is there already has its logit by so much less (Keskar et al. 2019)

    def __post_init__(self) -> None:
        if not 1 <= self.min_length <= self.max_length:
            raise ValueError(f"1 <= min_length <= max_length must hold, not {self.min_length} and {self.max_length}")
        if not 0 < self.repetition_penalty < math.inf:
            raise ValueError(f"repetition_penalty must be positive, not {self.repetition_penalty}")


@dataclass(frozen=True)
class BeamStep:
    """One step of a beam search over one picture: the candidates, best first."""

    parents: tuple[int, ...]  # which beam of the step before each goes on from
    tokens: tuple[int, ...]
    scores: tuple[float, ...]  # summed log-probabilities, nats
    kept: tuple[int, ...]  # candidates that are the next step's beams, in their order
    finished: tuple[int, ...]  # candidates that ended here


@dataclass(frozen=True)
class Written:
    """What was written for one picture, without the prompt and without the end token."""

    ids: tuple[int, ...]
    log_probs: tuple[float, ...]  # nats, of each token given those before, and of the end where it was reached
    ended: bool  # by the end token, not by max_length
    score: float  # mean log-probability; of beams what they are ranked by
    steps: tuple[BeamStep, ...] = ()


@torch.no_grad()
def greedy(decoder: Decoder, seen: Seen, prompt: Tensor, end: int, limits: Limits) -> list[Written]:
    """The likeliest token each time, after a prompt (n, length) that begins with the start token."""
    return _one_by_one(decoder, seen, prompt, end, limits, lambda logits, _: logits.argmax(1))


@torch.no_grad()
def nucleus(
    decoder: Decoder, seen: Seen, prompt: Tensor, end: int, limits: Limits, uniforms: Tensor, *, top_p: float = 0.9
) -> list[Written]:
    """A token drawn each time from the fewest whose probabilities reach `top_p` (Holtzman et al. 2020).

    `uniforms` (n, max_length - prompt length) in [0, 1) are the draws: with numbers of its own, a row does not depend
    on those beside it. Raises `ValueError` for a top_p out of range and for fewer numbers than tokens.
    """
    if not 0 < top_p <= 1:
        raise ValueError(f"top_p must lie in (0, 1], not {top_p}")
    most = limits.max_length - prompt.shape[1]
    if uniforms.shape[0] != len(prompt) or uniforms.shape[1] < most:
        raise ValueError(f"uniforms must have the shape ({len(prompt)}, {most}), not {tuple(uniforms.shape)}")

    def draw(logits: Tensor, step: int) -> Tensor:
        probabilities, numbers = logits.softmax(1), uniforms[:, step, None]
        likely = probabilities.topk(min(LIKELY, logits.shape[1]), dim=1)  # in a tenth of the time that sorting takes
        chosen = _drawn(*likely, numbers, top_p)
        for row in (likely.values.cumsum(1)[:, -1] < top_p).nonzero()[:, 0].tolist():
            every = probabilities[row, None].sort(dim=1, descending=True)
            chosen[row] = _drawn(*every, numbers[row, None], top_p)
        return chosen

    return _one_by_one(decoder, seen, prompt, end, limits, draw)


def _drawn(probabilities: Tensor, tokens: Tensor, numbers: Tensor, top_p: float) -> Tensor:
    """One (n,) of the tokens (n, k), likeliest first, that reach `top_p`."""
    total = probabilities.cumsum(1)
    inside = probabilities.masked_fill(total - probabilities >= top_p, 0.0)  # the one that reaches it is inside
    reached = inside.cumsum(1)
    place = (reached <= numbers * reached[:, -1:]).sum(1)
    last = (inside > 0).sum(1) - 1
    return tokens.gather(1, torch.minimum(place, last)[:, None])[:, 0]


def _one_by_one(
    decoder: Decoder, seen: Seen, prompt: Tensor, end: int, limits: Limits, choose: Callable[[Tensor, int], Tensor]
) -> list[Written]:
    _check_prompt(prompt, limits)
    n, before = prompt.shape
    cache, ids, fed = Cache(), prompt, prompt
    open_rows = torch.ones(n, dtype=torch.bool, device=prompt.device)
    log_probs: list[Tensor] = []
    for step in range(limits.max_length - before):
        logits = decoder(fed, seen, cache=cache, last=True).float()
        chosen = choose(_limited(logits, ids, end, limits), step)
        log_probs.append(logits.log_softmax(1).gather(1, chosen[:, None])[:, 0])
        chosen = chosen.where(open_rows, torch.full_like(chosen, end))
        ids, fed = torch.cat([ids, chosen[:, None]], dim=1), chosen[:, None]
        open_rows &= chosen != end
        if not open_rows.any():
            break
    told = torch.stack(log_probs, 1)
    return [_written(ids[i, before:], told[i], end) for i in range(n)]


def _written(ids: Tensor, log_probs: Tensor, end: int) -> Written:
    row = ids.tolist()
    ended = end in row
    length = row.index(end) if ended else len(row)
    told = log_probs[: length + ended].tolist()
    return Written(tuple(row[:length]), tuple(told), ended, sum(told) / max(len(told), 1))


def _limited(logits: Tensor, ids: Tensor, end: int, limits: Limits) -> Tensor:
    """Logits, or log-probabilities, (rows, words) as the limits leave them."""
    if limits.repetition_penalty != 1:
        there = logits.gather(1, ids)
        less = torch.where(there < 0, there * limits.repetition_penalty, there / limits.repetition_penalty)
        logits = logits.scatter(1, ids, less)
    if ids.shape[1] < limits.min_length:
        logits = logits.clone()
        logits[:, end] = -math.inf
    return logits


def _check_prompt(prompt: Tensor, limits: Limits) -> None:
    if prompt.ndim != 2 or not prompt.shape[1]:
        raise ValueError(f"the prompt must be ids (n, length) with a start token, not {tuple(prompt.shape)}")
    if prompt.shape[1] >= limits.max_length:
        raise ValueError(f"the prompt has {prompt.shape[1]} tokens, and max_length {limits.max_length} leaves no room")


@torch.no_grad()
def beam_search(
    decoder: Decoder,
    seen: Seen,
    prompt: Tensor,
    end: int,
    limits: Limits,
    *,
    beams: int = 3,
    length_penalty: float = 1.0,
) -> list[Written]:
    """The best of `beams` texts that go on side by side; a finished one's score is its log-probability by its length
    to the power of `length_penalty`.

    Of the 2 x beams best continuations those that do not end go on, and those of the first `beams` that end are
    finished; a picture is done when its best beam, as it is, would not be among the finished ones (as transformers
    does with early_stopping=False). A picture's keys are computed once, not once a beam. Raises `ValueError` for less
    than one beam.
    """
    if beams < 1:
        raise ValueError(f"beams must be at least 1, not {beams}")
    _check_prompt(prompt, limits)
    n, before = prompt.shape
    device, cache = prompt.device, Cache()
    ids = prompt[:, None].expand(n, beams, before).contiguous()
    scores = torch.full((n, beams), NEVER, device=device)
    scores[:, 0] = 0.0  # or all beams would begin alike
    told = torch.zeros(n, beams, 0, device=device)
    finished: list[list[_Finished]] = [[] for _ in range(n)]
    hopeful = torch.ones(n, dtype=torch.bool, device=device)  # whose finished texts may yet be bettered
    steps: list[list[BeamStep]] = [[] for _ in range(n)]
    fed = prompt
    for length in range(before, limits.max_length):
        raw = decoder(fed, seen, cache=cache, last=True).float().log_softmax(1)
        if length == before:  # so far the beams are one
            raw = raw.repeat_interleave(beams, 0)
            cache.choose(torch.arange(n, device=device).repeat_interleave(beams))
        log_probs = _limited(raw, ids.flatten(0, 1), end, limits)
        # The best of all are among the best of each beam.
        own, words = log_probs.topk(min(2 * beams, log_probs.shape[1]), dim=1)
        own, words = own.view(n, beams, -1), words.view(n, beams, -1)
        total, place = (own + scores[:, :, None]).flatten(1).topk(2 * beams, dim=1)
        parent, tokens = place // own.shape[2], words.flatten(1).gather(1, place)
        each = raw.gather(1, words.flatten(1).view(n * beams, -1)).view(n, -1).gather(1, place)
        last = length + 1 == limits.max_length
        over = (tokens == end) | last
        ongoing, kept = (total + NEVER * over).topk(beams, dim=1)
        listed = [one.tolist() for one in (parent, tokens, total, kept, over, hopeful)]
        for i, (parents, said, totals, keeps, overs, hope) in enumerate(zip(*listed, strict=True)):
            ending = [j for j in range(beams) if overs[j]]
            steps[i].append(BeamStep(tuple(parents), tuple(said), tuple(totals), tuple(keeps), tuple(ending)))
            if not hope:
                continue
            for j in ending:
                beam = parents[j]
                finished[i].append(
                    _Finished(
                        totals[j] / (length + 1 - before) ** length_penalty,
                        torch.cat([ids[i, beam, before:], tokens[i, j, None]]),
                        torch.cat([told[i, beam], each[i, j, None]]),
                    )
                )
            finished[i] = sorted(finished[i], key=lambda one: -one.score)[:beams]  # a stable sort: the older first
        chosen = parent.gather(1, kept)
        rows = (chosen + beams * torch.arange(n, device=device)[:, None]).flatten()
        fed = tokens.gather(1, kept).view(-1, 1)
        ids = torch.cat([ids.flatten(0, 1)[rows], fed], dim=1).view(n, beams, -1)
        told = torch.cat([told.flatten(0, 1)[rows], each.gather(1, kept).view(-1, 1)], dim=1).view(n, beams, -1)
        scores = ongoing
        cache.choose(rows)
        best = scores[:, 0] / (length + 1 - before) ** length_penalty
        worst = [one[-1].score if len(one) == beams else NEVER for one in finished]
        hopeful &= best > torch.tensor(worst, device=device)
        if last or not hopeful.any():
            break
    return [_best(one[0], end, tuple(tree)) for one, tree in zip(finished, steps, strict=True)]


@dataclass(frozen=True)
class _Finished:
    score: float
    ids: Tensor
    log_probs: Tensor


def _best(one: _Finished, end: int, steps: tuple[BeamStep, ...]) -> Written:
    made = _written(one.ids, one.log_probs, end)
    return Written(made.ids, made.log_probs, made.ended, one.score, steps)
