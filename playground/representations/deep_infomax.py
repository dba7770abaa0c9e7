"""Deep InfoMax (Hjelm et al. 2019): a picture's vector shares information with its patches, or with all of them."""

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from playground.representations import bounds

__all__ = ["OBJECTIVES", "DeepInfoMax"]

OBJECTIVES = {"jsd": bounds.jensen_shannon, "info_nce": bounds.info_nce, "dv": bounds.donsker_varadhan}


class DeepInfoMax(nn.Module):
    """Critics for local and global information and for a prior, of an encoder's map (n, c, h, w) and vector (n, d).

    `places` is h w. Raises `ValueError` for an unknown objective.
    """

    def __init__(
        self,
        dim: int,
        channels: int,
        *,
        objective: str = "info_nce",
        local: float = 1.0,
        whole: float = 0.0,
        prior: float = 0.0,
        width: int = 64,
        places: int = 16,
    ) -> None:
        if objective not in OBJECTIVES:
            raise ValueError(f"no objective is called {objective!r}; choose one of {', '.join(OBJECTIVES)}")
        super().__init__()
        self.objective = OBJECTIVES[objective]
        self.weights = local, whole, prior
        self.patch = nn.Sequential(nn.Conv2d(channels, width, 1), nn.ReLU(), nn.Conv2d(width, width, 1))
        self.vector = nn.Sequential(nn.Linear(dim, width), nn.ReLU(), nn.Linear(width, width))
        self.gather = (
            nn.Sequential(nn.Linear(channels * places, width), nn.ReLU(), nn.Linear(width, width)) if whole else None
        )
        self.judge = nn.Sequential(nn.Linear(dim, width), nn.ReLU(), nn.Linear(width, 1)) if prior else None

    def scores(self, features: Tensor, vectors: Tensor) -> Tensor:
        """Local scores (n, n, h, w): picture j's vector with each patch of picture i, encode and dot."""
        return self._by_place(features, vectors).permute(1, 2, 0).unflatten(2, features.shape[2:])

    def _by_place(self, features: Tensor, vectors: Tensor) -> Tensor:
        """The same as (h w, n, n): a matrix a place, each in one piece of memory."""
        patches, whole = self.patch(features), self.vector(vectors)
        return patches.flatten(2).permute(2, 0, 1) @ whole.T

    def forward(self, features: Tensor, vectors: Tensor) -> Tensor:
        """The loss of maps and vectors of the same pictures, or of two views of each (Bachman et al. 2019)."""
        local, whole, prior = self.weights
        total = vectors.new_zeros(())
        if local:
            scores = self._by_place(features, vectors)
            total = total - local * torch.stack([self.objective(part) for part in scores]).mean()
        if whole and self.gather is not None:
            total = total - whole * self.objective(self.gather(features.flatten(1)) @ self.vector(vectors).T)
        if prior and self.judge is not None:  # the encoder would have the judge take its vectors for even noise
            fixed = {name: weight.detach() for name, weight in self.judge.named_parameters()}  # who learns otherwise
            taken = torch.func.functional_call(self.judge, fixed, torch.sigmoid(vectors))
            total = total + prior * softplus(-taken).mean()
        return total

    def judge_loss(self, vectors: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The judge's own loss: even noise in [0, 1] from the vectors' sigmoid, which give no gradient here."""
        if self.judge is None:
            raise ValueError("without a prior there is nothing to judge")
        noise = torch.rand(vectors.shape, generator=generator).to(vectors)
        return softplus(-self.judge(noise)).mean() + softplus(self.judge(torch.sigmoid(vectors.detach()))).mean()
