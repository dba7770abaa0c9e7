"""Screenshot comparison: the share of visibly different pixels in the worst tile and in all (pixelmatch's YIQ metric).

A pixel is different where its colour is far, in YIQ (Kotsarenko and Ramos 2010, as in pixelmatch), from every pixel of
the 3x3 neighbourhood in the other picture, or the other way round: so antialiasing and a shift of one pixel pass.
The share in the whole page cannot see a small fault (a typo on a button is 0.015 % of 1440x900), the worst 32x32 tile
can: faults give 4 % and more there, the fonts of another Linux machine at most 2.9 %, and at most 0.11 % of the page
(the app's own web fonts, hinting off). Other systems and far Chromium versions draw text otherwise: baselines are
Linux's, and a failure there is answered by looking at the diff picture, not by a wider bound.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
BASELINES, FAILURES = HERE / "baselines", HERE / "failures"
REFRESH = "uv run pytest tests/ui/test_screens.py --refresh-baselines"
TILE, STRIDE = 32, 16  # tiles overlap, or a fault on the corner of four would count a quarter in each
WORST, TOTAL = 0.035, 0.002
THRESHOLD = 0.1  # pixelmatch's default: 0 exact, 1 black against white
YIQ = np.array([[0.29889531, 0.58662247, 0.11448223], [0.59597799, -0.27417610, -0.32180189],
                [0.21147017, -0.52261711, 0.31114694]], dtype=np.float32)  # fmt: skip
WEIGHTS = np.array([0.5053, 0.299, 0.1957], dtype=np.float32)
FARTHEST = 35215.0  # the metric between black and white


@dataclass(frozen=True)
class Difference:
    """What two pictures differ by: `mask` (h, w) bool, shares in [0, 1], the worst tile's corner in pixels."""

    mask: np.ndarray
    worst: float
    total: float
    where: tuple[int, int]

    @property
    def failed(self) -> bool:
        return self.worst > WORST or self.total > TOTAL

    def __str__(self) -> str:
        x, y = self.where
        return (
            f"worst {TILE}x{TILE} tile at x={x}, y={y}: {self.worst:.1%} different (bound {WORST:.1%}); "
            f"in all {self.total:.3%} (bound {TOTAL:.1%})"
        )


def decode(png: bytes) -> np.ndarray:
    """A PNG as (h, w, 3) uint8."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def encode(pixels: np.ndarray) -> bytes:
    """(h, w, 3) uint8 as a small PNG without loss: a palette where 256 colours hold the picture exactly."""
    image, out = Image.fromarray(pixels), io.BytesIO()
    if image.getcolors(256):
        paletted = image.quantize(256, dither=Image.Dither.NONE)
        image = paletted if np.array_equal(np.asarray(paletted.convert("RGB")), pixels) else image
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def compare(expected: np.ndarray, actual: np.ndarray) -> Difference:
    """The difference of two pictures (h, w, 3) uint8; of another size, every pixel outside either one is different."""
    h, w = (max(expected.shape[i], actual.shape[i]) for i in (0, 1))
    mask = np.ones((h, w), dtype=bool)
    inner = tuple(slice(min(expected.shape[i], actual.shape[i])) for i in (0, 1))
    a, b = (picture[inner].astype(np.float32) @ YIQ.T for picture in (expected, actual))
    mask[inner] = _unmatched(a, b) | _unmatched(b, a)
    shares, corners = _tiles(mask)
    worst = int(shares.argmax())
    return Difference(mask, float(shares[worst]), float(mask.mean()), corners[worst])


def _unmatched(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Where `a` (h, w, 3) is far from all nine neighbours in `b`; only pixels that differ in place are looked at."""
    far = ((a - b) ** 2 @ WEIGHTS) > FARTHEST * THRESHOLD**2
    ys, xs = np.nonzero(far)
    padded, least = np.pad(b, ((1, 1), (1, 1), (0, 0)), mode="edge"), np.full(len(ys), np.inf, dtype=np.float32)
    for dy in range(3):
        for dx in range(3):
            least = np.minimum(least, (a[ys, xs] - padded[ys + dy, xs + dx]) ** 2 @ WEIGHTS)
    far[ys, xs] = least > FARTHEST * THRESHOLD**2
    return far


def _tiles(mask: np.ndarray) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """The share of `mask` in every tile and each tile's (x, y); the last ones are moved in to end at the edges."""
    h, w = mask.shape
    tile_h, tile_w = min(TILE, h), min(TILE, w)
    ys, xs = (np.unique([*range(0, n - t, STRIDE), n - t]) for n, t in ((h, tile_h), (w, tile_w)))
    sums = np.zeros((h + 1, w + 1), dtype=np.int64)
    sums[1:, 1:] = mask.cumsum(0).cumsum(1)
    top, bottom, left, right = ys[:, None], ys[:, None] + tile_h, xs[None], xs[None] + tile_w
    counts = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return counts.ravel() / (tile_h * tile_w), [(int(x), int(y)) for y in ys for x in xs]


def check(
    name: str, png: bytes, *, refresh: bool = False, baselines: Path = BASELINES, failures: Path = FAILURES
) -> None:
    """Compare a screenshot with the baseline `name`, or write that baseline with `refresh`.

    Raises AssertionError where there is no baseline or the two differ visibly, and leaves NAME-actual.png,
    NAME-expected.png and NAME-diff.png in `failures`.
    """
    path, actual = baselines / f"{name}.png", decode(png)
    if refresh:
        baselines.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(actual))
        return
    failures.mkdir(parents=True, exist_ok=True)
    pictures = {kind: failures / f"{name}-{kind}.png" for kind in ("actual", "expected", "diff")}
    for picture in pictures.values():
        picture.unlink(missing_ok=True)  # an old run's diff beside a new run's words would mislead
    if not path.exists():
        pictures["actual"].write_bytes(png)
        raise AssertionError(f"no baseline {path.name}: look at {pictures['actual']}, then run {REFRESH}")
    expected = decode(path.read_bytes())
    difference = compare(expected, actual)
    size = "" if expected.shape == actual.shape else f"size {_size(expected)} became {_size(actual)}; "
    if size or difference.failed:
        for kind, pixels in (("actual", actual), ("expected", expected), ("diff", _paint(actual, difference.mask))):
            pictures[kind].write_bytes(encode(pixels))
        raise AssertionError(f"{name}: {size}{difference}; see {pictures['diff']}; if it is meant, run {REFRESH}")


def _size(picture: np.ndarray) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]}"


def _paint(actual: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The actual picture, faded, with the different pixels in red."""
    canvas = np.full((*mask.shape, 3), 255, dtype=np.uint8)
    h, w = actual.shape[:2]
    canvas[:h, :w] = 255 - (255 - actual) // 4
    canvas[mask] = (220, 0, 0)
    return canvas
