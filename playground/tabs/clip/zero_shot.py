"""The panel "Zero-shot": a picture against labels, bars that move while one draws, and where the model looks."""

import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np

from playground import catalog, clip
from playground.figures import clip as figures
from playground.i18n import label, say
from playground.manager import ModelManager
from playground.tabs import pickers
from playground.tabs.clip.models import leased
from playground.tabs.clip.settings import MARGIN, SCORES, TEMPERATURE, Settings
from playground.tabs.clip.words import figure_words, literal
from playground.tabs.components import LivePlotly, Slider
from playground.tabs.pictures import lay_out as lay_out_picture
from playground.tabs.pictures import picture, shown
from playground.tabs.progress import bar

__all__ = ["Shown", "lay_out", "lay_out_pictures", "show"]

KEPT = 16  # sets of labels whose texts stay embedded
FRAME = 0.5  # seconds between two looks at their embedding

_prompts: dict[tuple[object, ...], clip.Prompts] = {}


@dataclass(frozen=True, eq=False)
class Shown:
    """What the panel shows, for its files."""

    settings: Settings
    rating: clip.Rating


def lay_out(w: SimpleNamespace) -> None:
    """The left column: the picture, the labels, what may be turned."""
    usual = Settings()
    lay_out_picture(w, "clip", example=usual.example, hint=label("clip.draw.hint"))
    pickers.lay_out(w, "clip", "model", catalog.CLIPS, usual.model)
    w.labels = gr.Textbox(
        usual.labels, label=label("clip.labels"), info=label("clip.labels.info"), lines=6, max_lines=14,
        interactive=True, elem_id="clip-labels",
    )  # fmt: skip
    with gr.Accordion(label("clip.more"), open=False, elem_id="clip-more"):
        w.template_set = gr.Radio(
            [(label(f"clip.templates.{name}"), name) for name in clip.TEMPLATES],
            value="world", label=label("clip.templates.set"),
            interactive=True, elem_id="clip-template-set", elem_classes="pg-pills",
        )  # fmt: skip
        w.templates = gr.Textbox(
            usual.templates, label=label("clip.templates"), info=label("clip.templates.info"), lines=3, max_lines=10,
            interactive=True, elem_id="clip-templates",
        )  # fmt: skip
        w.neutral = gr.Textbox(
            usual.neutral,
            label=label("clip.neutral"),
            info=label("clip.neutral.info"),
            interactive=True,
            elem_id="clip-neutral",
        )
        w.margin = Slider(
            *MARGIN,
            value=usual.margin,
            step=0.01,
            label=label("clip.margin"),
            info=label("clip.margin.info"),
            buttons=[],
            interactive=True,
            elem_id="clip-margin",
        )
        w.temperature = Slider(
            *TEMPERATURE, value=usual.temperature, step=0.1, label=label("clip.temperature"), buttons=[],
            interactive=True, elem_id="clip-temperature",
        )  # fmt: skip


def lay_out_pictures(w: SimpleNamespace) -> None:
    """The right column."""
    w.score = gr.Radio(
        [(label(f"clip.score.{name}"), name) for name in SCORES],
        value="softmax", show_label=False, interactive=True, elem_id="clip-score", elem_classes="pg-pills",
    )  # fmt: skip
    w.bars = LivePlotly(height=300, config={"displayModeBar": False}, elem_id="clip-bars")
    w.verdict = gr.Markdown(elem_id="clip-verdict")
    w.looks = LivePlotly(
        height="calc(330px + max(0px, (640px - 100vw) * 0.2))", config={"staticPlot": False, "displayModeBar": False},
        elem_id="clip-looks",
    )  # fmt: skip
    gr.Markdown(label("clip.breakdown"), elem_classes="pg-hint")
    w.breakdown = LivePlotly(height=320, config={"displayModeBar": False}, elem_id="clip-breakdown")


