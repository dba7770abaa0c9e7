"""The modality gap: pictures and texts lie in two cones that hardly touch (Liang et al. 2022, Mind the gap)."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Gap", "map3d", "modality_gap"]


@dataclass(frozen=True, eq=False)
class Gap:
    """The gap between n pictures and m texts, unit vectors of d dimensions."""

    images: np.ndarray  # (n, d)
    texts: np.ndarray  # (m, d)
    distance: float  # between the two means, in [0, 2] (section 4.2)
    direction: np.ndarray  # (d,): the unit vector from the texts' mean to the pictures'; 0 where there is no gap
    image_cosine: float  # mean over all pairs of different pictures, in [-1, 1]; nan for one picture
    text_cosine: float  # the same of texts
    pair_cosine: float | None  # mean over the pairs, where picture i belongs to text i

    def shifted(self, amount: float) -> tuple[np.ndarray, np.ndarray]:
        """New pictures (n, d) and texts (m, d), moved towards each other along the gap and made unit vectors again.

        `amount` is the part of the distance that is closed, half by each: at 1 the means meet, before the vectors are
        made unit vectors again; below 0 the gap widens (section 4.2). Raises `ValueError` where it is not finite.
        """
        if not np.isfinite(amount):
            raise ValueError(f"amount must be finite, not {amount}")
        step = (0.5 * amount * self.distance * self.direction).astype(self.images.dtype)
        return _unit(self.images - step), _unit(self.texts + step)


def _unit(vectors: np.ndarray) -> np.ndarray:
    answer: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return answer


def modality_gap(images: np.ndarray, texts: np.ndarray, *, paired: bool = False) -> Gap:
    """The gap between unit vectors images (n, d) and texts (m, d); `paired` says that picture i belongs to text i.

    Raises `ValueError` for shapes that do not fit, vectors that are not of unit length, and pairs of unequal number.

    >>> gap = modality_gap(np.array([[0.6, 0.8], [0.6, -0.8]]), np.array([[-0.6, 0.8], [-0.6, -0.8]]), paired=True)
    >>> round(gap.distance, 2), round(gap.pair_cosine, 2)
    (1.2, 0.28)
    >>> images, texts = gap.shifted(1)  # the gap closed
    >>> round(modality_gap(images, texts).distance, 2)
    0.0
    """
    images, texts = _checked(images, texts)
    if paired and len(images) != len(texts):
        raise ValueError(f"pairs need as many pictures as texts, not {len(images)} and {len(texts)}")
    between = images.mean(axis=0, dtype=np.float64) - texts.mean(axis=0, dtype=np.float64)
    distance = float(np.linalg.norm(between))
    pair_cosine = float(np.einsum("nd,nd->n", images, texts).mean()) if paired else None
    direction = between / distance if distance > 0 else between
    return Gap(images, texts, distance, direction, _within(images), _within(texts), pair_cosine)


def _checked(images: np.ndarray, texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if images.ndim != 2 or texts.ndim != 2 or images.shape[1] != texts.shape[1] or not len(images) or not len(texts):
        raise ValueError(f"images and texts must have the shapes (n, d) and (m, d), not {images.shape}, {texts.shape}")
    for name, vectors in (("images", images), ("texts", texts)):
        lengths = np.linalg.norm(vectors, axis=1)
        furthest = lengths[np.abs(lengths - 1).argmax()]
        if not abs(furthest - 1) < 1e-2:  # bfloat16 keeps no more
            raise ValueError(f"{name} must be unit vectors, and one is {furthest:.3g} long")
    return images, texts


def _within(vectors: np.ndarray) -> float:
    """The mean cosine of different vectors: the squared length of their sum is the sum of all n * n products."""
    n = len(vectors)
    total = vectors.sum(axis=0, dtype=np.float64)
    own = np.square(vectors, dtype=np.float64).sum()
    return float((total @ total - own) / (n * (n - 1))) if n > 1 else float("nan")


def map3d(images: np.ndarray, texts: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Pictures (n, d), then texts (m, d), as points (n + m, 3) on their first three principal components together.

    scikit-learn makes each component's largest weight positive, so the same vectors give the same map. Axes that the
    vectors do not fill are 0. `seed` is of the randomised solver, for large sets. Raises `ValueError` as
    `modality_gap` does.
    """
    from sklearn.decomposition import PCA  # type: ignore[import-untyped]  # heavy; it ships no types

    both = np.concatenate(_checked(images, texts))
    points = PCA(min(3, *both.shape), random_state=seed).fit_transform(both)
    answer: np.ndarray = np.pad(points, ((0, 0), (0, 3 - points.shape[1])))
    return answer
