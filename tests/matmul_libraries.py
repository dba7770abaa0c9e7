"""Libraries of matrix products: those that this machine has, and each as if it were the fastest."""

from types import ModuleType

import pytest
import torch

from playground.nn import matmul


def needs(name: str) -> None:
    """Skip where this torch has not what a library is made of; one that is there and fails is no skip."""
    if name == "onednn" and not torch.backends.mkldnn.is_available():
        pytest.skip("this torch has no oneDNN")


def choose(name: str, accelerating: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the probe find this library the fastest, and bfloat16 always faster; `accelerating` is who asks it."""
    needs(name)
    for module in (matmul, accelerating):
        monkeypatch.setattr(module, "probe", lambda dtype, *_: (name, float(dtype == torch.float32)))
