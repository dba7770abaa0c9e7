"""The components of the panel "Evaluate"."""

from types import SimpleNamespace
from typing import Any

import gradio as gr

from playground.i18n import label
from playground.mmbench import PROFILES
from playground.tabs.components import LivePlotly, Slider
from playground.tabs.components.question_card import card_styles
from playground.tabs.mmbench import report_view
from playground.tabs.mmbench.evaluate_cards import OUTCOMES
from playground.tabs.mmbench.evaluate_models import CHOICES
from playground.tabs.mmbench.evaluate_settings import COUNT, LANGUAGES, SETS, Settings

__all__ = ["PREDICTIONS", "lay_out"]

PREDICTIONS = ("predictions_xlsx", "predictions_jsonl")  # files of what was answered
USUAL, KEY = Settings(), "mmbench.evaluate."


def lay_out(w: SimpleNamespace) -> None:
    """All of them: controls on the left, what comes of them on the right."""
    card_styles()
    with gr.Row(elem_classes="pg-tab"):
        with gr.Column(scale=4, min_width=300, elem_classes="pg-controls"):
            _controls(w)
        with gr.Column(scale=9, min_width=340, elem_classes="pg-pictures"):
            w.evaluate_status = gr.Markdown(elem_id=_id("status"))
            w.evaluate_live = LivePlotly(
                height="calc(420px + max(0px, (640px - 100vw) * 0.6))", config={"displayModeBar": False},
                visible="hidden", elem_id=_id("live"),
            )  # fmt: skip
            w.evaluate_question = gr.HTML(elem_id=_id("question"), js_on_load=None)
            report_view.lay_out(w, "evaluate")
            with gr.Row(elem_classes="pg-downloads", visible="hidden", elem_id=_id("answers")) as w.evaluate_answers:
                for name in (*PREDICTIONS, "keep"):
                    button = gr.Button(label(KEY + name), size="sm", min_width=140, elem_id=_id(name))
                    setattr(w, f"evaluate_{name}", button)
            w.evaluate_kept = gr.Markdown(elem_classes="pg-hint", visible="hidden", elem_id=_id("kept"))
            _browser(w)


def _controls(w: SimpleNamespace) -> None:
    gr.Markdown(label("mmbench.evaluate.lead"), elem_classes="pg-hint")
    w.evaluate_model = gr.Dropdown(
        CHOICES, value=USUAL.model, label=label("mmbench.evaluate.model"), interactive=True, elem_id=_id("model")
    )
    with gr.Column(visible="hidden", elem_classes="pg-controls", elem_id=_id("other")) as w.evaluate_other:
        w.evaluate_source = gr.Textbox(
            "", label=label("mmbench.evaluate.source"), max_lines=1, placeholder="HuggingFaceTB/SmolVLM-256M-Instruct",
            interactive=True, elem_id=_id("source"),
        )  # fmt: skip
    w.evaluate_note = gr.Markdown(elem_classes="pg-hint", elem_id=_id("note"))
    w.evaluate_data = _pills("data", SETS)
    with gr.Column(elem_classes="pg-controls", elem_id=_id("mini")) as w.evaluate_mini:
        w.evaluate_language = _pills("language", LANGUAGES)
        w.evaluate_count = Slider(
            *COUNT, value=USUAL.count, step=1, label=label("mmbench.evaluate.count"), buttons=[], interactive=True,
            elem_id=_id("count"),
        )  # fmt: skip
        w.evaluate_seed = _number("seed")
    with gr.Column(visible="hidden", elem_classes="pg-controls", elem_id=_id("tsv")) as w.evaluate_tsv:
        w.evaluate_upload = gr.File(
            label=label("mmbench.evaluate.upload"), type="filepath", file_types=[".tsv"], height=130, interactive=True,
            elem_id=_id("upload"),
        )  # fmt: skip
        gr.Markdown(label("mmbench.evaluate.upload.info"), elem_classes="pg-hint")
        w.evaluate_example = gr.Button(label("mmbench.evaluate.example"), size="sm", elem_id=_id("example"))
        with gr.Row():
            w.evaluate_part = gr.Dropdown(
                [(label("mmbench.evaluate.part.all"), "")], value="", label=label("mmbench.evaluate.part"),
                allow_custom_value=True, min_width=120, interactive=True, elem_id=_id("part"),
            )  # fmt: skip
            w.evaluate_first = _number("first")
    w.evaluate_profile = _pills("profile", PROFILES)
    with gr.Row(elem_classes="pg-buttons"):
        w.evaluate_run = gr.Button(label("mmbench.evaluate.run"), variant="primary", elem_id=_id("run"))
    gr.Markdown(label("mmbench.evaluate.how"), elem_classes="pg-hint")


def _browser(w: SimpleNamespace) -> None:
    """What chooses one of the questions of a run."""
    with gr.Column(visible="hidden", elem_classes="pg-controls", elem_id=_id("browse")) as w.evaluate_browse:
        gr.Markdown(label("mmbench.evaluate.browse"))
        with gr.Row():
            w.evaluate_ability = gr.Dropdown(
                [(label("mmbench.evaluate.ability.all"), "")], value="", label=label("mmbench.evaluate.ability"),
                allow_custom_value=True, min_width=200, interactive=True, elem_id=_id("ability"),
            )  # fmt: skip
            w.evaluate_outcome = _pills("outcome", OUTCOMES, min_width=280)
        w.evaluate_found = gr.Markdown(elem_classes="pg-hint", elem_id=_id("found"))
        w.evaluate_position = Slider(
            1, 2, value=1, step=1, label=label("mmbench.evaluate.position"), buttons=[], interactive=True,
            elem_id=_id("position"),
        )  # fmt: skip
        w.evaluate_looked_at = gr.HTML(elem_id=_id("looked_at"), js_on_load=None)


def _pills(name: str, values: tuple[str, ...], **options: Any) -> gr.Radio:
    return gr.Radio(
        [(label(f"{KEY}{name}.{one}"), one) for one in values], value=getattr(USUAL, name), label=label(KEY + name),
        interactive=True, elem_id=_id(name), elem_classes="pg-pills", **options,
    )  # fmt: skip


def _number(name: str) -> gr.Number:
    return gr.Number(getattr(USUAL, name), label=label(KEY + name), min_width=100, interactive=True, elem_id=_id(name))


def _id(name: str) -> str:
    return f"mmbench-evaluate-{name.replace('_', '-')}"
