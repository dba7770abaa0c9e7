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

__all__ = ["LIBRARIES", "PostOp", "prepare", "probe"]

PostOp = Literal["none", "gelu", "silu"]
Linear = Callable[[Tensor], Tensor]  # (rows, in) to (rows, out), both in the weight's dtype
Library = Callable[[Tensor, Tensor, PostOp], Linear]  # of a weight (out, in), a bias (out,) and what follows

IN, OUT, ROWS = 768, 768, (8, 128)  # the probe's layer: large enough to tell the libraries apart in milliseconds
BUDGET = 0.01  # seconds, after which the probe of one library repeats nothing
ACTIVATIONS: dict[PostOp, Callable[[Tensor], Tensor]] = {"none": lambda x: x, "gelu": F.gelu, "silu": F.silu}


def torch_linear(weight: Tensor, bias: Tensor, after: PostOp) -> Linear:
    """F.linear: MKL in float32, oneDNN with a weight packed at every call in bfloat16."""
    activation = ACTIVATIONS[after]
    return lambda x: activation(F.linear(x, weight, bias))


def onednn_packed(weight: Tensor, bias: Tensor, after: PostOp) -> Linear:
    """oneDNN, the weight packed once, the activation applied while the product is still in the cache."""
    multiply = torch.ops.mkldnn._linear_pointwise
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), max(ROWS))
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

    Takes some 20 ms, and is done once a process.
    """
    seconds = {name: _seconds(library, dtype) for name, library in LIBRARIES.items()}
    best = min(seconds, key=lambda name: seconds[name])
    return best, seconds[best]


@torch.no_grad()
def _seconds(library: Library, dtype: torch.dtype) -> float:
    """The least of up to four times; infinite where the library fails or is wrong."""
    generator = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(OUT, IN, generator=generator) / math.sqrt(IN), torch.randn(OUT, generator=generator)
    inputs = [torch.randn(rows, IN, generator=generator).to(dtype) for rows in ROWS]
    begun, best = time.perf_counter(), math.inf
    try:
        linear = library(weight.to(dtype), bias.to(dtype), "silu")
        wrong = (linear(inputs[0]).float() - F.silu(F.linear(inputs[0].float(), weight, bias))).abs().max()
        if not wrong < (1e-4 if dtype == torch.float32 else 0.1):
            return math.inf
        for _ in range(4):
            now = time.perf_counter()
            for x in inputs:
                linear(x)
            best = min(best, time.perf_counter() - now)
            if time.perf_counter() - begun > BUDGET:
                break
    except (AttributeError, RuntimeError):  # torch has no such operator, or not for this processor
        return math.inf
    return best
