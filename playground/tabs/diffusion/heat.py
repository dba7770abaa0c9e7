"""The panel "Heat": noise as heat that spreads, its equation solved beside the exact density, and the way back."""

import threading
from collections.abc import Generator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np

from playground import diffusion
from playground.figures import diffusion_heat as figures
from playground.i18n import label, say
from playground.tabs.components import LivePlotly, Table
from playground.tabs.components.table import Column, Row, table
from playground.tabs.diffusion.settings import Settings, mixture
from playground.tabs.diffusion.words import figure_words
from playground.tabs.progress import bar

__all__ = ["CELLS", "LEVELS", "Heated", "lay_out", "show"]

LEVELS = tuple(float(f"{sigma:.4g}") for sigma in np.geomspace(0.1, 2.0, 15))
CELLS = 256  # a side of the grid on which the equation is solved
CHECKED = (0.2, 0.5, 1.0, 2.0)  # noise levels at which the continuity equation is checked


@dataclass(frozen=True, eq=False)
class Heated:
    """What the panel shows."""

    frames: tuple[diffusion.Heat, ...]
    checks: tuple[diffusion.Continuity, ...]


def lay_out(w: SimpleNamespace) -> None:
    """The panel's components."""
    gr.Markdown(label("diffusion.heat.lead"), elem_classes="pg-hint")
    w.heat_verdict = gr.Markdown(elem_id="diffusion-heat-verdict")
    w.heat_film = LivePlotly(height="calc(500px + max(0px, (640px - 100vw) * 1.6))", elem_id="diffusion-heat-film")
    w.heat_errors = LivePlotly(height=230, elem_id="diffusion-heat-errors")
    w.heat_table = Table(elem_id="diffusion-heat-table")


def show(settings: Settings, stop: threading.Event, language: str) -> Generator[tuple[dict[str, Any], Heated | None]]:
    """Progress while it is solved, then the film there and back, the errors, and the continuity equation in numbers."""
    target = mixture(*settings.distribution)
    frames: list[diffusion.Heat] = []
    empty = {"heat_film": None, "heat_errors": None, "heat_verdict": "", "heat_table": table([], [])}
    yield {**empty, "progress": bar(0, say(language, "diffusion.heat.running"))}, None
    for frame in diffusion.heat(target, LEVELS, n=CELLS, seed=settings.seed):
        frames.append(frame)
        share = len(frames) / (len(LEVELS) + len(CHECKED) + 1)
        if stop.is_set():
            yield {"progress": bar(share, say(language, "diffusion.stopped"))}, None
            return
        yield {"progress": bar(share, say(language, "diffusion.heat.running"))}, None
    back = diffusion.reversed_heat(target, frames[-1].walkers, LEVELS)
    checks: list[diffusion.Continuity] = []
    for sigma in CHECKED:
        checks.append(diffusion.continuity(target, sigma, n=CELLS, seed=settings.seed))
        share = (len(frames) + 1 + len(checks)) / (len(LEVELS) + len(CHECKED) + 1)
        if stop.is_set():
            yield {"progress": bar(share, say(language, "diffusion.stopped"))}, None
            return
        yield {"progress": bar(share, say(language, "diffusion.heat.checking"))}, None
    words = figure_words("heat", language)
    columns = [
        Column(say(language, f"diffusion.heat.{head}"), number=True) for head in ("sigma", "along", "grid", "mass")
    ]
    rows = [
        Row([f"{one.sigma:g}", f"{one.along_paths:.1e}", f"{100 * one.on_grid:.2f} %", f"{one.mass:.6f}"])
        for one in checks
    ]
    worst = max(frame.error for frame in frames)
    verdict = say(
        language,
        f"diffusion.heat.verdict.{'good' if worst <= 0.01 else 'bad'}",
        error=f"{100 * worst:.2f}",
        mass=f"{frames[-1].mass:.6f}",
        cells=CELLS,
    )
    yield (
        {
            "progress": "",
            "heat_film": figures.film(frames, back, words=words),
            "heat_errors": figures.errors(frames, words=words),
            "heat_table": table(columns, rows),
            "heat_verdict": verdict,
        },
        Heated(tuple(frames), tuple(checks)),
    )
