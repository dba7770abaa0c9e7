"""The panel "Why it works": a tiny CLIP that learns before one's eyes, and what false texts are good for."""

import json
import threading
import time
from collections.abc import Generator, Iterator
from types import SimpleNamespace
from typing import Any

import gradio as gr

from playground import checkpoints, clip
from playground.figures import clip_live as figures
from playground.i18n import TEXTS, label, say
from playground.tabs.clip.settings import STEPS, Settings
from playground.tabs.components import LivePlotly, Slider, Table
from playground.tabs.components.table import Column, Row, table
from playground.tabs.diffusion.progress import bar

__all__ = ["lay_out", "show", "train"]

FRAME = 0.5  # seconds between two pictures
COMPARED = ("clip-world", "clip-world-plain")


def lay_out(w: SimpleNamespace) -> None:
    """The panel's components."""
    usual = Settings()
    gr.Markdown(label("clip.why.lead"), elem_classes="pg-hint")
    with gr.Row():
        w.objective = gr.Radio(
            [(label(f"clip.why.{name}"), name) for name in clip.OBJECTIVES],
            value=usual.objective, label=label("clip.why.objective"), min_width=200,
            interactive=True, elem_id="clip-objective", elem_classes="pg-pills",
        )  # fmt: skip
        w.steps = Slider(
            *STEPS, value=usual.steps, step=50, label=label("clip.why.steps"), buttons=[],
            min_width=180, interactive=True, elem_id="clip-steps",
        )  # fmt: skip
        w.seed = gr.Number(
            usual.seed, label=label("clip.why.seed"), min_width=90, interactive=True, elem_id="clip-seed"
        )
    with gr.Row(elem_classes="pg-buttons"):
        w.learn = gr.Button(label("clip.why.start"), variant="primary", elem_id="clip-learn")
    w.learning = LivePlotly(height="calc(600px + max(0px, (640px - 100vw) * 1.2))", elem_id="clip-learning")
    w.learning_verdict = gr.Markdown(elem_id="clip-learning-verdict")
    gr.Markdown(label("clip.why.compare"), elem_classes="pg-hint")
    w.compared = Table(elem_id="clip-compared")


def show(settings: Settings, language: str) -> dict[str, Any]:
    """One that has not learned yet, and the shipped models' figures."""
    first = next(_watch(settings, language))
    return {
        "learning": figures.learning(first, words=_words(language)),
        "learning_verdict": say(language, "clip.why.before"),
        "compared": _compared(language),
    }


def train(
    settings: Settings, stop: threading.Event, language: str
) -> Generator[tuple[dict[str, Any], clip.Glimpse | None]]:
    """Pictures while it learns. Stop leaves the picture."""
    begun, glimpse = time.monotonic(), None
    for glimpse in _watch(settings, language):
        if stop.is_set():
            yield {"progress": bar(glimpse.progress, say(language, "clip.stopped"))}, glimpse
            return
        seconds = f"{time.monotonic() - begun:.0f}"
        words = {"step": f"{glimpse.step:,}", "steps": f"{glimpse.steps:,}", "seconds": seconds}
        key = "drawing" if glimpse.stage == "drawing" else "training"
        update = {"progress": bar(glimpse.progress, say(language, f"clip.why.{key}", **words))}
        if glimpse.stage != "drawing" or glimpse.progress == 0:
            update |= {"learning": figures.learning(glimpse, words=_words(language)), "learning_verdict": ""}
        yield update, glimpse
    assert glimpse is not None
    text = say(language, "clip.why.after", seconds=f"{time.monotonic() - begun:.0f}")
    yield {"learning_verdict": text, "progress": ""}, glimpse


def _watch(settings: Settings, language: str) -> Iterator[clip.Glimpse]:
    objective = next(name for name in clip.OBJECTIVES if name == settings.objective)
    tongue = "zh" if language == "zh-CN" else "en"
    return clip.watch_clip(
        steps=settings.steps,
        batch=settings.batch,
        objective=objective,
        seed=settings.seed,
        language=tongue,
        every=FRAME,
    )


def _compared(language: str) -> dict[str, Any]:
    """The figures of the cards, side by side."""
    found = [json.loads((checkpoints.ROOT / name / "figures.json").read_text("utf-8")) for name in COMPARED
             if (checkpoints.ROOT / name / "figures.json").is_file()]  # fmt: skip
    if not found:
        return table([], [], empty=say(language, "clip.why.none"))
    heads = ("what", "world", "plain", "chance")
    columns = [Column(say(language, f"clip.why.{head}"), number=i > 0) for i, head in enumerate(heads)]
    rows = []
    for i, figure in enumerate(found[0]["figures"]):
        values = [f"{one['figures'][i]['value']:.1%}" for one in found] + ["–"] * (2 - len(found))
        name = TEXTS[language].get(f"clip.what.{figure['name']}", figure["name"])
        rows.append(Row([name, *values, f"{figure['chance']:.1%}"]))
    return table(columns, rows)


def _words(language: str) -> dict[str, str]:
    texts = TEXTS[language]
    return {name: texts[f"clip.live.{name}"] for name in figures.WORDS}
