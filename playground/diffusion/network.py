"""A small network for points, made a denoiser by any row of EDM's table: D = c_skip x + c_out F(c_in x; c_noise)."""

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from playground import checkpoints
from playground.diffusion.level import read_level
from playground.diffusion.preconditioning import Preconditioning, preconditioning
from playground.nn.seeded import seeded

__all__ = ["LearnedDenoiser", "build_denoiser", "load_denoiser", "read_network", "save_denoiser"]

KIND = "playground.diffusion.network"
Network = TypeVar("Network", bound=nn.Module)
FREQUENCIES = 6  # of c_noise: 1/2, 1, 2, ... half turns over its range
TAIL = 1e-3  # of the training noise on either side of that range


class LearnedDenoiser(nn.Module):
    """D(x, sigma) of points x (n, dim); sigma positive, (), (n,) or (n, 1). The answer has the dtype of x.

    F is a perceptron in float32 whose every layer is scaled and shifted by what it hears of the noise level. Rows hear
    it in units of their own (step numbers, times, logarithms): here c_noise is first brought to [-1, 1].
    """

    def __init__(
        self, *, row: str, options: Mapping[str, Any], dim: int, width: int, depth: int, sigma_data: float
    ) -> None:
        super().__init__()
        self.config: dict[str, Any] = {
            "preconditioning": row,
            # as they come back from config.json
            "options": {key: list(each) if isinstance(each, tuple) else each for key, each in options.items()},
            "dim": dim,
            "width": width,
            "depth": depth,
            "sigma_data": sigma_data,
        }
        self.row: Preconditioning = preconditioning(
            row, **{**({"sigma_data": sigma_data} if row == "edm" else {}), **options}
        )
        # c_noise over the levels of training, but for a thousandth at both ends
        ends = self.row.c_noise(self.row.noise.quantile(torch.tensor([TAIL, 1 - TAIL], dtype=torch.float64)))
        self.low, self.high = ends.tolist()
        sizes = [dim] + [width] * depth
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in pairwise(sizes)])
        self.film = nn.Linear(2 * FREQUENCIES + 1, 2 * width * depth)  # of all layers
        self.last = nn.Linear(width, dim)

    def forward(self, x: Tensor, sigma: Tensor | float) -> Tensor:
        """The denoised x_0 (n, dim). Raises `ValueError` for another shape and for a sigma that is not positive."""
        dim = self.last.out_features
        if x.ndim != 2 or x.shape[1] != dim:
            raise ValueError(f"x must have the shape (n, {dim}), not {tuple(x.shape)}")
        level = read_level(sigma, x)
        skip, out, in_ = (c(level).to(x.dtype) for c in (self.row.c_skip, self.row.c_out, self.row.c_in))
        return skip * x + out * self.predict(in_ * x, self.row.c_noise(level)).to(x.dtype)

    def predict(self, x: Tensor, c_noise: Tensor) -> Tensor:
        """F (n, dim), float32, for the scaled input c_in x and c_noise () or (n, 1)."""
        u = ((2 * c_noise - self.low - self.high) / (self.high - self.low)).clamp(-1, 1)
        octave = 2.0 ** torch.arange(FREQUENCIES, dtype=u.dtype, device=u.device)
        angle = u.reshape(-1, 1) * (math.pi / 2 * octave)
        heard = torch.cat([u.reshape(-1, 1), angle.cos(), angle.sin()], 1).to(self.last.weight)  # (1 or n, 13)
        h = x.to(self.last.weight)
        films = self.film(heard).chunk(2 * len(self.layers), 1)
        for layer, scale, shift in zip(self.layers, films[::2], films[1::2], strict=True):
            h = functional.silu(layer(h) * (1 + scale) + shift)
        answer: Tensor = self.last(h)
        return answer


def build_denoiser(
    preconditioning: str = "edm",
    *,
    dim: int = 2,
    width: int = 128,
    depth: int = 3,
    sigma_data: float = 1.0,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
) -> LearnedDenoiser:
    """A new network under a row of `PRECONDITIONINGS`, with `options` of its constructor; weights drawn from `seed`.

    `sigma_data` is the data's standard deviation; the row "edm" alone uses it. Raises `ValueError` for an unknown row
    and for sizes out of range.

    >>> D = build_denoiser("flow", width=16)
    >>> D(torch.zeros(5, 2), 1.0).shape
    torch.Size([5, 2])
    """
    for name, value, least, most in (("dim", dim, 1, 4096), ("width", width, 1, 4096), ("depth", depth, 1, 32)):
        if not least <= value <= most:
            raise ValueError(f"{name} must lie between {least} and {most}, not {value}")
    if not 0 < sigma_data < math.inf:
        raise ValueError(f"sigma_data must be positive, not {sigma_data}")
    with seeded(seed):
        return LearnedDenoiser(
            row=preconditioning, options=options or {}, dim=dim, width=width, depth=depth, sigma_data=sigma_data
        )


def save_denoiser(model: LearnedDenoiser, folder: str | Path) -> None:
    """Write a network to a folder: model.safetensors and config.json."""
    checkpoints.write(folder, {"kind": KIND, **model.config}, model.state_dict())


def load_denoiser(folder: str | Path) -> LearnedDenoiser:
    """Read a network that `save_denoiser` wrote.

    Raises `FileNotFoundError` naming a missing file, `ValueError` for a checkpoint that is no such denoiser and for
    weights that are pickled, truncated or of another network.
    """
    return read_network(folder, KIND, "denoiser of points", build_denoiser)


def read_network(folder: str | Path, kind: str, what: str, build: Callable[..., Network]) -> Network:
    """Read a checkpoint of a `kind`, its network made by `build` from the configuration; refusals call it `what`.

    Raises what `load_denoiser` raises.
    """
    config, tensors = checkpoints.read(folder)
    if config.pop("kind", None) != kind:
        raise ValueError(f"{folder} is no {what}: its config.json does not say kind {kind!r}")
    try:
        model = build(**config)
    except TypeError as error:
        raise ValueError(f"the config.json of {folder} describes no {what}: {error}") from error
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(f"the weights in {folder} are not those of its config.json: {error}") from error
    if bad := [name for name, tensor in tensors.items() if not bool(tensor.isfinite().all())]:
        raise ValueError(f"the weights in {folder} are not finite: {bad[0]}")
    return model
