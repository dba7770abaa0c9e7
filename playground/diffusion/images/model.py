"""The pictures' model: make it, keep it in a folder, read it, and turn labels and guidance into a denoiser."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from playground import checkpoints
from playground.diffusion.denoiser import Denoiser, GuidedDenoiser
from playground.diffusion.images.unet import UNet
from playground.diffusion.network import read_network
from playground.nn.seeded import seeded

__all__ = ["PictureModel", "build", "load", "save"]

KIND = "playground.diffusion.images"


class PictureModel(UNet):
    """The U-Net with the edge that samplers and tabs use."""

    def denoiser(self, labels: Sequence[int] | Tensor | None, *, guidance: float = 1.0) -> Denoiser:
        """D(x, sigma) for pictures x (n, 1, side, side) of these n labels, or of one label for all; None for any.

        `guidance` 1 is the conditional denoiser, more moves away from the unconditional one (Ho and Salimans 2022).
        Raises `ValueError` for a label that is not 0..classes - 1 and for guidance out of [0, 100].
        """
        anything = Labelled(self, torch.tensor([self.classes]))
        if labels is None:
            if guidance != 1:
                raise ValueError(f"guidance needs labels; without them it is 1, not {guidance}")
            return anything
        chosen = torch.as_tensor(labels)
        if chosen.ndim != 1 or not len(chosen) or chosen.is_floating_point() or chosen.dtype == torch.bool:
            raise ValueError(f"labels must be a list of whole numbers, not {labels}")
        if bad := [label for label in chosen.tolist() if not 0 <= label < self.classes]:
            raise ValueError(f"labels must lie between 0 and {self.classes - 1}, not {bad[0]}")
        return GuidedDenoiser(Labelled(self, chosen.long()), anything, guidance)


@dataclass(frozen=True, eq=False)
class Labelled:
    """The model with its labels bound."""

    model: UNet
    labels: Tensor  # (n,) or (1,)

    def __call__(self, x: Tensor, sigma: Tensor | float) -> Tensor:
        side = self.model.side
        if x.shape[1:] != (1, side, side):
            raise ValueError(f"x must have the shape (n, 1, {side}, {side}), not {tuple(x.shape)}")
        if len(self.labels) not in (1, len(x)):
            raise ValueError(f"{len(self.labels)} labels do not fit {len(x)} pictures; give one a picture, or one")
        answer: Tensor = self.model(x, sigma, self.labels.to(x.device).expand(len(x)))
        return answer


def build(*, seed: int = 0, **options: Any) -> PictureModel:
    """A new model, its weights drawn from `seed`; options are `UNet`'s."""
    with seeded(seed):
        return PictureModel(**options)


def save(model: PictureModel, folder: str | Path) -> None:
    """Write a model to a folder: model.safetensors and config.json."""
    checkpoints.write(folder, {"kind": KIND, **model.config}, model.state_dict())


def load(folder: str | Path) -> PictureModel:
    """Read a model that `save` wrote, frozen.

    Raises `FileNotFoundError` naming a missing file, `ValueError` for a checkpoint that is no picture denoiser and for
    weights that are pickled, truncated or of another model.
    """
    return read_network(folder, KIND, "picture denoiser", build).eval().requires_grad_(False)
