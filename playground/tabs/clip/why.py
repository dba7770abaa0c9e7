"""The panel "Why it works": a tiny CLIP that learns before one's eyes, and what false texts are good for."""

import json
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import gradio as gr

from playground import checkpoints, clip
from playground.figures import clip_live as figures
from playground.i18n import TEXTS, label, say
from playground.tabs.clip.settings import STEPS, Settings
from playground.tabs.components import LivePlotly, Slider, Table
from playground.tabs.components.table import Column, Row, table
from playground.tabs.progress import bar

__all__ = ["Learned", "lay_out", "show", "train"]

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
    w.learning = LivePlotly(
        height="calc(600px + max(0px, (640px - 100vw) * 1.2))",
        config={"displayModeBar": False},
        elem_id="clip-learning",
    )
    w.learning_verdict = gr.Markdown(elem_id="clip-learning-verdict")
    gr.Markdown(label("clip.why.compare"), elem_classes="pg-hint")
    w.compared = Table(elem_id="clip-compared")


@dataclass(frozen=True, eq=False)
class Learned:
    """What one person's training has come to."""

    settings: Settings
    about: tuple[object, ...]
    glimpse: clip.Glimpse
    verdict: str


def show(settings: Settings, kept: Learned | None, language: str) -> dict[str, Any]:
    """What these settings have come to, or one that has not learned yet; and the shipped models' figures."""
    if kept is not None and kept.about == _about(settings, language):
        return {"learning": figures.learning(kept.glimpse, words=_words(language)), "learning_verdict": kept.verdict,
                "compared": _compared(language)}  # fmt: skip
    first = next(_watch(settings, language))
    return {
        "learning": figures.learning(first, words=_words(language)),
        "learning_verdict": say(language, "clip.why.before"),
        "compared": _compared(language),
    }


def train(settings: Settings, stop: threading.Event, language: str) -> Generator[tuple[dict[str, Any], Learned | None]]:
    """Pictures while it learns. Stop leaves the picture."""
    begun, glimpse = time.monotonic(), None
    for glimpse in _watch(settings, language):
        if stop.is_set():
            yield {"progress": bar(glimpse.progress, say(language, "clip.stopped"))}, None
            return
        seconds = f"{time.monotonic() - begun:.0f}"
        words = {"step": f"{glimpse.step:,}", "steps": f"{glimpse.steps:,}", "seconds": seconds}
        key = "drawing" if glimpse.stage == "drawing" else "training"
        update = {"progress": bar(glimpse.progress, say(language, f"clip.why.{key}", **words))}
        if glimpse.stage != "drawing" or glimpse.progress == 0:
            update |= {"learning": figures.learning(glimpse, words=_words(language)), "learning_verdict": ""}
        yield update, None
    assert glimpse is not None
    text = say(language, "clip.why.after", seconds=f"{time.monotonic() - begun:.0f}")
    yield {"learning_verdict": text, "progress": ""}, Learned(settings, _about(settings, language), glimpse, text)


def _watch(settings: Settings, language: str) -> Iterator[clip.Glimpse]:
    objective = next(name for name in clip.OBJECTIVES if name == settings.objective)
    tongue = "zh" if language == "zh-CN" else "en"
    return clip.watch_clip(
        steps=settings.steps,
        objective=objective,
        seed=settings.seed,
        language=tongue,
        every=FRAME,
    )


def _about(settings: Settings, language: str) -> tuple[object, ...]:
    return settings.steps, settings.objective, settings.seed, language


def _compared(language: str) -> dict[str, Any]:
    """The figures of the cards, side by side; a dash where one has none."""
    found = [_figures(name) for name in COMPARED]
    heads = ("what", "world", "plain", "chance")
    columns = [Column(say(language, f"clip.why.{head}"), number=i > 0) for i, head in enumerate(heads)]
    rows = []
    for name in dict.fromkeys(name for one in found for name in one):
        values = [one[name][0] if name in one else "–" for one in found]
        chance = next(one[name][1] for one in found if name in one)
        rows.append(Row([TEXTS[language].get(f"clip.what.{name}", name), *values, chance]))
    return table(columns, rows, empty=say(language, "clip.why.none"))


def _figures(name: str) -> dict[str, tuple[str, str]]:
    """A checkpoint's figures and their chance levels, by name."""
    path = checkpoints.ROOT / name / "figures.json"
    told = json.loads(path.read_text("utf-8"))["figures"] if path.is_file() else []
    return {one["name"]: (f"{one['value']:.1%}", f"{one['chance']:.1%}") for one in told}


def _words(language: str) -> dict[str, str]:
    texts = TEXTS[language]
    return {name: texts[f"clip.live.{name}"] for name in figures.WORDS}