def show(
    manager: ModelManager, settings: Settings, stop: threading.Event, language: str
) -> Generator[tuple[dict[str, Any], Shown | None]]:
    """The panel's figures for the settings, after progress while many texts are embedded; nothing more after Stop."""
    image = picture(settings)
    with leased(manager, settings.model) as model:
        tokenizer = model.tokenizer
        texts = [*settings.names, settings.neutral]
        unknown = tokenizer.unknown(texts) if isinstance(tokenizer, clip.Tokenizer) else []
        last = time.monotonic()
        for asked in _prompted(model, settings):
            done, total = len(asked.labels), asked.total
            if stop.is_set():
                yield {"progress": bar(done / total, say(language, "clip.stopped"))}, None
                return
            if done < total and time.monotonic() > last + FRAME:
                last = time.monotonic()
                yield {"progress": bar(done / total, say(language, "clip.embedding", n=done, of=total))}, None
        rating = clip.rate(model, [image], asked, temperature=settings.temperature, margin=settings.margin)
        best = int(rating.cosines[0].argmax())
        others = [name for i, name in enumerate(settings.names) if i != best]
        seen = clip.explain(model, image, settings.names[best], against=others) if _explainable(model) else None
    kind = settings.score
    if kind == "independent" and rating.independent is None:
        kind = "softmax"
    k = len(settings.names)
    values = {"softmax": rating.probabilities[0], "independent": rating.independent, "cosine": rating.cosines[0]}[kind]
    values = np.asarray(values)[0] if kind == "independent" else np.asarray(values)
    none = None
    if rating.none is not None:
        none = float(rating.none[0]) if kind == "cosine" else float(rating.probabilities[0, -1])
    words = figure_words(language)
    update: dict[str, Any] = {
        "bars": figures.bars(settings.names, values[:k], kind, none=none, words=words),
        "breakdown": figures.templates(settings.names, settings.sentences, rating.by_template[0]),
        "verdict": _verdict(settings, rating, best, unknown, language),
        "looks": None,
    }
    if seen is not None:
        small = shown(image)
        heat = seen.heat((small.shape[1], small.shape[0]))
        update["looks"] = figures.explanation(small, heat, seen.words, seen.word_scores, words=words)
    yield {"progress": "", **update}, Shown(settings, rating)


def _prompted(model: clip.CLIP, settings: Settings) -> Iterator[clip.Prompts]:
    """The embedded texts, growing, and kept for the next picture: while one draws, only the picture changes."""
    key = (settings.model, tuple(settings.names), tuple(settings.sentences), settings.neutral)
    begun = _prompts.get(key)
    if begun is not None and len(begun.labels) == begun.total:
        yield begun
        return
    for made in clip.embed_prompts(model, settings.names, settings.sentences, neutral=settings.neutral, begun=begun):
        while key not in _prompts and len(_prompts) >= KEPT:
            _prompts.pop(next(iter(_prompts)), None)
        _prompts[key] = made  # also where a newer look ends this one: that goes on from here
        yield made


def _explainable(model: clip.CLIP) -> bool:
    return model.config.family == "clip"


def _verdict(settings: Settings, rating: clip.Rating, best: int, unknown: list[str], language: str) -> str:
    """What the picture is taken for, in a sentence; what the model cannot read, in another."""
    word = partial(say, language)
    cosine, share = rating.cosines[0, best], rating.probabilities[0, best]
    key = "none" if rating.none is not None and rating.none[0] >= cosine else "best"
    values = {"label": literal(settings.names[best]), "cosine": f"{cosine:.3f}"}
    more = {"share": f"{share:.1%}"} if key == "best" else {"needed": f"{rating.none[0]:.3f}"}  # type: ignore[index]
    text = word(f"clip.verdict.{key}", **values, **more)
    if unknown:
        text += " " + word("clip.verdict.unknown", words=literal(", ".join(f"“{one}”" for one in unknown[:8])))
    if settings.source == "upload" and not catalog.CLIPS[settings.model].photographs:
        text += " " + word("clip.verdict.photograph")
    return text
