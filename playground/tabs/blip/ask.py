"""The panel "Ask": questions about a picture, with the answers that were likeliest."""

import threading
from collections.abc import Generator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import gradio as gr

from playground import blip, world
from playground.figures import blip as figures
from playground.i18n import label, say
from playground.manager import ModelManager
from playground.tabs import pickers
from playground.tabs.blip.models import leased, offering
from playground.tabs.blip.settings import MOST_QUESTIONS, Settings
from playground.tabs.clip.words import literal
from playground.tabs.components import LivePlotly
from playground.tabs.pictures import picture
from playground.tabs.progress import bar

__all__ = ["Asked", "lay_out", "lay_out_controls", "show", "suggested"]


@dataclass(frozen=True, eq=False)
class Asked:
    """What the panel shows, for its files."""

    settings: Settings
    questions: tuple[str, ...]
    answers: tuple[tuple[blip.Answer, ...], ...]  # a question's, the likeliest first


def lay_out_controls(w: SimpleNamespace) -> None:
    """The left column's part."""
    usual = Settings()
    pickers.lay_out(w, "blip", "answerer", offering("answer"), usual.answerer)
    w.questions = gr.Textbox(
        usual.questions, label=label("blip.questions"), info=label("blip.questions.info"), lines=3, max_lines=8,
        interactive=True, elem_id="blip-questions",
    )  # fmt: skip
    with gr.Row(elem_classes="pg-buttons"):
        w.suggest = gr.Button(label("blip.suggest"), size="sm", elem_id="blip-suggest")


def lay_out(w: SimpleNamespace) -> None:
    """The right column."""
    w.answer_verdict = gr.Markdown(elem_id="blip-answer-verdict")
    w.answers = LivePlotly(height=460, config={"displayModeBar": False}, elem_id="blip-answers")
    gr.Markdown(label("blip.answers.hint"), elem_classes="pg-hint")


def suggested(settings: Settings, language: str) -> str:
    """Questions that can be asked of the example."""
    tongue = "zh" if language == "zh-CN" else "en"
    asked = world.questions(world.sample(settings.example), tongue)
    step = max(1, len(asked) // MOST_QUESTIONS)
    return "\n".join(one.text for one in asked[::step][:MOST_QUESTIONS])


def show(
    manager: ModelManager, settings: Settings, stop: threading.Event, language: str
) -> Generator[tuple[dict[str, Any], Asked | None]]:
    """The answers one by one; nothing more after Stop."""
    image, asked = picture(settings), settings.asked
    made: list[tuple[blip.Answer, ...]] = []
    with leased(manager, settings.answerer) as model:
        for number, question in enumerate(asked):
            if stop.is_set():
                yield {"progress": bar(number / len(asked), say(language, "blip.stopped"))}, None
                return
            yield {"progress": bar(number / len(asked), say(language, "blip.asking", n=number, of=len(asked)))}, None
            made.append(tuple(blip.alternatives(model, image, question)))
    yield (
        {
            "progress": "",
            "answer_verdict": _verdict(settings, asked, made, language),
            "answers": figures.answers(asked, [[(one.text, one.probability) for one in own] for own in made]),
        },
        Asked(settings, tuple(asked), tuple(made)),
    )


def _verdict(settings: Settings, asked: list[str], made: list[tuple[blip.Answer, ...]], language: str) -> str:
    """A line a question, with what is true where the example tells."""
    truth: dict[str, str] = {}
    if settings.source == "example":
        scene = world.sample(settings.example)
        for tongue in world.LANGUAGES:
            truth |= {one.text: one.options[one.answer] for one in world.questions(scene, tongue)}
    rows = []
    for question, own in zip(asked, made, strict=True):
        answer = own[0].text if own else "–"
        right = truth.get(question)
        mark = "" if right is None else " ✓" if right.lower() == answer else " ✗ " + say(
            language, "blip.answer.truth", answer=literal(right)
        )  # fmt: skip
        rows.append(f"- {literal(question)} **{literal(answer or '–')}**{mark}")
    return "\n".join(rows)
