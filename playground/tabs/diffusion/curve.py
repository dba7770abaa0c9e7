"""The panel "One curve": the same noise through every row, from its own x to x / s, where all draw one curve."""

import threading
from collections.abc import Generator
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from playground import diffusion
from playground.figures import diffusion as figures
from playground.i18n import label, say
from playground.tabs.components import LivePlotly, Table
from playground.tabs.components.table import Column, Row, table
from playground.tabs.diffusion.settings import MODES, Settings, mixture
from playground.tabs.diffusion.words import figure_words, row_names
from playground.tabs.progress import bar

__all__ = ["example", "lay_out", "picture_of", "show"]

REFINED = 8  # results of fine steps that are kept: each takes seconds
BARS = 40  # at most so many looks at the progress of a run

_refined: dict[tuple[object, ...], diffusion.Bundle] = {}


def lay_out(w: SimpleNamespace) -> None:
    """The panel's components."""
    gr.Markdown(label("diffusion.curve.lead"), elem_classes="pg-hint")
    w.mode = gr.Radio(
        [(label(f"diffusion.mode.{mode}"), mode) for mode in MODES],
        value=MODES[0],
        label=label("diffusion.mode"),
        interactive=True,
        elem_id="diffusion-mode",
        elem_classes="pg-pills",
    )
    w.curve_verdict = gr.Markdown(elem_id="diffusion-curve-verdict")
    w.curve_film = LivePlotly(height="calc(600px + max(0px, (640px - 100vw) * 1.1))", elem_id="diffusion-curve-film")
    w.curve_table = Table(elem_id="diffusion-curve-table")


def show(settings: Settings, stop: threading.Event, language: str) -> Generator[tuple[dict[str, Any], Any]]:
    """Frames of the panel: progress while it takes long, then figure, table and verdict with the result."""
    key = (settings.distribution, settings.rows, settings.seed)
    kept = _refined.get(key) if settings.mode == "fine" else None
    if kept is not None:
        bundle = kept
    else:
        seen = 0.0
        for bundle in diffusion.push(
            mixture(*settings.distribution),
            settings.rows,
            mode=settings.mode,
            steps=settings.steps,
            seed=settings.seed,
        ):
            if stop.is_set():
                yield {"progress": bar(bundle.progress, say(language, "diffusion.stopped"))}, None
                return
            if settings.mode in ("fine", "own") and bundle.progress > seen + 1 / BARS:
                seen = bundle.progress
                yield {"progress": bar(seen, say(language, "diffusion.curve.pushing"))}, None
        if settings.mode == "fine":
            while len(_refined) >= REFINED:
                _refined.pop(next(iter(_refined)), None)
            _refined[key] = bundle
    yield {"progress": "", **_shown(settings, bundle, language)}, bundle


def example(settings: Settings, language: str) -> tuple[dict[str, Any], diffusion.Bundle]:
    """The panel at once: the first frame that comes with a result."""
    return next(pair for pair in show(settings, threading.Event(), language) if pair[1] is not None)


def _shown(settings: Settings, bundle: diffusion.Bundle, language: str) -> dict[str, Any]:
    exact, names = settings.mode == "own", row_names(settings.rows, language)
    figure = figures.one_curve(
        bundle.paths,
        picture_of(*settings.distribution),
        names=names,
        exact=exact,
        words=figure_words("curve", language),
    )
    heads = ("row", "method", "calls", "scale", "exact" if exact else "gap", "end")
    columns = [
        Column(say(language, f"diffusion.curve.{head}"), number=i > 1, volatile=i > 3) for i, head in enumerate(heads)
    ]
    rows = [
        Row(
            [
                name,
                say(language, f"diffusion.method.{path.method}")
                if bundle.mode != "own"
                else say(language, f"diffusion.solver.{path.method}"),
                f"{path.nfe:,}",
                f"{path.scales[0]:.3g}",
                "–" if i == 0 and not exact else f"{path.deviation:.1e}",
                "–" if i == 0 and not exact else f"{path.gap[-1]:.1e}",
            ]
        )
        for i, (path, name) in enumerate(zip(bundle.paths, names, strict=True))
    ]
    largest = max(path.deviation for path in bundle.paths)
    ends = [float(path.gap[-1]) for path in bundle.paths]
    words = {"least": f"{min(ends):.1e}", "most": f"{max(ends):.1e}"} if exact else {"largest": f"{largest:.1e}"}
    return {
        "curve_film": figure,
        "curve_table": table(columns, rows),
        "curve_verdict": say(language, f"diffusion.curve.verdict.{settings.mode}", **words),
    }


@lru_cache(maxsize=8)
def picture_of(target: str, drawing: str) -> NDArray[np.float32]:
    """The target's log-density over the plane of the figures."""
    return diffusion.log_prob_picture(mixture(target, drawing), figures.EXTENT)
