"""The panel "Stochastic dial": from the ODE to the SDE, the paths roughen and the marginals stay."""

import threading
from collections.abc import Generator
from types import SimpleNamespace
from typing import Any

import gradio as gr

from playground import diffusion
from playground.figures import diffusion_dial as figures
from playground.i18n import label, say
from playground.tabs.components import LivePlotly, Slider, Table
from playground.tabs.components.table import Column, Row, table
from playground.tabs.diffusion.curve import picture_of
from playground.tabs.diffusion.settings import DIAL_STEPS, Settings, mixture
from playground.tabs.diffusion.words import figure_words
from playground.tabs.progress import bar

__all__ = ["lay_out", "show"]


def lay_out(w: SimpleNamespace) -> None:
    """The panel's components."""
    gr.Markdown(label("diffusion.dial.lead"), elem_classes="pg-hint")
    w.dial = gr.Radio(
        [(label(f"diffusion.dial.{kind}"), kind) for kind in diffusion.DIALS],
        value=Settings.dial,
        label=label("diffusion.dial"),
        interactive=True,
        elem_id="diffusion-dial",
        elem_classes="pg-pills",
    )
    with gr.Row():
        w.strength = Slider(
            0, 1, value=Settings.strength, step=0.05, label=label("diffusion.dial.strength"), buttons=[],
            interactive=True, min_width=180, elem_id="diffusion-strength",
        )  # fmt: skip
        w.dial_steps = Slider(
            *DIAL_STEPS, value=Settings.dial_steps, step=1, label=label("diffusion.steps"), buttons=[],
            interactive=True, min_width=180, elem_id="diffusion-dial-steps",
        )  # fmt: skip
    w.dial_figure = LivePlotly(height="calc(480px + max(0px, (640px - 100vw) * 1.6))", elem_id="diffusion-dial-figure")
    w.dial_verdict = gr.Markdown(elem_id="diffusion-dial-verdict")
    w.dial_table = Table(elem_id="diffusion-dial-table")


def show(
    settings: Settings, stop: threading.Event, language: str
) -> Generator[tuple[dict[str, Any], diffusion.Dialled | None]]:
    """Pictures as the noise falls; the last with the verdict."""
    target, pictures = mixture(*settings.distribution), 0
    for run in diffusion.dial(
        target, kind=settings.dial, strength=settings.strength, steps=settings.dial_steps, seed=settings.seed
    ):
        if stop.is_set():
            yield {"progress": bar(run.progress, say(language, "diffusion.stopped"))}, None
            return
        if run.progress < 1 and len(run.marginals) > pictures:
            pictures = len(run.marginals)
            yield (
                {
                    "progress": bar(run.progress, say(language, "diffusion.dial.running")),
                    **_figure(settings, run, language),
                    "dial_verdict": "",
                    "dial_table": table([], []),
                },
                None,
            )
        elif run.progress < 1:
            yield {"progress": bar(run.progress, say(language, "diffusion.dial.running"))}, None
    columns = [Column(say(language, f"diffusion.dial.{head}"), number=True) for head in ("sigma", "distance", "chance")]
    rows = [Row([f"{m.sigma:.3g}", f"{m.distance:.4f}", f"{run.chance:.4f}"]) for m in run.marginals]
    largest = max(m.distance for m in run.marginals)
    verdict = "good" if largest <= run.chance else "bad"
    words = {"distance": f"{largest:.3f}", "chance": f"{run.chance:.3f}", "calls": f"{run.nfe:,}"}
    yield (
        {
            "progress": "",
            **_figure(settings, run, language),
            "dial_table": table(columns, rows),
            "dial_verdict": say(language, f"diffusion.dial.verdict.{verdict}", **words),
        },
        run,
    )


def _figure(settings: Settings, run: diffusion.Dialled, language: str) -> dict[str, Any]:
    words = figure_words("dial", language)
    return {"dial_figure": figures.dialled(run.paths, run.marginals, picture_of(*settings.distribution), words=words)}
