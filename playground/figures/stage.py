"""What the Stage (tabs/components/stage.py) is fed: log densities and points as small base64 strings, and back.

A field is quantised by the cube root of p / p_max to 8 bits: 1/1000 of the maximum is then a tenth of the
scale, and the decoder gives log p back within about 3 / (2 q) nats, q in 1..255 being the byte.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["curve", "decode_field", "decode_points", "field", "grid", "points", "value"]

STATUSES = ("idle", "running", "stopped", "done", "error")


def grid(n: int, extent: float) -> np.ndarray:
    """The centres of the n x n cells over [-extent, extent]^2, (n * n, 2) float32, row by row, row 0 at the top."""
    if n < 1:
        raise ValueError(f"n={n} must be at least 1")
    axis = ((np.arange(n) + 0.5) / n * 2 - 1) * extent
    x, y = np.meshgrid(axis, axis[::-1])
    return np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float32)


def field(log_p: np.ndarray, extent: float, log_max: float | None = None) -> dict[str, Any]:
    """A log density (n, n) in nats, row 0 at the top (the order of `grid`), as a panel's "field".

    log_max: the log density that gets the brightest colour, so that panels can share a scale (more is clipped);
    None takes the largest of `log_p`, 0 where all is -inf. -inf is density 0. Raises ValueError for NaN, +inf, a shape
    that is no square, and a log_max that is not finite.
    """
    log_p = np.asarray(log_p, dtype=np.float64)
    if log_p.ndim != 2 or log_p.shape[0] != log_p.shape[1] or log_p.shape[0] == 0:
        raise ValueError(f"log_p has shape {log_p.shape}, allowed is (n, n) with n >= 1")
    if np.isnan(log_p).any() or np.isposinf(log_p).any():
        raise ValueError(f"log_p holds {int((~(log_p < np.inf)).sum())} NaN or +inf of {log_p.size}; allowed: < inf")
    if log_max is None:
        log_max = float(log_p.max()) if np.isfinite(log_p.max()) else 0.0
    if not np.isfinite(log_max):
        raise ValueError(f"log_max={log_max} must be finite")
    q = np.rint(255 * np.exp(np.minimum(log_p - log_max, 0.0) / 3)).astype(np.uint8)
    clipped = bool(log_p.max() > log_max + 3 * np.log(255.5 / 255))  # then the byte 255 says "or more"
    return {"n": len(q), "q": _encode(q), "log_max": float(log_max), "extent": _extent(extent), "clipped": clipped}


def points(xy: np.ndarray, extent: float) -> dict[str, Any]:
    """Points (m, 2) as a panel's "points"; those outside [-extent, extent]^2 are left out. ValueError for NaN."""
    xy = np.asarray(xy, dtype=np.float64)
    if xy.ndim != 2 or xy.shape[1] != 2:
        raise ValueError(f"xy has shape {xy.shape}, allowed is (m, 2)")
    if np.isnan(xy).any():
        raise ValueError(f"xy holds {int(np.isnan(xy).any(axis=1).sum())} NaN points of {len(xy)}")
    inside = xy[(np.abs(xy) <= _extent(extent)).all(axis=1)]
    short = np.rint(inside / extent * 32767).astype("<i2")
    return {"m": len(short), "xy": _encode(short), "extent": float(extent)}


def curve(
    series: Mapping[str, tuple[Sequence[float] | np.ndarray, Sequence[float] | np.ndarray]],
    *,
    x_label: str,
    y_label: str,
    log: bool = False,
    right: Sequence[str] = (),
    reference: tuple[float, str] | None = None,
) -> dict[str, Any]:
    """The chart of a frame from {name: (x, y)}; a y that is not finite (nor positive, on a log axis) is a gap.

    log: the axis is logarithmic; right: names of series drawn against an own log axis on the right (KL beside NLL);
    reference: (y, label) of a dashed line (the entropy). Raises ValueError for unequal lengths and an unknown name.
    """
    if unknown := [name for name in right if name not in series]:
        raise ValueError(f"right names {unknown}, which are none of {list(series)}")
    lines = []
    for name, (x, y) in series.items():
        if len(x) != len(y):
            raise ValueError(f"series {name!r} has {len(x)} x and {len(y)} y")
        ys = [float(f"{float(v):.6g}") if np.isfinite(v) else None for v in y]
        lines.append({"name": name, "x": [float(v) for v in x], "y": ys, "log": name in right})
    line = None if reference is None else {"y": float(reference[0]), "label": reference[1]}
    return {"series": lines, "x_label": x_label, "y_label": y_label, "log": log, "reference": line}


def value(
    panels: list[dict[str, Any]],
    *,
    run: str = "",
    frame: int = 0,
    status: str = "idle",
    progress: float | None = None,
    message: str = "",
    stats: Mapping[str, str] | None = None,
    curve: dict[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """One frame of the Stage from its parts. Raises ValueError for an unknown status, a progress outside 0..1."""
    if status not in STATUSES:
        raise ValueError(f"status={status!r} is none of {STATUSES}")
    if progress is not None and not 0 <= progress <= 1:
        raise ValueError(f"progress={progress} is outside 0..1")
    return {
        "run": run, "panels": panels, "curve": curve, "progress": progress, "status": status, "message": message,
        "stats": [[k, v] for k, v in (stats or {}).items()], "frame": frame, "labels": dict(labels or {}),
    }  # fmt: skip


def decode_field(encoded: Mapping[str, Any]) -> np.ndarray:
    """The log density (n, n) float64 that the browser shows; -inf for byte 0 (log p < log_max + 3 ln(0.5 / 255))."""
    n = encoded["n"]
    q = np.frombuffer(base64.b64decode(encoded["q"], validate=True), dtype=np.uint8)
    if q.size != n * n:
        raise ValueError(f"field holds {q.size} bytes, allowed is n * n = {n * n}")
    with np.errstate(divide="ignore"):
        return 3 * np.log(q.reshape(n, n) / 255) + float(encoded["log_max"])


def decode_points(encoded: Mapping[str, Any]) -> np.ndarray:
    """The points (m, 2) float64 that the browser shows, within extent / 65534 of the given."""
    short = np.frombuffer(base64.b64decode(encoded["xy"], validate=True), dtype="<i2")
    if short.size != 2 * encoded["m"]:
        raise ValueError(f"points hold {short.size} numbers, allowed is 2 * m = {2 * encoded['m']}")
    return short.reshape(-1, 2) / 32767 * float(encoded["extent"])


def _encode(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _extent(extent: float) -> float:
    if not extent > 0 or not np.isfinite(extent):
        raise ValueError(f"extent={extent} must be positive and finite")
    return float(extent)
