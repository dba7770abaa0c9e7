"""Packed linear layers against F.linear, and the probe that chooses between the libraries."""

import pytest
import torch
import torch.nn.functional as F
from matmul_libraries import needs
from torch.testing import assert_close

from playground.nn import matmul

AFTER = {"none": lambda x: x, "gelu": F.gelu, "silu": F.silu}


@pytest.fixture
def fresh_probe():
    matmul.probe.cache_clear()
    yield matmul.probe
    matmul.probe.cache_clear()


def layer():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(48, 32, generator=generator) / 6, torch.randn(48, generator=generator)


@pytest.mark.parametrize("rows", [1, 3, 16])
@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("name", matmul.LIBRARIES)
def test_every_library_is_exact(name, after, rows):
    needs(name)
    weight, bias = layer()
    x = torch.randn(rows, 32, generator=torch.Generator().manual_seed(1))
    linear = matmul.LIBRARIES[name](weight, bias, after)
    assert_close(linear(x), AFTER[after](F.linear(x, weight, bias)), rtol=0, atol=1e-5)
    apart = torch.stack([x, x + 1], -1)[..., 0]  # not contiguous
    assert_close(linear(apart), AFTER[after](F.linear(x, weight, bias)), rtol=0, atol=1e-5)
    columns = matmul.LIBRARIES[name](weight.T.contiguous().T, bias, after)
    assert_close(columns(x), linear(x), rtol=0, atol=1e-5)


def test_bfloat16_is_near():
    weight, bias = layer()
    x = torch.randn(16, 32, generator=torch.Generator().manual_seed(1))
    answer = matmul.prepare(weight, bias, "gelu", dtype=torch.bfloat16)(x.bfloat16())
    expected = F.gelu(F.linear(x, weight, bias))
    assert answer.dtype == torch.bfloat16
    assert float(F.cosine_similarity(answer.float(), expected).min()) > 0.9999


def test_what_is_prepared_is_a_copy():
    weight, bias = layer()
    linear, x = matmul.prepare(weight, bias), torch.ones(2, 32)
    before = linear(x)
    weight.zero_(), bias.zero_()
    assert torch.equal(linear(x), before)


def test_the_probe_takes_the_fastest_and_asks_once(monkeypatch, fresh_probe):
    now, made = [0.0], []

    def lasting(seconds):
        def library(weight, bias, after):
            made.append(seconds)
            plain = matmul.torch_linear(weight, bias, after)

            def linear(x):
                now[0] += seconds
                return plain(x)

            return linear

        return library

    monkeypatch.setattr(matmul, "clock", lambda: now[0])
    monkeypatch.setattr(matmul, "LIBRARIES", {"torch": lasting(3e-3), "other": lasting(2e-3), "slow": lasting(9.0)})
    name, seconds = [fresh_probe(torch.float32) for _ in range(3)][-1]
    assert (name, made) == ("other", [3e-3, 2e-3, 9.0])
    assert_close(seconds, 4e-3)
    assert now[0] < 2 * 2 * 9.01, "what takes long is not repeated"


def test_the_probe_multiplies_little(monkeypatch, fresh_probe):
    """Under 2 billion operations in all: 50 ms where a library does 40 billion a second."""
    products = []

    def counting(library):
        def made(weight, *others):
            linear = library(weight, *others)
            return lambda x: (products.append(2 * len(x) * weight.numel()), linear(x))[1]

        return made

    monkeypatch.setattr(matmul, "LIBRARIES", {name: counting(one) for name, one in matmul.LIBRARIES.items()})
    fresh_probe(torch.float32)
    assert 0 < sum(products) < 2e9


def missing(*_):
    raise AttributeError("no such operator")


def failing(*_):
    raise RuntimeError("not for this processor")


def wrong(weight, *_):
    return lambda x: x.new_zeros(len(x), len(weight))


@pytest.mark.parametrize("library", [missing, failing, wrong])
def test_a_library_that_is_missing_fails_or_errs_is_passed_over(monkeypatch, fresh_probe, library):
    monkeypatch.setitem(matmul.LIBRARIES, "onednn", library)
    assert fresh_probe(torch.float32)[0] == "torch"
    weight, bias = layer()
    x = torch.ones(3, 32)
    assert_close(matmul.prepare(weight, bias, "silu")(x), F.silu(F.linear(x, weight, bias)))


def test_without_private_operators_torch_is_left(monkeypatch, fresh_probe):
    """torch.ops raises AttributeError for an operator that a release of torch has dropped."""

    class Bare:
        class mkldnn:  # noqa: N801
            pass

    monkeypatch.setattr(torch, "ops", Bare)
    assert fresh_probe(torch.float32)[0] == "torch"
