"""Linear layers on CPU by whichever of torch's matrix libraries is fastest on this machine, from packed weights.

On some processors MKL, which `F.linear` calls in float32, reaches a third of what oneDNN does; on others it is as good.
So a probe times them, once a process. The operators that pack for oneDNN are private to torch: where they are missing
or fail, `F.linear` is left.
"""

import math
import time
from collections.abc import Callable
from functools import cache
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["LIBRARIES", "Linear", "PostOp", "prepare", "probe"]

PostOp = Literal["none", "gelu", "silu"]
Linear = Callable[[Tensor], Tensor]  # (rows, in) to (rows, out), both in the weight's dtype
Library = Callable[[Tensor, Tensor, PostOp], Linear]  # of a weight (out, in), a bias (out,) and what follows

IN, OUT = 768, 768  # the probe's layer: large enough to tell the libraries apart in milliseconds
ROWS = (8, 64)  # of a prompt and of a picture; where libraries differ with many rows, they differ more with few
REPEATS, BUDGET = 8, 0.008  # seconds after which a probe repeats nothing
HINT = 128  # rows that oneDNN packs for; it takes any
ACTIVATIONS: dict[PostOp, Callable[[Tensor], Tensor]] = {"none": lambda x: x, "gelu": F.gelu, "silu": F.silu}


def torch_linear(weight: Tensor, bias: Tensor, after: PostOp) -> Linear:
    """F.linear: MKL in float32, oneDNN with a weight packed at every call in bfloat16."""
    activation = ACTIVATIONS[after]
    return lambda x: activation(F.linear(x, weight, bias))


def onednn_packed(weight: Tensor, bias: Tensor, after: PostOp) -> Linear:
    """oneDNN, the weight packed once, the activation applied while the product is still in the cache."""
    multiply = torch.ops.mkldnn._linear_pointwise
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), HINT)
    name, how = {"none": ("none", ""), "gelu": ("gelu", "none"), "silu": ("swish", "")}[after]  # "none": by erf
    return lambda x: multiply(x, packed, bias, name, [], how)


LIBRARIES: dict[str, Library] = {"torch": torch_linear, "onednn": onednn_packed}


def prepare(weight: Tensor, bias: Tensor, after: PostOp = "none", *, dtype: torch.dtype = torch.float32) -> Linear:
    """x (rows, in) to after(x weight^T + bias) (rows, out) in `dtype`, by its fastest library; for inference alone.

    The weight is copied, so later changes of it do not count.
    """
    library, _ = probe(dtype)
    return LIBRARIES[library](weight.detach().to(dtype, copy=True), bias.detach().to(dtype, copy=True), after)


@cache
def probe(dtype: torch.dtype) -> tuple[str, float]:
    """The name of the fastest library for `dtype` on this machine's CPU, and its seconds for the probe's layer.

    Takes some 30 ms, and is done once a process. Infinite seconds, of "torch", where none multiplies `dtype`.
    """
    generator = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(OUT, IN, generator=generator) / math.sqrt(IN), torch.randn(OUT, generator=generator)
    inputs = [torch.randn(rows, IN, generator=generator).to(dtype) for rows in ROWS]
    tried = {name: _tried(library, weight, bias, inputs) for name, library in LIBRARIES.items()}
    seconds = dict.fromkeys(LIBRARIES, math.inf)
    begun = time.perf_counter()
    for _ in range(REPEATS):  # in turns, and the least: another program's work is none of the library's
        for name, linear in tried.items():
            if linear is not None:
                seconds[name] = min(seconds[name], _seconds(linear, inputs))
        if time.perf_counter() - begun > BUDGET:
            break
    best = min(seconds, key=lambda name: seconds[name])
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
    begun = time.perf_counter()
    for x in inputs:
        linear(x)
    return time.perf_counter() - begun
