"""Linear layers on CPU by whichever of torch's matrix libraries is fastest on this machine, from packed weights.

On some processors MKL, which `F.linear` calls in float32, reaches a third of what oneDNN does; on others it is as good.
So a probe times them, once a process. The operators that pack for oneDNN are private to torch: where they are missing
or fail, `F.linear` is left.
"""

import math
import sys
import time
from collections.abc import Callable
from functools import cache
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["LIBRARIES", "Linear", "PostOp", "Rows", "prepare", "probe"]

PostOp = Literal["none", "gelu", "silu", "add"]
Rows = Literal["few", "some", "many"]  # at once: a token of some texts, a prompt or a small picture, large pictures
Linear = Callable[..., Tensor]  # (rows, in), and for "add" (rows, out), to (rows, out), all in the weight's dtype
Library = Callable[[Tensor, Tensor, PostOp], Linear]  # of a weight (out, in), a bias (out,) and what follows

IN = 768  # the probe's layer: large enough to tell the libraries apart in milliseconds
PROBES: dict[Rows, tuple[int, tuple[int, ...]]] = {  # its outputs, and the rows it is tried with
    "few": (3072, (1, 4, 16)),  # the weight is larger than the nearer caches, as a decoder's are
    "some": (768, (8, 64)),  # where libraries differ with many rows, they differ more with few
    "many": (768, (256,)),
}
REPEATS, BUDGET = 8, 0.03  # seconds after which a probe repeats nothing
# What else the machine does must not count; but of Windows' thread clock a tick is 16 ms.
clock = time.perf_counter if sys.platform == "win32" else time.thread_time
WORTH = 0.9  # of torch's own time, which a library must stay under: packing takes memory
HINT = 128  # rows that oneDNN packs for; it takes any
ACTIVATIONS: dict[PostOp, Callable[[Tensor], Tensor]] = {"none": lambda x: x, "gelu": F.gelu, "silu": F.silu}


def torch_linear(weight: Tensor, bias: Tensor, after: PostOp) -> Linear:
    """F.linear: MKL in float32, oneDNN with a weight packed at every call in bfloat16."""
    if after == "add":
        return lambda x, other: F.linear(x, weight, bias).add_(other)
    activation = ACTIVATIONS[after]
    return lambda x: activation(F.linear(x, weight, bias))


def onednn_packed(weight: Tensor, bias: Tensor, after: PostOp) -> Linear:
    """oneDNN, the weight packed once; what follows is applied while the product is still in the cache."""
    multiply, add = torch.ops.mkldnn._linear_pointwise, torch.ops.mkldnn._linear_pointwise.binary
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), HINT)
    if after == "add":
        return lambda x, other: add(x, other, packed, bias, "add")
    name, how = {"none": ("none", ""), "gelu": ("gelu", "none"), "silu": ("swish", "")}[after]  # "none": by erf
    return lambda x: multiply(x, packed, bias, name, [], how)


LIBRARIES: dict[str, Library] = {"torch": torch_linear, "onednn": onednn_packed}


def prepare(
    weight: Tensor, bias: Tensor, after: PostOp = "none", *, dtype: torch.dtype = torch.float32, rows: Rows = "some"
) -> Linear:
    """x (rows, in) to after(x weight^T + bias) (rows, out) in `dtype`, by the library that is fastest for so many rows.

    For inference alone. The weight is copied, so later changes of it do not count.
    """
    library, _ = probe(dtype, rows)
    return LIBRARIES[library](weight.detach().to(dtype, copy=True), bias.detach().to(dtype, copy=True), after)


@cache
def probe(dtype: torch.dtype, rows: Rows = "some") -> tuple[str, float]:
    """The name of the fastest library for `dtype` on this machine's CPU, and its seconds for the probe's layer.

    Takes some 30 ms, and is done once a process. Infinite seconds, of "torch", where none multiplies `dtype`.
    """
    generator = torch.Generator().manual_seed(0)
    out, tries = PROBES[rows]
    weight, bias = torch.randn(out, IN, generator=generator) / math.sqrt(IN), torch.randn(out, generator=generator)
    inputs = [torch.randn(count, IN, generator=generator).to(dtype) for count in tries]
    tried = {name: _tried(library, weight, bias, inputs) for name, library in LIBRARIES.items()}
    seconds = dict.fromkeys(LIBRARIES, math.inf)
    begun = clock()
    for _ in range(REPEATS):  # in turns, and the least: another program's work is none of the library's
        for name, linear in tried.items():
            if linear is not None:
                seconds[name] = min(seconds[name], _seconds(linear, inputs))
        if clock() - begun > BUDGET:
            break
    best = min(seconds, key=lambda name: seconds[name])
    best = best if seconds[best] < WORTH * seconds["torch"] else "torch"
    return best, seconds[best]


@torch.no_grad()
def _tried(library: Library, weight: Tensor, bias: Tensor, inputs: list[Tensor]) -> Linear | None:
    """The layer by this library, used once; None where that fails or the answer is wrong."""
    dtype = inputs[0].dtype
    try:
        linear = library(weight.to(dtype), bias.to(dtype), "silu")
        answers = [linear(x) for x in inputs]
    except (AttributeError, RuntimeError):  # torch has no such operator, or not for this processor
        return None
    wrong = (answers[0].float() - F.silu(F.linear(inputs[0].float(), weight, bias))).abs().max()
    return linear if wrong < (1e-4 if dtype == torch.float32 else 0.1) else None


@torch.no_grad()
def _seconds(linear: Linear, inputs: list[Tensor]) -> float:
    begun = clock()
    for x in inputs:
        linear(x)
    return clock() - begun
