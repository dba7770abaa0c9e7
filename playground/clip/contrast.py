"""The gradient of a contrastive loss over a whole batch, embedded in parts and on several processes.

Every pair of the batch is in the loss, so parts cannot be added up as usual. The embeddings are made first, the loss is
differentiated by them, and each part is embedded again to carry its share on (Gao et al. 2021, Scaling deep contrastive
learning batch size under memory limited setup). Between processes the same cut serves: embeddings are gathered, each
process takes the whole loss by its own embeddings, and the gradients of the weights are added.
"""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor
from torch import distributed as dist

from playground.clip.captioner import Captioner, Reader
from playground.clip.losses import info_nce, sigmoid_loss
from playground.clip.model import CLIP
from playground.clip.text import encode_by_length

__all__ = ["OBJECTIVES", "Batch", "Objective", "backward"]

Objective = Literal["info_nce", "sigmoid"]
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)


@dataclass(frozen=True, eq=False)
class Batch:
    """n pairs of this process; N of all processes together, those of process 0 first."""

    pixels: Tensor  # (n, 3, side, side)
    tokens: Tensor  # (n, length)
    negatives: Tensor | None = None  # (n, k, length): false texts of each picture
    also_true: Tensor | None = None  # (n, N) bool: texts that are true of a picture without being its pair
    captions: Tensor | None = None  # (n, length): what a captioner is to say
    said: Tensor | None = None  # (n, length): the texts in plain words, for a reader


def backward(
    model: CLIP,
    batch: Batch,
    *,
    objective: Objective = "info_nce",
    part: int | None = None,
    bfloat16: bool = False,
    captioner: Captioner | Reader | None = None,
) -> float:
    """Add the gradient of the loss over the joined batch to every parameter's `.grad`; the loss.

    With `part`, at most so many pairs are embedded at once, each twice; the gradient is the same, but for batch norms.
    With `bfloat16` the towers compute in it where that is safe; embeddings and loss stay in float32. A `captioner`
    learns beside, with the picture tower, to say the captions, and a `Reader`, with both, to say them and the texts;
    their mean loss a word is in the gradient, and not in the answer.

    With torch.distributed initialised all processes must call this at once with batches of one size; gradients are
    added up over them, so that each process has the whole. A convolutional stem is normalised over each part alone.
    Raises `ValueError` for an unknown objective, a part under 1, a sigmoid loss without logit_bias, and a reader
    without captions and the texts' plain words.
    """
    if objective not in OBJECTIVES:
        raise ValueError(f"objective must be one of {', '.join(OBJECTIVES)}, not {objective!r}")
    if part is not None and part < 1:
        raise ValueError(f"part must be at least 1, not {part}")
    if objective == "sigmoid" and model.logit_bias is None:
        raise ValueError("the sigmoid loss needs a model with logit_bias: Config(logit_bias=True)")
    if isinstance(captioner, Reader) and (batch.captions is None or batch.said is None):
        raise ValueError("a reader needs batches with captions and said, the texts in plain words")
    n, k = len(batch.pixels), 0 if batch.negatives is None else batch.negatives.shape[1]
    tokens = batch.tokens if batch.negatives is None else torch.cat([batch.tokens, batch.negatives.flatten(0, 1)])
    autocast = torch.autocast(batch.pixels.device.type, torch.bfloat16) if bfloat16 else nullcontext()

    def encode(first: int, last: int) -> tuple[Tensor, ...]:
        rows = torch.cat([torch.arange(first, last), torch.arange(n + first * k, n + last * k)])
        with autocast:
            states = model.visual.states(batch.pixels[first:last])
            images = F.normalize(model.visual.project(states), dim=-1)
            texts = encode_by_length(model.encode_text, tokens[rows])
            if captioner is None or batch.captions is None:
                return images.float(), texts.float()
            captions = batch.captions[first:last]
            if isinstance(captioner, Captioner):
                said = captioner(states, captions)
            else:
                said = captioner(images, texts[: last - first], captions, batch.said[first:last])  # type: ignore[index]
        return images.float(), texts.float(), said.float()

    cuts = [(i, min(i + (part or n), n)) for i in range(0, n, part or n)]
    with torch.set_grad_enabled(len(cuts) == 1):
        made = [encode(*cut) for cut in cuts]
    images = torch.cat([one[0] for one in made]).detach()
    texts = torch.cat([one[1][: b - a] for (a, b), one in zip(cuts, made, strict=True)]).detach()
    wrong = torch.cat([one[1][b - a :] for (a, b), one in zip(cuts, made, strict=True)]).detach()
    by = [_gathered(one).requires_grad_() for one in (images, texts, wrong)]
    loss = _loss(model, by[0], by[1], by[2].view(len(by[0]), k, -1) if k else None, _gathered_mask(batch), objective)
    loss.backward()
    first = _rank() * n
    d_images, d_texts = (one.grad[first : first + n] for one in by[:2] if one.grad is not None)
    d_wrong = torch.zeros_like(wrong) if by[2].grad is None else by[2].grad[first * k : (first + n) * k]
    for (a, b), kept in zip(cuts, made, strict=True):
        parts = kept if len(cuts) == 1 else encode(a, b)
        shares = [d_images[a:b], torch.cat([d_texts[a:b], d_wrong[a * k : b * k]])]
        if len(parts) == 3:  # the mean over all pictures of all processes
            shares.append(torch.tensor((b - a) / len(by[0])))
        torch.autograd.backward(parts, shares)
    _add_up(model, captioner)
    return loss.item()


def _loss(
    model: CLIP, images: Tensor, texts: Tensor, negatives: Tensor | None, also_true: Tensor | None, objective: Objective
) -> Tensor:
    scale = model.logit_scale.exp()
    if objective == "info_nce":
        return info_nce(images, texts, scale, negatives=negatives, also_true=also_true)
    assert model.logit_bias is not None
    return sigmoid_loss(images, texts, scale, model.logit_bias, negatives=negatives, also_true=also_true)


def _many() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def _rank() -> int:
    return dist.get_rank() if _many() else 0


def _gathered(x: Tensor) -> Tensor:
    """The rows of all processes, those of process 0 first."""
    if not _many():
        return x.clone()
    parts = [torch.empty_like(x) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, x.contiguous())
    return torch.cat(parts)


def _gathered_mask(batch: Batch) -> Tensor | None:
    if batch.also_true is None or not _many():
        return batch.also_true
    return _gathered(batch.also_true.to(torch.uint8)).bool()


def _add_up(model: CLIP, captioner: Captioner | Reader | None) -> None:
    """Sum the gradients over the processes; scale and bias have their whole gradient on each already."""
    if not _many():
        return
    shared = {id(model.logit_scale), id(model.logit_bias)}
    weights = [*model.parameters(), *(captioner.parameters() if captioner is not None else ())]
    grads = [p.grad for p in weights if p.grad is not None and id(p) not in shared]
    flat = torch.cat([grad.reshape(-1) for grad in grads])
    dist.all_reduce(flat)
    for grad, total in zip(grads, flat.split([grad.numel() for grad in grads]), strict=True):
        grad.copy_(total.view_as(grad))
