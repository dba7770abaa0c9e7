"""The panel "Pictures": digits drawn by the shipped denoiser under a row, and every row's error against its own ODE."""

import threading
import time
from collections.abc import Generator
from types import SimpleNamespace
from typing import Any

import gradio as gr

from playground import catalog
from playground.diffusion import images
from playground.figures import diffusion_pictures as figures
from playground.i18n import label, say
from playground.manager import ModelManager
from playground.tabs.components import LivePlotly, Slider, Table
from playground.tabs.components.table import Column, Row, table
from playground.tabs.diffusion.row_choice import row_choice
from playground.tabs.diffusion.settings import DIGITS, GUIDANCE, Settings
from playground.tabs.diffusion.words import figure_words, row_names
from playground.tabs.progress import bar

__all__ = ["lay_out", "measure", "show"]

FRAME = 0.4  # seconds between two pictures
MODEL = "diffusion/digits"
KEPT = 16  # measurements: each takes seconds

Errors = tuple[images.RowError, ...]
_measured: dict[tuple[object, ...], Errors] = {}


def lay_out(w: SimpleNamespace) -> None:
    """The panel's components."""
    usual = Settings()
    gr.Markdown(label("diffusion.pictures.lead"), elem_classes="pg-hint")
    w.digits = gr.CheckboxGroup(
        [(digit, digit) for digit in DIGITS],
        value=list(usual.digits),
        label=label("diffusion.pictures.digits"),
        interactive=True,
        elem_id="diffusion-digits",
        elem_classes="pg-pills",
    )
    with gr.Row():
        w.picture_row = row_choice("diffusion.pictures.row", usual.picture_row, "diffusion-picture-row")
        w.guidance = Slider(
            *GUIDANCE, value=usual.guidance, step=0.1, label=label("diffusion.pictures.guidance"), buttons=[],
            interactive=True, min_width=180, elem_id="diffusion-guidance",
        )  # fmt: skip
    w.pictures_figure = LivePlotly(
        height="calc(540px + max(0px, (640px - 100vw) * 1.2))",
        config={"staticPlot": True},
        elem_id="diffusion-pictures-figure",
    )
    w.pictures_verdict = gr.Markdown(elem_id="diffusion-pictures-verdict")
    gr.Markdown(label("diffusion.pictures.arena"), elem_classes="pg-hint")
    with gr.Row(elem_classes="pg-buttons"):
        w.measure = gr.Button(label("diffusion.pictures.measure"), variant="primary", elem_id="diffusion-measure")
    w.pictures_table = Table(elem_id="diffusion-pictures-table")
    with gr.Accordion(label("diffusion.pictures.merit"), open=False, elem_id="diffusion-merit"):
        gr.Markdown(label("diffusion.pictures.merit.note"), elem_classes="pg-hint")
        gr.Markdown(_figures_of_merit())


def show(
    manager: ModelManager, settings: Settings, stop: threading.Event, language: str
) -> Generator[tuple[dict[str, Any], images.Drawn | None]]:
    """Pictures as the noise falls; the last with the verdict."""
    digits, last = tuple(map(int, settings.digits)), 0.0
    row = settings.row(settings.picture_row, "draw")
    with manager.lease(catalog.spec(MODEL), owner="diffusion") as model:
        drawing = images.draw_pictures(
            model, row, digits=digits, guidance=settings.guidance, steps=settings.steps, seed=settings.seed
        )
        for drawn in drawing:
            if stop.is_set():
                yield {"progress": bar(drawn.progress, say(language, "diffusion.stopped"))}, None
                return
            if drawn.progress < 1 and time.monotonic() > last + FRAME:
                last = time.monotonic()
                yield (
                    {
                        "progress": bar(drawn.progress, say(language, "diffusion.pictures.drawing")),
                        **_figure(drawn, language),
                        "pictures_verdict": "",
                    },
                    None,
                )
    name = row_names(settings.rows, language)[settings.picture_row - 1]
    words = {"row": name, "calls": f"{drawn.nfe:,}", "steps": f"{settings.steps:,}"}
    yield (
        {
            "progress": "",
            **_figure(drawn, language),
            "pictures_verdict": say(language, "diffusion.pictures.verdict", **words),
            "pictures_table": _table(settings, _measured.get(_key(settings), ()), language),
        },
        drawn,
    )


def measure(
    manager: ModelManager, settings: Settings, stop: threading.Event, language: str
) -> Generator[tuple[dict[str, Any], images.Drawn | None]]:
    """Every row's error, and the pictures; what is measured once is kept, and Stop keeps what is shown."""
    key, last = _key(settings), 0.0
    errors: Errors = _measured.get(key, ())
    if not errors:
        with manager.lease(catalog.spec(MODEL), owner="diffusion") as model:
            measuring = images.measure_rows(
                model,
                settings.rows,
                digits=tuple(map(int, settings.digits)),
                guidance=settings.guidance,
                seed=settings.seed,
            )
            for share, found in measuring:
                if stop.is_set():
                    yield {"progress": bar(share, say(language, "diffusion.stopped"))}, None
                    return
                if len(found) > len(errors) or time.monotonic() > last + FRAME:
                    last, errors = time.monotonic(), found
                    words = say(language, "diffusion.pictures.measuring")
                    yield {"progress": bar(share, words), "pictures_table": _table(settings, found, language)}, None
        while len(_measured) >= KEPT:
            _measured.pop(next(iter(_measured)), None)
        _measured[key] = errors
    yield from show(manager, settings, stop, language)


def _key(settings: Settings) -> tuple[object, ...]:
    return settings.rows, settings.digits, settings.guidance, settings.seed


def _figure(drawn: images.Drawn, language: str) -> dict[str, Any]:
    words = figure_words("pictures", language)
    return {"pictures_figure": figures.pictures(drawn.labels, drawn.strip, drawn.sigmas, drawn.x, words=words)}


def _table(settings: Settings, errors: Errors, language: str) -> dict[str, Any]:
    names = row_names(settings.rows, language)
    heads = [Column(say(language, "diffusion.curve.row"))]
    heads += [Column(say(language, "diffusion.pictures.steps", steps=n), number=True) for n in images.FEW]
    lines = []
    for i, name in enumerate(names):
        found = errors[i * len(images.FEW) : (i + 1) * len(images.FEW)]
        cells = [say(language, "diffusion.pictures.error", error=f"{e.rms:.2g}", calls=e.nfe) for e in found]
        if cells:
            lines.append(Row([name, *cells, *("…" for _ in images.FEW[len(cells) :])]))
    return table(heads, lines, empty=say(language, "diffusion.pictures.unmeasured"))


def _figures_of_merit() -> str:
    """The card's table, as it stands there."""
    card = (catalog.DIGITS / "README.md").read_text(encoding="utf-8")
    return "\n".join(line for line in card.splitlines() if line.startswith("|"))
